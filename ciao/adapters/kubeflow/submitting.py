"""Creating a job on a cluster: all or nothing, whatever is lost, refused or cancelled on the way.

The job comes first, then the ConfigMap that it owns from birth (its pods' mounts wait for it), so that whatever dies
in between leaves nothing that the cluster would not collect. An answer that was lost is found again by
the label ``ciao.dev/uid``, which only this one act of submitting has.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from attrs import frozen

from ciao.adapters.kube import paths
from ciao.adapters.kube.apierrors import ApiError
from ciao.adapters.kube.client import Api, Unreachable
from ciao.adapters.kube.reflector import Reflector
from ciao.adapters.kube.watchcache import Change
from ciao.adapters.kubeflow.objects import names
from ciao.adapters.kubeflow.seen import facts
from ciao.adapters.kubeflow.seen.jobfacts import job_facts
from ciao.adapters.kubeflow.seen.refusals import refusal
from ciao.core.errors import NameInUseError, TargetError

Json = dict[str, Any]
_GONE = 60.0
"""Seconds that a job which has ended may take to go away, with its pods, before another takes its name."""
_TRIES = 3


@frozen(kw_only=True)
class Objects:
    """What is created: the job, and its source as a function of the uid that the apiserver gives the job."""

    job: Json
    source: Callable[[str], Json] | None
    plural: str

    @property
    def namespace(self) -> str:
        """Of both."""
        return str(self.job["metadata"]["namespace"])

    @property
    def name(self) -> str:
        """The job's."""
        return str(self.job["metadata"]["name"])


async def create(api: Api, objects: Objects) -> Json:
    """The job as the apiserver has it. Raises what refusals say, NameInUseError, Unreachable.

    Cancelled, it lets the request in flight come to its end, and then undoes it.
    """
    creating = asyncio.ensure_future(_create(api, objects))
    try:
        return await asyncio.shield(creating)
    except asyncio.CancelledError:
        await asyncio.shield(asyncio.ensure_future(_undo(api, objects, creating)))
        raise


async def _undo(api: Api, objects: Objects, creating: asyncio.Future[Json]) -> None:
    with suppress(Exception):
        await _delete(api, objects, await creating)


async def _create(api: Api, objects: Objects) -> Json:
    created = await _create_job(api, objects)
    if objects.source is None:
        return created
    try:
        await _create_source(api, objects.namespace, objects.source(created["metadata"]["uid"]))
    except BaseException:
        with suppress(Exception):
            await _delete(api, objects, created)
        raise
    return created


async def _create_job(api: Api, objects: Objects) -> Json:
    path = paths.jobs(objects.namespace, objects.plural)
    for _ in range(_TRIES):
        try:
            return await api.post(path, objects.job)
        except Unreachable:
            found = await _existing(api, objects)
            if found is not None and _is_mine(found, objects):
                return found
            raise
        except ApiError as error:
            if error.reason != "AlreadyExists":
                raise refusal(error) from error
        found = await _existing(api, objects)
        if found is not None and _is_mine(found, objects):
            return found
        if found is not None:
            await _make_room(api, objects, found)
    raise TargetError(f"{objects.name} cannot be created: somebody else creates jobs of that name all the time.")


async def _create_source(api: Api, namespace: str, source: Json) -> None:
    try:
        await api.post(paths.configmaps(namespace), source)
    except ApiError as error:
        if error.reason != "AlreadyExists":  # its answer was lost before
            raise refusal(error) from error


async def _existing(api: Api, objects: Objects) -> Json | None:
    try:
        return await api.get(paths.job(objects.namespace, objects.plural, objects.name))
    except ApiError as error:
        if error.status == 404:
            return None
        raise refusal(error) from error


def _is_mine(found: Json, objects: Objects) -> bool:
    label = names.UID
    return bool(facts.labels(found).get(label) == facts.labels(objects.job)[label])


async def _make_room(api: Api, objects: Objects, former: Json) -> None:
    """A job of that name that has ended, and is Ciao's, gives way, with its pods."""
    known = job_facts(former)
    name = objects.name
    if known.labels.get(names.MANAGED) != "ciao":
        hint = "Choose another %name: that one was not made by Ciao."
        raise NameInUseError(f"There is a {known.kind} named {name} in {objects.namespace} already.", hint=hint)
    if known.outcome is None and not known.deleting:
        hint = f"Stop it (%stop {name}), watch it (%attach {name}), or choose another %name."
        raise NameInUseError(f"A job named {name} still runs in {objects.namespace}.", hint=hint)
    await _delete(api, objects, former, "Foreground")
    await _until_gone(api, objects, known.uid)


async def _until_gone(api: Api, objects: Objects, uid: str) -> None:
    gone, present = asyncio.Event(), set[str]()

    def tell(change: Change) -> None:
        (present.discard if change.kind == "gone" else present.add)(facts.uid(change.object))
        if uid not in present:
            gone.set()

    jobs = Reflector(api, paths.jobs(objects.namespace, objects.plural), fields=f"metadata.name={objects.name}")
    try:
        async with asyncio.timeout(_GONE), jobs.started(tell):
            if uid in present:
                gone.clear()
                await gone.wait()
    except TimeoutError:
        raise TargetError(
            f"The former {objects.name} does not go away: its pods in {objects.namespace} have not ended after "
            f"{_GONE:.0f} s. Choose another %name, or look at them with kubectl."
        ) from None
    except ApiError as error:
        raise refusal(error) from error


async def _delete(api: Api, objects: Objects, job: Json, propagation: str = "Background") -> None:
    await delete_job(
        api, objects.namespace, objects.plural, objects.name, uid=job["metadata"]["uid"], propagation=propagation
    )


async def delete_job(
    api: Api, namespace: str, plural: str, name: str, *, uid: str, propagation: str = "Background"
) -> None:
    """Delete just this job, with all it owns; one that is gone, or was replaced, is no error."""
    body = {"propagationPolicy": propagation, "preconditions": {"uid": uid}}
    try:
        await api.delete(paths.job(namespace, plural, name), body)
    except ApiError as error:
        if error.status not in (404, 409):
            raise refusal(error) from error


__all__ = ["Objects", "create", "delete_job"]
