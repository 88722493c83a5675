"""One build, followed to its end: the digest of what was pushed, or why nothing was.

Its owner and its pod are watched, nothing is polled. The pod's container decides; where none ever runs, the owner does.
What keeps the build from going on is borne for a while (``troubles``), and told when it begins.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from contextlib import AsyncExitStack
from typing import Any

from attrs import frozen

from ciao.adapters.kube import paths
from ciao.adapters.kube.apierrors import ApiError
from ciao.adapters.kube.client import Api
from ciao.adapters.kube.phrases import shortened
from ciao.adapters.kube.reflector import Reflector
from ciao.adapters.kube.watchcache import Change
from ciao.adapters.kubeflow.objects import names
from ciao.adapters.kubeflow.seen import facts
from ciao.adapters.kubeflow.seen.podfacts import PodFacts, pod_facts
from ciao.adapters.kubeflow.seen.troubles import Trouble, pod_trouble
from ciao.adapters.s2i.incluster.buildlog import BuildLog
from ciao.adapters.s2i.incluster.eventwatch import EventWatch, refused_pod
from ciao.adapters.s2i.incluster.failures import failure
from ciao.adapters.s2i.incluster.kanikolog import KanikoLog
from ciao.adapters.s2i.incluster.kinds import Kind
from ciao.adapters.s2i.incluster.plan import DEADLINE, Plan
from ciao.adapters.s2i.incluster.refusing import refused
from ciao.adapters.s2i.incluster.troubles import Hold, unbuildable
from ciao.core.errors import TargetError
from ciao.core.events import Exit, Progress
from ciao.core.ports import Clock, Report

Json = dict[str, Any]
_ABSENT = 15.0
"""Seconds within which an owner has its pod."""
_SOON, _AGREED = 1.0, 10.0
"""Seconds within which a pod is seen; within which owner and pod say the same."""


@frozen(kw_only=True)
class World:
    """What a build is followed with."""

    api: Api
    kind: Kind
    clock: Clock
    report: Report


class Following:
    """``owner``: as it was created. ``digest`` is called once; cancelled, it leaves nothing open."""

    def __init__(self, world: World, plan: Plan, owner: Json) -> None:
        self._world, self._plan = world, plan
        self._owner: Json | None = owner
        self._uid = facts.uid(owner)
        self._pod: Json | None = None
        self._known: PodFacts | None = None
        self._end: Exit | None = None
        self._words = KanikoLog(self._say)
        self._log = BuildLog(self._words, self._wake)
        self._hold = Hold(self._say, plan.options.patience)
        self._events = EventWatch(world.api, plan.namespace, self._hear)
        self._heard: Trouble | None = None
        self._news = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        self._begun = self._now()
        self._since: float | None = None  # when one of the two had ended

    async def digest(self) -> str:
        """Of the manifest that was pushed. SourceError and TargetError as the port Engine says."""
        world, plan = self._world, self._plan
        owners = Reflector(
            world.api, world.kind.path(plan.namespace), fields=f"metadata.name={plan.name}", trouble=self._unreachable
        )
        pods = Reflector(world.api, paths.pods(plan.namespace), labels=names.selector({names.UID: plan.uid}))
        try:
            async with AsyncExitStack() as watches:
                watches.push_async_callback(self._let_go)
                await watches.enter_async_context(owners.started(self._see_owner))
                await watches.enter_async_context(pods.started(self._see_pod))
                return await self._until_over()
        except ApiError as error:
            raise refused(error) from error

    # -- what is seen -----------------------------------------------------------------------------

    def _see_owner(self, change: Change) -> None:
        if facts.uid(change.object) == self._uid:
            self._owner = change.object if change.kind == "seen" else None
            self._wake()

    def _see_pod(self, change: Change) -> None:
        kind = self._world.kind
        known = pod_facts(change.object, "", kind.container)
        if self._known is not None and known.uid != self._known.uid and known.created < self._known.created:
            return  # a former one
        self._pod, self._known = change.object, known
        if known.container and not self._log.begun:
            reading = self._log.read(
                self._world.api, self._plan.namespace, known, kind.container, self._world.clock.now
            )
            self._spawn(reading)
        if change.kind == "gone":
            self._end = self._end or known.lost(self._world.clock.now())
            self._log.gone()
        elif known.exit is not None:
            self._log.terminated()
            self._end = known.exit if known.settled else self._end
        self._wake()

    def _hear(self, trouble: Trouble) -> None:
        """What an event said stays until the container begins."""
        self._heard = trouble
        self._wake()

    def _unreachable(self, why: str | None) -> None:
        self._say("the build goes on, and cannot be watched at present" if why else "the cluster answers again")

    # -- what it means ----------------------------------------------------------------------------

    async def _until_over(self) -> str:
        while True:
            self._news.clear()
            self._hold.see(self._trouble(), self._now())
            found = self._verdict()
            if found is not None:
                return found
            await self._news_before(self._next())

    def _verdict(self) -> str | None:
        """The digest; None while it is open. Raises what a failed build is to raise."""
        end, digest = self._end, self._world.kind.digest(self._owner or {}, self._pod or {})
        if end is not None and end.code == 0 and digest:
            return digest
        if end is not None and end.code:
            if self._log.begun and not self._log.over:
                return None
            raise failure(self._completed_words(), end, str(self._plan.target))
        self._bear()
        return None

    def _bear(self) -> None:
        """Raises when something has lasted too long."""
        now, until = self._now(), self._hold.until()
        why = "somebody deleted it" if self._owner is None else self._world.kind.failed(self._owner)
        if why or self._end is not None:
            self._since = now if self._since is None else self._since
            if now >= self._agreed(self._since):
                raise self._disagreement(why)
        if until is not None and now >= until:
            raise self._hold.error()
        if now >= self._begun + DEADLINE + _ABSENT:
            raise TargetError(f"{self._called} does not end.")

    def _agreed(self, since: float) -> float:
        """By when both would have said the same. Without a pod there is nobody to wait for."""
        return since + (_SOON if self._pod is None else _AGREED)

    def _disagreement(self, why: str) -> TargetError:
        """``why`` the owner failed, "" when it did not, and has no digest all the same."""
        if self._pod is None and why:
            trouble = refused_pod("", why, self._world.clock.now())
            if trouble.reason:
                return unbuildable(trouble)
        return TargetError(f"{self._called} failed: {shortened(why.rstrip('.') or 'it does not tell the digest')}.")

    def _completed_words(self) -> KanikoLog:
        """Where the log could not be read, the end of it that the kubelet kept."""
        if not self._words.error:
            _, said = facts.state(facts.container_status(self._pod or {}, self._world.kind.container))
            self._words.feed(facts.text(said, "message").encode() + b"\n")
        return self._words

    def _trouble(self) -> Trouble | None:
        """What keeps it now; a pod is looked at more closely where it does not say so itself."""
        now, pod, known = self._world.clock.now(), self._pod, self._known
        if self._end is not None:
            return None
        if pod is None or known is None:
            self._look(self._uid)
            return self._held() or self._heard or self._absent()
        found = pod_trouble(pod, now, container=self._world.kind.container)
        if known.container or known.exit is not None:
            self._events.close()
            self._heard = None
            return found
        if known.node:
            self._look(known.uid)
        return found or self._heard

    def _held(self) -> Trouble | None:
        reason, message = self._world.kind.held(self._owner or {})
        return refused_pod(reason, message, self._world.clock.now()) if reason else None

    def _absent(self) -> Trouble | None:
        if self._now() < self._begun + _ABSENT:
            return None
        message = f"nobody makes the pod of the {self._called}"
        return Trouble(replica=None, reason="PodAbsent", message=message, at=self._world.clock.now())

    @property
    def _called(self) -> str:
        what = "Job" if self._world.kind.builder == "kaniko" else "TaskRun"
        return f"The {what} {self._plan.name} in {self._plan.namespace}"

    # -- inside -----------------------------------------------------------------------------------

    def _look(self, uid: str) -> None:
        if self._events.about != uid:
            self._heard = None
            self._events.close()
            self._spawn(self._events.run(uid))

    def _next(self) -> float:
        """When something is to be judged again, though nothing was seen."""
        times = [self._begun + DEADLINE + _ABSENT, self._hold.until()]
        times += [self._begun + _ABSENT] if self._pod is None and self._now() < self._begun + _ABSENT else []
        times += [self._agreed(self._since)] if self._since is not None else []
        return min(each for each in times if each is not None)

    async def _news_before(self, at: float) -> None:
        try:
            async with asyncio.timeout_at(at):
                await self._news.wait()
        except TimeoutError:
            pass

    def _say(self, line: str) -> None:
        self._world.report(Progress(line))

    def _wake(self) -> None:
        self._news.set()

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _let_go(self) -> None:
        self._events.close()
        tasks = tuple(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    @staticmethod
    def _now() -> float:
        return asyncio.get_running_loop().time()
