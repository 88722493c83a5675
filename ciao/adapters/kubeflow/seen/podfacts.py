"""A pod's JSON -> what Ciao's core understands of it: the phase of its replica, since when, and how it ended.

A pod of a job runs its main container once (``restartPolicy: Never``), so the container decides: it waits until it has
started, runs, and has succeeded with exit code 0. The pod's own phase says so later (the kubelet first
tells the container's end, then, often a second after, the pod's) and speaks alone only where no container ever ran.
"""

from __future__ import annotations

from attrs import frozen

from ciao.adapters.kubeflow.objects import names
from ciao.adapters.kubeflow.seen import facts
from ciao.adapters.kubeflow.seen.facts import Json
from ciao.adapters.kubeflow.seen.podends import KILLED, exit_of, fate_of
from ciao.core.events import Exit, Phase
from ciao.core.model import Replica


@frozen(kw_only=True)
class PodFacts:
    """One pod. ``at``: since when it is in ``phase``; ``started``: when its main container began to run, if it did;
    ``exit`` is there exactly when it has ended. Times are the node's, in seconds since the epoch.

    ``container`` is the main container's id once it has started, and then there is a log; else "". ``owner``: the uid
    of the job. ``deleting``, ``stopped``: it was asked to go, by whomever, or to end, by Ciao. ``settled``: what is
    said of its end does not change any more. ``fate``: reason and message of its end, should it be gone without one.
    """

    name: str
    uid: str
    replica: Replica | None
    owner: str
    created: float
    phase: Phase
    at: float
    started: float | None = None
    exit: Exit | None = None
    container: str = ""
    image: str = ""
    node: str = ""
    deleting: bool = False
    stopped: bool = False
    settled: bool = True
    fate: tuple[str, str] = ("Deleted", "its pod was deleted")

    def lost(self, at: float) -> Exit:
        """How it ended, when it is gone since ``at`` and this was the last that was known of it."""
        reason, message = self.fate
        return self.exit or Exit(code=KILLED, reason=reason, at=at, message=message)


def pod_facts(pod: Json, job: str, container: str) -> PodFacts:
    """What is known of a pod of ``job`` whose main container has that name."""
    main = facts.main_container(pod, container)
    status = facts.container_status(pod, main)
    started = _started(pod, status)
    end = exit_of(pod, main)
    phase, at = _phase(pod, started, end)
    return PodFacts(
        name=facts.name(pod),
        uid=facts.uid(pod),
        replica=names.replica_of(facts.labels(pod), facts.name(pod), job),
        owner=facts.owner(pod),
        created=facts.created(pod),
        phase=phase,
        at=at,
        started=started,
        exit=end,
        container=facts.text(status, "containerID") if started is not None else "",
        image=facts.text(facts.container_spec(pod, main), "image"),
        node=facts.text(pod, "spec", "nodeName"),
        deleting=facts.is_deleting(pod),
        stopped=names.STOPPED in facts.annotations(pod),
        settled=end is None or end.code == 0 or end.report is not None or facts.is_terminal(pod),
        fate=fate_of(pod, main),
    )


def _started(pod: Json, status: Json) -> float | None:
    kind, said = facts.state(status)
    began = facts.moment(said, "startedAt")
    if kind == "running" and began is None:
        return facts.moment(pod, "status", "startTime") or facts.created(pod)
    return began if kind in ("running", "terminated") else None


def _phase(pod: Json, started: float | None, end: Exit | None) -> tuple[Phase, float]:
    if end is not None:
        return (Phase.FAILED if end.code else Phase.SUCCEEDED), end.at
    if started is not None:
        return Phase.RUNNING, started
    return Phase.WAITING, facts.created(pod)
