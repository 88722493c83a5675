"""One job of the in-memory target: what its replicas do, what its watchers are told."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from functools import partial

from ciao.adapters.memory.acts import DieBy, ExitWith, Fork, IgnoreTerm, Print, Script, Scripts, Wait
from ciao.adapters.memory.clock import ManualClock
from ciao.core.events import (
    Exit,
    JobGone,
    LogChunk,
    LogTrouble,
    Observation,
    OutcomeSeen,
    Phase,
    ReplicaSeen,
    TroubleSeen,
)
from ciao.core.model import JobHandle, JobSpec, Replica
from ciao.core.ports import Cursor, JobStore

PUPPET: Script = (Wait(),)
SIGTERM, SIGKILL = 15, 9


class MemoryJob:
    """Its replicas begin when it is made; watchers run between two acts, so that they see it live.

    ``decides``: it is over when its replicas have ended and an outcome was observed.
    """

    def __init__(
        self, spec: JobSpec, handle: JobHandle, *, store: JobStore, clock: ManualClock, scripts: Scripts, decides: bool
    ) -> None:
        self.spec, self.handle, self.created = spec, handle, clock.now()
        self.outcome: OutcomeSeen | None = None
        self.gone: JobGone | None = None
        self._store, self._clock, self._decides = store, clock, decides
        self._writer = store.writer(handle)
        self._seen = {replica: ReplicaSeen(replica, Phase.WAITING, self.created) for replica in spec.replicas}
        self._deaf: set[Replica] = set()
        self._children: list[str] = []
        self._troubles: dict[Replica | None, TroubleSeen] = {}
        self._log_troubles: dict[Replica, LogTrouble] = {}
        self._watchers: list[asyncio.Queue[Observation]] = []
        self._players = {
            replica: asyncio.ensure_future(self._play(replica, scripts.get(replica, PUPPET)))
            for replica in spec.replicas
        }

    @property
    def over(self) -> bool:
        """Nothing will happen any more."""
        ended = all(each.phase.ended for each in self._seen.values())
        return self.gone is not None or (ended and (self.outcome is not None or not self._decides))

    def alive(self) -> tuple[str, ...]:
        """Replicas that have not ended, and what they forked."""
        return (*(str(each.replica) for each in self._seen.values() if not each.phase.ended), *self._children)

    # -- what happens to it ---------------------------------------------------------------------------

    def stop(self, replicas: tuple[Replica, ...] | None, grace: float) -> None:
        """As SIGTERM and, ``grace`` seconds later, SIGKILL would."""
        for replica in self._seen if replicas is None else replicas:
            if grace <= 0:
                self._kill(replica)
            elif replica in self._deaf:
                self._clock.call_later(grace, partial(self._kill, replica))
            else:
                self.end(replica, 128 + SIGTERM, "Stopped")

    def write(self, replica: Replica, data: bytes) -> None:
        """The replica's log grows; where it cannot, that is said once."""
        where = self._writer.append(replica, data, self._clock.now())
        if where is not None:
            self._tell(LogChunk(replica, *where))
        elif replica not in self._log_troubles:
            trouble = LogTrouble(replica, self._writer.trouble(replica), self._clock.now())
            self._log_troubles[replica] = trouble
            self._tell(trouble)

    def end(self, replica: Replica, code: int, reason: str) -> None:
        """The replica ends now."""
        self.ended(replica, Exit(code=code, reason=reason, at=self._clock.now()))

    def ended(self, replica: Replica, end: Exit) -> None:
        """The replica ends in just this way; once."""
        if self._seen[replica].phase.ended or self.gone:
            return
        self._players[replica].cancel()
        self._see(ReplicaSeen(replica, Phase.FAILED if end.code else Phase.SUCCEEDED, end.at, end))

    def observe(self, observation: Observation) -> None:
        """Watchers are told; trouble, an outcome and a disappearance also those that come later."""
        match observation:
            case OutcomeSeen():
                self.outcome = observation
            case JobGone():
                self.gone = observation
                self._release()
            case TroubleSeen(replica):
                self._troubles[replica] = observation
            case _:
                pass
        self._tell(observation)

    # -- watching -------------------------------------------------------------------------------------

    def join(self, cursor: Cursor | None) -> asyncio.Queue[Observation]:
        """A watcher's queue, with what is so already in it."""
        queue: asyncio.Queue[Observation] = asyncio.Queue()
        for each in self._so_far({} if cursor is None else dict(cursor.offsets)):
            queue.put_nowait(each)
        self._watchers.append(queue)
        return queue

    def leave(self, queue: asyncio.Queue[Observation]) -> None:
        """The watcher is told nothing more."""
        self._watchers.remove(queue)

    async def stream(self, queue: asyncio.Queue[Observation]) -> AsyncIterator[Observation]:
        """What is in a watcher's queue, until all is told and the job is over."""
        while not (queue.empty() and self.over):
            yield await queue.get()

    def _so_far(self, offsets: dict[Replica, int]) -> list[Observation]:
        said: list[Observation] = []
        for replica, seen in self._seen.items():
            log, offset = self._store.reader(self.handle, replica), offsets.get(replica, 0)
            if offset < log.size:
                first = log.line_at(offset)
                said.append(LogChunk(replica, first, log.lines - first, offset, log.size))
            if replica in self._log_troubles:
                said.append(self._log_troubles[replica])
            said.append(seen)
        said += self._troubles.values()
        return [*said, *(each for each in (self.outcome, self.gone) if each is not None)]

    def _tell(self, observation: Observation) -> None:
        for queue in self._watchers:
            queue.put_nowait(observation)

    # -- what replicas do -----------------------------------------------------------------------------

    async def _play(self, replica: Replica, script: Script) -> None:
        self._see(ReplicaSeen(replica, Phase.RUNNING, self._clock.now()))
        for act in script:
            await asyncio.sleep(0)
            match act:
                case Print():
                    self.write(replica, act.data())
                case ExitWith(code):
                    return self.end(replica, code, "Error" if code else "Completed")
                case DieBy(number):
                    return self.end(replica, 128 + number, "Error")
                case Wait():
                    return None
                case IgnoreTerm():
                    self._deaf.add(replica)
                case Fork():
                    self._children.append(f"child of {replica}")
        return self.end(replica, 0, "Completed")

    def _kill(self, replica: Replica) -> None:
        self.end(replica, 128 + SIGKILL, "Stopped")

    def _see(self, seen: ReplicaSeen) -> None:
        self._seen[seen.replica] = seen
        self._troubles.pop(seen.replica, None)
        if all(each.phase.ended for each in self._seen.values()):
            self._release()
        self._tell(seen)

    def _release(self) -> None:
        """Nothing survives the end of a job."""
        self._children.clear()
        for player in self._players.values():
            player.cancel()
        self._writer.close()
