"""What of a job's output is shown: all of it, or a beginning and every replica's end.

A view never holds the log: it remembers per replica how far it has come and reads from the job store what
it shows. Up to half of its budget it shows everything, fairly among the replicas and in the order of arrival.
Of a flood the middle is worth nothing to a reader and the end is worth most, so there it pauses, and at the
job's end it shows the last lines of every replica, each after a mark that says how many lines stand only in the log.
No line is shown twice, and none is left out without being counted in a mark.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Sequence
from operator import attrgetter
from typing import NamedTuple

from ciao.core.events import LogChunk
from ciao.core.logcursor import LogCursor, Row
from ciao.core.logtext import gap_line, show
from ciao.core.model import Origin, Replica
from ciao.core.ports import LogReader
from ciao.core.voice import NOTEBOOK, Voice

_SMALLEST = 1_000  # bytes: below it not even the marks would fit
_LEAST_SHARE = 2_000  # bytes of one replica in one take, before it is the next one's turn


class _Due(NamedTuple):
    """One line that may be shown: when it came, from where, and its text."""

    at: float
    cursor: LogCursor
    row: Row
    text: str


class LogView:
    """The output of one job for one reader.

    ``label`` names the cell in tracebacks, ``job`` and ``voice`` the command that shows the rest.
    ``budget`` is in bytes of UTF-8 over all that ``take`` and ``finish`` return (at least 1,000); None: everything.
    """

    def __init__(
        self,
        reader_of: Callable[[Replica], LogReader],
        label: str,
        *,
        budget: int | None = 512_000,
        job: str = "",
        voice: Voice = NOTEBOOK,
        origins: Sequence[Origin] = (),
    ) -> None:
        self._reader_of, self._label, self._origins = reader_of, label, origins
        self._job, self._voice = job, voice
        self._left = None if budget is None else max(budget, _SMALLEST)
        self._for_ends = 0 if self._left is None else self._left // 2
        self._cursors: dict[Replica, LogCursor] = {}
        self._turn = 0
        self._closed = False

    def note(self, chunk: LogChunk) -> None:
        """A replica's log has grown. O(1)."""
        cursor = self._cursors.get(chunk.replica)
        if cursor is None:
            cursor = self._cursors[chunk.replica] = LogCursor(chunk.replica, self._reader_of(chunk.replica))
        cursor.end = max(cursor.end, chunk.end)

    def pending(self) -> bool:
        """Whether ``take`` has something to show, now or after some rounds (an unterminated line)."""
        return not self._closed and any(cursor.waiting for cursor in self._cursors.values())

    def take(self, limit: int) -> str:
        """About ``limit`` bytes of whole lines with their prefixes, never more than one line over it.

        "" when none is due. One call is one round: an unterminated line is held back for eight of them.
        """
        if self._closed:
            return ""
        text, complete = self._spend(self._due(limit), self._for_ends)
        if complete:
            return text
        self._closed = True
        return text + self._said(
            f"... the rest is in the log{self._command(None)}; the last lines follow at the end ...\n"
        )

    def finish(self) -> str:
        """The job is over: the rest, or per replica a mark and its last lines. Closes the readers.

        Without a budget, ``take`` until nothing is pending first: the whole rest is returned here.
        """
        try:
            text = self._rest() or self._ends([each for each in self._cursors.values() if each.waiting])
            return text + self._said(self._open_gaps())
        finally:
            self._closed = True
            for cursor in self._cursors.values():
                cursor.reader.close()
            self._cursors.clear()

    # -- while the job runs ---------------------------------------------------------------------------

    def _due(self, limit: int) -> list[_Due]:
        """What is to be shown in this round, oldest first; every replica gets its share, the first in turn."""
        cursors = [cursor for cursor in self._cursors.values() if cursor.waiting]
        if not cursors:
            return []
        share, room = max(limit // len(cursors), _LEAST_SHARE), limit
        self._turn = (self._turn + 1) % len(cursors)
        found: list[_Due] = []
        for cursor in cursors[self._turn :] + cursors[: self._turn]:
            if room > 0:
                mine = self._share(cursor, min(share, room), alone=len(cursors) == 1)
                room -= sum(_utf8(each.text) for each in mine)
                found += mine
        found.sort(key=attrgetter("at"))
        return found

    def _share(self, cursor: LogCursor, limit: int, *, alone: bool) -> list[_Due]:
        rows = cursor.rows(limit)
        if not rows:
            snapshot = cursor.snapshot()
            rows = [snapshot] if snapshot else []
        due = self._lines(cursor, cursor.line, rows, timed=not alone)
        kept, size = 0, 0
        for each in due:
            size += _utf8(each.text)
            if size > limit and kept:
                break
            kept += 1
        return due[:kept]

    def _lines(self, cursor: LogCursor, first: int, rows: Sequence[Row], *, timed: bool) -> list[_Due]:
        """Rows with their texts and times; ``timed`` False when there is nobody to be sorted among."""
        said = [row.raw for row in rows if row.raw is not None]
        shown = show(cursor.replica, b"\n".join(said) + b"\n", self._label, self._origins) if said else ""
        texts = iter(shown.split("\n"))
        gaps = self._gaps(cursor, first, len(rows))
        times: Iterable[float] = cursor.reader.stamps(first, len(rows)) if timed else (0.0,) * len(rows)
        return [
            _Due(at, cursor, row, gaps.get(line, "") + ("" if row.raw is None else next(texts) + "\n"))
            for line, (at, row) in enumerate(zip(times, rows, strict=True), first)
        ]

    def _gaps(self, cursor: LogCursor, first: int, count: int) -> dict[int, str]:
        """The texts that stand before lines, unless something of such a line was shown already."""
        gaps = cursor.reader.gaps(first, count)
        return {gap.line: gap_line(cursor.replica, gap) for gap in gaps if gap.line != cursor.begun}

    def _spend(self, due: Iterable[_Due], keep: int) -> tuple[str, bool]:
        """The texts of those that leave ``keep`` bytes of the budget, whose cursors move; and if that was all."""
        out: list[str] = []
        left = self._left
        complete = True
        for each in due:
            if left is not None:
                left -= _utf8(each.text)
                if left < keep:
                    left += _utf8(each.text)
                    complete = False
                    break
            out.append(each.text)
            each.cursor.move(each.row)
        self._left = left
        return "".join(out), complete

    # -- at the end -----------------------------------------------------------------------------------

    def _rest(self) -> str:
        """All that has not been shown, if it fits into what is left; else "" and nothing has moved."""
        if self._left is not None and sum(cursor.waiting for cursor in self._cursors.values()) > self._left:
            return ""
        found: list[_Due] = []
        for cursor in self._cursors.values():
            scout = copy.copy(cursor)
            while scout.waiting:
                first, rows = scout.line, scout.rows(scout.waiting)
                if not rows and (last := scout.snapshot(now=True)):
                    rows = [last]
                found += self._lines(cursor, first, rows, timed=True)
                for row in rows:
                    scout.move(row)
        if self._left is not None and sum(_utf8(each.text) for each in found) > self._left:
            return ""
        found.sort(key=attrgetter("at"))
        return self._spend(found, 0)[0]

    def _ends(self, cursors: Sequence[LogCursor]) -> str:
        """Per replica a mark and its last lines, the room shared out evenly, but to none more than it needs."""
        if not cursors:
            return ""
        counts = {cursor: cursor.reader.line_at(cursor.end - 1) + 1 - cursor.line for cursor in cursors}
        room = (self._left or 0) - sum(_utf8(self._mark(counts[cursor], cursor.replica)) for cursor in cursors)
        if room < 0:
            many = f"{len(cursors)} replicas" if len(cursors) > 1 else str(cursors[0].replica)
            return self._said(f"... {sum(counts.values()):,} lines of {many}{self._command(None)} ...\n")
        ends: dict[LogCursor, str] = {}
        for done, cursor in enumerate(sorted(cursors, key=attrgetter("waiting"))):
            skipped, text = self._end(cursor, room // (len(cursors) - done), counts[cursor])
            room -= _utf8(text)
            ends[cursor] = (self._mark(skipped, cursor.replica) if skipped else "") + text
        return self._said("".join(ends[cursor] for cursor in cursors))

    def _end(self, cursor: LogCursor, room: int, count: int) -> tuple[int, str]:
        """(how many lines are left out, the last lines within ``room`` bytes)."""
        if room < 100:
            return count, ""
        skipped, raws = cursor.tail(room)
        lines = show(cursor.replica, b"\n".join(raws) + b"\n", self._label, self._origins).split("\n")[:-1]
        for line, text in self._gaps(cursor, cursor.line + skipped, len(lines)).items():
            lines[line - cursor.line - skipped] = text + lines[line - cursor.line - skipped]
        size = sum(_utf8(line) + 1 for line in lines)
        first = 0
        while first < len(lines) and size > room:
            size -= _utf8(lines[first]) + 1
            first += 1
        return skipped + first, "".join(line + "\n" for line in lines[first:])

    def _open_gaps(self) -> str:
        """Those that no line follows."""
        ends = [(each, each.reader.gaps(each.reader.lines, 1)) for each in self._cursors.values()]
        text = "".join(gap_line(cursor.replica, gap) for cursor, gaps in ends for gap in gaps)
        return text if self._left is None or _utf8(text) <= self._left else ""

    def _mark(self, count: int, replica: Replica) -> str:
        return f"... {count:,} {'line' if count == 1 else 'lines'} of {replica}{self._command(replica)} ...\n"

    def _command(self, replica: Replica | None) -> str:
        return f": {self._voice.logs(self._job, replica)}" if self._job else ""

    def _said(self, text: str) -> str:
        if self._left is not None:
            self._left -= _utf8(text)
        return text


def _utf8(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))
