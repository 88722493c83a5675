"""A job's logs on their way into the store: read here, or followed as another process writes them.

Who holds the job's lock reads the pods' logs and writes; everybody else follows the files. The lock is free when the
process that held it is gone, and then one of the others takes over, exactly where that one had come to.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Coroutine, Mapping
from contextlib import suppress
from typing import Any

from attrs import define, field

from ciao.adapters.kube import paths
from ciao.adapters.kube.client import Api
from ciao.adapters.kubeflow.logs.containerlog import ContainerLog
from ciao.adapters.kubeflow.logs.logmark import Mark
from ciao.adapters.kubeflow.logs.logread import Source
from ciao.adapters.kubeflow.logs.logsink import LogSink
from ciao.adapters.kubeflow.logs.logtail import LogTail
from ciao.adapters.kubeflow.seen.podfacts import PodFacts
from ciao.core.errors import StoreError
from ciao.core.events import LogTrouble, Observation
from ciao.core.model import JobHandle, Replica
from ciao.core.ports import Clock, JobStore, LogWriter

_TAKE_OVER = 1.0
"""Seconds between two looks at the lock of a process that writes."""
_DRAINED = 1.0
"""Seconds without growth after which an ended container's log is complete, where another process writes it."""

Tell = Callable[[Observation], None]


@define(eq=False)
class _Reading:
    """One pod's log. ``complete`` is called once; ``rests``: since when its container prints no more (monotonic)."""

    replica: Replica
    pod: PodFacts
    complete: Callable[[], None]
    monotonic: Callable[[], float]
    log: ContainerLog | None = None
    rests: float = math.inf
    lost: bool = False
    done: bool = False
    after: asyncio.Event = field(factory=asyncio.Event)

    @property
    def ended(self) -> bool:
        return self.rests < math.inf

    def terminated(self) -> None:
        self.rests = min(self.rests, self.monotonic())
        if self.log is not None:
            self.log.terminated()

    def gone(self) -> None:
        self.rests, self.lost = min(self.rests, self.monotonic()), True
        if self.log is not None:
            self.log.gone()

    def finish(self) -> None:
        self.after.set()
        if not self.done:
            self.done = True
            self.complete()


class JobLogs:
    """Of one job. ``tell`` hears LogChunk and LogTrouble; ``open`` is what ``ReplicaWatch`` asks for a log."""

    def __init__(
        self, *, api: Api, store: JobStore, handle: JobHandle, container: str, clock: Clock, tell: Tell
    ) -> None:
        self._api, self._store, self._handle = api, store, handle
        self._container, self._clock, self._tell = container, clock, tell
        self._writer: LogWriter | None = None
        self._sinks: dict[Replica, LogSink] = {}
        self._readings: list[_Reading] = []
        self._grown: dict[Replica, float] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self, offsets: Mapping[Replica, int]) -> None:
        """``offsets``: how far each replica's log was told. StoreError when the job has no record here."""
        self._offsets = dict(offsets)
        try:
            self._writer = await self._take()
        except StoreError:
            if self._store.get(self._handle.target, self._handle.name) is None:
                raise
            self._spawn(self._follow_files())

    def open(self, replica: Replica, pod: PodFacts, complete: Callable[[], None]) -> _Reading:
        """Begin with a pod's log, as soon as the replica's former one is complete."""
        reading = _Reading(replica, pod, complete, self._clock.monotonic)
        self._readings.append(reading)
        if self._writer is not None:
            self._spawn(self._read(reading))
        return reading

    async def close(self) -> None:
        """Stop reading, let go of the lock. Idempotent."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        writer, self._writer = self._writer, None
        if writer is not None:
            writer.close()

    # -- reading here ----------------------------------------------------------------------------

    async def _read(self, reading: _Reading) -> None:
        """To its end; whatever goes wrong with a log must be told, and must not keep its job from ending."""
        try:
            await self._read_on(reading)
        except Exception as error:  # noqa: BLE001 - one log's fault
            why = f"its log cannot be read on: {type(error).__name__}: {error}"
            self._tell(LogTrouble(reading.replica, why, self._clock.now()))
        reading.finish()

    async def _read_on(self, reading: _Reading) -> None:
        mine = [each for each in self._readings if each.replica == reading.replica]
        place = mine.index(reading)
        for former in mine[:place]:
            await former.after.wait()
        assert self._writer is not None
        mark = Mark.load(self._writer.kept(reading.replica)[0])
        if mark is not None and mark.container in [later.pod.container for later in mine[place + 1 :]]:
            return  # the other process had come to its end
        if reading.replica not in self._sinks:
            self._sinks[reading.replica] = LogSink(self._writer, reading.replica, self._tell, self._clock.now)
        sink = self._sinks[reading.replica]
        source = Source(
            api=self._api,
            path=paths.log(self._handle.namespace, reading.pod.name),
            container=self._container,
            now=self._clock.now,
            started=reading.pod.started,
        )
        reading.log = ContainerLog(source, sink, sink.resume(reading.pod.container))
        if reading.lost:
            reading.log.gone()
        elif reading.ended:
            reading.log.terminated()
        await reading.log.run()

    # -- following another process ---------------------------------------------------------------

    async def _follow_files(self) -> None:
        """Until the other process lets go of the lock, or everything is complete."""
        tail = LogTail(self._store, self._handle, dict(self._offsets), self._hear, self._clock.now)
        following = self._spawn(tail.run())
        writer = await self._freed()
        try:
            tail.finish()
            await following
        except BaseException:
            writer.close()
            raise
        self._writer = writer  # only now: what is read here must not be told by the tail as well
        for reading in self._readings:  # also those that rested: whether they were read to their end, the mark says
            reading.after.clear()
            self._spawn(self._read(reading))

    async def _freed(self) -> LogWriter:
        while True:
            await asyncio.sleep(_TAKE_OVER)
            try:
                return await self._take()
            except StoreError:
                self._complete_those_that_rest()

    async def _take(self) -> LogWriter:
        """The lock, or StoreError. Who is cancelled meanwhile does not keep it."""
        taking = asyncio.ensure_future(asyncio.to_thread(self._store.writer, self._handle))
        try:
            return await asyncio.shield(taking)
        except asyncio.CancelledError:
            with suppress(StoreError):
                (await taking).close()
            raise

    def _hear(self, observation: Observation) -> None:
        replica = getattr(observation, "replica", None)
        if replica is not None:
            self._grown[replica] = self._clock.monotonic()
        self._tell(observation)

    def _complete_those_that_rest(self) -> None:
        now = self._clock.monotonic()
        for reading in self._readings:
            since = max(reading.rests, self._grown.get(reading.replica, 0.0))
            if not reading.done and now - since >= _DRAINED:
                reading.finish()

    def _spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task
