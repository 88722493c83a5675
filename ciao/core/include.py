"""``%include`` and ``%var``: names of the notebook that travel with a job's cell.

They become one generated module, ``ciao_names.py``, beside the cell, and one import of them on a line of the cell that
was blank (a magic stood there): line numbers stay, and children that the cell spawns import the same names. A
comment before each definition keeps where it was written, so that a traceback can say so (``origins``).
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable

from attrs import evolve

from ciao.core.closure import Closure
from ciao.core.errors import Place, SourceError
from ciao.core.events import Note
from ciao.core.logtext import NAMES_FILE
from ciao.core.model import Origin, Source, SourceFile
from ciao.core.names import missing
from ciao.core.ports import Notebook
from ciao.core.requests import Launch
from ciao.core.scopes import lines_of
from ciao.core.voice import NOTEBOOK, Voice

_LONGEST = 60  # characters of a value in the note
_FROM = re.compile(r"# from (?P<label>.+), line (?P<line>\d+) \((?P<count>\d+) lines?\)")
_MODULE = NAMES_FILE.removesuffix(".py")


def resolve(launch: Launch, notebook: Notebook | None, voice: Voice = NOTEBOOK) -> tuple[Launch, tuple[Note, ...]]:
    """The launch with what it takes along in its source, and a note that lists it.

    SourceError when a name cannot travel, when the notebook has no such name, when the cell uses names that only the
    notebook has, or when there is no line for the import.
    """
    wanted = tuple(dict.fromkeys([*launch.include, *launch.var]))
    label = launch.source.label
    if notebook is None:
        if wanted:
            raise SourceError(f"There is no notebook to take {wanted[0]} from.", Place(label))
        return launch, ()
    for name in wanted:
        if not notebook.has(name):
            raise SourceError(f"The notebook has no {name}.", Place(label), f"Run the cell that defines {name} first.")
    gaps = missing(launch.source.code, notebook, frozenset(wanted))
    if gaps.missing:
        raise gaps.error(label, voice)
    if not wanted:
        return launch, ()
    closure = Closure(notebook)
    for name in launch.var:
        closure.add_value(name)
    closure.add(name for name in launch.include if name not in launch.var)
    source = _with_names(launch.source, closure, wanted)
    return evolve(launch, source=source, include=(), var=()), (Note(_listing(closure)),)


def origins(source: Source) -> tuple[Origin, ...]:
    """Where the lines of a source's ``ciao_names.py`` were written."""
    return next((origins_of(file.content) for file in source.modules if file.path == NAMES_FILE), ())


def origins_of(content: bytes) -> tuple[Origin, ...]:
    """The same for the file's content, as it lies in a job's ``source/``."""
    found = []
    for number, line in enumerate(content.decode("utf-8", "replace").split("\n"), 1):
        if match := _FROM.fullmatch(line):
            found.append(Origin(number + 1, number + int(match["count"]), match["label"], int(match["line"])))
    return tuple(found)


def _with_names(source: Source, closure: Closure, wanted: Iterable[str]) -> Source:
    made = SourceFile(NAMES_FILE, _text(closure).encode("utf-8", "surrogatepass"))
    code = _with_import(source, f"from {_MODULE} import {', '.join(wanted)}")
    return evolve(source, code=code, modules=(*source.modules, made, *closure.files.values()))


# -- the module ---------------------------------------------------------------------------------------


def _text(closure: Closure) -> str:
    imports = [each for each in closure.definitions.values() if each.kind == "import"]
    others = [each for each in closure.definitions.values() if each.kind != "import"]
    lines = ['"""Made by Ciao: names of the notebook that travel with the cell."""', ""]
    lines += [each.text for each in imports]
    lines += [f"{name} = {expression}" for name, expression in closure.values.items()]
    for each in others:
        count = each.text.rstrip("\n").count("\n") + 1
        where = f"# from {each.origin}, line {each.line} ({count} {'line' if count == 1 else 'lines'})"
        lines += ["", where if each.origin else "", each.text.rstrip("\n")]
    return "\n".join(lines) + "\n"


def _listing(closure: Closure) -> str:
    parts = []
    for name, each in closure.definitions.items():
        where = each.origin.removeprefix("Cell ")
        parts.append(f"{name} ({where})" if where else name)
    parts += [f"{name} = {_short(expression)}" for name, expression in closure.values.items()]
    return "travels with the cell: " + ", ".join([*parts, *closure.files])


def _short(expression: str) -> str:
    return expression if len(expression) <= _LONGEST else expression[: _LONGEST - 1] + "…"


# -- its import in the cell -----------------------------------------------------------------------------


def _with_import(source: Source, statement: str) -> str:
    """The code with the statement on a blank line before its first own statement, else before that on its line."""
    code = source.code
    body = ast.parse(code).body
    leading = [node for number, node in enumerate(body) if _must_lead(node, number)]
    own = body[len(leading) :]
    after = max((node.end_lineno or node.lineno for node in leading), default=0)
    before = min([own[0].lineno, *(each.lineno for each in getattr(own[0], "decorator_list", []))]) if own else 0
    parts = re.split(r"(\r\n|\r|\n)", code)  # text, ending, text, …
    texts = lines_of(code)
    for line in range(after + 1, before or len(texts) + 1):
        if not texts[line - 1].strip():
            parts[2 * (line - 1)] = statement
            return "".join(parts)
    if not own:
        return code.rstrip() + f"\n{statement}\n"
    if hasattr(own[0], "body") or getattr(own[0], "cases", None) or own[0].col_offset:
        place = Place(source.label, before, 1, 1, texts[before - 1])
        raise SourceError(
            "There is no line for the names that travel with this cell.", place, "Put a blank line before it."
        )
    parts[2 * (before - 1)] = f"{statement}; {texts[before - 1]}"
    return "".join(parts)


def _must_lead(node: ast.stmt, number: int) -> bool:
    """A docstring and imports from ``__future__`` stand first (language reference, 7.11)."""
    if isinstance(node, ast.ImportFrom):
        return node.module == "__future__"
    return number == 0 and isinstance(node, ast.Expr) and isinstance(getattr(node.value, "value", None), str)
