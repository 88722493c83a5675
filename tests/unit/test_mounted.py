"""From source to files that a cluster mounts."""

from __future__ import annotations

import asyncio

import pytest
from attrs import evolve

from ciao.adapters.memory import MemoryWorkspace
from ciao.adapters.s2i.mounted import Mounting
from ciao.core.errors import SourceError
from ciao.core.model import Mounted, Source, SourceFile

from .jobs import job

SOURCE = Source(code="\nprint(1)\n", directory="/work", modules=(SourceFile("ciao_names.py", b"lr = 1\n"),))


def build(source: Source, files: dict[str, bytes] | None = None, limit: int = 1 << 20) -> Mounted:
    """What travels."""
    workspace = MemoryWorkspace(files or {})
    return asyncio.run(Mounting(workspace, limit).source_to_image(source, job(), lambda _: None))


def test_cell_runner_and_names_travel() -> None:
    """All that a replica needs, and the same source has the same digest."""
    found = build(SOURCE)
    assert [each.path for each in found.files] == ["cell.py", "ciao_replica.py", "ciao_names.py"]
    assert found.files[0].content == b"\nprint(1)\n"
    assert found.digest == build(SOURCE).digest != build(evolve(SOURCE, code="print(2)")).digest


def test_named_files_travel_too() -> None:
    """With their paths, each once, whatever patterns name them; they count for the digest."""
    files = {"data/a.csv": b"1", "data/b.csv": b"2", "notes.txt": b"3"}
    found = build(evolve(SOURCE, files=("data", "data/a.csv", "*.txt")), files)
    assert [each.path for each in found.files[3:]] == ["data/a.csv", "data/b.csv", "notes.txt"]
    assert found.digest != build(SOURCE).digest


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (evolve(SOURCE, files=("nothing/*.csv",)), "%file=nothing/\\*.csv matches nothing"),
        (evolve(SOURCE, pip=("numpy", "scipy>=1")), "%pip=numpy scipy>=1: with a mounted source"),
        (evolve(SOURCE, files=("cell.py",)), "%file=cell.py: a file of that name travels with every job"),
        (evolve(SOURCE, files=("big.bin",)), "What %file names is too large to be mounted: 2.0 MiB"),
        (evolve(SOURCE, code="x = '\ud800'"), "has a character that is no text"),
    ],
    ids=["nothing", "pip", "taken", "large", "no text"],
)
def test_what_cannot_travel_is_said(source: Source, message: str) -> None:
    """One sentence with what to do."""
    with pytest.raises(SourceError, match=message):
        build(source, {"cell.py": b"", "big.bin": b"x" * (2 << 20)})
