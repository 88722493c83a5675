"""Builds in the cluster as tests speak of them: a plan, an apiserver in memory, and what its controllers would do."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any

from attrs import evolve

from ciao.adapters.kubeflow.seen.stamps import SECOND
from ciao.adapters.memory import MemoryWorkspace
from ciao.adapters.oci.reference import Reference
from ciao.adapters.s2i.content import Content, Entry
from ciao.adapters.s2i.incluster.creating import create
from ciao.adapters.s2i.incluster.following import Following, World
from ciao.adapters.s2i.incluster.kinds import KANIKO, Kind
from ciao.adapters.s2i.incluster.objects import files
from ciao.adapters.s2i.incluster.plan import Options, Plan
from ciao.core.errors import CiaoError
from ciao.core.events import Progress

from .apiserver import EVENTS, PODS, Apiserver
from .jobs import job
from .kubelet import stamp
from .virtualtime import NOON, VirtualClock, play

Json = dict[str, Any]
JOBS, RUNS = "/apis/batch/v1/namespaces/team/jobs", "/apis/tekton.dev/v1/namespaces/team/taskruns"
DIGEST = f"sha256:{'a' * 64}"
NAME, POD = "job-1-build-0123abcd", "job-1-build-0123abcd-x7x7x"


def plan(kind: Kind = KANIKO, **more: Any) -> Plan:
    """Of the cell job-1 in the namespace team."""
    options = {key: more.pop(key) for key in ("insecure", "authorities", "secret", "patience") if key in more}
    said: Json = {"uid": "0123abcd4567", "namespace": "team", "target": Reference("reg.lan:5000", "team/ciao", "t1")}
    spec = more.pop("spec", job())
    return Plan(builder=kind.builder, spec=spec, options=Options(image="kaniko:1", **options), **said | more)


def content(**named: bytes) -> Content:
    """Files by path (``a__b`` for ``a/b``)."""
    entries = tuple(Entry(path.replace("__", "/"), len(data), content=data) for path, data in named.items())
    return Content(entries=entries, directory="", workspace=MemoryWorkspace({}))


def when(seconds: float) -> str:
    """A time of the API, so many seconds after the beginning."""
    return datetime.fromtimestamp(NOON + seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


class Stage:
    """A build from its creation on; ``told``: what was reported."""

    def __init__(self, kind: Kind = KANIKO, **more: Any) -> None:
        self.api, self.kind, self.plan = Apiserver(), kind, plan(kind, **more)
        self.api.objects[kind.path("team")] = {}
        self.told: list[str] = []

    async def built(self) -> str:
        """What following it gives."""
        owner = await create(
            self.api, self.kind, self.kind.made(self.plan), lambda made: files(self.plan, "FROM x\n", b"", made)
        )
        world = World(api=self.api, kind=self.kind, clock=VirtualClock(), report=self._hear)
        return await Following(world, self.plan, owner).digest()

    def play(self, *acts: Any) -> str:
        """The build's digest, while acts happen: functions of this stage, and seconds between them."""

        async def scene() -> str:
            building = asyncio.ensure_future(self.built())
            await asyncio.sleep(0.1)
            for act in acts:
                if isinstance(act, int | float):
                    await asyncio.sleep(act)
                else:
                    act(self)
            return await building

        return play(scene())

    def fails(self, *acts: Any) -> CiaoError:
        """The error in which it ends."""
        try:
            found = self.play(*acts)
        except CiaoError as error:
            return error
        raise AssertionError(f"it built {found}")

    def _hear(self, progress: Progress) -> None:
        self.told.append(progress.what)

    # -- what the cluster does -------------------------------------------------------------------------

    def pod(self, phase: str = "Pending", status: Json | None = None, **state: Any) -> None:
        """The pod is so now; ``state`` of its container."""
        statuses = [
            {"name": self.kind.container, "containerID": "c1" if "waiting" not in state else "", "state": state}
        ]
        metadata = {"name": POD, "namespace": "team", "labels": self.plan.labels, "creationTimestamp": when(0)}
        container = {"name": self.kind.container, "image": "kaniko:1"}
        found = {"phase": phase, **({"containerStatuses": statuses} if state else {}), **(status or {})}
        self.api.put(
            PODS, {"metadata": metadata, "spec": {"nodeName": "n", "containers": [container]}, "status": found}
        )

    def owner(self, **status: Any) -> None:
        """The owner's status is so now."""
        path = self.kind.path("team")
        self.api.put(path, {**self.api.at(path, NAME), "status": status})

    def log(self, *lines: str) -> None:
        """What the container has printed."""
        self.api.logs[POD] = b"".join(stamp(int((NOON + 1) * SECOND)) + line.encode() + b"\n" for line in lines)

    def event(self, reason: str, message: str, kind: str = "Job", uid: str = "") -> None:
        """A warning about the owner (or the pod)."""
        path = PODS if kind == "Pod" else self.kind.path("team")
        about = self.api.at(path, POD if kind == "Pod" else NAME)["metadata"]
        said = {"kind": kind, "name": about["name"], "namespace": "team", "uid": about["uid"]}
        event = {"involvedObject": said, "reason": reason, "message": message, "type": "Warning"}
        stamps = {"firstTimestamp": when(0), "lastTimestamp": when(1), "count": 1}
        self.api.put(EVENTS, {"metadata": {"name": f"e{len(self.api.objects.get(EVENTS, {}))}"}, **event, **stamps})


def running(stage: Stage) -> None:
    """Its container has begun."""
    stage.pod("Running", running={"startedAt": when(1)})


def ended(code: int = 0, message: str = DIGEST, reason: str = "", phase: str = "") -> Any:
    """Its container has ended."""
    said = {"exitCode": code, "reason": reason or ("Error" if code else "Completed"), "message": message}
    said |= {"startedAt": when(1), "finishedAt": when(3)}
    return lambda stage: stage.pod(phase or ("Failed" if code else "Succeeded"), terminated=said)


def own(message: str) -> str:
    """One of Kaniko's own lines."""
    return f'{{"level":"info","msg":"{message}","time":"2026-01-01T00:00:00Z"}}'


def placed(**placement: Any) -> Any:
    """A spec with this placement."""
    return evolve(job(), placement=evolve(job().placement, **placement))
