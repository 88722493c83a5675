"""From what a cursor gives to the job's log: bytes appended, chunks and gaps told, the cursor's position kept.

The position is kept beside the log with the log's size at that moment. A process that was killed may have appended more
than that; whoever goes on from the position is given those bytes again, and leaves out just as many.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from datetime import UTC, datetime

from attrs import asdict, define, field

from ciao.adapters.kubeflow.logpieces import Gap, Piece, Stray, Text
from ciao.adapters.kubeflow.logreceived import Position
from ciao.adapters.kubeflow.stamps import SECOND
from ciao.core.events import LogChunk, LogTrouble, Observation
from ciao.core.model import Replica
from ciao.core.ports import LogWriter


@define(eq=False)
class LogSink:
    """One replica's log. ``tell`` hears LogChunk and LogTrouble; ``now`` is the clock's."""

    _writer: LogWriter
    _replica: Replica
    _tell: Callable[[Observation], None]
    _now: Callable[[], float]
    _container: str = ""
    _again: int = 0  # bytes that are in the log already, and come once more
    _stopped: bool = False
    _strays: set[bytes] = field(factory=set)

    def resume(self, container: str) -> Position | None:
        """Where to go on in the log of this container instance (its id); None: at its beginning."""
        self._container, self._again = container, 0
        mark, size = self._writer.kept(self._replica)
        if not mark:
            return None
        found = json.loads(mark)
        if found["container"] != container:
            return None
        self._again = self._writer.size(self._replica) - size
        return Position(**{**found["position"], "recent": tuple(found["position"]["recent"])})

    def take(self, pieces: Iterable[Piece]) -> float | None:
        """Append and tell; the time (seconds) of the last line of it, None when there is none."""
        last = None
        for piece in pieces:
            match piece:
                case Text(at, data):
                    last = at / SECOND
                    self._append(data, last)
                case Gap(after, before):
                    self._again = 0
                    self._writer.gap(self._replica, self._now() if before is None else before / SECOND)
                    self._trouble(f"lines may be missing here: {_between(after, before)}")
                case Stray(data):
                    self._stray(data)
        return last

    def keep(self, position: Position) -> None:
        """The cursor is here, behind all that was taken."""
        if not self._again:
            mark = {"container": self._container, "position": asdict(position)}
            self._writer.keep(self._replica, json.dumps(mark, separators=(",", ":")))

    def _append(self, data: bytes, at: float) -> None:
        if self._again:
            known, self._again = min(self._again, len(data)), max(0, self._again - len(data))
            data = data[known:]
        if not data:
            return
        where = self._writer.append(self._replica, data, at)
        if where is not None:
            self._tell(LogChunk(self._replica, *where))
        why = self._writer.trouble(self._replica)
        if why and not self._stopped:
            self._stopped = True
            self._trouble(why)

    def _stray(self, text: bytes) -> None:
        if text not in self._strays:
            self._strays.add(text)
            self._trouble(f"the node says: {text.decode(errors='replace').strip()}")

    def _trouble(self, message: str) -> None:
        self._tell(LogTrouble(self._replica, message, self._now()))


def _between(after: int | None, before: int | None) -> str:
    """``between 12:00:01.000000 and 12:00:02.500000 UTC``."""
    if after is None and before is None:
        return "nothing of its log could be read"
    if before is None:
        return f"after {_clock(after)} UTC"
    if after is None:
        return f"before {_clock(before)} UTC"
    return f"between {_clock(after)} and {_clock(before)} UTC"


def _clock(at: int | None) -> str:
    assert at is not None
    return datetime.fromtimestamp(at / SECOND, UTC).strftime("%H:%M:%S.%f")
