"""Why a replica ended as it did: one table from the facts of an exit to a phrase and a remedy.

A row is a condition, what happened, and a remedy; the first row that fits speaks. Targets report facts in
a container's words (exit codes, ``OOMKilled``, ``StartError``), so that one table serves all. To explain
something new, add a row.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from attrs import frozen

from ciao.core.events import Exit, Report
from ciao.core.remedies import AGAIN, DISK, SMALLER


@frozen
class Case:
    """One replica's end, as the table sees it."""

    end: Exit
    where: str
    memory: str = ""

    @property
    def report(self) -> Report | None:
        return self.end.report

    @property
    def said(self) -> str:
        """All that is known in words, to look for a cause."""
        return f"{self.report.type}: {self.report.message}" if self.report is not None else self.end.message

    @property
    def kind(self) -> str:
        """The class of the exception, without its module; of what was only printed, its first word."""
        kind = self.report.type if self.report is not None else self.end.message.partition(":")[0]
        return kind.rpartition(".")[2]


@frozen
class Row:
    """``what`` completes "worker-1 failed first, 2.1 s after the start: …"."""

    when: Callable[[Case], bool]
    what: Callable[[Case], str]
    remedy: Callable[[Case], str]


# -- conditions and phrases -------------------------------------------------------------------------


def _reason(reason: str) -> Callable[[Case], bool]:
    return lambda case: case.end.reason == reason


def _code(*codes: int) -> Callable[[Case], bool]:
    return lambda case: case.end.code in codes


def _raised(*types: str) -> Callable[[Case], bool]:
    return lambda case: case.kind in types


def _says(pattern: str) -> Callable[[Case], bool]:
    return lambda case: re.search(pattern, case.said) is not None


def _always(text: str) -> Callable[[Case], str]:
    return lambda _: text


def _error(case: Case) -> str:
    """``ZeroDivisionError at line 14 of this cell (exit code 1)``."""
    if case.report is None:
        return f"{case.end.message} (exit code {case.end.code})" if case.end.message else f"exit code {case.end.code}"
    name = case.report.type.removeprefix("builtins.")
    return f"{name} {_line(case.report, case.where)} (exit code {case.end.code})".replace("  ", " ")


def _line(report: Report, where: str) -> str:
    """The innermost line of the cell: where it was raised, or where the library that raised was called."""
    for frame in reversed(report.frames):
        if frame.file == "cell.py":
            return f"at line {frame.line} of {where}"
    if report.frames:
        last = report.frames[-1]
        return f"at line {last.line} of {last.file.rpartition('/')[2]}"
    return ""


def _signal(name: str, meaning: str) -> Callable[[Case], str]:
    return lambda case: f"{meaning} ({name}, exit code {case.end.code})"


def _module(case: Case) -> str:
    found = re.search(r"No module named '?([\w.]+)", case.said)
    name = found[1].partition(".")[0] if found else "it"
    return (
        f"Where the replicas run there is no module {name}: install it there, or name it with %pip={name}. "
        f"A module of your own travels with %include={name}."
    )


def _with_message(case: Case) -> str:
    """The error and its text, where the text is what matters."""
    text = case.report.message.strip().splitlines() if case.report is not None else []
    return f"{_error(case)}: {text[0][:200]}" if text else _error(case)


def _out_of_memory(case: Case) -> str:
    limit = f"limit {case.memory}" if case.memory else case.end.message
    return f"it ran out of memory{f' ({limit})' if limit else ''} and was killed (OOMKilled, exit code {case.end.code})"


def _told(case: Case) -> str:
    """What the target says of it, with its word for that."""
    said = f"{case.end.message} " if case.end.message else ""
    return f"{said}({case.end.reason}, exit code {case.end.code})"


def _sys_exit(case: Case) -> str:
    text = case.report.message.strip().splitlines() if case.report is not None else []
    quoted = f": {text[0][:200]}" if text else ""
    return f"it ended itself with sys.exit{quoted} (exit code {case.end.code})"


def _not_started(pattern: str) -> Callable[[Case], bool]:
    return lambda case: case.end.reason == "StartError" and re.search(pattern, case.end.message) is not None


def _evicted(pattern: str) -> Callable[[Case], bool]:
    return lambda case: case.end.reason == "Evicted" and re.search(pattern, case.end.message) is not None


def _start(case: Case) -> str:
    return f"it could not be started{': ' + case.end.message if case.end.message else ''} (exit code {case.end.code})"


def _killed(case: Case) -> str:
    """A runtime under load may miss that it was for memory (containerd: the event comes after the end)."""
    if case.memory:
        return (
            f"Not by Ciao: most likely it ran out of memory (limit {case.memory}). Give it more with %memory, {SMALLER}"
        )
    return f"Not by Ciao: usually the system had no memory left. Set a limit with %memory, {SMALLER}"


# -- the table ----------------------------------------------------------------------------------------

_NO_REMEDY = _always("")
_PORT = "Another process has that port. Let the framework take MASTER_ADDR and MASTER_PORT from the environment."
_NO_INPUT = "Nobody types into a replica: input() finds nothing. Give it values with %args, %env or %var."
_NO_IPYTHON = "A replica runs plain Python, without IPython's own names: use print()."
_NO_PROGRAM = "Its image has no such program: name another image (%image), or the interpreter's path (kubeflow.python)."
_NO_RIGHT = "The user that it runs as may not: name another (%user), or leave that to the image (%user=image)."
_WROTE = "It wrote more to its node's disk than it may: write what is large to a volume (%volume)."
_ASKED = "Who asks for its memory is evicted last: say with %memory how much it needs."
_LONGER = "Give it more time with %timeout, or leave %timeout out."
_HIGHER = f"A higher priority (%priority) protects it. {AGAIN}"
_PULLED = "Mostly the master's image was still being pulled. By now it is there: run it again."
_BY_HAND = f"Not by Ciao: somebody deleted it, or what keeps the namespace tidy did. {AGAIN}"
_TOO_LONG = "Its environment and arguments are too large for Linux: let large values travel as %file or %var."
_NATIVE = "Native code did this, not Python: `import faulthandler; faulthandler.enable()` shows the Python line."

TABLE: tuple[Row, ...] = (
    Row(_reason("OOMKilled"), _out_of_memory, _always(f"Give it more with %memory, {SMALLER}")),
    Row(_evicted(r"ephemeral|EmptyDir|[Dd]isk|inode"), _told, _always(_WROTE)),
    Row(_evicted(r"memory"), _told, _always(_ASKED)),
    Row(_reason("Evicted"), _told, _always(AGAIN)),
    Row(_reason("NodeLost"), _told, _always(AGAIN)),
    Row(_reason("NodeRefused"), _told, _always(AGAIN)),
    Row(_reason("ContainerStatusUnknown"), _told, _always(AGAIN)),
    Row(_reason("Preempted"), _told, _always(_HIGHER)),
    Row(_reason("DeadlineExceeded"), _told, _always(_LONGER)),
    Row(_reason("MasterLate"), _told, _always(_PULLED)),
    Row(_reason("Deleted"), _told, _always(_BY_HAND)),
    Row(_not_started(r"not found in \$PATH|no such file"), _start, _always(_NO_PROGRAM)),
    Row(_not_started(r"permission denied"), _start, _always(_NO_RIGHT)),
    Row(_says(r"[Aa]rgument list too long"), _error, _always(_TOO_LONG)),
    Row(_reason("StartError"), _start, _always("Check the interpreter or the image that the job names.")),
    Row(_raised("ModuleNotFoundError"), _with_message, _module),
    Row(_says("EOFError: EOF when reading a line"), _error, _always(_NO_INPUT)),
    Row(_says(r"NameError: name '(display|get_ipython)' is not defined"), _with_message, _always(_NO_IPYTHON)),
    Row(_says(r"Address already in use|EADDRINUSE"), _with_message, _always(_PORT)),
    Row(_says(r"No space left on device|ENOSPC"), _with_message, _always(DISK)),
    Row(
        _says(r"CUDA out of memory|OutOfMemoryError"),
        _with_message,
        _always(f"The GPU's memory is full: {SMALLER[3:]}"),
    ),
    Row(_raised("MemoryError"), _error, _always(f"Give it more with %memory, {SMALLER}")),
    Row(_raised("SystemExit"), _sys_exit, _NO_REMEDY),
    Row(lambda case: case.report is not None, _error, _NO_REMEDY),
    Row(_code(139), _signal("SIGSEGV", "it crashed with a segmentation fault"), _always(_NATIVE)),
    Row(_code(134), _signal("SIGABRT", "native code gave up"), _always("Its last lines say why. " + _NATIVE)),
    Row(_code(136), _signal("SIGFPE", "it crashed in native arithmetic"), _always(_NATIVE)),
    Row(
        _code(135),
        _signal("SIGBUS", "it crashed with a bus error"),
        _always("Usually shared memory (/dev/shm) is full: use fewer data loader workers, or more %memory."),
    ),
    Row(
        _code(137),
        _signal("SIGKILL", "it was killed"),
        _killed,
    ),
    Row(_code(143), _signal("SIGTERM", "it was asked to end"), _always("Not by Ciao: somebody else sent SIGTERM.")),
    Row(
        _code(127), lambda case: f"command not found (exit code {case.end.code})", _always("Is the program installed?")
    ),
    Row(_code(126), lambda case: f"command cannot be executed (exit code {case.end.code})", _NO_REMEDY),
    Row(
        lambda case: case.end.code > 128,
        lambda case: f"it died by signal {case.end.code - 128} (exit code {case.end.code})",
        _NO_REMEDY,
    ),
    Row(lambda _: True, _error, _NO_REMEDY),
)
