"""From what a cursor gives to a replica's log: bytes appended, chunks and gaps told, the cursor's position kept.

The position is kept beside the log, with the log's size, after every batch. A process that was killed between the two
has appended more than it kept; whoever goes on from the position is given those bytes once more, and leaves them out as
far as they are what the log has.

So it is when the mark is lost: then all that the log has may come once more, or none of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from attrs import define, field

from ciao.adapters.kubeflow.logs.logmark import Mark
from ciao.adapters.kubeflow.logs.logpieces import Gap, Piece, Stray, Text
from ciao.adapters.kubeflow.logs.logreceived import Position
from ciao.adapters.kubeflow.seen.stamps import SECOND
from ciao.core.events import LogChunk, LogTrouble, Observation, joined
from ciao.core.logtext import missing
from ciao.core.model import Replica
from ciao.core.ports import LogWriter

_STRAYS = 8
"""So many different texts of the kubelet's are told."""


@define(eq=False)
class LogSink:
    """One replica's log. ``tell`` hears one LogChunk for each batch, and LogTrouble; ``now`` is the clock's.

    ``over``: the log of the present container is complete, or lost; ``open``: what is appended is not dropped.
    """

    _writer: LogWriter
    _replica: Replica
    _tell: Callable[[Observation], None]
    _now: Callable[[], float]
    over: bool = False
    open: bool = True
    _container: str = ""
    _unkept: int | None = None  # where the bytes begin that are in the log, and will come once more
    _passed: Gap | None = None  # the last one that came among them: marked already, if they do come
    _chunk: LogChunk | None = None
    _strays: set[bytes] = field(factory=set)

    def resume(self, container: str) -> Position | None:
        """Where to go on in the log of this container instance (its id); None: at its beginning."""
        text, size = self._writer.kept(self._replica)
        mark, actual = Mark.load(text), self._writer.size(self._replica)
        self._container, self._unkept, self._passed, self.over = container, None, None, False
        if mark is None and actual:
            self._unkept = 0
            return None
        if mark is not None and (actual < size or not (mark.over or mark.container == container)):
            # The machine went down with some of it, or the rest of the former container's is gone.
            self._gap(Gap(mark.position.latest, None))
        if mark is None or mark.container != container:
            self._keep(Position())
            return None
        self.over = mark.over
        if actual > size:
            self._unkept = size
        elif actual < size:
            self._keep(mark.position)
        return mark.position

    def take(self, pieces: Iterable[Piece], position: Position, *, over: bool = False) -> None:
        """One batch; ``position`` is behind it. ``over``: nothing comes any more."""
        for piece in pieces:
            match piece:
                case Text(at, data):
                    self._append(self._new(data), at / SECOND)
                case Gap():
                    self._gap(piece)
                case Stray(data):
                    self._stray(data)
        if over and self._passed is not None:
            self._not_again()
        self._tell_chunk()
        self.over = over
        if self.open and (self._unkept is None or over):
            self._keep(position)

    def trouble(self, message: str) -> None:
        """Something is wrong with the log here."""
        self._tell_chunk()
        self._tell(LogTrouble(self._replica, message, self._now()))

    def _append(self, data: bytes, at: float) -> None:
        where = self._writer.append(self._replica, data, at) if data else None
        if where is not None:
            chunk = LogChunk(self._replica, *where)
            self._chunk = chunk if self._chunk is None else joined(self._chunk, chunk)
        why = self._writer.trouble(self._replica)
        if why and self.open:
            self.open = False
            self.trouble(why)

    def _new(self, data: bytes) -> bytes:
        """What of it is not in the log yet."""
        if self._unkept is None:
            return data
        known = self._writer.read(self._replica, self._unkept, len(data))
        if not data.startswith(known) and self._has_break(self._unkept):
            self._unkept += 1
            known = self._writer.read(self._replica, self._unkept, len(data))
        if not known or not data.startswith(known):
            self._not_again()
            return data[_same_lines(known, data) :]
        self._unkept += len(known)
        if self._unkept >= self._writer.size(self._replica):
            self._unkept = self._passed = None
        return data[len(known) :]

    def _not_again(self) -> None:
        """What the log has there has not come again, so something may be missing behind it."""
        gap, self._unkept, self._passed = self._passed or Gap(None, None), None, None
        self._gap(gap)

    def _gap(self, gap: Gap) -> None:
        if self._unkept is not None:
            self._passed = gap
            return
        after = None if gap.after is None else gap.after / SECOND
        before = None if gap.before is None else gap.before / SECOND
        at = after if after is not None else before if before is not None else self._now()
        self._writer.gap(self._replica, at)
        self.trouble(missing(after, before))

    def _has_break(self, place: int) -> bool:
        """There stands the newline with which the writer ends a line at a gap, and more behind it."""
        around = self._writer.read(self._replica, max(0, place - 1), 3)
        return place > 0 and len(around) == 3 and around[:1] != b"\n" and around[1:2] == b"\n"

    def _stray(self, data: bytes) -> None:
        if data not in self._strays and len(self._strays) < _STRAYS:
            self._strays.add(data)
            self.trouble(f"its node says: {data.decode('utf-8', 'replace').strip()}")

    def _tell_chunk(self) -> None:
        chunk, self._chunk = self._chunk, None
        if chunk is not None:
            self._tell(chunk)

    def _keep(self, position: Position) -> None:
        self._writer.keep(self._replica, Mark(self._container, position, self.over).dump())


def _same_lines(one: bytes, other: bytes) -> int:
    """The size of the lines that both begin with."""
    size = 0
    for here, there in zip(one.split(b"\n")[:-1], other.split(b"\n")[:-1], strict=False):
        if here != there:
            break
        size += len(here) + 1
    return size
