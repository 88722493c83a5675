"""A job's JSON -> what Ciao's core understands of it (kubeflow-contracts A.2, A.7).

Reasons of conditions differ between kinds and operators, and are misspelt for some: only type and status are trusted.
"""

from __future__ import annotations

from typing import Any

from attrs import frozen

from ciao.adapters.kubeflow.objects import names
from ciao.adapters.kubeflow.objects.kinds import KINDS
from ciao.adapters.kubeflow.seen import facts
from ciao.adapters.kubeflow.seen.facts import Json
from ciao.core.events import Outcome, OutcomeSeen
from ciao.core.model import JobHandle
from ciao.core.ports import JobSummary

SILENCE = 30.0
"""Seconds after its creation within which an operator says something of a job."""
_DEADLINE = "active longer than specified deadline"
DEADLINE_REASON = "DeadlineExceeded"


@frozen(kw_only=True)
class JobFacts:
    """One job. ``roles``: names in lower case, with their numbers of replicas. ``outcome``: what the operator has
    decided. ``spoken``: it has written any condition. ``stopped``: Ciao has stopped it; ``deleting``: it is going.
    ``queue``: the one that it waits in, or waited.
    """

    name: str
    namespace: str
    uid: str
    kind: str
    created: float
    labels: Json
    annotations: Json
    framework: str
    roles: tuple[tuple[str, int], ...]
    outcome: OutcomeSeen | None = None
    spoken: bool = False
    suspended: bool = False
    stopped: bool = False
    deleting: bool = False
    queue: str = ""

    @property
    def replicas(self) -> int:
        """Of all roles together."""
        return sum(count for _, count in self.roles)

    def silent(self, now: float) -> bool:
        """No operator has said anything of it, and it had the time (events are not looked at)."""
        return not (self.spoken or self.suspended or self.deleting) and now - self.created >= SILENCE


def job_facts(job: Json) -> JobFacts:
    """What is known of a job."""
    labels, annotations = facts.labels(job), facts.annotations(job)
    return JobFacts(
        name=facts.name(job),
        namespace=facts.namespace(job),
        uid=facts.uid(job),
        kind=facts.text(job, "kind"),
        created=facts.created(job),
        labels=labels,
        annotations=annotations,
        framework=facts.text(labels, names.FRAMEWORK),
        roles=_roles(job),
        outcome=_outcome(job),
        spoken=bool(facts.entries(job, "status", "conditions")),
        suspended=_suspended(job),
        stopped=names.STOPPED in annotations,
        deleting=facts.is_deleting(job),
        queue=facts.text(labels, names.QUEUE),
    )


def summary(job: Json, target: str, context: str) -> JobSummary:
    """One line of ``%jobs``. A job that failed because it was stopped, or its time was up, was stopped."""
    known = job_facts(job)
    handle = JobHandle(target, context, known.namespace, known.kind, known.name, known.uid)
    return JobSummary(
        handle,
        known.framework,
        known.replicas,
        known.created,
        _how(known),
        roles=known.roles,
        label=facts.text(known.annotations, names.CELL),
        digest=facts.text(known.annotations, names.CODE),
        owner=facts.text(known.labels, names.KERNEL),
    )


def _how(known: JobFacts) -> Outcome | None:
    if known.outcome is None:
        return None
    if known.outcome.succeeded:
        return Outcome.SUCCEEDED
    halted = known.stopped or known.outcome.reason == DEADLINE_REASON
    return Outcome.STOPPED if halted else Outcome.FAILED


def _roles(job: Json) -> tuple[tuple[str, int], ...]:
    kind = KINDS.get(facts.text(job, "kind"))
    spec = facts.table(job, "spec")
    field = kind.replicas if kind is not None else next((key for key in spec if key.endswith("ReplicaSpecs")), "")
    return tuple((str(key).lower(), _count(role)) for key, role in facts.table(spec, field).items())


def _count(role: Any) -> int:
    found = facts.number(role, "replicas")
    return 1 if found is None else found


def _outcome(job: Json) -> OutcomeSeen | None:
    for kind in ("Succeeded", "Failed"):
        said = facts.condition(job, kind, "True")
        if said is not None:
            at = facts.moment(said, "lastTransitionTime") or facts.moment(job, "status", "completionTime")
            message = facts.text(said, "message")
            reason = DEADLINE_REASON if _DEADLINE in message else facts.text(said, "reason")
            return OutcomeSeen(kind == "Succeeded", reason, message, at or facts.created(job))
    return None


def _suspended(job: Json) -> bool:
    """It was told to wait; a condition of a job that goes on again says False."""
    return (
        facts.condition(job, "Suspended", "True") is not None
        or facts.field(job, "spec", "runPolicy", "suspend") is True
    )
