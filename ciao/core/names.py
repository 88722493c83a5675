"""Which names of the notebook a job's cell relies on without saying so.

A job's cell is a program of its own: on a replica nothing is defined but what the cell defines. A name that it uses,
does not define, and that the notebook has, is almost surely a mistake that would show only after the job
has started; so it is reported before, with the two ways out. Names that nobody has are Python's business.
"""

from __future__ import annotations

import ast
import builtins

from attrs import field, frozen

from ciao.core.errors import Place, SourceError
from ciao.core.ports import Notebook
from ciao.core.scopes import Use, lines_of, program
from ciao.core.voice import NOTEBOOK, Voice
from ciao.core.words import listed

_BUILTINS = frozenset(dir(builtins))
_MANY = 8  # names that a message lists


@frozen
class Missing:
    """A name that only the notebook has; ``remedy`` is ``var``, ``include``, or "" when it cannot travel (``why``)."""

    use: Use
    remedy: str
    why: str = ""


@frozen
class Gaps:
    """What is missing, in order of first use."""

    code: str = field(repr=False)
    missing: tuple[Missing, ...]

    def error(self, label: str, voice: Voice = NOTEBOOK) -> SourceError:
        """What the user is told: the names, the first place, and lines to copy."""
        names = [each.use.name for each in self.missing]
        shown = names[:_MANY] + ([f"{len(names) - _MANY} more"] if len(names) > _MANY else [])
        first = self.missing[0].use
        place = Place(label, first.line, first.column, len(first.name), lines_of(self.code)[first.line - 1])
        what = "a name" if len(names) == 1 else "names"
        return SourceError(
            f"{voice.place.capitalize()} uses {what} that only the notebook has: {listed(shown)}.",
            place,
            self._hint(voice),
        )

    def _hint(self, voice: Voice) -> str:
        wanted = {item: [each.use.name for each in self.missing if each.remedy == item] for item in ("var", "include")}
        lines = ["A job's cell is a program of its own; what it needs from the notebook travels with it:"]
        lines += [f"  {voice.item(item, ','.join(names))}" for item, names in wanted.items() if names]
        stuck = [f"{each.use.name} cannot travel: {each.why}" for each in self.missing if not each.remedy]
        return "\n".join((lines if len(lines) > 1 else []) + stuck)


def missing(code: str, notebook: Notebook, given: frozenset[str] = frozenset()) -> Gaps:
    """The names that ``code`` uses and does not define, that the notebook has, and that are not ``given``.

    Code that does not compile, or that has a star import, is not judged.
    """
    found: dict[str, Missing] = {}
    for use in needs(code):
        if use.name not in found and use.name not in given and notebook.has(use.name):
            found[use.name] = _judged(use, notebook)
    return Gaps(code, tuple(found.values()))


def needs(code: str) -> tuple[Use, ...]:
    """Every use of a name that the code neither binds nor has from Python itself."""
    try:
        parsed = program(ast.parse(code), code)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return ()
    if parsed.star:
        return ()
    return tuple(use for use in parsed.free if use.name not in _BUILTINS and not _special(use.name))


def _special(name: str) -> bool:
    return name.startswith("__") and name.endswith("__")


def _judged(use: Use, notebook: Notebook) -> Missing:
    try:
        notebook.value(use.name)
    except SourceError as why_no_value:
        try:
            notebook.definition(use.name)
        except SourceError:
            return Missing(use, "", _one_line(why_no_value))
        return Missing(use, "include")
    return Missing(use, "var")


def _one_line(error: SourceError) -> str:
    return error.message + (f" ({error.hint})" if error.hint else "")
