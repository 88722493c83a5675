"""Those who watch one job: each has a queue of what it has not heard yet.

A flood of log chunks does not fill a queue: chunks of one replica that nobody has taken yet become one. Nothing else is
ever merged or left out, and what is told of one replica keeps its order.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Iterable

from attrs import define, field

from ciao.core.events import LogChunk, Observation, joined
from ciao.core.model import Replica


@define(eq=False)
class Listener:
    """One watcher's queue."""

    _waiting: deque[list[Observation]] = field(factory=deque)
    _chunks: dict[Replica, list[Observation]] = field(factory=dict)  # the one that the next chunk may be joined to
    _arrived: asyncio.Event = field(factory=asyncio.Event)
    _error: Exception | None = None
    _over: bool = False

    def put(self, observation: Observation) -> None:
        """Never blocks."""
        replica: Replica | None = getattr(observation, "replica", None)
        cell = None if replica is None else self._chunks.pop(replica, None)
        if isinstance(observation, LogChunk):
            if cell is not None and isinstance(cell[0], LogChunk):
                cell[0] = joined(cell[0], observation)
                self._chunks[observation.replica] = cell
                return
            self._waiting.append([observation])
            self._chunks[observation.replica] = self._waiting[-1]
        else:
            self._waiting.append([observation])
        self._arrived.set()

    def close(self, error: Exception | None = None) -> None:
        """Nothing more comes; ``error`` is raised to the watcher when it has taken what came before."""
        self._over, self._error = True, self._error or error
        self._arrived.set()

    async def stream(self) -> AsyncIterator[Observation]:
        """What was put, in order, until closed."""
        while True:
            while self._waiting:
                cell = self._waiting.popleft()
                if isinstance(cell[0], LogChunk) and self._chunks.get(cell[0].replica) is cell:
                    del self._chunks[cell[0].replica]
                yield cell[0]
            if self._over:
                if self._error is not None:
                    raise self._error
                return
            self._arrived.clear()
            await self._arrived.wait()


@define(eq=False)
class Audience:
    """All listeners of one job."""

    _listeners: list[Listener] = field(factory=list)
    _closed: bool = False
    _error: Exception | None = None

    def join(self, so_far: Iterable[Observation]) -> Listener:
        """A new listener, with what is so already in its queue."""
        listener = Listener()
        for each in so_far:
            listener.put(each)
        if self._closed:
            listener.close(self._error)
        self._listeners.append(listener)
        return listener

    def leave(self, listener: Listener) -> None:
        """It hears nothing more."""
        if listener in self._listeners:
            self._listeners.remove(listener)

    def tell(self, observation: Observation) -> None:
        """Everybody."""
        for each in self._listeners:
            each.put(observation)

    def close(self, error: Exception | None = None) -> None:
        """For those who are here and those who come later."""
        self._closed, self._error = True, error
        for each in self._listeners:
            each.close(error)

    def __len__(self) -> int:
        return len(self._listeners)
