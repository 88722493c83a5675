"""``ciao logs``: what a job's replicas printed, during the job and long after it."""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

from attrs import evolve

from ciao.cli.context import Context
from ciao.cli.parser import Parser
from ciao.core import values
from ciao.core.errors import UserError
from ciao.core.logs import log_text
from ciao.core.model import Replica
from ciao.core.ports import JobRecord, LogGap, LogReader
from ciao.core.requests import Logs
from ciao.core.scan import Value
from ciao.core.words import did_you_mean, listed

DESCRIPTION = "Show what a job's replicas printed: complete, from the job store, in the order of time."
EPILOG = """examples:
  ciao logs last
  ciao logs pytorch-k3f9x worker-1 --tail 20
  ciao logs last --since 5m --grep 'loss|Error' --timestamps
  ciao logs last -f"""
_LOOK = 0.1  # seconds between two looks at the logs with -f

T = TypeVar("T")


def configure(parser: Parser, context: Context) -> None:
    """The job, the replica, and which lines."""
    parser.add_argument("job", metavar="JOB", help="its name, or last")
    parser.add_argument("replica", metavar="REPLICA", nargs="?", help="one replica, as in worker-1; all by default")
    parser.add_argument("-f", "--follow", action="store_true", help="go on while the job runs")
    parser.add_argument("--tail", metavar="N", help="the last N lines of each replica")
    parser.add_argument("--since", metavar="DURATION", help="only lines of the last 5m, 2h, …")
    parser.add_argument("--grep", metavar="PATTERN", help="only lines that match a regular expression")
    parser.add_argument("--timestamps", action="store_true", help="each line with its time (UTC)")
    parser.add_argument("--target", metavar="NAME", help="where to look for the job")


def run(options: argparse.Namespace, context: Context) -> int:
    """Print the lines that are there; with ``-f`` those that come, until the job's end."""
    asked = request(options)
    if not asked.follow:
        _print(context, context.app.logs(asked))
        return 0
    record = context.app.session.record(asked.name, asked.target)
    tails = [Tail(replica, context.app.store.reader(record.handle, replica)) for replica in _replicas(record, asked)]
    try:
        _follow(context, record, asked, tails)
    finally:
        for tail in tails:
            tail.reader.close()
    return 0


def request(options: argparse.Namespace) -> Logs:
    """The words as values; UserError naming the option for a bad one."""
    replica = None
    if options.replica is not None:
        try:
            replica = Replica.parse(options.replica)
        except ValueError as error:
            raise UserError(str(error)) from None
    return Logs(
        name=options.job,
        target=options.target,
        replica=replica,
        tail=_read("--tail", options.tail, values.count),
        since=_read("--since", options.since, values.duration),
        grep=options.grep,
        follow=options.follow,
        timestamps=options.timestamps,
    )


def _read(name: str, text: str | None, read: Callable[[Value], T]) -> T | None:
    if text is None:
        return None
    try:
        return read(Value(text))
    except ValueError as error:
        raise UserError(f"{name}: {error}") from None


def _replicas(record: JobRecord, asked: Logs) -> tuple[Replica, ...]:
    if asked.replica is None:
        return record.replicas
    if asked.replica not in record.replicas:
        known = [str(each) for each in record.replicas]
        hint = did_you_mean(str(asked.replica), known) or f"It has {listed(known)}."
        raise UserError(f"{record.handle.name} has no replica {asked.replica}", hint=hint)
    return (asked.replica,)


def _follow(context: Context, record: JobRecord, asked: Logs, tails: Sequence[Tail]) -> None:
    over = False
    while True:
        for tail in tails:
            tail.advance(last=over)
        readers: dict[Replica, LogReader] = {tail.replica: tail for tail in tails}
        _print(context, log_text(readers, asked, now=time.time(), label=record.label))
        if over:
            return
        asked = evolve(asked, tail=None, since=None)  # they choose among what was there at first
        time.sleep(_LOOK)
        over = context.app.session.record(record.handle.name, record.handle.target).ended is not None


def _print(context: Context, pieces: Iterable[str]) -> None:
    for piece in pieces:
        context.terminal.out.write(piece)
    context.terminal.out.flush()


class Tail:
    """The lines of a growing log that were not shown yet, as a log of their own (a ``LogReader``).

    A line that still lacks its newline waits for it, so that no line is shown in halves.
    """

    def __init__(self, replica: Replica, reader: LogReader) -> None:
        self.replica, self.reader = replica, reader
        self._first = self._end = 0
        self._last = False

    def advance(self, *, last: bool) -> None:
        """Step over what was shown, up to what is there now; ``last``: with an unterminated last line."""
        self._first, self._last = self._end, last
        lines, size = self.reader.lines, self.reader.size
        if size and not last and self.reader.read(self.reader.offset_of(lines) - 1, 1) != b"\n":
            lines -= 1
        self._end = max(self._first, lines)

    @property
    def size(self) -> int:
        return self.reader.offset_of(self._end)

    @property
    def lines(self) -> int:
        return self._end - self._first

    def read(self, offset: int, limit: int) -> bytes:
        return self.reader.read(offset, limit)

    def offset_of(self, line: int) -> int:
        return self.reader.offset_of(min(self._first + line, self._end))

    def line_at(self, offset: int) -> int:
        return self.reader.line_at(offset) - self._first

    def since(self, at: float) -> int:
        return max(0, min(self.reader.since(at), self._end) - self._first)

    def stamps(self, first: int, count: int) -> tuple[float, ...]:
        return self.reader.stamps(self._first + first, count)

    def gaps(self, first: int, count: int) -> tuple[LogGap, ...]:
        """That behind the last line only when no line can come any more."""
        count = min(count, self.lines - first + self._last)
        return tuple(
            evolve(gap, line=gap.line - self._first) for gap in self.reader.gaps(self._first + first, max(0, count))
        )

    def trouble(self) -> str:
        """Said with the last lines only: ``log_text`` repeats it each time."""
        return self.reader.trouble() if self._last else ""

    def close(self) -> None:
        self.reader.close()
