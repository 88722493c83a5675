"""A notebook on disk (nbformat 4): its cells, and the names that a cell finds in those above it.

For ``ciao run NOTEBOOK.ipynb#3``. Nothing is run: definitions are what stands in the cells, values only what is
written there as a literal. Source of the format: nbformat's schema, ``cells[].cell_type`` and ``cells[].source``.
"""

from __future__ import annotations

import ast
import json
import sys
from functools import cached_property
from pathlib import Path
from typing import Any

from attrs import field, frozen

from ciao.core.cells import Binding, Cells, CellText, without_magics
from ciao.core.errors import SourceError
from ciao.core.plain import plain_json
from ciao.core.ports import Definition
from ciao.core.recognize import Kind, kind_of

_LARGEST = 50 * 2**20  # characters of code; outputs do not count


@frozen(slots=False)
class NotebookFile:
    """Implements ``core.ports.Notebook`` over the plain cells of a file; ``sources`` are its code cells in order."""

    name: str
    directory: str
    sources: tuple[str, ...] = field(repr=False)

    @classmethod
    def read(cls, path: Path) -> NotebookFile:
        """SourceError for what is no readable notebook of format 4."""
        found = tuple(_source(path, cell) for cell in _cells(path) if cell.get("cell_type") == "code")
        return cls(path.name, str(path.resolve().parent), found)

    def cell(self, number: int) -> str:
        """The text of a code cell; they count from 1."""
        if 1 <= number <= len(self.sources):
            return self.sources[number - 1]
        has = f"{len(self.sources)} code cell{'' if len(self.sources) == 1 else 's'}"
        raise SourceError(f"{self.name} has {has}, and no number {number}", None, f"They count from 1: '{self.name}#1'")

    def before(self, number: int) -> NotebookFile:
        """The notebook as the code cell of that number finds it: the cells above it."""
        return NotebookFile(self.name, self.directory, self.sources[: number - 1])

    # -- the port ---------------------------------------------------------------------------------------

    def has(self, name: str) -> bool:
        return self._binding(name) is not None

    def value(self, name: str) -> str:
        binding = self._binding(name)
        if binding is None or binding.kind != "assignment" or binding.value is None:
            raise SourceError(f"{name} is not plain data")
        try:
            found = ast.literal_eval(binding.value)
        except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError) as error:
            raise SourceError(
                f"The value of {name} is not written in {self.name}, and nothing of it was run",
                None,
                f"write it as a literal (in {binding.cell.label}), or compute it in the cell itself",
            ) from error
        return plain_json(name, found)

    def definition(self, name: str) -> Definition:
        binding = self._binding(name)
        if binding is not None and binding.kind in ("function", "class", "import"):
            return Definition(name, binding.kind, binding.text, "", binding.cell.label, binding.first)
        if binding is not None and isinstance(binding.value, ast.Lambda):
            return Definition(name, "function", binding.text, "", binding.cell.label, binding.first)
        raise SourceError(f"{name} is neither a function, a class nor an import in {self.name}")

    def module(self, dotted: str) -> Definition | None:
        return local_module(self.directory, dotted)

    def _binding(self, name: str) -> Binding | None:
        return next(self._plain_cells.bindings(name), None)

    @cached_property
    def _plain_cells(self) -> Cells:
        """Cells that are jobs run elsewhere: what they define, the notebook does not have."""
        return Cells(
            [
                CellText(f"{self.name}#{number}", without_magics(text))
                for number, text in enumerate(self.sources, 1)
                if kind_of(text) is Kind.PLAIN
            ]
        )


def read_cell(path: Path, selector: str) -> tuple[str, str]:
    """(text, label) of ``NOTEBOOK.ipynb#selector``; SourceError when there is no such cell."""
    if not (selector.isascii() and selector.isdigit()):
        raise SourceError(f"{selector!r} is no number of a code cell", None, f"They count from 1: '{path}#1'")
    return NotebookFile.read(path).cell(int(selector)), f"{path.name}#{int(selector)}"


def local_module(directory: str, dotted: str) -> Definition | None:
    """A module's file below a directory, as Python would find it there; None when it is not there."""
    parts = dotted.split(".")
    if not all(part.isidentifier() for part in parts) or parts[0] in sys.stdlib_module_names:
        return None
    for path in ("/".join([*parts, "__init__.py"]), "/".join(parts) + ".py"):
        file = Path(directory, path)
        try:
            return Definition(dotted, "module", file.read_text("utf-8-sig"), path, path)
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
            continue
        except (OSError, UnicodeDecodeError) as error:
            raise SourceError(f"The module {dotted} cannot be read from {file}: {error}") from error
    return None


def _cells(path: Path) -> list[dict[str, Any]]:
    try:
        content = json.loads(path.read_bytes().decode("utf-8-sig"))
    except FileNotFoundError as error:
        raise SourceError(f"There is no notebook {path}") from error
    except OSError as error:
        raise SourceError(f"Cannot read {path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise SourceError(f"{path} is not UTF-8 text: {error.reason} at byte {error.start}") from error
    except (ValueError, RecursionError) as error:
        raise SourceError(f"{path} is not a notebook: {error}") from error
    if isinstance(content, dict) and isinstance(content.get("worksheets"), list):
        raise SourceError(f"{path} is a notebook of an old format", None, f"jupyter nbconvert --to notebook '{path}'")
    cells = content.get("cells") if isinstance(content, dict) else None
    if not isinstance(cells, list) or not all(isinstance(cell, dict) for cell in cells):
        raise SourceError(f"{path} is not a notebook: it has no list of cells")
    return cells


def _source(path: Path, cell: dict[str, Any]) -> str:
    source = cell.get("source")
    text = "".join(map(str, source)) if isinstance(source, list) else source
    if not isinstance(text, str):
        raise SourceError(f"{path} is not a notebook: a cell of it has no source")
    if len(text) > _LARGEST:
        raise SourceError(f"A cell of {path} is larger than 50 MiB", None, "Code travels; data belongs into a file")
    return text
