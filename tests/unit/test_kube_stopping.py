"""Stopping pods on a cluster: their logs stay, and what never ran goes."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from ciao.adapters.kubeflow.stopping import Stopping
from ciao.core.model import JobHandle, Replica
from ciao.core.ports import Stop

from .apiserver import JOBS, PODS, Apiserver
from .kubejobs import made

MARK = "ciao.dev/stopped"
FAILED = {"conditions": [{"type": "Failed", "status": "True", "message": "a pod failed"}]}
RUNNING = {"phase": "Running", "containerStatuses": [{"name": "pytorch", "state": {"running": {}}}]}
ENDED = {"phase": "Succeeded", "containerStatuses": [{"name": "pytorch", "state": {"terminated": {"exitCode": 0}}}]}
WAITING = {"phase": "Pending"}


class Scene:
    """A job with pods in given states."""

    def __init__(self, api: Apiserver, *, over: bool = False, **pods: dict[str, Any]) -> None:
        self.api = api
        job = api.put(JOBS, {**made("%master=1;%worker=2"), **({"status": FAILED} if over else {})})
        self.uid = job["metadata"]["uid"]
        for name, status in pods.items():
            labels = {"ciao.dev/uid": job["metadata"]["labels"]["ciao.dev/uid"]}
            role, index = name.split("_")
            labels |= {"training.kubeflow.org/replica-type": role, "training.kubeflow.org/replica-index": index}
            spec = {"containers": [{"name": "pytorch"}]}
            api.put(
                PODS, {"metadata": {"name": f"demo-{role}-{index}", "labels": labels}, "spec": spec, "status": status}
            )

    @property
    def stopping(self) -> Stopping:
        handle = JobHandle("kubeflow", "lab", "team", "PyTorchJob", "demo", self.uid)
        return Stopping(self.api, handle, "pytorchjobs", 1_767_225_600.0)

    def marked(self) -> list[str]:
        """What carries the mark and, if it is a pod, the deadline."""
        found = []
        for collection in (JOBS, PODS):
            for name, each in self.api.objects.get(collection, {}).items():
                if MARK in each["metadata"].get("annotations", {}):
                    assert collection == JOBS or each["spec"]["activeDeadlineSeconds"] == 1
                    found.append(name)
        return found

    def left(self) -> list[str]:
        """The names of all that exists."""
        return [name for collection in (JOBS, PODS) for name in self.api.objects.get(collection, {})]


def run(story: Callable[[Apiserver], Awaitable[None]]) -> None:
    """Before an empty apiserver."""

    async def main() -> None:
        async with asyncio.timeout(5.0):
            await story(Apiserver())

    asyncio.run(main())


def test_pods_that_run_are_ended_by_their_deadline() -> None:
    """They stay, with their logs; those that have ended are let be."""

    async def story(api: Apiserver) -> None:
        scene = Scene(api, master_0=RUNNING, worker_0=ENDED, worker_1=RUNNING)
        await scene.stopping.stop(Stop())
        assert scene.marked() == ["demo", "demo-master-0", "demo-worker-1"]
        assert len(scene.left()) == 4
        sent = len(api.requests)
        await scene.stopping.stop(Stop())
        assert not [each for each in api.requests[sent:] if each.startswith(f"PATCH {PODS}")]

    run(story)


def test_only_the_named_replicas_are_stopped() -> None:
    """And the job as a whole has not the mark then: what they do to it is the operator's to say."""

    async def story(api: Apiserver) -> None:
        scene = Scene(api, master_0=RUNNING, worker_0=RUNNING)
        await scene.stopping.stop(Stop((Replica("worker", 0),)))
        assert scene.marked() == ["demo-worker-0"]

    run(story)


@pytest.mark.parametrize("pods", [{}, {"master_0": WAITING}])
def test_a_job_that_never_ran_goes(pods: dict[str, Any]) -> None:
    """There is no log to keep. It has the mark when it goes, so that everybody knows why."""

    async def story(api: Apiserver) -> None:
        scene = Scene(api, **pods)
        await scene.stopping.stop(Stop())
        assert "demo" not in scene.left()
        assert api.requests.index(f"PATCH {JOBS}/demo") < api.requests.index(f"DELETE {JOBS}/demo")

    run(story)


def test_pods_that_never_ran_go_when_the_job_is_over() -> None:
    """Before that the operator would make them again; they are marked, and swept then."""

    async def story(api: Apiserver) -> None:
        scene = Scene(api, master_0=RUNNING, worker_0=WAITING)
        await scene.stopping.stop(Stop())
        assert scene.marked() == ["demo", "demo-master-0", "demo-worker-0"]
        await scene.stopping.sweep()
        assert scene.left() == ["demo", "demo-master-0"]

    run(story)


def test_once_the_job_is_over_what_waits_is_deleted_at_once() -> None:
    """As when a worker has failed and the others are stopped; the job itself is not marked."""

    async def story(api: Apiserver) -> None:
        scene = Scene(api, over=True, master_0=RUNNING, worker_0=ENDED, worker_1=WAITING)
        await scene.stopping.stop(Stop((Replica("master", 0), Replica("worker", 1))))
        assert scene.marked() == ["demo-master-0"]
        assert scene.left() == ["demo", "demo-master-0", "demo-worker-0"]

    run(story)


def test_a_pod_that_somebody_deletes_is_not_ciaos_to_stop() -> None:
    """Else a deletion by hand would read as a stop."""

    async def story(api: Apiserver) -> None:
        scene = Scene(api, master_0=RUNNING, worker_0=RUNNING)
        going = api.at(PODS, "demo-worker-0")
        api.put(PODS, {**going, "metadata": {**going["metadata"], "deletionTimestamp": "2026-01-01T00:00:30Z"}})
        await scene.stopping.stop(Stop((Replica("worker", 0),)))
        assert scene.marked() == []

    run(story)


def test_force_deletes_job_and_pods() -> None:
    """The mark comes first."""

    async def story(api: Apiserver) -> None:
        scene = Scene(api, master_0=RUNNING, worker_0=WAITING)
        await scene.stopping.stop(Stop(grace=0.0))
        assert scene.left() == []
        assert [each for each in api.requests if JOBS in each][1:] == [f"PATCH {JOBS}/demo", f"DELETE {JOBS}/demo"]

    run(story)


@pytest.mark.parametrize("how", [Stop(), Stop(grace=0.0), Stop(remove=True), Stop((Replica("master", 0),))])
def test_what_is_gone_or_replaced_is_no_error(how: Stop) -> None:
    """Stop is idempotent, and another job of that name is not meant."""

    async def story(api: Apiserver) -> None:
        scene = Scene(api, master_0=RUNNING)
        scene.uid = "of a former job"
        await scene.stopping.stop(how)
        assert scene.marked() == []
        assert len(scene.left()) == 2
        api.take(JOBS, "demo")
        await scene.stopping.stop(how)

    run(story)


def test_removing_takes_what_the_job_left() -> None:
    """The cluster collects its pods."""

    async def story(api: Apiserver) -> None:
        scene = Scene(api, over=True, master_0=ENDED)
        await scene.stopping.stop(Stop(remove=True))
        assert scene.left() == ["demo-master-0"]

    run(story)
