"""Every way in which Ciao fails, as one tree.

    CiaoError
    ├── UserError              what was written or asked for cannot be done; nothing was started
    │   ├── MagicError         a line of a cell: its Place has line, column and caret
    │   ├── SettingsError      a setting: its Place is a file and line, a variable or a magic
    │   ├── SourceError        the code: does not compile, is not text, is too large, misses names
    │   ├── PreflightError     the target cannot run this job (its Findings say why, each with a remedy)
    │   ├── UnknownJobError    no job of that name
    │   └── NameInUseError     a job of that name still runs
    ├── TargetError            the place where jobs run did not do its part (not the user's doing)
    ├── StoreError             the job store cannot be read or written
    └── JobError               a job ended otherwise than well; raised where a cell or a call ends
        ├── JobFailedError     it failed by itself
        ├── JobStoppedError    it was stopped: by the user, by its deadline, by the kernel's end
        └── JobLeftError       it goes on, but this process follows it no more

A foreign exception never leaves an adapter: it is translated there and chained with ``from``.
IPython prints a CiaoError by its ``_render_traceback_``: the message, never Ciao's own frames.
"""

from __future__ import annotations

from collections.abc import Sequence

from attrs import frozen

_AROUND = 80  # characters shown on either side of a mistake
_RED, _BOLD, _RESET = "\x1b[31m", "\x1b[1m", "\x1b[0m"


@frozen
class Place:
    """Where a mistake stands: a line of a cell, of a file, or a variable of the environment.

    ``line`` and ``column`` count from 1 (0: the place has none); ``width`` is in characters.
    """

    label: str
    line: int = 0
    column: int = 0
    width: int = 1
    text: str = ""

    def __str__(self) -> str:
        where = self.label
        if self.line:
            where += f", line {self.line}"
        if self.column:
            where += f", column {self.column}"
        return where

    def caret(self) -> tuple[str, ...]:
        """The line and, below it, the caret under the place; nothing when there is no text.

        Of a very long line only the part around the place.
        """
        if not self.text:
            return ()
        begin = max(0, self.column - 1 - _AROUND) if len(self.text) > 2 * _AROUND else 0
        text = self.text[begin : begin + 2 * _AROUND]
        if not self.column:
            return (f"    {text}",)
        # Tabs before the caret stay tabs, so that it stands under its character in any terminal.
        lead = "".join("\t" if c == "\t" else " " for c in text[: self.column - 1 - begin])
        width = max(1, min(self.width, len(text) - len(lead)))
        return (f"    {text}", f"    {lead}{'^' * width}")


def _sentences(message: str) -> tuple[str, ...]:
    """The lines of a message; one that is a single line is a sentence, and has its full stop."""
    lines = message.splitlines() or [""]
    if len(lines) == 1 and (lines[0][-1:].isalnum() or lines[0][-1:] in ("'", '"', ")", "]")):
        return (f"{lines[0]}.",)
    return tuple(lines)


class CiaoError(Exception):
    """The root. ``title`` is the name that people see."""

    title = "CiaoError"

    def lines(self) -> tuple[str, ...]:
        """The whole message as plain lines, the first without the title."""
        return _sentences(str(self))

    def _render_traceback_(self) -> list[str]:
        first, *rest = self.lines()
        return [f"{_BOLD}{_RED}{self.title}{_RESET}: {first}", *rest]


class UserError(CiaoError):
    """The user's own mistake: one sentence, the place, and the remedy."""

    title = "UserError"

    def __init__(self, message: str, place: Place | None = None, hint: str = "") -> None:
        super().__init__(message)
        self.message, self.place, self.hint = message, place, hint

    def lines(self) -> tuple[str, ...]:
        """Message, place with its caret, remedy."""
        found = list(_sentences(self.message))
        if self.place is not None:
            found += [f"  {self.place}", *self.place.caret()]
        if self.hint:
            found += [f"  {line}" for line in self.hint.splitlines()]
        return tuple(found)

    def __str__(self) -> str:
        return "\n".join(self.lines())


class MagicError(UserError):
    title = "MagicError"


class SettingsError(UserError):
    title = "SettingsError"


class SourceError(UserError):
    title = "SourceError"


class UnknownJobError(UserError):
    title = "UnknownJob"


class NameInUseError(UserError):
    title = "NameInUse"


class PreflightError(UserError):
    """The target refuses the job before anything exists; ``reasons`` are sentences with remedies."""

    title = "Preflight"

    def __init__(self, target: str, reasons: Sequence[str]) -> None:
        self.target, self.reasons = target, tuple(reasons)
        if len(self.reasons) == 1:
            super().__init__(self.reasons[0])
        else:
            many = f"{len(self.reasons)} reasons why this job cannot run on {target}:"
            super().__init__("\n".join([many, *(f"  - {reason}" for reason in self.reasons)]))


class TargetError(CiaoError):
    title = "TargetError"


class StoreError(CiaoError):
    title = "StoreError"


class JobError(CiaoError):
    """A job that did not end well. ``job`` is its name."""

    title = "JobError"

    def __init__(self, job: str, message: str) -> None:
        super().__init__(message)
        self.job = job

    def _render_traceback_(self) -> list[str]:
        first, *rest = super()._render_traceback_()
        return [first, *(" " * (len(self.title) + 2) + line for line in rest)]


class JobFailedError(JobError):
    title = "JobFailed"


class JobStoppedError(JobError):
    title = "JobStopped"


class JobLeftError(JobError):
    title = "JobLeft"
