"""A job that the command line shows until its end, and the exit code that it ends with."""

from __future__ import annotations

from contextlib import suppress

from ciao.cli import jsonform
from ciao.cli.context import Context
from ciao.cli.interrupts import Interrupts
from ciao.cli.told import told
from ciao.console import Console, Display, watch
from ciao.core import presenter
from ciao.core.errors import CiaoError
from ciao.core.events import Ended, Event, LogChunk, Outcome, StopReason, Submitted
from ciao.core.model import JobHandle, Replica
from ciao.core.ports import JobStore, LogReader
from ciao.runtime import Running
from ciao.terminal import Terminal

DEADLINE, STOPPED = 124, 143  # as timeout(1), and as a process that was asked to end
_SLICE = 1 << 20


def shown(context: Context, running: Running, *, json: bool, quiet: bool = False) -> int:
    """Show a job that this process started; Ctrl-C stops it. The exit code."""
    display = display_for(context, json=json, quiet=quiet)
    with Interrupts(running.stop) as interrupts:
        try:
            ended = watch(running, display)
        except BrokenPipeError:  # nobody reads: end the job, as a program would end that writes into a closed pipe
            running.stop(StopReason.USER)
            with suppress(Exception):
                running.finished.result()
            raise
        except CiaoError as error:
            if interrupts.exit_code is None:
                raise
            context.terminal.fail(error.title, told(error))  # stopped before it existed, or left to itself
            return interrupts.exit_code
    return finished(context.terminal, ended, json=json, signalled=interrupts.exit_code)


def display_for(context: Context, *, json: bool, quiet: bool = False) -> Display:
    """For people or, with ``json``, for programs."""
    if json:
        return JsonLines(context.terminal, context.app.store)
    return Console(context.terminal, context.app.store, said, quiet=quiet)


def finished(terminal: Terminal, ended: Ended, *, json: bool, signalled: int | None = None) -> int:
    """Say how it ended, if that is still to be said, and give the exit code."""
    error = presenter.job_error(ended, presenter.TERMINAL)
    if error is not None and not json:
        terminal.fail(error.title, error.lines())
    return exit_code(ended, signalled)


def exit_code(ended: Ended, signalled: int | None = None) -> int:
    """The job's exit code: 0, the root cause's own, or what stopped it."""
    if ended.outcome is Outcome.SUCCEEDED:
        return 0
    if ended.outcome is Outcome.FAILED:
        found = ended.diagnosis.exit if ended.diagnosis else None
        return found.code if found is not None and found.code else 1
    if ended.stop_reason is StopReason.DEADLINE:
        return DEADLINE
    return signalled or STOPPED


def said(event: Event) -> tuple[str, ...]:
    """The presenter's words as a shell's user would type them."""
    return presenter.event_lines(event, presenter.TERMINAL)


class JsonLines:
    """Every event, and every line of output, as one JSON object on one line."""

    def __init__(self, terminal: Terminal, store: JobStore) -> None:
        self._terminal, self._store = terminal, store
        self._handle: JobHandle | None = None
        self._logs: dict[Replica, _Lines] = {}

    def show(self, event: Event) -> None:
        if isinstance(event, Submitted):
            self._handle = event.handle
        if isinstance(event, LogChunk):
            self._logs_of(event.replica).end = event.end
            self._write(self._logs_of(event.replica), last=False)
            return
        if isinstance(event, Ended):
            for lines in self._logs.values():
                self._write(lines, last=True)
                lines.reader.close()
        self._terminal.answer(jsonform.line(jsonform.event_form(event)))

    def tick(self) -> None:
        """Nothing waits here."""

    def _logs_of(self, replica: Replica) -> _Lines:
        if replica not in self._logs:
            assert self._handle is not None, "a log before its job"
            self._logs[replica] = _Lines(replica, self._store.reader(self._handle, replica))
        return self._logs[replica]

    def _write(self, lines: _Lines, *, last: bool) -> None:
        while forms := lines.take(last):
            self._terminal.answer("\n".join(jsonform.line(form) for form in forms))


class _Lines:
    """One replica's whole lines as they come; the unterminated last one at the end."""

    def __init__(self, replica: Replica, reader: LogReader) -> None:
        self.replica, self.reader = replica, reader
        self.offset = self.line = self.end = 0

    def take(self, last: bool) -> list[jsonform.Form]:
        """The next lines, at most about a megabyte; nothing when none is due."""
        data = self.reader.read(self.offset, min(_SLICE, self.end - self.offset)) if self.end > self.offset else b""
        whole = data if last and self.offset + len(data) >= self.end else data[: data.rfind(b"\n") + 1]
        if data and not whole and len(data) >= _SLICE:
            whole = data  # a line of more than a megabyte comes in pieces
        lines = whole.removesuffix(b"\n").split(b"\n") if whole else []
        stamps = self.reader.stamps(self.line, len(lines))
        forms = [
            jsonform.log_form(self.replica, self.line + at + 1, stamp, raw.decode("utf-8", "replace"))
            for at, (raw, stamp) in enumerate(zip(lines, stamps, strict=False))
        ]
        self.offset += len(whole)
        self.line += len(lines)
        return forms
