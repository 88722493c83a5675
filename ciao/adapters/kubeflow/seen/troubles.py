"""What keeps a replica or a job from going on, while that is so: a word for the remedy, a sentence with the numbers.

The words are the keys of ``core.remedies.TROUBLES``. A sentence changes only when what it says changes (it counts no
seconds and no tries), so that whoever tells it can tell it once. What passes by itself in a moment is no trouble but a
``detail``. No sentence holds a value of a Secret: the API names them only.
"""

from __future__ import annotations

import re

from attrs import frozen

from ciao.adapters.kube.phrases import shortened, start_error
from ciao.adapters.kubeflow.objects import names
from ciao.adapters.kubeflow.seen import facts, pulls, scheduling
from ciao.adapters.kubeflow.seen.facts import Json
from ciao.adapters.kubeflow.seen.jobfacts import JobFacts
from ciao.adapters.kubeflow.seen.podends import INIT
from ciao.core.events import TroubleSeen
from ciao.core.model import Replica
from ciao.core.words import listed

PATIENCE = 15.0
"""Seconds for what usually takes less: a worker that waits for its master, a pod that was deleted."""
_START = ("RunContainerError", "CreateContainerError", "StartError", "ContainerCannotRun", "PostStartHookError")


@frozen
class _Found:
    reason: str
    message: str
    vague: bool = False


@frozen(kw_only=True)
class Trouble:
    """``replica`` None: of the job as a whole. ``vague``: the cause is not known; see ``news``."""

    replica: Replica | None
    reason: str
    message: str
    at: float
    vague: bool = False

    @property
    def seen(self) -> TroubleSeen:
        """As the core is told it."""
        return TroubleSeen(self.replica, self.reason, self.message, self.at)


def news(told: Trouble | None, found: Trouble | None) -> bool:
    """``found`` says something that ``told`` did not.

    A vague one after a precise one does not: older kubelets say why an image cannot be pulled only in every
    other moment.
    """
    if found is None or told is None:
        return found is not None
    if found.vague and not told.vague:
        return False
    return (told.replica, told.reason, told.message) != (found.replica, found.reason, found.message)


def job_trouble(job: JobFacts, now: float, *, heard: bool = False) -> Trouble | None:
    """``heard``: some event of an operator about this job was seen, so that it is not silent."""
    if job.outcome is not None or job.deleting:
        return None
    if job.suspended:
        queued = f"it waits in the queue {job.queue} until there is room"
        reason, message = ("Queued", queued) if job.queue else ("Suspended", "it is suspended")
    elif job.silent(now) and not heard:
        reason, message = "OperatorSilent", f"no operator has taken up the {job.kind or 'job'}"
    else:
        return None
    return Trouble(replica=None, reason=reason, message=message, at=now)


def pod_trouble(pod: Json, now: float, *, container: str = "", job: str = "", master: str = "") -> Trouble | None:
    """``master``: what keeps the master, for a worker that waits for it."""
    if facts.is_terminal(pod):
        return None
    found = _lost(pod, now, container) or _unplaced(pod) or _waiting(pod, container) or _for_master(pod, now, master)
    if found is None or (facts.is_deleting(pod) and found.reason != "NodeLost"):
        return None
    replica = names.replica_of(facts.labels(pod), facts.name(pod), job)
    return Trouble(replica=replica, reason=found.reason, message=found.message, at=now, vague=found.vague)


def waits_for_master(pod: Json) -> bool:
    """Nothing but the operator's own init container keeps it, so no event could say more."""
    return facts.state(facts.container_status(pod, INIT))[0] == "running"


def detail(pod: Json, container: str = "") -> str:
    """What a pod that waits is doing, in a few words; "" for one that runs or has ended."""
    if facts.is_terminal(pod) or facts.state(_main(pod, container))[0] in ("running", "terminated"):
        return ""
    if facts.is_deleting(pod):
        return "being deleted"
    if not facts.text(pod, "spec", "nodeName"):
        gated = facts.condition(pod, "PodScheduled", "False") or {}
        return "waiting for admission" if gated.get("reason") == "SchedulingGated" else "waiting for a node"
    for status in facts.entries(pod, "status", "initContainerStatuses"):
        if facts.state(status)[0] == "running":
            return "waiting for its master" if status.get("name") == INIT else f"running {facts.text(status, 'name')}"
    pulling = facts.text(facts.state(_main(pod, container))[1], "reason") in pulls.REASONS
    return "pulling its image" if pulling else "creating its container"


# -- nodes ----------------------------------------------------------------------------------------------


def _lost(pod: Json, now: float, container: str) -> _Found | None:
    """A pod without readiness checks that runs and is not ready: its node has not reported for a while."""
    node = facts.text(pod, "spec", "nodeName")
    running = facts.state(_main(pod, container))[0] == "running"
    gone = facts.condition(pod, "Ready", "False")
    if running and gone is not None and not facts.text(gone, "reason"):
        return _Found("NodeLost", f"its node {node} does not answer, and whether it still runs is not known")
    asked, until = facts.deletion_asked(pod), facts.moment(pod, "metadata", "deletionTimestamp")
    if node and asked is not None and until is not None and now - until >= PATIENCE:
        return _Found("NodeLost", f"it was deleted, and its node {node} does not end it")
    return None


def _unplaced(pod: Json) -> _Found | None:
    said = facts.condition(pod, "PodScheduled", "False")
    match facts.text(said, "reason"):
        case "Unschedulable":
            return _Found(*scheduling.unschedulable(pod, facts.text(said, "message")))
        case "SchedulingGated":
            gates = [facts.text(gate, "name") for gate in facts.entries(pod, "spec", "schedulingGates")]
            return _Found("SchedulingGated", f"it waits to be admitted ({listed(gates) or 'a scheduling gate'})")
        case _:
            return None


# -- containers -----------------------------------------------------------------------------------------


def _waiting(pod: Json, container: str) -> _Found | None:
    for status in (*facts.entries(pod, "status", "initContainerStatuses"), _main(pod, container)):
        kind, said = facts.state(status)
        if kind == "waiting":
            found = _of_container(
                pod, facts.text(status, "name"), facts.text(said, "reason"), facts.text(said, "message")
            )
            if found is not None:
                return found
    return None


def _of_container(pod: Json, name: str, reason: str, message: str) -> _Found | None:
    if reason in pulls.REASONS:
        return _pull(pod, name, reason, message)
    if reason == "CreateContainerConfigError":
        return _configuration(facts.namespace(pod), message)
    if reason in _START:
        return _Found("ContainerFailed", f"its container cannot be started: {start_error(message) or reason}")
    return None


def _pull(pod: Json, name: str, reason: str, message: str) -> _Found | None:
    image = facts.text(facts.container_spec(pod, name), "image")
    found, clause, known = pulls.why(image, reason, message)
    if name == INIT:
        found, clause = "OperatorInit", f"the operator's init container {INIT} cannot start: {clause}"
    return _Found(found, clause, vague=not known)


def _configuration(namespace: str, message: str) -> _Found | None:
    missing = re.search(r'^(secret|configmap) "([^"]+)" not found', message)
    if missing:
        return _Found(*_missing(missing[1], missing[2], namespace))
    key = re.search(r"couldn't find key (\S+) in (Secret|ConfigMap) (?:[^/\s]+/)?(\S+)", message)
    if key:
        return _Found(f"{key[2]}Missing", f"the {key[2]} {key[3]} has no key {key[1]}")
    plain = re.sub(r" \(pod: .*", "", message)
    if "non-root" in plain or "runAsNonRoot" in plain or "run as root" in plain:
        return _Found("RunsAsRoot", f"it would run as root, and must not: {shortened(plain)}")
    return _Found("ContainerFailed", f"its container cannot be set up: {shortened(plain)}")


def missing_object(namespace: str, message: str) -> tuple[str, str] | None:
    """For a mount that waits for a Secret or ConfigMap that is not there."""
    found = re.search(r'(secret|configmap) "([^"]+)" not found', message)
    return _missing(found[1], found[2], namespace) if found else None


def _missing(kind: str, name: str, namespace: str) -> tuple[str, str]:
    what = "Secret" if kind == "secret" else "ConfigMap"
    return f"{what}Missing", f"there is no {what} {name} in the namespace {namespace}"


def _for_master(pod: Json, now: float, master: str) -> _Found | None:
    kind, said = facts.state(facts.container_status(pod, INIT))
    since = facts.moment(said, "startedAt")
    if kind != "running" or since is None or now - since < PATIENCE:
        return None
    return _Found("MasterAbsent", f"it waits for its master{f': {master}' if master else ''}")


def _main(pod: Json, container: str) -> Json:
    return facts.container_status(pod, facts.main_container(pod, container))
