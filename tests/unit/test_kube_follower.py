"""One job on a cluster as its watchers see it, before an apiserver in memory."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from ciao.adapters.kube.apierrors import ApiError
from ciao.adapters.kubeflow.follower import Follower, World
from ciao.adapters.memory import MemoryJobStore
from ciao.adapters.system import SystemClock
from ciao.core.errors import CiaoError
from ciao.core.events import JobGone, LogChunk, Observation, OutcomeSeen, Phase, ReplicaSeen, TroubleSeen
from ciao.core.model import JobHandle, Replica
from ciao.core.ports import JobRecord

from .apiserver import EVENTS, JOBS, PODS, Apiserver
from .kubejobs import made

MASTER, WORKER = Replica("master", 0), Replica("worker", 0)
LINE = b"2026-01-01T00:00:0%d.000000000Z %s\n"


def status(state: str, phase: str, **more: Any) -> dict[str, Any]:
    """A pod's status."""
    said = {"startedAt": "2026-01-01T00:00:01Z", **more}
    container = {"name": "pytorch", "containerID": "containerd://c", "state": {state: said}}
    return {"phase": phase, "containerStatuses": [container] if state != "waiting" else []}


RUNNING = status("running", "Running")
GOOD = status("terminated", "Succeeded", exitCode=0, reason="Completed", finishedAt="2026-01-01T00:00:09Z")
BAD = status("terminated", "Failed", exitCode=3, reason="Error", finishedAt="2026-01-01T00:00:08Z")


class Scene:
    """A job with a master and a worker, followed."""

    def __init__(self, api: Apiserver) -> None:
        self.api, self.store = api, MemoryJobStore()
        self.job = api.put(JOBS, made("%master=1;%worker=1"))
        self.handle = JobHandle("kubeflow", "lab", "team", "PyTorchJob", "demo", self.job["metadata"]["uid"])
        roles = (("master", 1), ("worker", 1))
        self.store.create(
            JobRecord(handle=self.handle, framework="pytorch", roles=roles, created=1.0, source="", label="", digest="")
        )
        self.world = World(api=api, store=self.store, clock=SystemClock(), plural="pytorchjobs", container="pytorch")
        self.follower = Follower(self.world, self.handle, self.job)

    def pod(self, replica: Replica, state: dict[str, Any], log: bytes | None = None) -> None:
        """The replica's pod is so now; ``log`` is what it has printed."""
        name = f"demo-{replica}"
        if log is not None:
            self.api.logs[name] = log
        labels = {"ciao.dev/uid": self.job["metadata"]["labels"]["ciao.dev/uid"]}
        labels |= {"training.kubeflow.org/replica-type": replica.role}
        labels |= {"training.kubeflow.org/replica-index": str(replica.index)}
        owners = [{"uid": self.handle.uid, "controller": True}]
        metadata = {"name": name, "labels": labels, "ownerReferences": owners}
        self.api.put(PODS, {"metadata": metadata, "spec": {"containers": [{"name": "pytorch"}]}, "status": state})

    def decided(self, kind: str, message: str = "", **annotations: str) -> None:
        """The operator's word."""
        job = self.api.at(JOBS, "demo")
        condition = {"type": kind, "status": "True", "reason": f"PyTorchJob{kind}", "message": message}
        metadata = {**job["metadata"], "annotations": {**job["metadata"]["annotations"], **annotations}}
        self.api.put(JOBS, {**job, "metadata": metadata, "status": {"conditions": [condition]}})

    async def watched(self) -> list[Observation]:
        """All that a watcher hears, to the end."""
        return [each async for each in self.follower.join({}).stream()]

    def log(self, replica: Replica) -> bytes:
        """What the store has."""
        return self.store.reader(self.handle, replica).read(0, 1 << 20)


def run(story: Callable[[Scene], Awaitable[None]]) -> None:
    """A story with a fresh scene."""

    async def main() -> None:
        async with asyncio.timeout(10.0):
            scene = Scene(Apiserver())
            try:
                await story(scene)
            finally:
                await scene.follower.close()

    asyncio.run(main())


def phases(seen: list[Observation]) -> list[str]:
    """``worker-0 failed 3``."""
    return [
        f"{each.replica} {each.phase.value}" + (f" {each.exit.code}" if each.exit else "")
        for each in seen
        if isinstance(each, ReplicaSeen) and each.phase is not Phase.WAITING
    ]


def test_a_job_is_seen_to_its_end() -> None:
    """Phases in order, each line once before its replica's end, and the operator's word; then the watch ends."""

    async def story(scene: Scene) -> None:
        await scene.follower.start()
        watching = asyncio.ensure_future(scene.watched())
        for replica in (MASTER, WORKER):
            scene.pod(replica, RUNNING, LINE % (1, b"hello") + LINE % (2, b"world"))
        scene.pod(MASTER, GOOD)
        scene.pod(WORKER, GOOD)
        scene.decided("Succeeded")
        seen = await watching
        assert sorted(phases(seen)) == [
            "master-0 running", "master-0 succeeded 0", "worker-0 running", "worker-0 succeeded 0",
        ]  # fmt: skip
        for replica in (MASTER, WORKER):
            assert scene.log(replica) == b"hello\nworld\n"
            mine = [each for each in seen if getattr(each, "replica", None) == replica]
            assert isinstance(mine[-1], ReplicaSeen)
            assert sum(each.count for each in mine if isinstance(each, LogChunk)) == 2
        assert [each.succeeded for each in seen if isinstance(each, OutcomeSeen)] == [True]

    run(story)


def test_who_comes_late_is_told_what_is_so() -> None:
    """Also after the end: one chunk for each log, past what he has, the newest phases, the outcome."""

    async def story(scene: Scene) -> None:
        await scene.follower.start()
        scene.pod(MASTER, GOOD, LINE % (1, b"hello"))
        scene.pod(WORKER, BAD, LINE % (1, b"oh"))
        scene.decided("Failed", "1 Worker replica(s) failed")
        await scene.watched()
        late = [each async for each in scene.follower.join({MASTER: 6}).stream()]
        assert [each for each in late if isinstance(each, LogChunk)] == [LogChunk(WORKER, 0, 1, 0, 3)]
        assert phases(late) == ["master-0 succeeded 0", "worker-0 failed 3"]
        (outcome,) = [each for each in late if isinstance(each, OutcomeSeen)]
        assert (outcome.succeeded, outcome.message) == (False, "1 Worker replica(s) failed")

    run(story)


def test_what_ciao_stopped_is_told_as_stopped() -> None:
    """By the job's mark, in whatever process that was done."""

    async def story(scene: Scene) -> None:
        await scene.follower.start()
        watching = asyncio.ensure_future(scene.watched())
        scene.pod(MASTER, BAD, b"")
        scene.pod(WORKER, BAD, b"")
        scene.decided("Failed", **{"ciao.dev/stopped": "2026-01-01T00:00:07Z"})
        (outcome,) = [each for each in await watching if isinstance(each, OutcomeSeen)]
        assert outcome.reason == "Stopped"

    run(story)


def test_a_job_that_is_deleted_is_gone() -> None:
    """Its pods go with it, and those that ran did not fail; then that is said, and the watch ends."""

    async def story(scene: Scene) -> None:
        await scene.follower.start()
        watching = asyncio.ensure_future(scene.watched())
        for replica in (MASTER, WORKER):
            scene.pod(replica, RUNNING, LINE % (1, b"hello"))
        read: set[Replica] = set()
        async for each in scene.follower.join({}).stream():
            read |= {each.replica} if isinstance(each, LogChunk) else set()
            if read == {MASTER, WORKER}:
                break
        scene.api.take(JOBS, "demo")
        seen = await watching
        assert isinstance(seen[-1], JobGone)
        ends = {each.replica: each.exit for each in seen if isinstance(each, ReplicaSeen) and each.exit}
        assert {replica: (end.code, end.reason) for replica, end in ends.items()} == {
            MASTER: (137, "Stopped"),
            WORKER: (137, "Stopped"),
        }

    run(story)


def test_why_it_waits_is_told_once() -> None:
    """A trouble of a pod, and one of the job as a whole that only an event tells."""

    async def story(scene: Scene) -> None:
        await scene.follower.start()
        listener = scene.follower.join({})
        stream = listener.stream()
        waiting = {"name": "pytorch", "state": {"waiting": {"reason": "ImagePullBackOff", "message": "not found"}}}
        for _ in range(3):
            scene.pod(MASTER, {"phase": "Pending", "containerStatuses": [waiting]})
        event = {
            "metadata": {"name": "e"},
            "involvedObject": {"kind": "PyTorchJob", "name": "demo", "uid": scene.handle.uid},
            "type": "Warning",
            "reason": "FailedCreatePod",
            "message": 'Error creating: pods "demo-worker-0" is forbidden: exceeded quota: q, requested: cpu=2, '
            "used: cpu=1, limited: cpu=2",
        }
        scene.api.put(EVENTS, event)
        told: list[TroubleSeen] = []
        while len(told) < 2:
            each = await anext(stream)
            if isinstance(each, TroubleSeen):
                told.append(each)
        assert {each.replica for each in told} == {MASTER, None}

    run(story)


def test_a_watch_that_is_forbidden_is_an_error() -> None:
    """Who watches hears it, with what is missing; nothing waits for ever."""

    async def story(scene: Scene) -> None:
        scene.api.faults[f"GET {PODS}"] = ApiError(
            403, "Forbidden", 'User "eve" cannot list resource "pods" in API group "" in the namespace "team"', {}, None
        )
        await scene.follower.start()
        try:
            await scene.watched()
        except CiaoError as error:
            assert "pods" in str(error)
        else:
            raise AssertionError("it should have been refused")

    run(story)
