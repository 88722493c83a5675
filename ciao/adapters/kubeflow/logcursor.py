"""Every line of a container's log exactly once, out of any number of reads that each may begin and end anywhere.

What a read of the log API is (``pods/log`` with ``timestamps=true``; the kubelet's log reader, section E of
kubeflow-contracts). The runtime appends entries to a file: a time, a stream, full or part (it cuts lines at 16 KiB,
and ends a log without newline in a part), text. A read gives the entries of the *current* file from ``sinceTime`` on
(whole seconds), in the file's order. A line begins with the time of its first part; later parts follow without one, so
the cuts at 16 KiB cannot be seen. The file is renamed away when it is large (rotation): a new read sees only the new
one. A read ends, or breaks, anywhere, even within a line, and its end says nothing about the log's.

Theory. What was received is a beginning of the log. Then, since files only grow at their end:

1. ``since`` = the horizon (``logreceived``), cut to its second: whatever a read leaves out has been received.
2. What has been received is a beginning of what the next read gives: the lines up to the horizon and the recent ones.
   The first line that is neither ends it; all after that are new.
3. When that beginning is not empty, the file reaches back to a line that we have: nothing is missing. When it is empty,
   the file was rotated after our last line, and lines may be missing: a ``Gap``, with the times on both sides. When it
   is empty but the first new line is the half line that a read ended in, nothing is missing either, because that half
   came after what was received (else the gap was marked before it).
4. The log is complete when the container had ended before a read began, and that read showed something received (or
   there never was anything) and brought nothing that the ones before had not.

A line is given once it is whole. A half line at a read's end is forgotten: the next read brings the whole. Only two
things give it as it is: the log is complete, or its rest was lost in a gap. A line longer than ``HOLD`` is given in
pieces, and a later read goes on after the last piece.
A line without a time among what had been received is the rest of a line that began before ``since``, so it is dropped;
elsewhere it is not the container's (the kubelet writes its own errors between the lines): ``Stray``.

What is assumed, and cannot be checked from here: a line is not stamped earlier than ``logreceived`` says, so the
node's clock is not set back (lines of that span would come twice, or, if it was between two reads, not at all); no
line behind a rotation has the time of one before it (if both are whole, they may differ in their texts); rotation does
not cut within a line longer than 16 KiB (its rest would be a line of its own); of a log of which nothing was read
yet, the beginning is there when the first line comes; within one read the kubelet loses nothing (where it may,
``logpace`` ends the read).
"""

from __future__ import annotations

from bisect import bisect_right
from collections import deque

from attrs import define, field

from ciao.adapters.kubeflow.logpieces import Gap, Piece, Stray, Text
from ciao.adapters.kubeflow.logreceived import KEY, Position, Received, key_of
from ciao.adapters.kubeflow.stamps import SECOND, column, could_begin, stamped

HOLD = 1 << 16
"""Bytes of an unfinished line that are kept back."""
_RUN = 100_000_000  # nanoseconds that lines of one Text are apart at most
_STRAY = 4096  # bytes of a stray text that are kept


@define
class _Long:
    """A line longer than HOLD that is being read: its time, its first bytes; ``seen`` bytes of its text so far."""

    at: int
    head: bytes
    seen: int = 0


@define(eq=False)
class LogCursor:
    """One container instance's log. Call ``begin``, ``feed`` …, ``end`` for each read, in this order.

    ``fresh``: the present read has brought something new. ``holds``: the last one has shown something that had been
    received, or that there is nothing at all. ``complete``: there is nothing more to read.
    """

    _received: Received
    _begun: int | None
    _given: int
    fresh: bool = False
    holds: bool = False
    complete: bool = False
    # of the present read:
    _half: bytes = b""  # the unfinished line, with its time
    _long: _Long | None = None  # an unfinished line that is longer
    _skips: bool = False  # within a long line that is not to be given
    _behind: bool = True  # all that it gave so far had been received
    _overlap: bool = False  # it gave something that had been received
    _opening: bytes | None = None  # what stood before its first line
    _strays: bool = False
    # of the reads before:
    _left: bytes = b""  # the half line that they ended in
    _out: list[Piece] = field(factory=list)

    @classmethod
    def at(cls, position: Position | None = None) -> LogCursor:
        """A cursor that goes on from a position; None: at the beginning of a log of which nothing was read."""
        where = position or Position()
        return cls(Received(where.horizon, where.latest, deque(where.recent)), where.begun, where.given)

    @property
    def position(self) -> Position:
        """Behind what ``feed`` and ``end`` have returned."""
        received = self._received
        return Position(received.horizon, received.latest, received.recent, self._begun, self._given)

    @property
    def since(self) -> int | None:
        """What to ask for: whole seconds since the epoch; None: from the log's beginning."""
        return None if self._received.horizon is None else max(0, self._received.horizon) // SECOND

    def begin(self) -> None:
        """A read begins, of what comes after ``since``."""
        self._half, self._long, self._opening = b"", None, None
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
        if self._half and stamped(self._half) is None and not could_begin(self._half):
            self._unstamped(self._half)
            self._half = b""
        if self._opening is not None and not cut:
            self._stray(self._opening)
        self.holds = self._shows()
        if terminated and not cut and self.holds and not self.fresh and self._half == self._left:
            self._release(self._half)
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
            new = self._received.known(times, lines)
            self._hold(new > 0)
            if new == len(lines):
                return
            lines, times = lines[new:], times[new:]
        texts = [line[width:] for line in lines]
        if self._behind:
            texts[0] = texts[0][self._enter(times[0], lines[0]) :]
            self._begun, self._given = None, 0
        self._received.add(times, lines)
        self._say(times, texts)

    def _say(self, times: list[int], texts: list[bytes]) -> None:
        self.fresh = True
        begin = 0
        while begin < len(texts):
            until = times[begin] + _RUN
            end = len(texts) if times[-1] <= until else max(begin + 1, bisect_right(times, until, begin))
            self._out.append(Text(times[begin], b"\n".join(texts[begin:end]) + b"\n"))
            begin = end

    def _enter(self, at: int, line: bytes) -> int:
        """The first new line of a read: mark the gap before it, if there may be one; how much of it was given."""
        goes_on = self._goes_on(at, line)
        self._behind = False
        if self._begun == key_of(at, line):
            self._overlap = True
            return self._given
        if not goes_on:
            self._gap(at)
        self._begun, self._given, self._left = None, 0, b""
        return 0

    def _keep_half(self) -> None:
        """The read ended within a line."""
        found = stamped(self._half)
        if found is None or (self._behind and self._received.may_know(found[0])) or self._left.startswith(self._half):
            return
        if self._behind and not self._goes_on(found[0], self._half):
            self._gap(found[0])
        self._left = self._half

    def _goes_on(self, at: int, line: bytes) -> bool:
        """The new line, or the half of it that there is, is the next one after those that are received."""
        if self._begun is not None:
            return self._begun >> 32 == at
        if self._overlap:
            return True
        return line.startswith(self._left) if self._left else self._received.horizon is None

    def _gap(self, before: int | None) -> None:
        after = self._received.latest
        if self._begun is not None:
            after = self._begun >> 32
        elif half := stamped(self._left):
            after = half[0]
            self._release(self._left)
        self._begun, self._given, self._left = None, 0, b""
        self._out.append(Gap(after, before))

    def _release(self, half: bytes) -> None:
        """A line that will not become whole."""
        found = stamped(half)
        if found is not None:
            at, start = found
            begun = self._begun is not None and self._begun >> 32 == at
            text = half[start + (self._given if begun else 0) :]
            if text:
                self._out.append(Text(at, text))

    # -- what is no line -------------------------------------------------------------------------

    def _unstamped(self, line: bytes) -> None:
        if not self._behind or self._received.horizon is None:
            self._stray(line)
        elif not self._overlap and self._opening is None:
            self._opening = line[:_STRAY]

    def _hold(self, overlap: bool) -> None:
        """A line has come in a read that had brought nothing new; ``overlap``: one that had been received."""
        if self._opening is not None and not overlap:
            self._stray(self._opening)
        self._opening = None
        self._overlap = self._overlap or overlap

    def _stray(self, text: bytes) -> None:
        self._strays, self._opening = True, None
        self._out.append(Stray(text[:_STRAY]))

    def _shows(self) -> bool:
        """The read has shown something that we have, or there is nothing at all."""
        if self._overlap or stamped(self._half) is not None:
            return True
        nothing = self._received.horizon is None and self._begun is None
        return nothing and not self._half and not self._strays

    # -- a line that is longer than what is held back --------------------------------------------

    def _start_long(self) -> None:
        half, self._half = self._half, b""
        found = stamped(half)
        if found is None:
            self._skips = True
            self._unstamped(half)
            return
        at, start = found
        if self._behind:
            known = self._received.known([at], [half]) > 0
            self._hold(known)
            if known:
                self._skips = True
                return
            self._enter(at, half)
        key = key_of(at, half)
        if self._begun != key:
            self._begun, self._given = key, 0
        self._long = _Long(at, half[:KEY])
        self._give(half[start:])

    def _give(self, text: bytes) -> None:
        """More of the long line's text; what of it was given by a former read is not given again."""
        assert self._long is not None
        self._long.seen += len(text)
        new = min(len(text), self._long.seen - self._given)
        if new > 0:
            self._given += new
            self.fresh = True
            self._out.append(Text(self._long.at, text[len(text) - new :]))

    def _go_on(self, data: bytes) -> bytes:
        """The next bytes of a long line; what follows it."""
        text, newline, rest = data.partition(b"\n")
        if self._long is not None:
            self._give(text)
            if newline:
                self._out.append(Text(self._long.at, newline))
                self._received.add([self._long.at], [self._long.head])
                self._begun, self._given, self.fresh = None, 0, True
        if newline:
            self._long, self._skips = None, False
        return rest

    def _taken(self) -> list[Piece]:
        out, self._out = self._out, []
        return out
