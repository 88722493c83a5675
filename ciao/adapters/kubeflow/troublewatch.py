"""Why a job does not go on, as its watchers are told: once, and again when it changes.

Troubles come from pods, from the job and from its events; all but the unreachable apiserver are told of one replica or
of the job as a whole, each of which has one at a time. Two things are looked up when they are needed: the nodes, for a
pod that finds no place, and a pod's own events, when it takes long to start and nothing else says why.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterable
from contextlib import suppress
from typing import Any

from attrs import evolve

from ciao.adapters.kubeflow.api import paths
from ciao.adapters.kubeflow.api.apierrors import ApiError
from ciao.adapters.kubeflow.api.client import Api, Json
from ciao.adapters.kubeflow.api.reflector import Reflector
from ciao.adapters.kubeflow.api.watchcache import Change
from ciao.adapters.kubeflow.seen.eventfacts import event_facts, event_trouble
from ciao.adapters.kubeflow.seen.jobfacts import JobFacts
from ciao.adapters.kubeflow.seen.podfacts import PodFacts
from ciao.adapters.kubeflow.seen.shortage import shortage
from ciao.adapters.kubeflow.seen.troubles import (
    PATIENCE,
    Trouble,
    detail,
    job_trouble,
    news,
    pod_trouble,
    waits_for_master,
)
from ciao.core.errors import CiaoError, TargetError
from ciao.core.events import Observation, Phase, TroubleSeen
from ciao.core.model import JobHandle, Replica

_SLOW = 5.0
"""Seconds after which a pod that has a node and no container is asked for its events."""
_ASKED = 4
"""Pods of a job whose events are watched: the others have the same trouble."""

_UNPLACED = frozenset({"Unschedulable", "NoRoom"})
_OF_JOBS = frozenset({"Queued", "Suspended", "OperatorSilent"})

Spawn = Callable[[Coroutine[Any, Any, None]], "asyncio.Task[None]"]


class TroubleWatch:
    """``tell`` hears TroubleSeen; ``spawn`` runs what takes time, as long as the job is followed."""

    def __init__(
        self,
        *,
        api: Api,
        handle: JobHandle,
        container: str,
        now: Callable[[], float],
        tell: Callable[[Observation], None],
        spawn: Spawn,
    ) -> None:
        self._api, self._handle, self._container = api, handle, container
        self._now, self._tell, self._spawn = now, tell, spawn
        self._told: dict[Replica | None, Trouble] = {}
        self._lasting: dict[Replica | None, Trouble] = {}
        self._details: dict[Replica, str] = {}
        self._pods: dict[Replica, Json] = {}
        self._slow: dict[Replica, asyncio.Task[None]] = {}
        self._nodes: tuple[list[Json], list[Json] | None] | None = None
        self._heard = self._nodes_hidden = False

    def lasting(self) -> Iterable[TroubleSeen]:
        """What is so now, for who comes late."""
        return [each.seen for each in self._lasting.values()]

    def connection(self, why: str | None) -> None:
        """The apiserver cannot be watched, or (None) can again."""
        now = self._now()
        if why is None:
            self._tell(TroubleSeen(None, "Reachable", "the cluster answers again; nothing was missed", now))
        else:
            self._tell(TroubleSeen(None, "Unreachable", why, now))

    def job(self, job: JobFacts) -> None:
        """The job is so now. What an event said of it stays until another does: that is not in the job."""
        found = job_trouble(job, self._now(), heard=self._heard)
        lasting = self._lasting.get(None)
        if found is not None or lasting is None or lasting.reason in _OF_JOBS:
            self._settle(None, found)

    def pod(self, replica: Replica, pod: Json, known: PodFacts) -> None:
        """A replica's pod is so now."""
        self._pods[replica] = pod
        self._details[replica] = detail(pod, self._container)
        self._judge(replica, pod)
        self._look_closer(replica, known)

    def _judge(self, replica: Replica, pod: Json) -> None:
        master = self._details.get(Replica("master", 0), "")
        found = pod_trouble(pod, self._now(), container=self._container, job=self._handle.name, master=master)
        if found is not None and found.reason in _UNPLACED:
            self._spawn(self._with_numbers(found, pod))
        else:
            self._settle(replica, found)

    def event(self, event: Json) -> None:
        """An event of the job or of one of its pods."""
        self._heard = True
        about = event_facts(event)
        found = event_trouble(event, self._handle.name, self._container)
        if found is not None and (about.kind != "Pod" or found.replica in self._slow):
            self._settle(found.replica, found)

    def forget(self, replica: Replica) -> None:
        """The replica has no pod any more, or has ended."""
        self._lasting.pop(replica, None)
        self._details.pop(replica, None)
        self._pods.pop(replica, None)
        self._stop_looking(replica)

    # -- inside ----------------------------------------------------------------------------------

    def _settle(self, who: Replica | None, found: Trouble | None) -> None:
        if found is None:
            self._lasting.pop(who, None)
            return
        if news(self._lasting.get(who), found) and news(self._told.get(who), found):
            self._tell(found.seen)
            self._told[who] = found
        self._lasting[who] = found

    async def _with_numbers(self, found: Trouble, pod: Json) -> None:
        """Which resource is short, and by how much, where nodes may be read."""
        nodes = await self._known_nodes()
        numbers = shortage(pod, *nodes) if nodes is not None else ""
        message = f"{found.message} ({numbers})" if numbers else found.message
        self._settle(found.replica, evolve(found, message=message))

    async def _known_nodes(self) -> tuple[list[Json], list[Json] | None] | None:
        if self._nodes is None and not self._nodes_hidden:
            try:
                nodes = (await self._api.get(paths.NODES)).get("items", [])
            except (ApiError, TargetError):
                self._nodes_hidden = True
                return None
            pods = None
            with suppress(ApiError, TargetError):
                pods = (await self._api.get(paths.ALL_PODS)).get("items", [])
            self._nodes = nodes, pods
        return self._nodes

    def _look_closer(self, replica: Replica, pod: PodFacts) -> None:
        """Some troubles are not told by any change of the pod: it goes on waiting, or is not ended by its node."""
        if pod.phase is not Phase.WAITING and not pod.deleting:
            self._stop_looking(replica)
        elif pod.node and replica not in self._slow and len(self._slow) < _ASKED:
            self._slow[replica] = self._spawn(self._look(replica, pod.uid))

    def _stop_looking(self, replica: Replica) -> None:
        task = self._slow.pop(replica, None)
        if task is not None:
            task.cancel()

    async def _look(self, replica: Replica, uid: str) -> None:
        await asyncio.sleep(_SLOW)
        events = Reflector(self._api, paths.events(self._handle.namespace), fields=f"involvedObject.uid={uid}")
        watching: asyncio.Task[None] | None = None
        try:
            while replica in self._pods:
                if watching is None and not waits_for_master(self._pods[replica]):
                    watching = self._spawn(self._if_permitted(events))
                await asyncio.sleep(PATIENCE)
                self._judge(replica, self._pods[replica])
        finally:
            if watching is not None:
                watching.cancel()

    async def _if_permitted(self, events: Reflector) -> None:
        with suppress(ApiError, CiaoError):
            await events.run(self._see_event)

    def _see_event(self, change: Change) -> None:
        if change.kind == "seen":
            self.event(change.object)
