"""What went wrong and what to do about it: one table from the facts of an exit to a sentence.

A row is a condition, what happened, and a remedy; the first row that fits speaks. Targets report facts in
a container's words (exit codes, ``OOMKilled``, ``StartError``), so that one table serves all. To explain
something new, add a row.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import assert_never

from attrs import frozen

from ciao.core.events import Diagnosis, Exit, Report, StopReason, TroubleSeen
from ciao.core.measures import duration
from ciao.core.model import JobSpec, Replica
from ciao.core.policy import STOPPED, States, cause_at, failures
from ciao.core.words import listed

_MANY = 3  # replicas that a sentence names before it counts


@frozen(kw_only=True)
class Facts:
    """What is known of a job. ``where`` is how its source is called ("this cell", "train.py");
    ``began`` when it was submitted.
    """

    spec: JobSpec
    where: str
    began: float
    states: States


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
    return lambda case: case.report is not None and case.report.type.rpartition(".")[2] in types


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
    limit = f" (limit {case.memory})" if case.memory else ""
    return f"it ran out of memory{limit} and was killed (OOMKilled, exit code {case.end.code})"


def _sys_exit(case: Case) -> str:
    text = case.report.message.strip().splitlines() if case.report is not None else []
    quoted = f": {text[0][:200]}" if text else ""
    return f"it ended itself with sys.exit{quoted} (exit code {case.end.code})"


def _start(case: Case) -> str:
    return f"it could not be started{': ' + case.end.message if case.end.message else ''} (exit code {case.end.code})"


# -- the table ----------------------------------------------------------------------------------------

_NO_REMEDY = _always("")
_SMALLER = "or make it need less (smaller batches, fewer data loader workers)."
_PORT = "Another process has that port. Let the framework take MASTER_ADDR and MASTER_PORT from the environment."
_DISK = "A disk is full. Free some space where the job writes; `ciao doctor` shows where Ciao keeps its own files."
_NO_INPUT = "Nobody types into a replica: input() finds nothing. Give it values with %args, %env or %var."
_NO_IPYTHON = "A replica runs plain Python, without IPython's own names: use print()."
_NATIVE = "Native code did this, not Python: `import faulthandler; faulthandler.enable()` shows the Python line."

TABLE: tuple[Row, ...] = (
    Row(_reason("OOMKilled"), _out_of_memory, _always(f"Give it more with %memory, {_SMALLER}")),
    Row(_reason("StartError"), _start, _always("Check the interpreter or the image that the job names.")),
    Row(_raised("ModuleNotFoundError"), _with_message, _module),
    Row(_says("EOFError: EOF when reading a line"), _error, _always(_NO_INPUT)),
    Row(_says(r"NameError: name '(display|get_ipython)' is not defined"), _with_message, _always(_NO_IPYTHON)),
    Row(_says(r"Address already in use|EADDRINUSE"), _with_message, _always(_PORT)),
    Row(_says(r"No space left on device|ENOSPC"), _with_message, _always(_DISK)),
    Row(
        _says(r"CUDA out of memory|OutOfMemoryError"),
        _with_message,
        _always(f"The GPU's memory is full: {_SMALLER[3:]}"),
    ),
    Row(_raised("MemoryError"), _error, _always(f"Give it more with %memory, {_SMALLER}")),
    Row(_raised("SystemExit"), _sys_exit, _NO_REMEDY),
    Row(lambda case: case.report is not None, _error, _NO_REMEDY),
    Row(_code(139), _signal("SIGSEGV", "it crashed with a segmentation fault"), _always(_NATIVE)),
    Row(_code(134), _signal("SIGABRT", "native code gave up"), _always("Its last lines say why. " + _NATIVE)),
    Row(_code(136), _signal("SIGFPE", "it crashed in native arithmetic"), _always(_NATIVE)),
    Row(
        _code(135),
        _signal("SIGBUS", "it crashed with a bus error"),
        _always("Usually shared memory (/dev/shm) is full: use fewer data loader workers."),
    ),
    Row(
        _code(137),
        _signal("SIGKILL", "it was killed"),
        _always(f"Not by Ciao: usually the system had no memory left. Set a limit with %memory, {_SMALLER}"),
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

# What keeps a job from going on: a backend's word -> what to do. Clusters add theirs here.
TROUBLES: Mapping[str, str] = {
    "DiskFull": _DISK,
    "MemoryPressure": f"Give it more with %memory, {_SMALLER}",
}


# -- sentences ----------------------------------------------------------------------------------------


def diagnose(facts: Facts, message: str = "") -> Diagnosis:
    """Why a job failed: the root cause, what it did to the others, and what to do.

    ``message`` speaks when no replica failed by itself (an operator's reason, a supervisor that died).
    """
    failed = failures(facts.states)
    if not failed:
        return Diagnosis(headline=_sentence(message or "the job failed"), consequences=_consequences(facts, ()))
    how = " failed first" if len(facts.states) > 1 else " failed"
    return _explained(facts, failed[0], how, _consequences(facts, failed))


def blemish(facts: Facts) -> Diagnosis | None:
    """What went wrong in a job that succeeded all the same, because those who decide it did; None: nothing."""
    failed = failures(facts.states)
    if not failed:
        return None
    others = f"{_names(failed[1:])} failed too." if failed[1:] else ""
    return _explained(facts, failed[0], " failed all the same", others)


def stopped(facts: Facts, reason: StopReason | None, at: float) -> Diagnosis:
    """Why a job was stopped; ``reason`` None: by somebody whom this process does not know."""
    after = f"{duration(at - facts.began)} after its submission"
    match reason:
        case StopReason.USER:
            return Diagnosis(headline=f"{facts.spec.name} was stopped on request, {after}.")
        case StopReason.DEADLINE:
            limit = "its deadline" if facts.spec.timeout is None else f"its deadline of {duration(facts.spec.timeout)}"
            return Diagnosis(
                headline=f"{facts.spec.name} was stopped because {limit} had passed.",
                remedy="Give it more time with %timeout, or leave %timeout out.",
            )
        case StopReason.KERNEL:
            return Diagnosis(headline=f"{facts.spec.name} was stopped with its kernel, {after}.")
        case None:
            return Diagnosis(headline=f"{facts.spec.name} was stopped from elsewhere, {after}.")
        case _:
            assert_never(reason)


def hint(trouble: TroubleSeen) -> str:
    """Why it does not go on, with the remedy where one is known."""
    remedy = TROUBLES.get(trouble.reason, "")
    return f"{_sentence(trouble.message or trouble.reason)} {remedy}".rstrip()


def _explained(facts: Facts, cause: Replica, how: str, consequences: str) -> Diagnosis:
    """The table's word on one replica; ``how`` completes its name."""
    state = facts.states[cause]
    end = state.exit or Exit(code=1, reason="Error", at=state.at)
    case = Case(end, facts.where, _memory(facts.spec, cause))
    row = next(row for row in TABLE if row.when(case))
    rank = "" if end.report is None or end.report.rank is None else f":{end.report.rank}"
    after = duration(cause_at(state) - _started(facts))
    return Diagnosis(
        headline=f"{cause}{rank}{how}, {after} after the start: {row.what(case)}.",
        replica=cause,
        exit=end,
        consequences=consequences,
        remedy=row.remedy(case),
    )


def _consequences(facts: Facts, failed: tuple[Replica, ...]) -> str:
    """``master-0 and worker-0 were then stopped.``"""
    later = failed[1:]
    halted = [replica for replica, state in facts.states.items() if replica not in failed and _was_halted(state.exit)]
    parts = [f"{_names(later)} failed after it"] if later else []
    if halted:
        parts.append(f"{_names(halted)} {'was' if len(halted) == 1 else 'were'} then stopped")
    return "; ".join(parts) + "." if parts else ""


def _was_halted(end: Exit | None) -> bool:
    return end is not None and end.reason == STOPPED


def _names(replicas: tuple[Replica, ...] | list[Replica]) -> str:
    named = [str(replica) for replica in replicas]
    if len(named) > _MANY + 1:
        named = [*named[:_MANY], f"{len(named) - _MANY} others"]
    return listed(named)


def _memory(spec: JobSpec, replica: Replica) -> str:
    memory = spec.role(replica.role).resources.memory
    return "" if memory is None else str(memory)


def _started(facts: Facts) -> float:
    began = [state.started for state in facts.states.values() if state.started is not None]
    return min(began, default=facts.began)


def _sentence(text: str) -> str:
    return text if text.endswith((".", "!", "?")) else f"{text}."
