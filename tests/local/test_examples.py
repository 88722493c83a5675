"""The example notebooks as they are committed; that they run, and do what they say, is `make demo`'s part."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

NOTEBOOKS = sorted((Path(__file__).resolve().parents[2] / "examples").glob("*.ipynb"))


@pytest.mark.parametrize("file", NOTEBOOKS, ids=lambda file: file.name)
def test_a_notebook_is_valid_and_has_no_outputs(file: Path) -> None:
    """What is committed is what somebody wrote: no outputs, no counters, Ciao's kernel."""
    import nbformat  # takes seconds

    book = nbformat.read(file, as_version=4)
    nbformat.validate(book)
    code = [cell for cell in book.cells if cell.cell_type == "code"]
    assert [cell.source for cell in code if cell.outputs or cell.execution_count is not None] == []
    assert book.metadata.kernelspec.name == "ciao"


@pytest.mark.parametrize("file", NOTEBOOKS, ids=lambda file: file.name)
def test_a_cell_that_may_fail_says_how(file: Path) -> None:
    """A cell tagged raises-exception has words that `make demo` must find in its error, and the other way round."""
    cells = json.loads(file.read_bytes())["cells"]
    tagged = [cell["id"] for cell in cells if "raises-exception" in cell["metadata"].get("tags", [])]
    assert tagged == [cell["id"] for cell in cells if cell["metadata"].get("expect")]
