"""The builder of the local target: files beside each other, and checks of what it does not do."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from ciao.adapters.s2i.in_place import InPlace, runner
from ciao.adapters.workspace import LocalWorkspace
from ciao.core.errors import SourceError
from ciao.core.model import Mounted, Source, SourceFile

from .localbench import finished, job


def built(source: Source, python: str = "") -> Mounted:
    found = finished(InPlace(LocalWorkspace(), python).source_to_image(source, job(), lambda _progress: None))
    assert isinstance(found, Mounted)
    return found


def test_the_cell_its_runner_and_modules_travel(tmp_path: Path) -> None:
    """Under the names that the replica expects; the directory is where it runs."""
    source = Source(code="print('ä')\n", modules=(SourceFile("ciao_names.py", b"x = 1"),), directory=str(tmp_path))
    files = {each.path: each.content for each in built(source).files}
    assert files == {"cell.py": "print('ä')\n".encode(), "ciao_replica.py": runner(), "ciao_names.py": b"x = 1"}
    assert built(source).directory == str(tmp_path)


def test_the_same_source_has_the_same_digest(tmp_path: Path) -> None:
    """And another one has another."""
    first, second = Source(code="a = 1", directory=str(tmp_path)), Source(code="a = 2", directory=str(tmp_path))
    assert built(first).digest == built(first).digest != built(second).digest


def test_files_stay_where_they_are(tmp_path: Path) -> None:
    """``%file`` is checked, not copied: replicas run where the files are."""
    (tmp_path / "data.csv").write_text("1")
    source = Source(code="", files=("*.csv",), directory=str(tmp_path))
    assert [each.path for each in built(source).files] == ["cell.py", "ciao_replica.py"]
    with pytest.raises(SourceError, match=r"nothing\.txt"):
        built(Source(code="", files=("nothing.txt",), directory=str(tmp_path)))


def test_requirements_are_checked_against_the_interpreter(tmp_path: Path) -> None:
    """What is missing or too old is refused with the command to run; what is there is fine."""
    built(
        Source(code="", pip=("attrs", "attrs>=20", "attrs[tests]>=1 ; python_version < '3'"), directory=str(tmp_path))
    )
    with pytest.raises(SourceError) as found:
        built(Source(code="", pip=("attrs>=9999", "no-such-distribution"), directory=str(tmp_path)))
    assert f"{sys.executable} -m pip install 'attrs>=9999' no-such-distribution" in str(found.value)


def test_what_is_no_requirement_is_refused(tmp_path: Path) -> None:
    """Options and paths are the user's own business."""
    with pytest.raises(SourceError, match="not a requirement that can be checked"):
        built(Source(code="", pip=("-r requirements.txt",), directory=str(tmp_path)))


def test_text_that_cannot_be_encoded_is_refused(tmp_path: Path) -> None:
    """A lone surrogate is no UTF-8."""
    with pytest.raises(SourceError, match="no text"):
        built(Source(code="x = '\ud800'", directory=str(tmp_path)))
