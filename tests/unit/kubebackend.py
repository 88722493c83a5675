"""A backend of clusters in memory, on virtual time, and stories that it plays."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

from ciao.adapters.kube.access import Access
from ciao.adapters.kube.apierrors import AccessError, ApiError
from ciao.adapters.kube.connections import Connections
from ciao.adapters.kubeflow.backend import KubeflowBackend, Place
from ciao.adapters.kubeflow.objects.options import Options
from ciao.adapters.memory import MemoryJobStore
from ciao.core.events import Observation
from ciao.core.model import JobHandle
from ciao.core.ports import Cursor, JobRecord

from .apiserver import JOBS, PODS, Apiserver
from .jobs import FRAMEWORKS
from .kubejobs import made, mounted, spec_of
from .virtualtime import VirtualClock, play

OTHERS = "/apis/kubeflow.org/v1/namespaces/others/pytorchjobs"
NOBODY = AccessError("There is no context lab.")
GOOD = {"name": "pytorch", "state": {"terminated": {"exitCode": 0, "startedAt": "2026-01-01T00:00:01Z"}}}


def forbidden(resource: str) -> ApiError:
    """Rights do not suffice."""
    message = f'{resource} is forbidden: User "eve" cannot list resource "{resource}" in API group "" in the namespace'
    return ApiError(403, "Forbidden", f'{message} "team"', {}, None)


class Connection:
    """One connection to an apiserver in memory."""

    def __init__(self, context: str, api: Any) -> None:
        self.context, self.namespace, self.closed = context, "team", False
        self._api = api

    def __getattr__(self, name: str) -> Any:
        return getattr(self._api, name)

    async def close(self) -> None:
        await asyncio.sleep(0)
        self.closed = True


class Scene:
    """A backend. ``refusals``: what the next attempts to connect end with; ``takes``: seconds, by the name asked."""

    def __init__(self, place: Place, remembered: int = 100) -> None:
        self.api, self.store = Apiserver(), MemoryJobStore()
        self.apis: dict[str, Any] = {"lab": self.api, "far": Apiserver()}
        self.connections: list[Connection] = []
        self.attempts, self.refusals, self.takes = 0, list[Exception](), dict[str, float]()
        self.backend = KubeflowBackend(
            connections=Connections(Access(), self._connect),
            place=place,
            options=Options(),
            images={},
            frameworks=FRAMEWORKS,
            store=self.store,
            clock=VirtualClock(),
            uid=lambda: f"{self.attempts}f0c" * 8,
            remembered=remembered,
        )

    async def _connect(self, access: Access) -> Connection:
        self.attempts += 1
        refusals = [self.refusals.pop(0)] if self.refusals else []
        await asyncio.sleep(self.takes.get(access.context or "", 0.1))
        for each in refusals:
            raise each
        context = access.context or "lab"
        if context not in self.apis:
            raise AccessError(f"There is no context {context}.")
        self.connections.append(Connection(context, self.apis[context]))
        return self.connections[-1]

    @property
    def open(self) -> list[str]:
        """The contexts of the connections that are open."""
        return [each.context for each in self.connections if not each.closed]

    # -- jobs --------------------------------------------------------------------------------------

    def handle(self, name: str = "demo", uid: str = "", context: str = "lab", kind: str = "PyTorchJob") -> JobHandle:
        """Of a job in the namespace team, the present one of that name."""
        uid = uid or self.api.at(JOBS, name)["metadata"]["uid"]
        return JobHandle("kubeflow", context, "team", kind, name, uid)

    def record(self, handle: JobHandle) -> None:
        """The store knows the job, which has not ended."""
        roles, created = (("master", 1),), 1.0
        self.store.create(
            JobRecord(
                handle=handle,
                framework="pytorch",
                roles=roles,
                created=created,
                source="",
                label="",
                digest="",
                owner="k",
            )
        )

    def foreign(self, name: str = "demo") -> JobHandle:
        """A job that another process has started; the store they share knows it."""
        self.api.put(JOBS, made("%master=1", name=name))
        handle = self.handle(name)
        self.record(handle)
        return handle

    async def submitted(self, name: str = "demo") -> JobHandle:
        """One of this process's own."""
        self.record(JobHandle("kubeflow", "", "", "PyTorchJob", name, ""))
        return await self.submit(name)

    async def submit(self, name: str = "demo") -> JobHandle:
        """The record is there."""
        return await self.backend.submit(spec_of("%master=1", name=name), mounted())

    def end(self, name: str = "demo") -> None:
        """It ends well, and the operator says so."""
        job = self.api.at(JOBS, name)
        labels = {"ciao.dev/uid": job["metadata"]["labels"]["ciao.dev/uid"]}
        labels |= {"training.kubeflow.org/replica-type": "master", "training.kubeflow.org/replica-index": "0"}
        metadata = {"name": f"{name}-master-0", "labels": labels, "ownerReferences": [{"uid": job["metadata"]["uid"]}]}
        status = {"phase": "Succeeded", "containerStatuses": [GOOD]}
        spec = {"containers": [{"name": "pytorch"}]}
        self.api.put(PODS, {"metadata": metadata, "spec": spec, "status": status})
        self.api.put(JOBS, {**job, "status": {"conditions": [{"type": "Succeeded", "status": "True"}]}})

    async def watched(self, handle: JobHandle) -> list[Observation]:
        """All that a watcher hears, to the end."""
        async with self.backend.watch(handle, Cursor({})) as observations:
            return [each async for each in observations]

    def listed(self, path: str) -> int:
        """How often something was listed."""
        return self.api.requests.count(f"GET {path}")

    @property
    def left(self) -> list[str]:
        """The names of all that exists in the cluster."""
        return sorted(name for collection in self.api.objects.values() for name in collection)


Story = Callable[[Scene], Awaitable[None]]


def going_on() -> set[asyncio.Task[Any]]:
    """What runs beside this."""
    return asyncio.all_tasks() - {asyncio.current_task()}  # type: ignore[arg-type]


def run(story: Story, place: Place | None = None, remembered: int = 100) -> None:
    """Plays a story with a backend, and closes that; no task and no connection may be left."""

    async def main() -> None:
        errors = list[str]()
        asyncio.get_running_loop().set_exception_handler(lambda _, what: errors.append(str(what)))
        scene = Scene(place or Place(), remembered)
        await story(scene)
        await scene.backend.close()
        assert going_on() == set()
        assert scene.open == []
        assert errors == []

    play(main())


async def begun(work: Coroutine[Any, Any, Any], seconds: float = 0.05) -> asyncio.Task[Any]:
    """It goes on in a task of its own, for so long already."""
    task = asyncio.ensure_future(work)
    await asyncio.sleep(seconds)
    return task


async def cancelled(task: asyncio.Task[Any]) -> None:
    """And is over."""
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
