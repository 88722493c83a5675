"""Where people read Ciao's output outside a notebook, and what can be shown there."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from typing import TextIO

from attrs import frozen

RED, GREEN, YELLOW, BOLD, FAINT = "31", "32", "33", "1", "2"
_MARKS = {"✓": GREEN, "✗": RED, "!": YELLOW}


@frozen
class Terminal:
    """A job's output and answers go to ``out``, what Ciao says about itself to ``err``.

    ``live``: both are the same terminal, and it can redraw its last line.
    """

    out: TextIO
    err: TextIO
    color_out: bool = False
    color_err: bool = False
    live: bool = False
    columns: int = 80

    def answer(self, text: str) -> None:
        """What was asked for, as whole lines."""
        self.out.write(text if text.endswith("\n") else text + "\n")
        self.out.flush()

    def say(self, text: str) -> None:
        """Ciao's own words; a mark at a line's beginning is coloured."""
        lines = (self._marked(line) for line in text.splitlines())
        self.err.write("\n".join(lines) + "\n")
        self.err.flush()

    def fail(self, title: str, lines: Sequence[str]) -> None:
        """An error: its title and its lines."""
        first, *rest = lines or ("",)
        head = f"\x1b[{BOLD};{RED}m{title}\x1b[0m" if self.color_err else title
        self.err.write("\n".join([f"{head}: {first}", *rest]) + "\n")
        self.err.flush()

    def styled(self, text: str, code: str) -> str:
        """For ``out``: the text in an ANSI style, plain where there are no colours."""
        return f"\x1b[{code}m{text}\x1b[0m" if self.color_out else text

    def _marked(self, line: str) -> str:
        code = _MARKS.get(line[:1])
        return f"\x1b[{code}m{line[0]}\x1b[0m{line[1:]}" if code and self.color_err and line[1:2] == " " else line


def terminal_of(out: TextIO, err: TextIO, environ: Mapping[str, str]) -> Terminal:
    """What can be shown there: no ANSI in a pipe, with NO_COLOR (no-color.org) or on a dumb terminal."""
    capable = environ.get("TERM", "dumb") != "dumb"
    color = capable and not environ.get("NO_COLOR")
    return Terminal(
        out=out,
        err=err,
        color_out=color and out.isatty(),
        color_err=color and err.isatty(),
        live=capable and out.isatty() and err.isatty(),
        columns=shutil.get_terminal_size().columns,
    )
