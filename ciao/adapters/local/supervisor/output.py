r"""What one replica prints: from its pipes into its log, and how far that log has grown.

Under torchrun each rank has a pipe of its own. A log is one file, so a rank's line begins with
``\x1e<rank>\x1e`` there, and pieces of lines wait until their line is whole: no line is ever made of
two ranks' bytes. A piece that stays unfinished for ``PATIENCE`` becomes a line.
"""

from __future__ import annotations

import os
from collections.abc import Callable

from ciao.adapters.jobstore.logfile import LogFileWriter

Growth = tuple[int, int, int, int]

READ = 1 << 18
"""Bytes of one read: what a core's cache holds while it is counted and written."""
PATIENCE = 0.25
"""Seconds that a rank's unfinished line waits for its rest."""
_LONGEST = 1 << 16


class Output:
    """One replica's pipes and its log. ``open``: the pipes that are not at their end; ``end``: the log's size.

    ``grown`` is called with (first line, count, offset, end) of every chunk, ``troubled`` once with why the
    log is incomplete.
    """

    def __init__(
        self,
        log: LogFileWriter,
        marks: dict[int, bytes],
        grown: Callable[[Growth], None],
        troubled: Callable[[str], None],
    ) -> None:
        self._log, self._grown, self._troubled = log, grown, troubled
        self._marked = {pipe: Lines(mark) for pipe, mark in marks.items()} if len(marks) > 1 else {}
        self._said = False
        self.open = set(marks)
        self.check()

    def read(self, pipe: int, at: float, now: float) -> int:
        """One read; the number of bytes, 0 when there is nothing now. At its end the pipe leaves ``open``."""
        try:
            data = os.read(pipe, READ)
        except BlockingIOError:
            return 0
        if not data:
            self.open.discard(pipe)
            return 0
        lines = self._marked.get(pipe)
        self._append(lines.feed(data, now) if lines else data, at)
        return len(data)

    def flush(self, at: float, now: float) -> float | None:
        """Write unfinished lines that have waited enough; when to ask again (monotonic), None: need not."""
        for lines in self._marked.values():
            if lines.since is not None and now - lines.since >= PATIENCE:
                self._append(lines.flush(), at)
        return min((lines.since + PATIENCE for lines in self._marked.values() if lines.since is not None), default=None)

    def close(self, at: float) -> None:
        """What is unfinished is written; nothing is read any more."""
        for lines in self._marked.values():
            self._append(lines.flush(), at)
        self._log.close()

    def check(self) -> None:
        """Say what is wrong with the log, once."""
        if self._log.trouble and not self._said:
            self._said = True
            self._troubled(self._log.trouble)

    def _append(self, data: bytes, at: float) -> None:
        if data:
            chunk = self._log.append(data, at)
            if chunk is not None:
                self._grown(chunk)
            self.check()


class Lines:
    """Bytes of one pipe made into whole lines, each behind its mark. ``since``: when a piece began to wait."""

    def __init__(self, mark: bytes) -> None:
        self._mark, self._rest = mark, b""
        self.since: float | None = None

    def feed(self, data: bytes, now: float) -> bytes:
        """The whole lines that there are now."""
        whole, newline, rest = (self._rest + data).rpartition(b"\n")
        if rest and (newline or self.since is None):
            self.since = now
        self._rest = rest
        out = self._mark + whole.replace(b"\n", b"\n" + self._mark) + b"\n" if newline else b""
        if len(rest) > _LONGEST:
            out += self.flush()
        elif not rest:
            self.since = None
        return out

    def flush(self) -> bytes:
        """The unfinished piece as a line; b"" when there is none."""
        rest, self._rest, self.since = self._rest, b"", None
        return self._mark + rest + b"\n" if rest else b""
