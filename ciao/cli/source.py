"""What ``ciao run`` runs: a file, a cell of a notebook (``train.ipynb#3``), or standard input (``-``)."""

from __future__ import annotations

from pathlib import Path
from typing import TextIO

from attrs import field, frozen

from ciao.core.errors import SourceError
from ciao.core.ports import Notebook

_LARGEST = 50 * 2**20  # bytes


@frozen
class Given:
    """Code, how its user knows it, and for a notebook's cell the notebook above it.

    ``directory`` is where it runs: a notebook's own, as in Jupyter; "" for where the user stands.
    """

    code: str = field(repr=False)
    label: str
    notebook: Notebook | None = None
    directory: str = ""


def given(word: str, stdin: TextIO) -> Given:
    """Read what a word of the command line names; SourceError for what cannot be read."""
    if word == "-":
        return Given(stdin.read(), "<stdin>")
    file, mark, number = word.rpartition("#")
    if mark and file.endswith(".ipynb"):
        return _cell(Path(file), number)
    if word.endswith(".ipynb"):
        raise SourceError(
            f"{word} is a notebook: which of its cells?", hint=f"ciao run '{word}#3' runs code cell number 3"
        )
    return Given(_text(Path(word)), Path(word).name)


def _cell(file: Path, number: str) -> Given:
    from ciao.adapters.notebook_file import NotebookFile, read_cell

    code, label = read_cell(file, number)
    notebook = NotebookFile.read(file)
    return Given(code, label, notebook.before(int(number)), notebook.directory)


def _text(file: Path) -> str:
    try:
        if file.stat().st_size > _LARGEST:
            raise SourceError(
                f"{file} is larger than 50 MiB.",
                hint="Code travels; data does not: let the code read it from a file (--file PATTERN).",
            )
        return file.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise SourceError(f"{file} is not UTF-8 text: {error.reason} at byte {error.start}") from error
    except FileNotFoundError as error:
        raise SourceError(f"There is no file {file}") from error
    except OSError as error:
        raise SourceError(f"Cannot read {file}: {error.strerror}") from error
