"""An apiserver in memory that keeps objects, lists and watches them, and gives logs; requests can be made to fail."""

from __future__ import annotations

import asyncio
import copy
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from itertools import count
from typing import Any

from ciao.adapters.kube.apierrors import ApiError

Json = dict[str, Any]
JOBS = "/apis/kubeflow.org/v1/namespaces/team/pytorchjobs"
PODS = "/api/v1/namespaces/team/pods"
CONFIGMAPS = "/api/v1/namespaces/team/configmaps"
EVENTS = "/api/v1/namespaces/team/events"


def not_found(name: str) -> ApiError:
    """There is none."""
    return ApiError(404, "NotFound", f'"{name}" not found', {}, None)


class Apiserver:
    """``requests``: verb and path of each. ``faults``: raised once by the request of that verb and path, before it is
    done (``"POST …"``) or after (``"POST … done"``). ``logs``: what a pod's log is, by the pod's name.
    """

    def __init__(self) -> None:
        self.objects: dict[str, dict[str, Json]] = {}
        self.requests: list[str] = []
        self.faults: dict[str, Exception] = {}
        self.logs: dict[str, bytes] = {}
        self._numbers = count(1)
        self._watches: list[tuple[str, Callable[[Json], bool], asyncio.Queue[bytes]]] = []

    # -- what a cluster does by itself -------------------------------------------------------------

    def put(self, collection: str, thing: Json) -> Json:
        """The object is so now; watchers are told."""
        name = thing["metadata"]["name"]
        known = self.objects.setdefault(collection, {}).get(name)
        metadata = {"uid": f"uid-{name}-{next(self._numbers)}", "creationTimestamp": "2026-01-01T00:00:00Z"}
        metadata |= known["metadata"] if known else {}
        metadata |= thing["metadata"] | {"resourceVersion": str(next(self._numbers))}
        self.objects[collection][name] = found = {**thing, "metadata": metadata}
        self._tell(collection, "MODIFIED" if known else "ADDED", found)
        return copy.deepcopy(found)

    def take(self, collection: str, name: str) -> None:
        """The object is gone, with all that it owned; watchers are told."""
        thing = self.objects[collection].pop(name)
        thing["metadata"]["resourceVersion"] = str(next(self._numbers))
        self._tell(collection, "DELETED", thing)
        for other, things in self.objects.items():
            for each in [each for each in things.values() if thing["metadata"]["uid"] in _owners(each)]:
                self.take(other, each["metadata"]["name"])

    def at(self, collection: str, name: str) -> Json:
        """The object as it is."""
        return self.objects[collection][name]

    # -- what is asked of it -------------------------------------------------------------------------

    async def get(self, path: str, *, metadata_only: bool = False, **params: str) -> Json:
        async with self._request("GET", path):
            if path in self.objects or path in (JOBS, PODS, CONFIGMAPS, EVENTS):
                chosen = _chosen(params)
                items = [copy.deepcopy(each) for each in self.objects.get(path, {}).values() if chosen(each)]
                return {"kind": "List", "metadata": {"resourceVersion": str(next(self._numbers))}, "items": items}
            return copy.deepcopy(self._one(path))

    async def post(self, path: str, body: Json, **params: str) -> Json:
        async with self._request("POST", path):
            if body["metadata"]["name"] in self.objects.get(path, {}):
                raise ApiError(409, "AlreadyExists", "it already exists", {}, None)
            return self.put(path, body)

    async def patch(self, path: str, body: Json, **params: str) -> Json:
        async with self._request("PATCH", path):
            return self.put(path.rpartition("/")[0], _merged(self._one(path), body))

    async def delete(self, path: str, body: Json | None = None, **params: str) -> Json:
        async with self._request("DELETE", path):
            thing = self._one(path)
            wanted = (body or {}).get("preconditions", {}).get("uid")
            if wanted not in (None, thing["metadata"]["uid"]):
                raise ApiError(409, "Conflict", "another uid", {}, None)
            self.take(*path.rsplit("/", 1))
            return thing

    @asynccontextmanager
    async def stream(
        self, path: str, *, idle: float | None = None, **params: str
    ) -> AsyncIterator[AsyncIterator[bytes]]:
        if path.endswith("/log"):
            async with self._request("LOG", path):
                name = path.split("/")[-2]
                if name not in self.logs:
                    raise not_found(name)
            yield _all(self.logs[name])
            return
        self.requests.append(f"WATCH {path}")
        queue: asyncio.Queue[bytes] = asyncio.Queue()
        watch = (path, _chosen(params), queue)
        self._watches.append(watch)
        try:
            yield _each(queue)
        finally:
            self._watches.remove(watch)

    # -- inside ----------------------------------------------------------------------------------------

    @asynccontextmanager
    async def _request(self, verb: str, path: str) -> AsyncIterator[None]:
        what = f"{verb} {path}"
        self.requests.append(what)
        await asyncio.sleep(0)
        if what in self.faults:
            raise self.faults.pop(what)
        yield
        if f"{what} done" in self.faults:
            raise self.faults.pop(f"{what} done")

    def _one(self, path: str) -> Json:
        collection, name = path.rsplit("/", 1)
        try:
            return self.objects[collection][name]
        except KeyError:
            raise not_found(name) from None

    def _tell(self, collection: str, kind: str, thing: Json) -> None:
        line = json.dumps({"type": kind, "object": thing}).encode() + b"\n"
        for path, chosen, queue in self._watches:
            if path == collection and chosen(thing):
                queue.put_nowait(line)


def _chosen(params: dict[str, str]) -> Callable[[Json], bool]:
    labels = dict(each.split("=", 1) for each in params.get("labelSelector", "").split(",") if each)
    fields = dict(each.split("=", 1) for each in params.get("fieldSelector", "").split(",") if each)

    def chosen(thing: Json) -> bool:
        mine = thing["metadata"].get("labels", {})
        about = {"metadata.name": thing["metadata"]["name"], "involvedObject.uid": _about(thing)}
        return all(mine.get(key) == value for key, value in labels.items()) and all(
            about.get(key) == value for key, value in fields.items()
        )

    return chosen


def _owners(thing: Json) -> list[str]:
    return [each["uid"] for each in thing["metadata"].get("ownerReferences", ())]


def _about(thing: Json) -> str:
    return str(thing.get("involvedObject", {}).get("uid", ""))


def _merged(base: Json, patch: Json) -> Json:
    """RFC 7386."""
    found = dict(base)
    for key, value in patch.items():
        found[key] = _merged(found.get(key) or {}, value) if isinstance(value, dict) else value
    return found


async def _all(data: bytes) -> AsyncIterator[bytes]:
    yield data


async def _each(queue: asyncio.Queue[bytes]) -> AsyncIterator[bytes]:
    while True:
        yield await queue.get()
