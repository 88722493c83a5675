"""A job's logs as another process writes them: told as the files grow.

Python's standard library has no watch for files that works everywhere, so their sizes are looked at, ten times a second
while the job runs: a system call each, on this machine.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import closing

from attrs import define, field

from ciao.core.errors import StoreError
from ciao.core.events import LogChunk, LogTrouble, Observation
from ciao.core.model import JobHandle, Replica
from ciao.core.ports import JobStore

_PAUSE = 0.1


@define(eq=False)
class LogTail:
    """``offsets``: how far each replica's log was told already. ``tell`` hears LogChunk and LogTrouble."""

    _store: JobStore
    _handle: JobHandle
    _offsets: dict[Replica, int]
    _tell: Callable[[Observation], None]
    _now: Callable[[], float]
    _sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    _finished: bool = False
    _troubles: set[tuple[Replica, str]] = field(factory=set)

    async def run(self) -> None:
        """Until ``finish``, and then once more."""
        while not self._finished:
            self.look()
            await self._sleep(_PAUSE)
        self.look()

    def finish(self) -> None:
        """Nothing more is written by the other process."""
        self._finished = True

    @property
    def offsets(self) -> Mapping[Replica, int]:
        """How far each log was told."""
        return self._offsets

    def look(self) -> None:
        """Tell what has grown since, and what is wrong: each once. A log that cannot be read now is told later."""
        for replica in self._offsets:
            try:
                trouble = self._look_at(replica)
            except StoreError as error:
                trouble = str(error)
            if trouble and (replica, trouble) not in self._troubles:
                self._troubles.add((replica, trouble))
                self._tell(LogTrouble(replica, trouble, self._now()))

    def _look_at(self, replica: Replica) -> str:
        known = self._offsets[replica]
        with closing(self._store.reader(self._handle, replica)) as log:
            size, trouble = log.size, log.trouble()
            if size > known:
                first = log.line_at(known)
                chunk = LogChunk(replica, first, log.line_at(size - 1) + 1 - first, known, size)
                self._offsets[replica] = size
                self._tell(chunk)
            return trouble
