"""One replica of a job on a cluster: its pods and its log, and what its watchers see of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from attrs import evolve

from ciao.adapters.kubeflow.replicawatch import ReplicaWatch
from ciao.adapters.kubeflow.seen.podfacts import PodFacts
from ciao.core.events import Exit, Observation, Phase, ReplicaSeen
from ciao.core.model import Replica

WORKER = Replica("worker", 0)
WAITING = PodFacts(
    name="demo-worker-0", uid="pod-1", replica=WORKER, owner="job", created=1.0, phase=Phase.WAITING, at=1.0
)
RUNNING = evolve(WAITING, phase=Phase.RUNNING, at=2.0, started=2.0, container="c-1")
FAILED = evolve(RUNNING, phase=Phase.FAILED, at=3.0, exit=Exit(code=1, reason="Error", at=3.0))


class Log:
    """A log that is complete when the test says so."""

    def __init__(self, pod: PodFacts, complete: Callable[[], None]) -> None:
        self.pod, self.complete = pod, complete
        self.said: list[str] = []

    def terminated(self) -> None:
        self.said.append("terminated")

    def gone(self) -> None:
        self.said.append("gone")


class Story:
    """A replica, what was told of it, and the logs that were opened."""

    def __init__(self, *pods: PodFacts, stopped: bool = False) -> None:
        self.told: list[Any] = []
        self.logs: list[Log] = []
        self.stopped = stopped
        self.watch = ReplicaWatch(WORKER, 1.0, self._open, self._tell, lambda: self.stopped)
        for pod in pods:
            self.watch.see(pod)

    def _open(self, replica: Replica, pod: PodFacts, complete: Callable[[], None]) -> Log:
        assert replica == WORKER
        self.logs.append(Log(pod, complete))
        return self.logs[-1]

    def _tell(self, observation: Observation) -> None:
        self.told.append(observation)

    @property
    def phases(self) -> list[str]:
        """``running 2.0``, ``failed 3.0 1 Error``."""
        return [" ".join(map(str, _words(each))) for each in self.told]


def _words(seen: ReplicaSeen) -> list[object]:
    return [seen.phase.value, seen.at, *((seen.exit.code, seen.exit.reason) if seen.exit else ())]


def test_the_end_waits_for_the_log() -> None:
    """Who sees a replica's end has every line of it."""
    story = Story(WAITING, RUNNING, FAILED)
    assert (story.phases, story.logs[0].said) == (["running 2.0"], ["terminated"])
    story.logs[0].complete()
    assert story.phases == ["running 2.0", "failed 3.0 1 Error"]
    assert story.watch.ended


def test_a_replica_that_was_never_seen_to_run_has_run_all_the_same() -> None:
    """It may end between two looks; when it began is known from its container."""
    story = Story(FAILED)
    story.logs[0].complete()
    assert story.phases == ["running 2.0", "failed 3.0 1 Error"]


def test_a_pod_without_a_container_has_no_log_to_wait_for() -> None:
    """Evicted before it started: its end is told at once."""
    story = Story(WAITING, evolve(WAITING, phase=Phase.FAILED, at=2.0, exit=Exit(code=137, reason="Evicted", at=2.0)))
    assert (story.phases, story.logs) == (["failed 2.0 137 Evicted"], [])


def test_an_end_is_told_when_it_is_settled() -> None:
    """The kubelet first tells the container's end, and a moment later that it was the deadline."""
    story = Story(RUNNING, evolve(FAILED, settled=False))
    story.logs[0].complete()
    assert story.phases == ["running 2.0"]
    story.watch.see(evolve(FAILED, exit=Exit(code=143, reason="Stopped", at=3.0)))
    assert story.phases[-1] == "failed 3.0 143 Stopped"


def test_a_pod_that_is_made_anew_goes_on_in_the_same_log() -> None:
    """The operator replaces one that was deleted by hand: what is told never goes back."""
    again = evolve(RUNNING, uid="pod-2", created=5.0, started=6.0, container="c-2")
    story = Story(RUNNING)
    story.watch.lose(RUNNING)
    story.logs[0].complete()
    assert (story.logs[0].said, story.phases, story.watch.without_pod) == (["gone"], ["running 2.0"], True)
    story.watch.see(again)
    story.watch.see(evolve(again, phase=Phase.SUCCEEDED, at=9.0, exit=Exit(code=0, reason="Completed", at=9.0)))
    assert (story.watch.without_pod, story.phases) == (False, ["running 2.0"])
    story.logs[1].complete()
    assert story.phases == ["running 2.0", "succeeded 9.0 0 Completed"]


def test_what_is_told_late_of_a_former_pod_means_nothing() -> None:
    """Two pods of one name: the younger one is the replica's."""
    story = Story(evolve(RUNNING, uid="pod-2", created=5.0, container="c-2"))
    story.watch.see(FAILED)
    story.watch.lose(FAILED)
    assert ([log.pod.container for log in story.logs], story.watch.without_pod) == (["c-2"], False)


def test_a_former_log_that_completes_late_is_not_the_present_one() -> None:
    """The end waits for the log of the pod that ended."""
    second = evolve(FAILED, uid="pod-2", created=5.0, container="c-2")
    story = Story(RUNNING, second)
    story.logs[0].complete()
    assert story.phases == ["running 2.0"]
    story.logs[1].complete()
    assert story.watch.ended


def test_a_replica_that_never_ran_ends_with_its_job() -> None:
    """The operator makes no pod any more; what is said then is what its follower knows."""
    story = Story()
    story.watch.never(Exit(code=137, reason="Stopped", at=9.0))
    assert story.phases == ["failed 9.0 137 Stopped"]


def test_a_pods_own_end_says_more_than_that_it_is_gone() -> None:
    """Its last state was an end, which it had told before it went."""
    story = Story(RUNNING)
    story.watch.lose(FAILED)
    story.watch.never(Exit(code=137, reason="Deleted", at=9.0))
    story.logs[0].complete()
    assert story.phases[-1] == "failed 3.0 1 Error"


def test_who_dies_with_its_job_did_not_fail() -> None:
    """The job was deleted: its pods get signals from the cluster."""
    killed = evolve(FAILED, exit=Exit(code=143, reason="Error", at=3.0))
    story = Story(RUNNING, killed, stopped=True)
    story.logs[0].complete()
    assert story.phases[-1] == "failed 3.0 143 Stopped"
    own = Story(FAILED, stopped=True)
    own.logs[0].complete()
    assert own.phases[-1] == "failed 3.0 1 Error"
