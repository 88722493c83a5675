"""A log in memory that grows in front of its reader: LogReader's promises, kept the slow and obvious way."""

from __future__ import annotations

from attrs import Factory, define

from ciao.core.events import LogChunk
from ciao.core.model import Replica
from ciao.core.ports import LogGap


@define
class GrowingLog:
    replica: Replica
    data: bytes = b""
    times: list[float] = Factory(list)  # one per byte
    lost: list[tuple[int, float]] = Factory(list)  # before which line, since when
    closed: bool = False

    def append(self, piece: bytes, at: float) -> LogChunk:
        offset, first = self.size, max(0, self.lines - (not self.data.endswith(b"\n")))
        self.data += piece
        self.times += [at] * len(piece)
        return LogChunk(self.replica, first, self.lines - first, offset, self.size)

    @property
    def size(self) -> int:
        return len(self.data)

    @property
    def lines(self) -> int:
        return len(self._begins())

    def read(self, offset: int, limit: int) -> bytes:
        return self.data[offset : offset + limit]

    def offset_of(self, line: int) -> int:
        begins = self._begins()
        return begins[line] if line < len(begins) else self.size

    def line_at(self, offset: int) -> int:
        return self.data[:offset].count(b"\n")

    def since(self, at: float) -> int:
        return next((n for n, begin in enumerate(self._begins()) if self.times[begin] >= at), self.lines)

    def stamps(self, first: int, count: int) -> tuple[float, ...]:
        return tuple(self.times[begin] for begin in self._begins()[first : first + count])

    def gaps(self, first: int, count: int) -> tuple[LogGap, ...]:
        stamps = self.stamps(0, self.lines)
        return tuple(
            LogGap(line, after, stamps[line] if line < self.lines else None)
            for line, after in self.lost
            if first <= line < first + count
        )

    def trouble(self) -> str:
        return ""

    def close(self) -> None:
        self.closed = True

    def _begins(self) -> list[int]:
        return [0, *(at + 1 for at, byte in enumerate(self.data[:-1]) if byte == 10)] if self.data else []
