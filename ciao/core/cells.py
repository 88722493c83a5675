"""The code of a notebook's cells: which statement gave a name its present meaning.

Static: nothing is run. Statements at module level count, the last one first, since Python executes them from
top to bottom. Cells that are not Python (magics that do not parse, half-written ones) bind nothing.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence

from attrs import Factory, define, field, frozen

from ciao.core.scopes import lines_of, program

_DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
_IMPORTS = (ast.Import, ast.ImportFrom)


@frozen
class CellText:
    """One cell as Python; ``label`` is how its reader knows it (``Cell In [2]``)."""

    label: str
    text: str = field(repr=False)


@frozen
class Binding:
    """A statement that binds a name; ``text`` is the statement (for imports: what binds this name alone)."""

    cell: CellText
    node: ast.stmt
    text: str

    @property
    def kind(self) -> str:
        """``function``, ``class``, ``import``, ``assignment`` (of one name), or ``other``."""
        match self.node:
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                return "function"
            case ast.ClassDef():
                return "class"
            case ast.Import() | ast.ImportFrom():
                return "import"
            case ast.Assign(targets=[ast.Name()]) | ast.AnnAssign(target=ast.Name(), value=ast.expr()):
                return "assignment"
            case _:
                return "other"

    @property
    def value(self) -> ast.expr | None:
        """What an assignment assigns."""
        return self.node.value if isinstance(self.node, ast.Assign | ast.AnnAssign) else None

    @property
    def decorated(self) -> bool:
        """Whether the name may be bound to something else than what stands there."""
        return bool(getattr(self.node, "decorator_list", ()))

    @property
    def first(self) -> int:
        """The line of the cell where it begins, with its decorators."""
        decorators: list[ast.expr] = getattr(self.node, "decorator_list", [])
        return min([self.node.lineno, *(each.lineno for each in decorators)])

    @property
    def last(self) -> int:
        return self.node.end_lineno or self.node.lineno


@define(eq=False)
class Cells:
    """The cells in the order in which they ran. Each is parsed at most once, and only when a name stands in it."""

    cells: Sequence[CellText]
    _parsed: dict[int, tuple[ast.Module, frozenset[str]] | None] = field(default=Factory(dict), init=False)

    def bindings(self, name: str) -> Iterator[Binding]:
        """Every statement that binds the name, the latest first."""
        for number in range(len(self.cells) - 1, -1, -1):
            parsed = self._parse(number) if name in self.cells[number].text else None
            if parsed is None or name not in parsed[1]:
                continue
            cell = self.cells[number]
            for statement in reversed(parsed[0].body):
                if name in cell.text and (found := _binding(cell, statement, name)) is not None:
                    yield found

    def _parse(self, number: int) -> tuple[ast.Module, frozenset[str]] | None:
        if number not in self._parsed:
            text = self.cells[number].text
            try:
                tree = ast.parse(text)
                self._parsed[number] = tree, program(tree, text).bound
            except (SyntaxError, ValueError, RecursionError, MemoryError):
                self._parsed[number] = None
        return self._parsed[number]


def _binding(cell: CellText, statement: ast.stmt, name: str) -> Binding | None:
    """The statement itself, or, within ``if`` and ``try``, the import in it that binds the name."""
    if isinstance(statement, _DEFINITIONS):
        return Binding(cell, statement, _text(cell.text, statement)) if statement.name == name else None
    if name not in program(ast.Module([statement], []), cell.text).bound:
        return None
    for node in ast.walk(statement):
        if isinstance(node, _IMPORTS) and (text := _import(node, name)):
            return Binding(cell, node, text)
    return Binding(cell, statement, _text(cell.text, statement))


def _import(node: ast.Import | ast.ImportFrom, name: str) -> str:
    """The import of this one name, or "" when the statement does not bind it."""
    for alias in node.names:
        bound = alias.asname or (alias.name.partition(".")[0] if isinstance(node, ast.Import) else alias.name)
        if bound == name:
            what = f"{alias.name} as {alias.asname}" if alias.asname else alias.name
            if isinstance(node, ast.Import):
                return f"import {what}"
            return f"from {'.' * node.level}{node.module or ''} import {what}"
    return ""


def _text(source: str, node: ast.stmt) -> str:
    decorators = getattr(node, "decorator_list", [])
    if decorators:
        return "\n".join(lines_of(source)[decorators[0].lineno - 1 : node.end_lineno])
    return ast.get_source_segment(source, node) or ""


def without_magics(text: str) -> str:
    """A cell's text with IPython's own lines blank, so that the rest can be parsed; line numbers stay."""
    if re.match(r"\s*%%", text):
        return ""
    return "\n".join("" if re.match(r"[%!?]|[^'\"#]*\?{1,2}\s*$", line) else line for line in lines_of(text))
