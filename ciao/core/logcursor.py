"""How far one replica's log has been shown, and which lines come next.

A view needs whole lines, but a log ends anywhere: in the middle of a line, of a character, of a progress bar
that is drawn over itself with carriage returns. The cursor hands out whole lines at once and holds an
unterminated one back; when it stays so for a while, what it says by then is shown (a *snapshot*), each
snapshot of the same line after twice the former wait, so that a progress bar moves without flooding.
Memory: none of the log is kept.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from attrs import define, field

from ciao.core.logtext import RANK
from ciao.core.model import Replica
from ciao.core.ports import LogReader

LONGEST = 10_000  # bytes of one line that are shown: beyond it, its beginning and its end
_FIRST_WAIT, _LAST_WAIT = 8, 128  # in rounds: about one second and ten, at a view's ten rounds a second
_UNFINISHED = re.compile(rb"(?:[\xc2-\xdf]|[\xe0-\xef][\x80-\xbf]?|[\xf0-\xf4][\x80-\xbf]{0,2}|\x1b(?:\[[0-9;:?]*)?)\Z")


class Row(NamedTuple):  # one per line of a flood: a third of the cost of an attrs class
    """One line to show: ``raw`` without its newline, None when it adds nothing to what was shown.

    It takes ``size`` bytes of the log and ends the line unless ``whole`` is False.
    """

    raw: bytes | None
    size: int
    whole: bool = True


@define(eq=False)
class LogCursor:
    """``offset`` (bytes) and ``line`` are of what comes next; ``end`` is how far the log is known to go."""

    replica: Replica
    reader: LogReader
    offset: int = 0
    line: int = 0
    end: int = 0
    _inside: bool = field(default=False, init=False)  # a snapshot of the line at offset was shown
    _rank: bytes = field(default=b"", init=False)  # the mark of the rank that the line began with
    _rounds: int = field(default=0, init=False)
    _patience: int = field(default=_FIRST_WAIT, init=False)
    _held: int = field(default=-1, init=False)  # no newline between offset and here

    @property
    def waiting(self) -> int:
        """Bytes that have not been shown."""
        return self.end - self.offset

    @property
    def begun(self) -> int:
        """The number of the line of which a snapshot was shown; -1: none."""
        return self.line if self._inside else -1

    def rows(self, limit: int) -> list[Row]:
        """The next whole lines, about ``limit`` bytes of them, at least one if there is one. Moves nothing."""
        if self._held == self.end:
            return []
        data = self.reader.read(self.offset, min(max(limit, LONGEST + 1), self.waiting))
        cut = data.rfind(b"\n")
        if cut < 0:
            return self._long_line(len(data))
        lines = data[:cut].split(b"\n")
        found = [Row(raw if len(raw) <= LONGEST else _shortened(raw), len(raw) + 1) for raw in lines]
        if self._inside:
            found[0] = Row(self._continued(found[0].raw or b""), found[0].size)
        return found

    def snapshot(self, *, now: bool = False) -> Row | None:
        """One more round has passed: the unterminated line as it stands, when it is time for it (or ``now``)."""
        if not self.waiting or self._held != self.end:
            return None
        self._rounds += 1
        if not now and self._rounds < self._patience:
            return None
        raw = self._between(self.offset, self.end)
        size = self.waiting
        unfinished = None if now else _UNFINISHED.search(raw)
        if unfinished and unfinished.start():
            raw, size = raw[: unfinished.start()], size - len(unfinished[0])
        self._rounds, self._patience = 0, min(2 * self._patience, _LAST_WAIT)
        if not self._inside:
            self._rank = _rank(raw)
        return Row(self._continued(raw) if self._inside else raw, size, whole=now)

    def move(self, row: Row) -> None:
        """The row was shown."""
        self.offset += row.size
        self._inside = not row.whole
        self._held = self.offset if self._inside else -1
        if row.whole:
            self.line += 1
            self._rounds, self._patience = 0, _FIRST_WAIT

    def tail(self, room: int) -> tuple[int, list[bytes]]:
        """(how many lines to leave out, the lines after them): the whole lines in the last ``room`` bytes.

        When the last line alone is longer, its end stands for it.
        """
        start, first = max(self.offset, self.end - room), self.line
        if start > self.offset:
            first = self.reader.line_at(start - 1) + 1
            start = self.reader.offset_of(first)
        if start >= self.end:
            last = self.reader.read(self.end - room // 4, room // 4).removesuffix(b"\n")
            return max(0, first - 1 - self.line), [b"... " + last]  # a quarter: harmless characters may be longer
        data = self.reader.read(start, self.end - start)
        lines = data.removesuffix(b"\n").split(b"\n")
        if self._inside and start == self.offset:
            lines[0] = self._continued(lines[0]) or b""
        return first - self.line, lines

    def _long_line(self, seen: int) -> list[Row]:
        """No newline within reach: a very long line, or one that has not ended yet."""
        if seen < self.waiting:
            end = min(self.reader.offset_of(self.line + 1), self.end)
            if self.reader.read(end - 1, 1) == b"\n":
                raw = self._between(self.offset, end - 1)
                return [Row(self._continued(raw) if self._inside else raw, end - self.offset)]
        self._held = self.end
        return []

    def _continued(self, raw: bytes) -> bytes | None:
        """What a line added since its snapshot: a bar drawn anew stands for itself, more text is marked as such."""
        if not raw.strip(b"\r"):
            return None
        return self._rank + (raw if b"\r" in raw.rstrip(b"\r") else b"\xe2\x80\xa6" + raw)

    def _between(self, start: int, end: int) -> bytes:
        if end - start <= LONGEST:
            return self.reader.read(start, end - start)
        last = self.reader.read(end - LONGEST // 2, LONGEST // 2)
        return _joined(self.reader.read(start, LONGEST // 2), end - start, last)


def _shortened(raw: bytes) -> bytes:
    return _joined(raw[: LONGEST // 2], len(raw), raw[-(LONGEST // 2) :])


def _joined(first: bytes, size: int, last: bytes) -> bytes:
    """A very long line: its end alone when that draws over what was before, else beginning and end."""
    if b"\r" in last.rstrip(b"\r"):
        return _rank(first) + last[last.index(b"\r") + 1 :]
    return b"%b ... %d bytes ... %b" % (first, size - len(first) - len(last), last)


def _rank(raw: bytes) -> bytes:
    mark = RANK.match(raw)
    return mark[0] if mark else b""
