"""One job on a cluster, followed once in this process however many watch it.

    watch of the job ────▶ outcome, trouble ─┐
    watch of its pods ───▶ ReplicaWatch each ─┼─▶ Audience ─▶ watchers
    watch of its events ─▶ trouble            │
    logs of its pods ────▶ the job store ─────┘ (LogChunk)

It is over when the outcome is known and every replica has ended with a complete log, or the job is gone. Nothing here
polls; the two timers are for what does not happen: an operator that says nothing, and replicas that will never have a
pod because their job is over.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterable, Mapping
from contextlib import closing, suppress
from typing import Any

from attrs import evolve, frozen

from ciao.adapters.kube import paths
from ciao.adapters.kube.apierrors import ApiError
from ciao.adapters.kube.client import Api, Json
from ciao.adapters.kube.reflector import Reflector
from ciao.adapters.kube.watchcache import Change
from ciao.adapters.kubeflow.audience import Audience, Listener
from ciao.adapters.kubeflow.logs.joblogs import JobLogs
from ciao.adapters.kubeflow.objects import names
from ciao.adapters.kubeflow.replicawatch import STOPPED, ReplicaWatch
from ciao.adapters.kubeflow.seen import facts
from ciao.adapters.kubeflow.seen.jobfacts import SILENCE, job_facts
from ciao.adapters.kubeflow.seen.podfacts import pod_facts
from ciao.adapters.kubeflow.seen.refusals import refusal
from ciao.adapters.kubeflow.stopping import Stopping
from ciao.adapters.kubeflow.troublewatch import TroubleWatch
from ciao.core.errors import CiaoError
from ciao.core.events import Exit, JobGone, LogChunk, Observation, OutcomeSeen, ReplicaSeen
from ciao.core.model import JobHandle, Replica
from ciao.core.ports import Clock, JobStore

_SETTLE = 2.0
"""Seconds for what two watches say of one moment to arrive."""


@frozen(kw_only=True)
class World:
    """What a follower needs. ``plural`` and ``container`` are the kind's and the framework's."""

    api: Api
    store: JobStore
    clock: Clock
    plural: str
    container: str


class Follower:
    """Made with the job's object as it is; ``start`` begins to watch."""

    def __init__(self, world: World, handle: JobHandle, job: Json) -> None:
        self.handle, self.audience = handle, Audience()
        self._world, self._job = world, job_facts(job)
        self._outcome: OutcomeSeen | None = None
        self._gone: JobGone | None = None
        self._ends: dict[Replica, int] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._timers: list[asyncio.TimerHandle] = []
        self._present = self._over = self._closed = False
        self._logs = JobLogs(
            api=world.api,
            store=world.store,
            handle=handle,
            container=world.container,
            clock=world.clock,
            tell=self._tell,
        )
        replicas = [Replica(role, index) for role, count in self._job.roles for index in range(count)]
        self._replicas = {each: self._watched(each) for each in replicas}
        self._troubles = TroubleWatch(
            api=world.api,
            handle=handle,
            container=world.container,
            now=world.clock.now,
            tell=self._tell,
            spawn=self._spawn,
        )

    @property
    def over(self) -> bool:
        """Nothing more will be told."""
        return self._over or self._closed

    async def start(self) -> None:
        """Begin. StoreError when the job has no record here."""
        for replica in self._replicas:
            with closing(self._world.store.reader(self.handle, replica)) as log:
                self._ends[replica] = log.size
        await self._logs.start(self._ends)
        namespace, uid = self.handle.namespace, self._job.labels.get(names.UID, "")
        jobs = Reflector(
            self._world.api,
            paths.jobs(namespace, self._world.plural),
            fields=f"metadata.name={self.handle.name}",
            trouble=self._troubles.connection,
        )
        pods = Reflector(self._world.api, paths.pods(namespace), labels=names.selector({names.UID: uid}))
        events = Reflector(self._world.api, paths.events(namespace), fields=f"involvedObject.uid={self.handle.uid}")
        self._spawn(self._until_refused(jobs.run(self._see_job, self._after_list)))
        self._spawn(self._until_refused(pods.run(self._see_pod, None)))
        self._spawn(self._if_permitted(events.run(self._see_event, None)))
        self._later(self._job.created + SILENCE - self._world.clock.now(), self._listen_for_operator)

    async def close(self, error: Exception | None = None) -> None:
        """Stop following; watchers hear ``error``, if any. Idempotent."""
        if self._closed:
            return
        self._closed = True
        for timer in self._timers:
            timer.cancel()
        others = [each for each in self._tasks if each is not asyncio.current_task()]
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)
        await self._logs.close()
        self.audience.close(error)

    # -- those who watch -------------------------------------------------------------------------

    def join(self, offsets: Mapping[Replica, int]) -> Listener:
        """A new watcher, told what is so."""
        return self.audience.join(list(self._so_far(offsets)))

    def _so_far(self, offsets: Mapping[Replica, int]) -> Iterable[Observation]:
        for replica, watch in self._replicas.items():
            chunk = self._held(replica, offsets.get(replica, 0))
            if chunk is not None:
                yield chunk
            yield watch.seen
        yield from self._troubles.lasting()
        if self._outcome is not None:
            yield self._outcome
        if self._gone is not None and self._over:
            yield self._gone

    def _held(self, replica: Replica, offset: int) -> LogChunk | None:
        """One chunk for what the log holds past ``offset``, as far as it was told."""
        end = self._ends.get(replica, 0)
        if end <= offset:
            return None
        with closing(self._world.store.reader(self.handle, replica)) as log:
            first = log.line_at(offset)
            return LogChunk(replica, first, log.line_at(end - 1) + 1 - first, offset, end)

    # -- what is seen ----------------------------------------------------------------------------

    def _see_job(self, change: Change) -> None:
        if facts.uid(change.object) != self.handle.uid:
            return
        self._present = True
        self._job = job_facts(change.object)
        if change.kind == "gone":
            self._lose_job()
        elif self._job.outcome is not None and self._outcome is None:
            self._decide(self._job.outcome)
        else:
            self._troubles.job(self._job)

    def _after_list(self) -> None:
        """The list is told: a job that is not in it was deleted while nobody watched."""
        if not self._present:
            self._lose_job()

    def _see_pod(self, change: Change) -> None:
        pod = pod_facts(change.object, self.handle.name, self._world.container)
        watch = self._replicas.get(pod.replica) if pod.replica is not None else None
        if watch is None or pod.owner not in ("", self.handle.uid):
            return
        if change.kind == "gone":
            watch.lose(pod)
            self._troubles.forget(watch.seen.replica)
            if self._is_decided():
                self._later(0.0, self._settle)
        else:
            watch.see(pod)
            if not watch.ended:
                self._troubles.pod(watch.seen.replica, change.object, pod)
        self._maybe_over()

    def _see_event(self, change: Change) -> None:
        if change.kind == "seen":
            self._troubles.event(change.object)

    def _decide(self, outcome: OutcomeSeen) -> None:
        stopped = self._job.stopped and not outcome.succeeded
        self._outcome = evolve(outcome, reason=STOPPED) if stopped else outcome
        self._tell(self._outcome)
        self._spawn(self._sweep())
        self._later(_SETTLE, self._settle)
        self._maybe_over()

    async def _sweep(self) -> None:
        """Pods that were to end before they had started: nobody would ever end them."""
        pods = [each.pod for each in self._replicas.values() if each.pod is not None]
        if any(each.stopped and each.started is None for each in pods):
            world = self._world
            with suppress(CiaoError):
                await Stopping(world.api, self.handle, world.plural, world.clock.now()).sweep()

    def _lose_job(self) -> None:
        why = "it was stopped" if self._job.stopped else "it was deleted from the cluster"
        self._gone = JobGone(why, self._world.clock.now())
        self._later(_SETTLE, self._settle)

    def _settle(self) -> None:
        """The job is over or gone: no replica will get a pod any more."""
        now = self._world.clock.now()
        for watch in self._replicas.values():
            if watch.without_pod and not watch.ended:
                watch.never(self._without_an_end(watch, now))
        self._maybe_over()

    def _listen_for_operator(self) -> None:
        self._troubles.job(self._job)

    def _without_an_end(self, watch: ReplicaWatch, now: float) -> Exit:
        end = Exit(code=137, reason=STOPPED, at=now, message="it never started")
        if watch.pod is None:
            return end
        lost = watch.pod.lost(now)
        return evolve(lost, reason=STOPPED) if self._stopped() or watch.pod.started is None else lost

    # -- the end ---------------------------------------------------------------------------------

    def _is_decided(self) -> bool:
        return self._outcome is not None or self._gone is not None

    def _stopped(self) -> bool:
        """Ciao stopped the job, or it is gone as a whole: who died by a signal then did not fail."""
        return self._job.stopped or self._job.deleting or self._gone is not None

    def _maybe_over(self) -> None:
        if self._over or not self._is_decided() or not all(each.ended for each in self._replicas.values()):
            return
        self._over = True
        if self._gone is not None and self._outcome is None:
            self._tell(self._gone)
        self._spawn(self.close())

    # -- small things ----------------------------------------------------------------------------

    def _watched(self, replica: Replica) -> ReplicaWatch:
        return ReplicaWatch(replica, self._job.created, self._logs.open, self._tell_of_replica, self._stopped)

    def _tell_of_replica(self, observation: Observation) -> None:
        self._tell(observation)
        if isinstance(observation, ReplicaSeen) and observation.exit is not None:
            self._troubles.forget(observation.replica)
        self._maybe_over()

    def _tell(self, observation: Observation) -> None:
        if isinstance(observation, LogChunk):
            self._ends[observation.replica] = observation.end
        self.audience.tell(observation)

    def _later(self, seconds: float, call: Callable[[], None]) -> None:
        if not self._closed:
            self._timers.append(asyncio.get_running_loop().call_later(max(0.0, seconds), call))

    def _spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _until_refused(self, work: Coroutine[Any, Any, None]) -> None:
        try:
            await work
        except ApiError as error:
            self._spawn(self.close(refusal(error)))
        except Exception as error:  # noqa: BLE001 - who watches must hear of it, whatever it is
            self._spawn(self.close(error))

    async def _if_permitted(self, work: Coroutine[Any, Any, None]) -> None:
        with suppress(ApiError, CiaoError):
            await work
