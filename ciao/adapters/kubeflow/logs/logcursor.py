"""Every line of a container's log exactly once, out of any number of reads that each may begin and end anywhere.

Theory. What was received is a beginning of the log (``logpieces`` says what a read brings). Then, since files only grow
at their end:

1. ``since`` = the horizon (``logreceived``), cut to its second: whatever a read leaves out has been received.
2. What has been received is a beginning of what the next read gives: the lines up to the horizon and the recent ones.
   The first line that is neither ends it; all after that are new. (But a first line before received ones is the rest
   of one that was cut by rotation, and came as one piece when it was followed.)
3. When that beginning is not empty, the file reaches back to a line that we have: nothing is missing. When it is
   empty, the file was rotated after our last line, and lines may be missing: a ``Gap``, with the times on both sides.
   Nothing is missing either when it is empty, but
   a. the first new line is the half line that a read ended in: that came after what was received (else the gap was
      marked before it), or
   b. a read had come to its end, the container having ended (a *seam*: the kubelet ends a followed read only at the
      end of the file that it has open), and the first new line is not ``SEAM`` later. Then no further file can have
      been between, and a half line that the old file ended in goes on in the new one.
4. The log is complete when the container had ended before a read began, and that read showed something received (or
   there never was anything, or, behind a seam, the file is empty) and brought nothing that the ones before had not.

A line is given once it is whole. A half line at a read's end is forgotten: the next read brings the whole. Only three
things give it as it is: the log is complete, or its rest was lost in a gap, or goes on behind a seam. A line longer
than ``HOLD`` is given in pieces, and a later read goes on after the last piece.
A line without a time among what had been received is the rest of a line that began before ``since``, so it is dropped;
elsewhere it is not the container's (the kubelet writes its own errors between the lines): ``Stray``.

What is assumed, and cannot be checked from here: a line is not stamped earlier than ``logreceived`` says, so the
node's clock is not set back (lines of that span would come twice, or, if it was between two reads, not at all); no
line behind a rotation has the time of one before it (if both are whole, they may differ in their texts); of a log of
which nothing was read yet, the beginning is there when the first line comes; within one read the kubelet loses nothing
(where it may, ``logpace`` ends the read).
"""

from __future__ import annotations

from bisect import bisect_right
from collections import deque

from attrs import define, field

from ciao.adapters.kubeflow.logs.logpieces import Gap, Piece, Stray, Text
from ciao.adapters.kubeflow.logs.logreceived import KEY, Position, Received, key_of
from ciao.adapters.kubeflow.logs.logunfinished import LongLine, Unfinished
from ciao.adapters.kubeflow.seen.stamps import SECOND, column, could_begin, stamped

HOLD = 1 << 16
"""Bytes of an unfinished line that are kept back."""
SEAM = 100_000_000
"""Nanoseconds. Kubelets rotate every ten seconds, or three at least."""
_RUN = 100_000_000  # nanoseconds that lines of one Text are apart at most
_STRAY = 4096  # bytes of a stray text that are kept


@define(eq=False)
class LogCursor:
    """One container instance's log. Call ``begin``, ``feed`` …, ``end`` for each read, in this order.

    ``fresh``: the present read has brought something new. ``holds``: the last one has shown something that had been
    received, or that there is nothing at all. ``complete``: there is nothing more to read.
    """

    _received: Received
    _open: Unfinished
    fresh: bool = False
    holds: bool = False
    complete: bool = False
    # of the present read:
    _half: bytes = b""  # the unfinished line, with its time
    _long: LongLine | None = None  # an unfinished line that is longer
    _skips: bool = False  # within a long line that is not to be given
    _behind: bool = True  # all that it gave so far had been received
    _overlap: bool = False  # it gave something that had been received
    _first: tuple[list[int], list[bytes], int] | None = None  # its first line, which may be the rest of an old one
    _opening: bytes | None = None  # what stood before its first line
    _strays: bool = False
    _seam: bool = False
    _tail: bool = False
    _out: list[Piece] = field(factory=list)

    @classmethod
    def at(cls, position: Position | None = None) -> LogCursor:
        """A cursor that goes on from a position; None: at the beginning of a log of which nothing was read."""
        where = position or Position()
        received = Received(where.horizon, where.latest, deque(where.recent))
        return cls(received, Unfinished(where.begun, where.given))

    @property
    def position(self) -> Position:
        """Behind what ``feed`` and ``end`` have returned."""
        received, unfinished = self._received, self._open
        return Position(received.horizon, received.latest, received.recent, unfinished.begun, unfinished.given)

    @property
    def overlaps(self) -> bool:
        """The present read has shown something that had been received: nothing can be missing between."""
        return self._overlap

    @property
    def since(self) -> int | None:
        """What to ask for: whole seconds since the epoch; None: from the log's beginning."""
        return None if self._received.horizon is None else max(0, self._received.horizon) // SECOND

    def scout(self) -> LogCursor:
        """Another one at the same place, to see with what a read that may begin anywhere brings."""
        scout = LogCursor.at(self.position)
        scout._open.half = self._open.half
        return scout

    def begin(self, *, seam: bool = False, tail: bool = False) -> None:
        """A read begins, of what comes after ``since``; ``tail``: of the last lines of that.

        ``seam``: the last read came to its own end, and the container had ended.
        """
        self._half, self._long, self._first, self._opening, self._seam = b"", None, None, None, seam
        self._tail = tail
        self._behind, self._overlap, self._skips, self._strays, self.fresh = True, False, False, False, False
        self._received.expect()

    def feed(self, data: bytes) -> list[Piece]:
        """Some more bytes of the read, cut anywhere; what of it is new."""
        if self._long is not None or self._skips:
            data = self._go_on(data)
        lines = (self._half + data).split(b"\n")
        self._half = lines.pop()
        if lines:
            self._lines(lines)
        if len(self._half) > HOLD:
            self._start_long()
        return self._taken()

    def end(self, *, cut: bool = False, terminated: bool = False) -> list[Piece]:
        """The read has ended: what is still due.

        ``cut``: not by itself. ``terminated``: the container had ended before this read began.
        """
        self._meet(known=False)
        if self._half and stamped(self._half) is None and not could_begin(self._half):
            self._unstamped(self._half)
            self._half = b""
        if self._opening is not None and not cut:
            self._stray(self._opening)
        emptied = self._seam and not cut and self._is_empty()
        self.holds = emptied or self._shows()
        if terminated and not cut and self.holds and not self.fresh and (emptied or self._half == self._open.half):
            self._give(self._open.rest_of(self._open.half))
            self.complete = True
        elif self._half:
            self._keep_half()
        self._half, self._long, self._skips = b"", None, False
        return self._taken()

    def lost(self) -> list[Piece]:
        """After ``end``, when no read is possible any more (the pod is gone): the half line, and the gap."""
        self._gap(None)
        return self._taken()

    # -- lines -----------------------------------------------------------------------------------

    def _lines(self, lines: list[bytes]) -> None:
        found = column(lines)
        if found is None:
            if len(lines) == 1:
                self._unstamped(lines[0])
            else:
                for line in lines:
                    self._lines([line])
            return
        times, width = found
        if self._behind:
            old = self._old(times, lines, width)
            lines, times = lines[old:], times[old:]
        if lines:
            self._new(times, lines, width)

    def _old(self, times: list[int], lines: list[bytes], width: int) -> int:
        """How many of these lines, with which the read goes on, are not new, or not known to be."""
        known = self._received.known(times, lines)
        if not known and not self._overlap and self._first is None and self._received.is_near(times[0]):
            if len(lines) == 1:
                self._first = times, lines, width
                return 1
            rest = self._received.known(times[1:], lines[1:])
            known = rest + 1 if rest else 0
        self._meet(known=known > 0)
        self._hold(overlap=known > 0)
        return known

    def _meet(self, *, known: bool) -> None:
        """The line behind the first one is ``known``, so the first one is the rest of a line that is; or it is new."""
        first, self._first = self._first, None
        if first is not None and not known:
            self._hold(overlap=False)
            self._new(*first)

    def _new(self, times: list[int], lines: list[bytes], width: int) -> None:
        texts = [line[width:] for line in lines]
        if self._behind:
            texts[0] = texts[0][self._enter(times[0], lines[0]) :]
            self._open.forget()
        self._received.add(times, lines)
        self._say(times, texts)

    def _say(self, times: list[int], texts: list[bytes]) -> None:
        begin = 0
        while begin < len(texts):
            until = times[begin] + _RUN
            end = len(texts) if times[-1] <= until else max(begin + 1, bisect_right(times, until, begin))
            self._give(Text(times[begin], b"\n".join(texts[begin:end]) + b"\n"))
            begin = end

    def _give(self, text: Text | None) -> None:
        if text is not None:
            self.fresh = True
            self._out.append(text)

    # -- between reads ---------------------------------------------------------------------------

    def _enter(self, at: int, line: bytes) -> int:
        """The first new line of a read: mark the gap before it, if there may be one; how much of it was given."""
        self._join(at, line)
        self._behind = False
        given = self._open.given_of(at, line)
        if given:
            self._overlap = True
        else:
            self._open.forget()
        return given

    def _join(self, at: int, line: bytes) -> None:
        """Before a new line, or the half of one: the gap, or what goes on in it."""
        unfinished, nothing = self._open, self._received.horizon is None
        if unfinished.is_in(at, line) or (self._overlap and unfinished.begun is None) or (nothing and not unfinished):
            return
        after = unfinished.at if unfinished else self._received.latest
        if self._seam and not self._tail and after is not None and abs(at - after) <= SEAM:
            self._give(unfinished.rest_of(unfinished.half))
            unfinished.forget()
        else:
            self._gap(at)

    def _keep_half(self) -> None:
        """The read ended within a line."""
        found, unfinished = stamped(self._half), self._open
        if found is None or (self._behind and self._received.may_know(found[0])):
            return
        if unfinished.half.startswith(self._half):
            return  # it ended earlier in it than a former one
        if self._behind:
            self._join(found[0], self._half)
        unfinished.half = self._half

    def _gap(self, before: int | None) -> None:
        after = self._open.at if self._open else self._received.latest
        self._give(self._open.rest_of(self._open.half))
        self._open.forget()
        self._out.append(Gap(after, before))

    # -- what is no line -------------------------------------------------------------------------

    def _unstamped(self, line: bytes) -> None:
        if not self._behind or self._received.horizon is None:
            self._stray(line)
        elif not self._overlap and self._opening is None:
            self._opening = line[:_STRAY]

    def _hold(self, *, overlap: bool) -> None:
        """A line has come in a read that had brought nothing new; ``overlap``: one that had been received."""
        if self._opening is not None and not overlap:
            self._stray(self._opening)
        self._opening = None
        self._overlap = self._overlap or overlap

    def _stray(self, text: bytes) -> None:
        self._strays, self._opening = True, None
        self._out.append(Stray(text[:_STRAY]))

    def _is_empty(self) -> bool:
        """The read has shown nothing at all."""
        return self._behind and not (self._overlap or self._half or self._strays or self._opening is not None)

    def _shows(self) -> bool:
        """The read has shown something that we have, or there is nothing at all."""
        if self._overlap or stamped(self._half) is not None:
            return True
        return self._received.horizon is None and not self._open and not self._half and not self._strays

    # -- a line that is longer than what is held back --------------------------------------------

    def _start_long(self) -> None:
        half, self._half = self._half, b""
        found = stamped(half)
        if found is None:
            self._skips = True
            self._unstamped(half)
            return
        at, start = found
        if self._behind and self._old([at], [half], start) and self._first is None:
            self._skips = True
            return
        self._first = None
        if self._behind:
            self._enter(at, half)
        if not self._open.given_of(at, half):
            self._open = Unfinished(key_of(at, half))
        self._long = LongLine(at, half[:KEY])
        self._give(self._long.more(half[start:], self._open))

    def _go_on(self, data: bytes) -> bytes:
        """The next bytes of a long line; what follows it."""
        text, newline, rest = data.partition(b"\n")
        if self._long is not None:
            self._give(self._long.more(text, self._open))
            if newline:
                self._give(Text(self._long.at, newline))
                self._received.add([self._long.at], [self._long.head])
                self._open.forget()
        if newline:
            self._long, self._skips = None, False
        return rest

    def _taken(self) -> list[Piece]:
        out, self._out = self._out, []
        return out
