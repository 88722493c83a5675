"""Why a job does not go on, as its watchers are told, on virtual time before an apiserver in memory."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

import pytest

from ciao.adapters.kube.apierrors import AccessError, ApiError, Unreachable
from ciao.adapters.kubeflow.seen.jobfacts import JobFacts, job_facts
from ciao.adapters.kubeflow.seen.podfacts import pod_facts
from ciao.adapters.kubeflow.troublewatch import TroubleWatch
from ciao.core.events import Observation, TroubleSeen
from ciao.core.model import JobHandle, Replica

from .apiserver import EVENTS, Apiserver, Json
from .kubejobs import made
from .virtualtime import NOON, now, play

MASTER = Replica("master", 0)
WORKERS = [Replica("worker", index) for index in range(6)]
NODES, ALL_PODS = "/api/v1/nodes", "/api/v1/pods"
HANDLE = JobHandle("kubeflow", "lab", "team", "PyTorchJob", "demo", "uid-demo")
FORBIDDEN = ApiError(403, "Forbidden", "nodes is forbidden", {}, None)
FULL = "0/1 nodes are available: 1 Insufficient cpu. preemption: 0/1 nodes are available."
NO_ROOM = "no node takes it (of 1): 1 has too little cpu for the 64 that it asks for"
NUMBERS = f"{NO_ROOM} (cpu: 64 asked, the most that a node has is 8 (n1))"


def at(seconds: float) -> str:
    """So many seconds after the beginning, as the API writes it."""
    return f"2025-07-20T08:{26 + int(40 + seconds) // 60:02}:{int(40 + seconds) % 60:02}Z"


def pod(replica: Replica, node: str = "n1", uid: str = "", **status: Any) -> Json:
    """A pod of the job; without more it has a node, and no container yet."""
    labels = {"training.kubeflow.org/replica-type": replica.role}
    labels |= {"training.kubeflow.org/replica-index": str(replica.index)}
    metadata = {"name": f"demo-{replica}", "namespace": "team", "uid": uid or f"uid-{replica}", "labels": labels}
    resources = {"requests": {"cpu": "64"}}
    spec = {"containers": [{"name": "pytorch", "image": "train:1", "resources": resources}]}
    return {
        "metadata": {**metadata, "creationTimestamp": at(0)},
        "spec": {**spec, **({"nodeName": node} if node else {})},
        "status": {"phase": "Pending", **status},
    }


def unplaced(replica: Replica, message: str = FULL) -> Json:
    """One that the scheduler can place nowhere."""
    condition = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": message}
    return pod(replica, node="", conditions=[condition])


def in_state(replica: Replica, kind: str, **said: str) -> Json:
    """One whose container is in this state."""
    return pod(replica, containerStatuses=[{"name": "pytorch", "containerID": "c", "state": {kind: said}}])


def pulling(replica: Replica, message: str) -> Json:
    """One whose image does not come, with a kubelet's words."""
    return in_state(replica, "waiting", reason="ErrImagePull", message=message)


def running(replica: Replica) -> Json:
    """One that runs."""
    return in_state(replica, "running", startedAt=at(1))


def job(**more: Any) -> JobFacts:
    """The job, created when time begins."""
    found = made("%master=1;%worker=6")
    return job_facts({**found, "metadata": {**found["metadata"], "creationTimestamp": at(0)}, **more})


def event(kind: str, uid: str, reason: str, message: str, seconds: float = 0.0) -> Json:
    """A warning about an object, told so long after the beginning."""
    name = "demo-master-0" if kind == "Pod" else "demo"
    about = {"kind": kind, "name": name, "uid": uid, "namespace": "team"}
    said = {"type": "Warning", "reason": reason, "message": message, "count": 1}
    when = {"firstTimestamp": at(seconds), "lastTimestamp": at(seconds)}
    metadata = {"name": f"{uid}.{reason}.{seconds}", "namespace": "team"}
    return {"metadata": metadata, "involvedObject": about, **said, **when}


def refused_pod(replica: Replica, seconds: float = 0.0) -> Json:
    """The operator's word on a pod that a quota keeps from being."""
    message = (
        f'Error creating: pods "demo-{replica}" is forbidden: exceeded quota: q, requested: cpu=2, used: cpu=1, '
        "limited: cpu=2"
    )
    return event("PyTorchJob", "uid-demo", "FailedCreatePod", message, seconds)


class Scene:
    """A job whose troubles are told; ``tasks`` is what it has going on."""

    def __init__(self) -> None:
        self.api = Apiserver()
        self.told: list[TroubleSeen] = []
        self.tasks: set[asyncio.Task[None]] = set()
        self.watch = TroubleWatch(
            api=self.api, handle=HANDLE, container="pytorch", now=now, tell=self._tell, spawn=self._spawn
        )

    def _tell(self, observation: Observation) -> None:
        assert isinstance(observation, TroubleSeen)
        self.told.append(observation)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.ensure_future(work)
        self.tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[None]) -> None:
        self.tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            raise error

    def node(self, **amounts: str) -> None:
        """A node that has so much."""
        status = {"allocatable": {"pods": "110", **amounts}, "conditions": [{"type": "Ready", "status": "True"}]}
        self.api.put(NODES, {"metadata": {"name": "n1"}, "status": status})

    async def see(self, *pods: Json, wait: float = 0.1) -> None:
        """Pods are so now; and some time goes by."""
        for each in pods:
            known = pod_facts(each, "demo", "pytorch")
            assert known.replica is not None
            self.watch.pod(known.replica, each, known)
        await asyncio.sleep(wait)

    async def lose(self, *replicas: Replica) -> None:
        """Replicas have ended, or lost their pods."""
        for each in replicas:
            self.watch.forget(each)
        await asyncio.sleep(0.1)

    @property
    def said(self) -> list[tuple[Replica | None, str]]:
        """Of whom, and the word."""
        return [(each.replica, each.reason) for each in self.told]

    @property
    def lasting(self) -> list[tuple[Replica | None, str]]:
        """What who comes late is told."""
        return [(each.replica, each.reason) for each in self.watch.lasting()]

    def asked(self, path: str) -> int:
        """How often a list was asked for."""
        return self.api.requests.count(f"GET {path}")

    def watched(self) -> list[str]:
        """Whose events are watched now: the uids in the order of the requests."""
        return [each for each in self.api.requests if each == f"WATCH {EVENTS}"]


def run(story: Callable[[Scene], Awaitable[None]]) -> None:
    """A story; what it leaves going on is cancelled."""

    async def main() -> None:
        scene, errors = Scene(), list[Exception]()
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda _, what: errors.append(what.get("exception") or Exception(what["message"])))
        await story(scene)
        left = list(scene.tasks)
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)
        assert errors == []

    play(main())


# -- once, and again when it changes --------------------------------------------------------------------


def test_a_trouble_is_told_once() -> None:
    """However often its pod changes; nor again when it had passed and is the same once more."""

    async def story(scene: Scene) -> None:
        for _ in range(3):
            await scene.see(pulling(MASTER, "manifest not found"))
        await scene.see(pod(MASTER))
        await scene.see(pulling(MASTER, "manifest not found"))
        assert scene.said == [(MASTER, "ImageMissing")]

    run(story)


def test_it_is_told_again_when_it_changes() -> None:
    """Also back to what it was before."""

    async def story(scene: Scene) -> None:
        for message in ("manifest not found", "429 Too Many Requests", "manifest not found"):
            await scene.see(pulling(MASTER, message))
        assert [reason for _, reason in scene.said] == ["ImageMissing", "ImageLimited", "ImageMissing"]

    run(story)


def test_every_replica_has_its_own() -> None:
    """The same of two of them is told of both; the master's is what keeps the worker that waits for it."""

    async def story(scene: Scene) -> None:
        await scene.see(pulling(MASTER, "not found"), pulling(WORKERS[0], "not found"))
        assert scene.said == [(MASTER, "ImageMissing"), (WORKERS[0], "ImageMissing")]
        waiting = {"name": "init-pytorch", "state": {"running": {"startedAt": at(0)}}}
        await scene.see(pod(WORKERS[1], initContainerStatuses=[waiting]), wait=25.0)
        assert scene.told[-1].replica == WORKERS[1]
        assert scene.told[-1].message == "it waits for its master: pulling its image"

    run(story)


def test_what_a_vaguer_word_adds_nothing_to_stays() -> None:
    """An older kubelet names the cause only in every other moment: who comes late is told it all the same."""

    async def story(scene: Scene) -> None:
        await scene.see(pulling(MASTER, "manifest not found"))
        await scene.see(pulling(MASTER, "Back-off pulling image"))
        assert scene.said == scene.lasting == [(MASTER, "ImageMissing")]

    run(story)


@pytest.mark.parametrize("between", [[], [pod(MASTER)]], ids=["at once", "a while later"])
def test_a_vague_word_about_something_else_is_told(between: list[Json]) -> None:
    """What was precise was about room, and says nothing of the image that does not come now."""

    async def story(scene: Scene) -> None:
        await scene.see(unplaced(MASTER))
        await scene.see(*between)
        await scene.see(pulling(MASTER, "it is not to be had"))
        await scene.see(pulling(MASTER, "it is not to be had"))
        assert scene.said == [(MASTER, "NoRoom"), (MASTER, "ImageFailed")]

    run(story)


# -- who comes late -------------------------------------------------------------------------------------


def test_what_lasts_is_told_to_who_comes_late() -> None:
    """With the time since when; what has passed is not."""

    async def story(scene: Scene) -> None:
        await scene.see(pulling(MASTER, "not found"), pulling(WORKERS[0], "not found"), wait=3.0)
        await scene.see(pulling(MASTER, "not found"), running(WORKERS[0]))
        assert [(each.replica, each.at) for each in scene.watch.lasting()] == [(MASTER, NOON)]

    run(story)


def test_an_apiserver_that_does_not_answer_is_told_to_who_comes_late() -> None:
    """Until it answers again, which is told as well."""

    async def story(scene: Scene) -> None:
        scene.watch.connection("the connection was refused")
        assert scene.lasting == [(None, "Unreachable")]
        scene.watch.connection(None)
        assert scene.said == [(None, "Unreachable"), (None, "Reachable")]
        assert scene.lasting == []

    run(story)


# -- the job --------------------------------------------------------------------------------------------


def test_a_queue_is_told_until_it_lets_the_job_go() -> None:
    """A suspended job that a queue holds, and then does not."""

    async def story(scene: Scene) -> None:
        for _ in range(2):
            scene.watch.job(job(spec={"runPolicy": {"suspend": True}}))
        assert scene.said == scene.lasting == [(None, "Suspended")]
        scene.watch.job(job())
        assert scene.lasting == []

    run(story)


def test_an_operator_that_says_nothing_is_told() -> None:
    """After its time, unless an event of the job was heard."""

    async def story(scene: Scene) -> None:
        scene.watch.job(job())
        await asyncio.sleep(31.0)
        scene.watch.job(job())
        assert scene.said == [(None, "OperatorSilent")]
        scene.watch.event({**refused_pod(MASTER), "type": "Normal"})
        scene.watch.job(job())
        assert scene.lasting == []

    run(story)


def test_what_an_event_said_of_the_job_stays() -> None:
    """It is not in the job, so no change of the job takes it back."""

    async def story(scene: Scene) -> None:
        scene.watch.event(event("PyTorchJob", "uid-demo", "PyTorchJobFailedValidation", "no replicas"))
        scene.watch.job(job())
        assert scene.said == scene.lasting == [(None, "CreateFailed")]
        scene.watch.job(job(spec={"runPolicy": {"suspend": True}}))
        assert scene.lasting == [(None, "Suspended")]

    run(story)


def test_a_pod_that_cannot_be_made_is_told_of_its_replica() -> None:
    """Until it is made; an event of the operator about something that went well is none."""

    async def story(scene: Scene) -> None:
        scene.watch.event({**refused_pod(MASTER), "type": "Normal"})
        assert scene.said == []
        scene.watch.event(refused_pod(MASTER, 1.0))
        assert scene.said == [(MASTER, "QuotaExceeded")]
        await scene.see(pod(MASTER))
        assert scene.lasting == []

    run(story)


def test_why_a_pod_could_not_be_made_is_over_when_it_was() -> None:
    """Events are kept for an hour: whoever begins to follow is not told what had kept a pod that runs."""

    async def story(scene: Scene) -> None:
        await scene.see(running(MASTER))
        scene.watch.event(refused_pod(MASTER, -60.0))
        assert scene.said == scene.lasting == []
        scene.watch.event(refused_pod(WORKERS[0], -60.0))
        assert scene.said == [(WORKERS[0], "QuotaExceeded")]

    run(story)


# -- numbers --------------------------------------------------------------------------------------------


def test_who_finds_no_room_is_told_the_numbers() -> None:
    """Without the pods of others, where those may not be seen."""

    async def story(scene: Scene) -> None:
        scene.node(cpu="8")
        await scene.see(unplaced(MASTER))
        assert [each.message for each in scene.told] == [NUMBERS]

    run(story)


def test_with_the_pods_of_others_it_is_told_what_is_free() -> None:
    """Where they may be seen."""

    async def story(scene: Scene) -> None:
        scene.node(cpu="8")
        spec = {"nodeName": "n1", "containers": [{"resources": {"requests": {"cpu": "5"}}}]}
        scene.api.put(ALL_PODS, {"metadata": {"name": "other"}, "spec": spec, "status": {"phase": "Running"}})
        await scene.see(unplaced(MASTER))
        assert scene.told[0].message == f"{NUMBERS[:-1]}, of which 3 are free)"

    run(story)


def test_numbers_are_asked_for_once() -> None:
    """However many replicas find no room at the same moment, and how often they change."""

    async def story(scene: Scene) -> None:
        scene.node(cpu="8")
        for _ in range(2):
            await scene.see(*map(unplaced, WORKERS))
        assert [scene.asked(NODES), scene.asked(ALL_PODS)] == [1, 1]
        assert len(scene.told) == len(WORKERS)

    run(story)


def test_nodes_that_may_not_be_read_are_not_asked_for_again() -> None:
    """The trouble is told without numbers."""

    async def story(scene: Scene) -> None:
        scene.api.faults[f"GET {NODES}"] = FORBIDDEN
        await scene.see(*map(unplaced, WORKERS))
        scene.node(cpu="8")
        await scene.see(unplaced(MASTER))
        assert {each.message for each in scene.told} == {NO_ROOM}
        assert [scene.asked(NODES), scene.asked(ALL_PODS)] == [1, 0]

    run(story)


@pytest.mark.parametrize("error", [Unreachable("no answer", sent=True), AccessError("who are you?")])
def test_numbers_that_did_not_come_keep_no_trouble_back(error: Exception) -> None:
    """It is told without them, and they are asked for with the next change."""

    async def story(scene: Scene) -> None:
        scene.api.faults[f"GET {NODES}"] = error
        scene.node(cpu="8")
        await scene.see(unplaced(MASTER))
        await scene.see(unplaced(MASTER))
        assert [each.message for each in scene.told] == [NO_ROOM, NUMBERS]

    run(story)


def test_numbers_that_come_too_late_are_not_told() -> None:
    """Its pod has a place by then, or is gone."""

    async def story(scene: Scene) -> None:
        scene.node(cpu="8")
        await scene.see(unplaced(MASTER), unplaced(WORKERS[0]), wait=0.0)
        await scene.see(running(MASTER), wait=0.0)
        await scene.lose(WORKERS[0])
        assert scene.said == scene.lasting == []

    run(story)


# -- a closer look --------------------------------------------------------------------------------------


def test_a_pod_that_takes_long_is_asked_for_its_events() -> None:
    """After five seconds; what they say of it is told once, those of other objects are not."""

    async def story(scene: Scene) -> None:
        mount = 'MountVolume.SetUp failed for volume "x" : secret "creds" not found'
        scene.api.put(EVENTS, event("Pod", "uid-master-0", "FailedMount", mount))
        scene.api.put(EVENTS, event("Pod", "uid-other", "FailedMount", mount))
        await scene.see(pod(MASTER), wait=4.9)
        assert scene.api.requests == []
        await asyncio.sleep(0.2)
        assert scene.said == scene.lasting == [(MASTER, "SecretMissing")]
        scene.api.put(EVENTS, event("Pod", "uid-master-0", "FailedMount", mount, 2.0))
        await asyncio.sleep(60.0)
        assert scene.said == scene.lasting == [(MASTER, "SecretMissing")]

    run(story)


def test_at_most_four_pods_are_asked() -> None:
    """The others have the same trouble; one that runs makes room for another."""

    async def story(scene: Scene) -> None:
        await scene.see(*map(pod, WORKERS), wait=6.0)
        assert len(scene.watched()) == 4
        await scene.see(running(WORKERS[0]), pod(WORKERS[5]), wait=6.0)
        assert len(scene.watched()) == 5
        assert len(scene.tasks) == 8

    run(story)


@pytest.mark.parametrize(
    "found", [running(MASTER), pod(MASTER, node="")], ids=["one that runs", "one that has no node"]
)
def test_others_are_not_asked(found: Json) -> None:
    """What keeps them is not told by events of the kubelet."""

    async def story(scene: Scene) -> None:
        await scene.see(found, wait=60.0)
        assert scene.api.requests == []
        assert not scene.tasks

    run(story)


def test_a_pod_that_waits_for_its_master_is_not_asked() -> None:
    """No event could say more; when the master is there and it still waits, it is."""

    async def story(scene: Scene) -> None:
        init = {"name": "init-pytorch", "state": {"running": {"startedAt": at(0)}}}
        await scene.see(pod(WORKERS[0], initContainerStatuses=[init]), wait=60.0)
        assert scene.api.requests == []
        assert scene.said == [(WORKERS[0], "MasterAbsent")]
        await scene.see(pod(WORKERS[0]), wait=60.0)
        assert len(scene.watched()) == 1

    run(story)


def test_what_only_time_tells_is_looked_at_again() -> None:
    """A pod that its node does not end changes no more."""

    async def story(scene: Scene) -> None:
        found = running(MASTER)
        found["metadata"] |= {"deletionTimestamp": at(5), "deletionGracePeriodSeconds": 5}
        await scene.see(found, wait=60.0)
        assert scene.said == scene.lasting == [(MASTER, "NodeLost")]

    run(story)


def test_events_that_may_not_be_read_are_gone_without() -> None:
    """Nothing is told, and the pod is looked at all the same."""

    async def story(scene: Scene) -> None:
        scene.api.faults[f"GET {EVENTS}"] = FORBIDDEN
        await scene.see(pod(MASTER), wait=60.0)
        assert scene.api.requests == [f"GET {EVENTS}"]
        assert len(scene.tasks) == 1

    run(story)


# -- the end --------------------------------------------------------------------------------------------


def test_who_has_ended_is_forgotten() -> None:
    """Nothing lasts of it, nothing goes on for it."""

    async def story(scene: Scene) -> None:
        await scene.see(pulling(MASTER, "not found"), pod(WORKERS[0]), wait=6.0)
        assert len(scene.tasks) == 4
        await scene.lose(MASTER, WORKERS[0])
        assert not scene.tasks
        assert scene.lasting == []

    run(story)


def test_who_runs_is_not_looked_at_any_more() -> None:
    """Its events say nothing of why it would not start."""

    async def story(scene: Scene) -> None:
        await scene.see(pod(MASTER), wait=6.0)
        await scene.see(running(MASTER))
        assert not scene.tasks

    run(story)


def test_the_next_pod_of_a_replica_is_looked_at_anew() -> None:
    """Its own events are watched, and the former's say nothing of it."""

    async def story(scene: Scene) -> None:
        await scene.see(pod(MASTER), wait=6.0)
        await scene.lose(MASTER)
        mount = 'MountVolume.SetUp failed for volume "x" : secret "creds" not found'
        scene.api.put(EVENTS, event("Pod", "uid-master-0", "FailedMount", mount))
        scene.api.put(EVENTS, event("Pod", "uid-next", "FailedMount", mount.replace("creds", "keys")))
        await scene.see(pod(MASTER, uid="uid-next"), wait=6.0)
        assert len(scene.tasks) == 2
        assert [each.message for each in scene.told] == ["there is no Secret keys in the namespace team"]

    run(story)
