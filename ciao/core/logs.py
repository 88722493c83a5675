"""What ``%logs JOB [REPLICA] [--tail N] [--since 5m] [--grep X] [--timestamps]`` prints, from logs of any size.

Logs are read in blocks; of each, the lines that came at one time are a *run*, and the runs of several
replicas are merged by time. So memory is a few blocks per replica, and a flood costs nothing per line.
"""

from __future__ import annotations

import heapq
import re
from collections.abc import Callable, Iterator, Mapping, Sequence

from attrs import frozen

from ciao.core.errors import Place, UserError
from ciao.core.logtext import clean_line, gap_line, prefix, show
from ciao.core.measures import iso_time
from ciao.core.model import Origin, Replica
from ciao.core.ports import LogGap, LogReader
from ciao.core.requests import Logs

_BLOCK = 1 << 18  # bytes
_PIECE = 1 << 16  # characters of one piece of output, about
_COLOUR = re.compile(r"\x1b\[[0-9;:]*m")

Match = Callable[[bytes], bool]


@frozen
class Shown:
    """How lines are shown: ``label`` and ``origins`` as in ``logtext.show``, with times or without."""

    label: str
    origins: Sequence[Origin] = ()
    timestamps: bool = False


@frozen
class _Run:
    """Whole lines of one replica that came at one time; or a gap between them."""

    at: float
    replica: Replica
    lines: tuple[bytes, ...]
    gap: LogGap | None = None


def log_text(
    readers: Mapping[Replica, LogReader], asked: Logs, *, now: float, label: str, origins: Sequence[Origin] = ()
) -> Iterator[str]:
    """What was asked of these logs as they are now, piece by piece, every line whole and with its prefix.

    ``now`` in seconds since the epoch is what ``asked.since`` counts back from. A gap stands in its place, whatever
    is asked for; what makes a log incomplete is said at the end. UserError for a bad ``asked.grep``, before anything is
    read.
    """
    shown = Shown(label, origins, asked.timestamps)
    match = _matcher(asked.grep, shown)
    return _pieces(readers, asked, now, match, shown)


def _pieces(
    readers: Mapping[Replica, LogReader], asked: Logs, now: float, match: Match | None, shown: Shown
) -> Iterator[str]:
    logs = [_runs(replica, reader, asked, now, match) for replica, reader in readers.items()]
    waiting, size = [], 0
    for run in heapq.merge(*logs, key=lambda each: each.at):
        text = _text(run, shown)
        waiting.append(text)
        size += len(text)
        if size >= _PIECE:
            yield "".join(waiting)
            waiting, size = [], 0
    waiting += [f"[{replica}] -- {why} --\n" for replica, reader in readers.items() if (why := reader.trouble())]
    if waiting:
        yield "".join(waiting)


def _text(run: _Run, shown: Shown) -> str:
    if run.gap is not None:
        return (f"{iso_time(run.at)} " if shown.timestamps else "") + gap_line(run.replica, run.gap)
    if not shown.timestamps:
        return show(run.replica, b"\n".join(run.lines) + b"\n", shown.label, shown.origins)
    time = iso_time(run.at)
    out = []
    for raw in run.lines:
        head, rest = prefix(run.replica, raw)
        out.append(f"{time} {head}{clean_line(rest, shown.label, shown.origins)}\n")
    return "".join(out)


def _runs(replica: Replica, reader: LogReader, asked: Logs, now: float, match: Match | None) -> Iterator[_Run]:
    first = reader.since(now - asked.since) if asked.since is not None else 0
    end = reader.lines
    if asked.tail is not None:
        first = _tail(reader, first, end, asked.tail, match)
    for line, lines in _blocks(reader, first, end):
        yield from _block(replica, reader, line, lines, match)
    for gap in reader.gaps(end, 1):
        yield _Run(gap.after, replica, (), gap)


def _block(
    replica: Replica, reader: LogReader, first: int, lines: Sequence[bytes], match: Match | None
) -> Iterator[_Run]:
    gaps = {gap.line: gap for gap in reader.gaps(first, len(lines))}
    gathered: list[bytes] = []
    last = 0.0
    for number, (raw, at) in enumerate(zip(lines, reader.stamps(first, len(lines)), strict=False), first):
        if gathered and (at != last or number in gaps):
            yield _Run(last, replica, tuple(gathered))
            gathered = []
        if number in gaps:
            yield _Run(gaps[number].after, replica, (), gaps[number])
        last = at
        if match is None or match(raw):
            gathered.append(raw)
    if gathered:
        yield _Run(last, replica, tuple(gathered))


def _tail(reader: LogReader, first: int, end: int, count: int, match: Match | None) -> int:
    """Where the last ``count`` lines begin (of those that match), not before ``first``."""
    if match is None or count <= 0:
        return max(first, end - max(0, count))
    missing, step = count, 256
    while end > first:
        begin = max(first, end - step)
        found = [
            line + place for line, lines in _blocks(reader, begin, end) for place, raw in enumerate(lines) if match(raw)
        ]
        if len(found) >= missing:
            return found[-missing]
        missing, end, step = missing - len(found), begin, min(2 * step, 1 << 16)
    return first


def _blocks(reader: LogReader, first: int, end: int) -> Iterator[tuple[int, list[bytes]]]:
    """Lines ``first .. end`` without their newlines, in blocks: (number of the block's first, lines).

    A line that is longer than a block comes as its beginning, with a word on what is left out.
    """
    offset, stop = reader.offset_of(first), reader.offset_of(end)
    while offset < stop:
        data = reader.read(offset, min(_BLOCK, stop - offset))
        if not data:
            return
        cut = len(data) if offset + len(data) == stop else data.rfind(b"\n") + 1
        if cut:
            lines = data[:cut].removesuffix(b"\n").split(b"\n")
            offset += cut
        else:
            size = reader.offset_of(first + 1) - offset
            lines = [b"%b ... %d more bytes of this line" % (data, size - len(data))]
            offset += size
        yield first, lines
        first += len(lines)


def _matcher(pattern: str | None, shown: Shown) -> Match | None:
    """Looks at what is shown of a line: no colours, no prefix."""
    if pattern is None:
        return None
    try:
        search = re.compile(pattern).search
    except (re.error, OverflowError, RecursionError) as error:
        column = (getattr(error, "pos", None) or 0) + 1
        message = f"not a regular expression: {getattr(error, 'msg', error)}"
        hint = "A \\ before a character takes its special meaning away."
        raise UserError(message, Place("--grep", 1, column, 1, pattern), hint) from None

    def matches(raw: bytes) -> bool:
        return search(_COLOUR.sub("", clean_line(raw, shown.label, shown.origins))) is not None

    return matches
