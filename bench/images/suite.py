"""The measurements of images (``python -m bench --images``), and the registry for them."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from importlib import metadata
from pathlib import Path

from bench.images import changes, cold
from bench.images.commands import run
from bench.images.site import Site, provided
from bench.measure import Row

# What makes docker forget the small base comes after those who need it.
ALL: dict[str, Callable[[Site, Path, bool], list[Row]]] = {
    "small": changes.small,
    "unchanged": changes.unchanged,
    "far": changes.far,
    "data-changed": changes.data_changed,
    "data-kept": changes.data_kept,
    "traffic": changes.traffic,
    "memory": cold.memory,
    "cold": cold.cold,
}


@contextmanager
def beside_registry() -> Iterator[tuple[list[str], Mapping[str, Callable[[Path, bool], list[Row]]]]]:
    """Lines about what is measured with, and the measurements, for the length of a ``with``."""
    with provided() as site:
        yield _described(site), {name: functools.partial(each, site) for name, each in ALL.items()}


def _described(site: Site) -> list[str]:
    clients = ", ".join(
        f"{each.name.partition('(')[2].rstrip(')')} by client {_version(each.program)}" for each in site.dockers
    )
    daemon = run("docker", "version", "--format", "{{.Server.Version}}").strip()
    other = run(site.buildah.program, "--version").strip() if site.buildah else "no buildah"
    libraries = ", ".join(f"{name} {metadata.version(name)}" for name in ("aiohttp", "isal"))
    return [
        f"- docker {daemon}: {clients}; {other}; {libraries}; a registry in a container of this machine",
        f"- base images: {site.base.unpacked / 1e6:.0f} MB in one layer; {site.large.unpacked / 1e6:.0f} MB in "
        f"{len(site.large.layers)} layers; 50 MB of data: one half random, one half a table",
        "- Ciao's builder is in one process, on a thread of Ciao's, imported and with its connections kept, as in a "
        "kernel that has made an image before; in the cold row it is a new process, its imports counted",
        "- docker and buildah: build, then push, by their commands; a Dockerfile whose last step copies the code",
    ]


def _version(program: str) -> str:
    return run(program, "version", "--format", "{{.Client.Version}}").strip()
