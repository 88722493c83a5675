"""What events say of a build that its owner and its pod do not show: a pod that is refused, a Secret that is missing.

They are watched only while nothing else says why the build does not begin, and only where that is allowed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress

from ciao.adapters.kube import paths
from ciao.adapters.kube.apierrors import ApiError
from ciao.adapters.kube.client import Api
from ciao.adapters.kube.reflector import Reflector
from ciao.adapters.kube.watchcache import Change
from ciao.adapters.kubeflow.seen import admission
from ciao.adapters.kubeflow.seen.eventfacts import event_facts, event_trouble
from ciao.adapters.kubeflow.seen.facts import Json
from ciao.adapters.kubeflow.seen.troubles import Trouble
from ciao.core.errors import CiaoError

_SLOW = 2.0
"""Seconds after which they are asked for: most builds have begun by then."""


class EventWatch:
    """Of one object at a time; ``about`` is its uid."""

    def __init__(self, api: Api, namespace: str, tell: Callable[[Trouble], None]) -> None:
        self._api, self._namespace, self._tell = api, namespace, tell
        self._task: asyncio.Task[None] | None = None
        self.about = ""

    async def run(self, about: str) -> None:
        """Until ``close``, or it turns out that nobody may."""
        self.about, self._task = about, asyncio.current_task()
        await asyncio.sleep(_SLOW)
        events = Reflector(self._api, paths.events(self._namespace), fields=f"involvedObject.uid={about}")
        with suppress(ApiError, CiaoError):
            await events.run(self._see)

    def close(self) -> None:
        """Of this object nothing is to be told any more."""
        if self._task is not None:
            self._task.cancel()
            self._task = None

    def _see(self, change: Change) -> None:
        found = trouble_in(change.object) if change.kind == "seen" else None
        if found is not None:
            self._tell(found)


def trouble_in(event: Json) -> Trouble | None:
    """What keeps a build, if the event says so."""
    known = event_facts(event)
    if known.kind == "Pod":
        return event_trouble(event, "")
    if known.warning and known.reason == "FailedCreate":
        return refused_pod("CreateFailed", known.message, known.at)
    return None


def refused_pod(reason: str, message: str, at: float) -> Trouble:
    """What admission says of the pod that a controller wants to make. ``reason``: for words that nobody knows."""
    if reason == "Suspended":
        return Trouble(replica=None, reason=reason, message=message, at=at)
    known, clause = admission.said(message) or (reason, message)
    return Trouble(replica=None, reason=known, message=f"its pod cannot be created: {clause}", at=at)
