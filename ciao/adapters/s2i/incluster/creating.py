"""Creating what builds, and removing it: all or nothing, whatever is lost, refused or cancelled on the way.

The owner comes first, then the ConfigMap that it owns from birth (its pod's mount waits for it): whatever dies in
between leaves nothing that the cluster would not collect. Names are of this one act, so an answer that was lost is
found again by the name.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from ciao.adapters.kube import paths
from ciao.adapters.kube.apierrors import ApiError, Unreachable
from ciao.adapters.kube.client import Api
from ciao.adapters.kubeflow.objects import names
from ciao.adapters.kubeflow.seen import facts
from ciao.adapters.s2i.incluster.kinds import Kind
from ciao.adapters.s2i.incluster.plan import BUILDER, DEADLINE
from ciao.adapters.s2i.incluster.refusing import refused
from ciao.core.errors import CiaoError

Json = dict[str, Any]


async def create(api: Api, kind: Kind, owner: Json, files: Callable[[Json], Json]) -> Json:
    """The owner as the apiserver has it. Cancelled, it lets the request in flight come to its end, and undoes it."""
    creating = asyncio.ensure_future(_create(api, kind, owner, files))
    try:
        return await asyncio.shield(creating)
    except asyncio.CancelledError:
        await asyncio.shield(asyncio.ensure_future(_undo(api, kind, creating)))
        raise


async def _undo(api: Api, kind: Kind, creating: asyncio.Future[Json]) -> None:
    with suppress(Exception):
        await remove(api, kind, await creating)


async def _create(api: Api, kind: Kind, owner: Json, files: Callable[[Json], Json]) -> Json:
    created = await _posted(api, kind.path(owner["metadata"]["namespace"]), owner)
    created = {"apiVersion": owner["apiVersion"], "kind": owner["kind"], **created}
    try:
        await _posted(api, paths.configmaps(owner["metadata"]["namespace"]), files(created))
    except BaseException:
        with suppress(Exception):
            await remove(api, kind, created)
        raise
    return created


async def _posted(api: Api, path: str, thing: Json) -> Json:
    try:
        return await api.post(path, thing)
    except (Unreachable, ApiError) as error:
        lost = isinstance(error, Unreachable) or error.reason == "AlreadyExists"  # its answer was, or an earlier one's
        found = await _existing(api, path, thing["metadata"]["name"]) if lost else None
        if found is not None:
            return found
        raise error if isinstance(error, Unreachable) else refused(error) from error


async def _existing(api: Api, path: str, name: str) -> Json | None:
    try:
        return await api.get(f"{path}/{name}")
    except ApiError:
        return None


async def remove(api: Api, kind: Kind, owner: Json) -> None:
    """With all that it owns; one that is gone is no error."""
    metadata = owner["metadata"]
    body = {"propagationPolicy": "Background", "preconditions": {"uid": metadata["uid"]}}
    try:
        await api.delete(f"{kind.path(metadata['namespace'])}/{metadata['name']}", body)
    except ApiError as error:
        if error.status not in (404, 409):
            raise refused(error) from error


async def sweep(api: Api, kind: Kind, namespace: str, now: float) -> None:
    """Remove what builds left whose process was killed, where the cluster does not. Whatever fails, fails silently."""
    with suppress(ApiError, CiaoError):
        labels = names.selector({names.MANAGED: "ciao", BUILDER: kind.builder})
        found = (await api.get(kind.path(namespace), labelSelector=labels)).get("items") or []
        for each in found:
            if now - facts.created(each) > 2 * DEADLINE:
                await remove(api, kind, each)
