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

from ciao.adapters.kube import paths
from ciao.adapters.kube.apierrors import ApiError
from ciao.adapters.kube.client import Api, Json
from ciao.adapters.kube.reflector import Reflector
from ciao.adapters.kube.watchcache import Change
from ciao.adapters.kubeflow.seen import facts, pulls
from ciao.adapters.kubeflow.seen.eventfacts import EventFacts, event_facts, event_trouble
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
from ciao.core.errors import CiaoError
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
        self._asking = asyncio.Lock()
        self._unreachable: TroubleSeen | None = None
        self._heard = self._nodes_hidden = False

    def lasting(self) -> Iterable[TroubleSeen]:
        """What is so now, for who comes late."""
        unreachable = [] if self._unreachable is None else [self._unreachable]
        return [*unreachable, *(each.seen for each in self._lasting.values())]

    def connection(self, why: str | None) -> None:
        """The apiserver cannot be watched, or (None) can again."""
        now = self._now()
        self._unreachable = None if why is None else TroubleSeen(None, "Unreachable", why, now)
        again = TroubleSeen(None, "Reachable", "the cluster answers again; nothing was missed", now)
        self._tell(self._unreachable or again)

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
        found = self._judged(pod)
        if found is not None and found.reason in _UNPLACED:
            self._spawn(self._with_numbers(replica, found, pod))
        else:
            self._settle(replica, found)
        self._look_closer(replica, known)

    def event(self, event: Json) -> None:
        """An event of the job or of one of its pods."""
        self._heard = True
        about = event_facts(event)
        found = event_trouble(event, self._handle.name, self._container)
        if found is not None and self._counts(about, found.replica):
            self._settle(found.replica, found)

    def forget(self, replica: Replica) -> None:
        """The replica has no pod any more, or has ended."""
        self._lasting.pop(replica, None)
        self._details.pop(replica, None)
        self._pods.pop(replica, None)
        self._stop_looking(replica)

    # -- inside ----------------------------------------------------------------------------------

    def _judged(self, pod: Json) -> Trouble | None:
        master = self._details.get(Replica("master", 0), "")
        return pod_trouble(pod, self._now(), container=self._container, job=self._handle.name, master=master)

    def _counts(self, about: EventFacts, replica: Replica | None) -> bool:
        """Events are kept for an hour: what kept a pod from being made before there was this one is over."""
        if about.kind == "Pod":
            return replica in self._slow
        pod = self._pods.get(replica) if replica is not None else None
        return pod is None or about.at >= facts.created(pod)

    def _settle(self, who: Replica | None, found: Trouble | None) -> None:
        if found is None:
            self._lasting.pop(who, None)
        elif _adds(self._lasting.get(who), found):
            if _adds(self._told.get(who), found):
                self._tell(found.seen)
                self._told[who] = found
            self._lasting[who] = found

    async def _with_numbers(self, replica: Replica, found: Trouble, pod: Json) -> None:
        """Which resource is short, and by how much, where nodes may be read."""
        nodes = await self._known_nodes()
        numbers = shortage(pod, *nodes) if nodes is not None else ""
        message = f"{found.message} ({numbers})" if numbers else found.message
        if self._pods.get(replica) is pod:  # else it may have found a place meanwhile
            self._settle(replica, evolve(found, message=message))

    async def _known_nodes(self) -> tuple[list[Json], list[Json] | None] | None:
        async with self._asking:  # many replicas find no room at the same moment
            if self._nodes is None and not self._nodes_hidden:
                try:
                    nodes = await self._listed(paths.NODES)
                except ApiError:
                    self._nodes_hidden = True
                except CiaoError:  # no answer: with the next change there may be one
                    pass
                else:
                    self._nodes = nodes, await self._listed_if_permitted(paths.ALL_PODS)
            return self._nodes

    async def _listed_if_permitted(self, path: str) -> list[Json] | None:
        try:
            return await self._listed(path)
        except (ApiError, CiaoError):
            return None

    async def _listed(self, path: str) -> list[Json]:
        return (await self._api.get(path)).get("items") or []

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
                found = self._judged(self._pods[replica])
                if found is not None:  # else what an event said of it stays
                    self._settle(replica, found)
        finally:
            if watching is not None:
                watching.cancel()

    async def _if_permitted(self, events: Reflector) -> None:
        with suppress(ApiError, CiaoError):
            await events.run(self._see_event)

    def _see_event(self, change: Change) -> None:
        if change.kind == "seen":
            self.event(change.object)


def _adds(known: Trouble | None, found: Trouble) -> bool:
    """It is news; also a vague word about an image, after a precise one about something else."""
    others = known is not None and known.reason not in (found.reason, *pulls.ABOUT_IMAGES)
    return news(known, found) or (found.vague and others)
