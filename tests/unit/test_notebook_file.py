"""A notebook on disk: its cells and the names they leave behind."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ciao.adapters.notebook_file import NotebookFile, read_cell
from ciao.core.errors import SourceError
from ciao.core.ports import Notebook
from ciao.testing.notebook import NotebookContract


class TestNotebookFile(NotebookContract):
    """The names of a file keep the port's promises."""

    def after(self, *cells: str) -> Notebook:
        return NotebookFile("nb.ipynb", "/nowhere", cells)


def written(path: Path, *cells: dict[str, object]) -> Path:
    path.write_text(json.dumps({"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}))
    return path


def code(source: object) -> dict[str, object]:
    return {"cell_type": "code", "source": source, "metadata": {}, "outputs": [], "execution_count": None}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    words = {"cell_type": "markdown", "source": "# Title", "metadata": {}}
    return written(tmp_path / "nb.ipynb", words, code(["lr = 0.1\n", "x = 1"]), code("print(lr)"), code("later = 2"))


def test_cells_are_code_cells_counted_from_one(path: Path):
    assert read_cell(path, "1") == ("lr = 0.1\nx = 1", "nb.ipynb#1")
    assert read_cell(path, "2") == ("print(lr)", "nb.ipynb#2")


def test_a_cell_finds_the_names_of_the_cells_above_it(path: Path):
    above = NotebookFile.read(path).before(2)
    assert above.has("lr")
    assert not above.has("later")


@pytest.mark.parametrize("selector", ["0", "4", "x", "", "-1", "²"])
def test_a_cell_that_is_not_there_is_refused(path: Path, selector: str):
    with pytest.raises(SourceError, match="They count from 1"):
        read_cell(path, selector)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"\xff\xfe", "is not UTF-8 text"),
        (b"print(1)", "is not a notebook"),
        (b"[]", "it has no list of cells"),
        (b'{"cells": [1]}', "it has no list of cells"),
        (b'{"cells": [{"cell_type": "code"}]}', "a cell of it has no source"),
        (b'{"worksheets": []}', "a notebook of an old format"),
    ],
)
def test_what_is_no_notebook_is_refused_with_what_is_wrong(tmp_path: Path, content: bytes, message: str):
    (tmp_path / "nb.ipynb").write_bytes(content)
    with pytest.raises(SourceError, match=message):
        NotebookFile.read(tmp_path / "nb.ipynb")


def test_a_file_that_is_not_there_is_said_so(tmp_path: Path):
    with pytest.raises(SourceError, match="There is no notebook"):
        NotebookFile.read(tmp_path / "none.ipynb")


def test_magics_do_not_hide_what_a_cell_defines():
    notebook = NotebookFile("nb", "/", ("%matplotlib inline\n!pip install x\nlr = 1\nnp.sum?", "%%time\nslow = 1"))
    assert notebook.has("lr")
    assert not notebook.has("slow")


def test_what_a_job_defines_the_notebook_does_not_have():
    """A job's cell runs on replicas; its names never come to be in the notebook."""
    assert not NotebookFile("nb", "/", ("%framework=pytorch\nlr = 1",)).has("lr")


def test_the_last_statement_gives_a_name_its_meaning():
    notebook = NotebookFile("nb", "/", ("lr = 1\nlr = 2", "def f(): pass\nf = 3"))
    assert notebook.value("lr") == "2"
    with pytest.raises(SourceError):
        notebook.definition("f")


def test_a_computed_value_is_not_guessed():
    with pytest.raises(SourceError, match="is not written in nb"):
        NotebookFile("nb", "/", ("lr = 1 / 10",)).value("lr")


def test_an_import_that_may_fail_is_found_where_it_stands():
    notebook = NotebookFile("nb", "/", ("try:\n    import fast as f\nexcept ImportError:\n    f = None",))
    assert notebook.definition("f").text == "import fast as f"


def test_a_definition_says_where_it_was_written():
    found = NotebookFile("nb", "/", ("x = 1", "y = 1\n\n@deco\ndef f():\n    pass\n")).definition("f")
    assert (found.origin, found.line, found.text) == ("nb#2", 3, "@deco\ndef f():\n    pass")


def test_local_modules_are_found_beside_the_notebook(tmp_path: Path):
    (tmp_path / "tools.py").write_text("x = 1")
    (tmp_path / "json.py").write_text("not Python's own")
    (tmp_path / "latin.py").write_bytes(b"\xff")
    notebook = NotebookFile("nb", str(tmp_path), ())
    assert notebook.module("tools").text == "x = 1"
    assert [notebook.module(name) for name in ("json", "torch", "tools.x", "../etc", "")] == [None] * 5
    with pytest.raises(SourceError, match="latin cannot be read"):
        notebook.module("latin")
