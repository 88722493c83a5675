"""What faults do to a build: nobody notices, or one sentence; and nothing is published in halves."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import pytest
from attrs import evolve

from ciao.adapters.workspace import LocalWorkspace
from ciao.core.errors import SourceError, TargetError

from ..ociregistry import Cut, Spoil, faults, images, reading, serving
from ..ociregistry.builder import written
from ..ociregistry.place import FILES, SOURCE, TEAM, Place


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    with serving() as registry:
        images.platforms(registry.store, "base/python", "3")
        yield Place(registry=registry, root=tmp_path)


# -- faults -----------------------------------------------------------------------------------------

ANYWHERE = [
    ("POST", f"/v2/{TEAM}/blobs/uploads/"),
    ("PUT", f"/v2/{TEAM}/blobs/uploads/"),
    ("PUT", f"/v2/{TEAM}/manifests/"),
    ("HEAD", f"/v2/{TEAM}/manifests/"),
    ("HEAD", "/v2/base/python/manifests/"),
    ("GET", "/v2/base/python/manifests/"),
    ("GET", "/v2/base/python/blobs/"),
]


@pytest.mark.parametrize(("method", "path"), ANYWHERE)
@pytest.mark.parametrize(
    ("fault", "says"),
    [
        (faults.error(403, "DENIED", "not for you"), "may not"),
        (faults.plain(507), "its storage is full"),
        (faults.html(), "does not answer as a registry does"),
        (faults.error(429, "TOOMANYREQUESTS", "slow down", Retry_After="3600"), "too many requests"),
    ],
    ids=["403", "507", "html", "429"],
)
def test_a_refusal_anywhere(place, method, path, fault, says):
    """One sentence that names the registry and the remedy; nothing is left."""
    place.registry.goes_wrong(fault, method, path, times=-1)
    told = place.refused(TargetError)
    assert place.registry.host in told
    # A page instead of a blob is told by its digest.
    assert says in told or (fault == faults.html() and "something in between alters them" in told)


@pytest.mark.parametrize(("method", "path"), ANYWHERE)
@pytest.mark.parametrize("fault", [faults.error(503), Cut(received=0), Cut(sent=0)], ids=["503", "cut", "cut answer"])
def test_a_fault_that_passes_anywhere(place, method, path, fault):
    """Nobody notices; the image is the same as without it."""
    met = place.registry.goes_wrong(fault, method, path)
    image = place.built()
    assert met.met == 1
    assert not reading.stumbled(place.store, TEAM, image.digest)
    # An upload whose place nobody was told cannot be given up.
    assert len(place.store.repository(TEAM).uploads) <= (method == "POST")


@pytest.mark.parametrize("path", ["/v2/base/python/manifests/", "/v2/base/python/blobs/"])
def test_a_registry_that_lies(place, path):
    """Other bytes than the digest says are not built on."""
    place.registry.goes_wrong(Spoil(), "GET", path, times=-1)
    assert "gave other bytes than the digest says" in place.refused(TargetError)


@pytest.mark.parametrize("status", [400, 401, 403, 404, 405])
def test_a_mount_that_fails_is_copied_instead(place, status):
    """Refused for the right's sake, or because the registry does none."""
    fault = place.registry.goes_wrong(faults.error(status), "POST", "mount=", times=-1)
    image = place.built()
    assert fault.met == 1
    assert not reading.stumbled(place.store, TEAM, image.digest)


def test_a_registry_that_has_lost_blobs(place):
    """What Ciao believes to be there is sent again when the registry says that it is not."""
    place.built()
    found = place.store.repository(TEAM)
    found.blobs, found.tags, found.manifests = set(), {}, {}
    image = place.built()
    assert not reading.stumbled(place.store, TEAM, image.digest)


def test_a_registry_that_has_lost_everything(place):
    """A new one under the same name: the base is there, of Ciao's nothing."""
    place.built()
    del place.store.repositories[TEAM]
    assert not reading.stumbled(place.store, TEAM, place.built(evolve(SOURCE, code="print(2)")).digest)


def test_two_pushes_at_once(place):
    """Of one source, by one kernel and by two: the same image, and it is whole."""
    directory = str(written(place.root / "files", FILES))

    async def main() -> list[Any]:
        clients = [place.session().client(), place.session(home=place.root / "other").client()]
        source = evolve(SOURCE, directory=directory)
        try:
            return await asyncio.gather(
                *(each.source_to_image(source, place.spec(), lambda _: None) for each in clients * 3)
            )
        finally:
            for each in clients:
                await each.close()

    found = asyncio.run(main())
    assert len(set(found)) == 1
    assert not reading.stumbled(place.store, TEAM, found[0].digest)
    assert len(place.store.tags(TEAM)) == 1


@pytest.mark.parametrize("last", range(1, 12))
def test_an_interrupt_at_any_moment(place, last):
    """After so many requests: nothing is published, and the next build is whole."""
    directory = str(written(place.root / "files", FILES, ("src/run.sh",)))

    async def main() -> bool:
        client = place.session().client()
        task = asyncio.ensure_future(
            client.source_to_image(evolve(SOURCE, directory=directory), place.spec(), lambda _: None)
        )
        try:
            while len(place.registry.seen) < last and not task.done():  # noqa: ASYNC110 - what is waited for is elsewhere
                await asyncio.sleep(0.001)
            task.cancel()
            try:
                await task
            except asyncio.CancelledError:
                return True
            return False
        finally:
            await client.close()

    cancelled = asyncio.run(main())
    found = place.store.repository(TEAM)
    if cancelled and not place.registry.asked("PUT", f"/v2/{TEAM}/manifests/"):
        assert (found.tags, found.manifests) == ({}, {})
    image = place.built()
    assert not reading.stumbled(place.store, TEAM, image.digest)
    assert place.store.tags(TEAM) == (image.reference.rpartition(":")[2],)


# -- files that somebody else is at -----------------------------------------------------------------


class Meddled(LocalWorkspace):
    """Somebody does something to a file when it is opened for the second time: to be packed, after it was looked at."""

    def __init__(self, path: str, meddle: Callable[[Path], object]) -> None:
        self._path, self._meddle, self._opened = path, meddle, 0

    @contextmanager
    def open(self, directory: str, path: str) -> Iterator[BinaryIO]:
        with super().open(directory, path) as file:
            self._opened += path == self._path
            if path == self._path and self._opened == 2:
                self._meddle(Path(directory, path))
            yield file


def _others(path: Path) -> None:
    """As many bytes, later by more than the coarsest clock of a file system."""
    before = path.stat()
    path.write_bytes(bytes(before.st_size))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns + 2_000_000_000))


@pytest.mark.parametrize("size", [4, 2 << 20], ids=["small", "large"])
@pytest.mark.parametrize(
    "meddle",
    [
        lambda path: path.write_bytes(path.read_bytes() + b"longer"),
        lambda path: path.write_bytes(b""),
        _others,
    ],
    ids=["longer", "emptied", "other bytes"],
)
def test_a_file_that_changes_while_it_is_packed(place, meddle, size):
    """A SourceError that names it, and nothing is published."""
    files = {**FILES, "data/a.bin": b"x" * size}
    session = place.session(workspace=Meddled("data/a.bin", meddle))
    assert "data/a.bin" in place.refused(SourceError, session=session, files=files)


def test_a_link_that_leads_outside(place):
    """A SourceError that names it."""
    written(place.root / "files", FILES)
    (place.root / "files" / "data" / "link").symlink_to("/etc/hostname")
    assert "data/link" in place.refused(SourceError)


def test_a_file_that_vanishes_before_it_is_packed(place):
    """A SourceError that names it."""
    files = {**FILES, "src/a.py": b"1", "src/b.py": b"2"}

    def meddle(path: Path) -> None:
        path.with_name("b.py").unlink()

    session = place.session(workspace=Meddled("src/a.py", meddle))
    assert "src/b.py" in place.refused(SourceError, session=session, files=files)
