"""A change, or none: what it takes until the image is in the registry, near and far, and what is sent for it."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from bench.images.builder import Builder, builder
from bench.images.counting import Counts
from bench.images.peers import Peer
from bench.images.project import Project, with_data, without_data
from bench.images.rows import CIAO, Arm, Taken, faster, rounds, timed
from bench.images.site import Site, fresh
from bench.images.wire import wire
from bench.measure import Row

_PAIRS, _FEW, _QUICK = 10, 5, 2
_OLD = 2.2  # seconds after which a file's time is good for recognising it
_WAY = 0.010  # seconds for one direction
Change = Callable[[], None]


def small(site: Site, directory: Path, quick: bool) -> list[Row]:
    """Another cell of 2 KB each time."""
    project = without_data(directory / "project")
    taken = _race(site, project, project.change_cell, _QUICK if quick else _PAIRS)
    return faster("2 KB change, warm", taken, _names(site), at_least=6)


def unchanged(site: Site, directory: Path, quick: bool) -> list[Row]:
    """The same cell each time. What Ciao sends is counted between it and the registry."""
    project = without_data(directory / "project")
    taken = _race(site, project, None, _QUICK if quick else _PAIRS)
    again = _sent(site, directory / "counted", project, [lambda: None, lambda: None])[-1]
    requests = Row("· of that, requests", str(again.requests), "-", str(again.requests), "<= 2", again.requests <= 2)
    uploaded = Row("· bytes uploaded", str(again.uploaded), "-", str(again.uploaded), "0", again.uploaded == 0)
    return [*faster("unchanged source", taken, _names(site), at_least=15), requests, uploaded]


def far(site: Site, directory: Path, quick: bool) -> list[Row]:
    """As ``small``, with the registry 20 ms away for everybody."""
    project = without_data(directory / "project")
    with wire(site.host, _WAY) as between:
        try:
            count = _QUICK if quick else _PAIRS
            taken = _race(site, project, project.change_cell, count, host=between.host)
        finally:
            site.daemon.forget(f"{between.host}/")
    return faster("2 KB change, 20 ms of round trip", taken, _names(site), at_least=5)


def data_changed(site: Site, directory: Path, quick: bool) -> list[Row]:
    """Both files of 50 MB are others each time."""
    project = with_data(directory / "project")
    taken = _race(site, project, project.change_data, _QUICK if quick else _FEW, buildah=site.buildah)
    what = "50 MB of data, changed"
    rows = faster(what, taken, _names(site), at_least=6)
    if site.buildah is None:
        return [*rows, Row(f"{what}, beside buildah", "-", "-", "buildah is not installed", ">= 3 x", None)]
    return rows + faster(what, taken, [site.buildah.name], at_least=3)


def data_kept(site: Site, directory: Path, quick: bool) -> list[Row]:
    """Data of 50 MB that stay, another cell each time."""
    project = with_data(directory / "project")
    time.sleep(_OLD)
    taken = _race(site, project, project.change_cell, _QUICK if quick else _PAIRS)
    return faster("50 MB of data unchanged, code changed", taken, _names(site), at_least=5)


def traffic(site: Site, directory: Path, quick: bool) -> list[Row]:
    """What Ciao sends for one project in the states that it can be in; nothing is promised of the first."""
    project = with_data(directory / "project")
    time.sleep(_OLD)
    first, code, nothing = _sent(
        site, directory / "counted", project, [lambda: None, project.change_cell, lambda: None]
    )
    states = {"first push": first, "code changed": code, "nothing changed": nothing}
    return [
        Row(
            f"sent with 50 MB of data: {name}",
            f"{each.requests} requests",
            "-",
            f"{each.uploaded:,} bytes of bodies",
            "-",
            None,
        )
        for name, each in states.items()
    ]


# -- inside --------------------------------------------------------------------------------------------


def _names(site: Site) -> list[str]:
    return [each.name for each in site.dockers]


def _race(
    site: Site, project: Project, change: Change | None, count: int, *, host: str = "", buildah: Peer | None = None
) -> Taken:
    """Everybody makes images of one project in a repository of his own. ``change`` None: under one tag.

    ``host``: another way to the registry.
    """
    host = host or site.host
    base = site.base.at(host)
    project.dockerfile(base)
    with builder(f"{host}/{fresh('team/ciao')}", base, project.folder.parent / "home") as ciao:
        arms: dict[str, Arm] = {CIAO: _arm(lambda: ciao.image(project), change)}
        for each in (*site.dockers, *((buildah,) if buildah else ())):
            arms[each.name] = _arm(_building(each, project, f"{host}/{fresh('team/peer')}", change is None), change)
        return rounds(arms, count)


def _building(peer: Peer, project: Project, repository: str, one_tag: bool) -> Callable[[], None]:
    return lambda: peer.image(project, f"{repository}:{'same' if one_tag else fresh('image')}")


def _arm(work: Callable[[], object], change: Change | None) -> Arm:
    def arm() -> float:
        if change is not None:
            change()
        return timed(work)

    return arm


def _sent(site: Site, home: Path, project: Project, changes: list[Change]) -> list[Counts]:
    """What goes to the registry for an image after each change, in a repository that is new."""
    with (
        wire(site.host) as between,
        builder(f"{between.host}/{fresh('team/ciao')}", site.base.at(between.host), home) as ciao,
    ):
        return [_counted(ciao, project, change, between.counts) for change in changes]


def _counted(ciao: Builder, project: Project, change: Change, counts: Callable[[], Counts]) -> Counts:
    change()
    before = counts()
    ciao.image(project)
    return counts().since(before)
