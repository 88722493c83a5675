"""Processes that know nothing: a machine without a layer of the base, and the memory that many data take."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from bench.images.fresh import fresh as process
from bench.images.peers import Docker
from bench.images.project import Project, with_much, without_data
from bench.images.rows import CIAO, Arm, faster, rounds, timed
from bench.images.site import Site, fresh
from bench.measure import Row, limit_row

_MUCH, _RANDOM = 4 << 30, 1 << 30
_FREE = 8 << 30  # the data, what is packed, what the registry keeps, and some air
_MIB = 1 << 20


def cold(site: Site, directory: Path, quick: bool) -> list[Row]:
    """A base of 600 MB, of which nothing is here. Ciao is a new process; its time begins with its imports."""
    project = without_data(directory / "project")
    base = site.large.at(site.host)
    project.dockerfile(base)

    def ciao() -> float:
        project.change_cell()
        return process(f"{site.host}/{fresh('team/cold')}", base, directory / fresh("home"), project).seconds

    arms: dict[str, Arm] = {CIAO: ciao, **{each.name: _cold(site, project, each) for each in site.dockers}}
    taken = rounds(arms, 1 if quick else 3, warmup=0)
    what = f"cold machine, base of {site.large.unpacked / 1e6:.0f} MB ({site.large.packed / 1e6:.0f} in the registry)"
    return faster(what, taken, [each.name for each in site.dockers], at_least=20)


def memory(site: Site, directory: Path, quick: bool) -> list[Row]:
    """The greatest resident size of a process that makes an image of 4 GiB, over that of one with a cell alone."""
    free = min(shutil.disk_usage(each).free for each in (directory, tempfile.gettempdir()))
    if free < _FREE:
        raise RuntimeError(f"needs {_FREE >> 30} GiB of disk, and {free >> 30} are free")
    much = with_much(directory / "much", _MUCH >> 4 if quick else _MUCH, _RANDOM >> 4 if quick else _RANDOM)
    alone = without_data(directory / "alone")
    base = site.base.at(site.host)

    def peak(project: Project) -> int:
        return process(f"{site.host}/{fresh('team/much')}", base, directory / fresh("home"), project).peak

    without = peak(alone)
    grown = (peak(much) - without) / _MIB
    what = "kernel memory for 4 GiB of data (1 GiB of it random), over that for none"
    row = limit_row(what, [grown], "MiB", at_most=64)
    return [row]


def _cold(site: Site, project: Project, docker: Docker) -> Arm:
    def arm() -> float:
        site.daemon.forget(f"{site.host}/")
        project.change_cell()
        before = site.fetched()
        taken = timed(lambda: docker.image(project, f"{site.host}/{fresh('team/cold')}:image"))
        fetched, layers = site.fetched() - before, len(site.large.layers)
        if fetched < layers:
            raise RuntimeError(f"docker was not cold: it fetched {fetched} of the {layers} layers of the base")
        return taken

    return arm
