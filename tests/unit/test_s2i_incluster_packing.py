"""The files of a build as one archive."""

from __future__ import annotations

import os
import tarfile
from io import BytesIO

import pytest
from attrs import evolve

from ciao.adapters.memory import MemoryWorkspace
from ciao.adapters.s2i.apart import Cancelled, Stop
from ciao.adapters.s2i.content import Content, Entry
from ciao.adapters.s2i.incluster.packing import LIMIT, packed
from ciao.core.errors import SourceError

from .incluster import content


def test_all_that_is_there_travels_as_root_s_and_always_the_same() -> None:
    """Names, bytes and modes; no time and no user of this machine."""
    files = content(code__cell=b"print(1)\n", data__a=b"1,2")
    files = evolve(files, entries=(evolve(files.entries[0], executable=True), files.entries[1]))
    data = packed(files, Stop())
    assert data == packed(files, Stop())
    with tarfile.open(fileobj=BytesIO(data or b"")) as archive:
        found = {each.name: (each.mode, each.uid, archive.extractfile(each).read()) for each in archive}  # type: ignore[union-attr]
    assert found == {"code/cell": (0o755, 0, b"print(1)\n"), "data/a": (0o644, 0, b"1,2")}


def test_no_file_is_older_than_zip_archives_may_be() -> None:
    """A wheel is such an archive, and may be made of these files."""
    with tarfile.open(fileobj=BytesIO(packed(content(a=b""), Stop()) or b"")) as archive:
        assert archive.getmember("a").mtime >= 315_532_800


def test_names_are_of_any_kind() -> None:
    """With newlines, and longer than old archives had room for."""
    names = ["a\nb", "ü" * 60, "d/" * 80 + "f"]
    files = Content(
        entries=tuple(Entry(name, 0, content=b"") for name in names), directory="", workspace=MemoryWorkspace({})
    )
    with tarfile.open(fileobj=BytesIO(packed(files, Stop()) or b"")) as archive:
        assert sorted(archive.getnames()) == sorted(names)


def test_nothing_at_all_is_an_archive_too() -> None:
    """A Dockerfile need not copy anything."""
    assert packed(content(), Stop())


@pytest.mark.parametrize("size", [LIMIT + 1, 9 << 20])
def test_what_is_too_large_is_not_packed(size: int) -> None:
    """Even when it is known only while it is packed."""
    assert packed(content(a=os.urandom(1 << 10) * (size >> 10) if size > 8 << 20 else os.urandom(size)), Stop()) is None


def test_a_file_that_becomes_shorter_is_told() -> None:
    """And no archive with a hole in it goes anywhere."""
    files = Content(entries=(Entry("a", 5),), directory="/w", workspace=MemoryWorkspace({"a": b"123"}))
    with pytest.raises(SourceError, match="a changed while it was packed"):
        packed(files, Stop())


def test_it_can_be_stopped() -> None:
    """Between two files."""
    stop = Stop()
    stop.set()
    with pytest.raises(Cancelled):
        packed(content(a=b"1"), stop)
