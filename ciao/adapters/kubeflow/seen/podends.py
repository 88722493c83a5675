"""How a pod's main container ended, in a container's words: the code, a reason, and what is known besides.

Theory. Whoever ended a container is not who tells its exit code. The kubelet writes ``137, Error`` for what was
stopped, evicted, preempted and deleted alike; who did it stands elsewhere in the pod: in the condition
``DisruptionTarget``, in Ciao's annotation, in ``status.reason``, in the deletion's timestamp. ``RULES`` asks them in
this order and the first that knows speaks; what remains is the container's own doing. Times that are compared are
the cluster's. (An operator fails a job as soon as one of its pods is being deleted, long before that pod ends.
Whoever then stops the rest must not mark that pod, or it was "stopped".)

What was seen of real pods (Kubernetes 1.34) that a reader would not expect:

- A container that never ran may be ``terminated`` all the same (``ContainerStatusUnknown``, 137, no times), or wait for
  ever in a pod that has Failed; one that could not be started has begun in 1970.
- A lost node leaves its containers ``running`` in a pod that is Failed.
- A container that was stopped and ended with 0 lies in a Failed pod (``DeadlineExceeded``): it has succeeded.
"""

from __future__ import annotations

from collections.abc import Callable

from attrs import frozen

from ciao.adapters.kube.phrases import last_words, shortened, start_error
from ciao.adapters.kubeflow.objects import names
from ciao.adapters.kubeflow.seen import facts, stamps
from ciao.adapters.kubeflow.seen.facts import Json
from ciao.adapters.report import earliest_of
from ciao.core.events import Exit, Report
from ciao.core.measures import duration

MASTER_LATE = "MasterLate"
INIT = "init-pytorch"
"""The operator's init container, in which workers wait for their master's name (contracts A.5)."""
KILLED, TERMINATED, UNSTARTED = 137, 143, 128
_BY_HAND = "its pod was deleted"
_Said = tuple[str, str]


@frozen
class _End:
    """``said``: what is said of the main container's end, {} when nobody wrote it; ``ended`` as it is there."""

    pod: Json
    said: Json
    main: Json
    code: int
    ended: float | None
    report: Report | None

    @property
    def node(self) -> str:
        return facts.text(self.pod, "spec", "nodeName")

    @property
    def ran(self) -> bool:
        """It had begun: nothing else may be said of one whose pod was refused."""
        return facts.moment(self.said, "startedAt") is not None


def exit_of(pod: Json, main: str) -> Exit | None:
    """The end of the pod's container ``main``; None while it may still run, or be made anew elsewhere."""
    kind, said = facts.state(facts.container_status(pod, main))
    if kind != "terminated" and not facts.is_terminal(pod):
        return None
    if _is_replaced(pod, kind, said):
        return None
    end = _end(pod, main, said if kind == "terminated" else {})
    reason, message = next(found for rule in RULES if (found := rule(end)) is not None)
    at = end.ended or _latest(pod)
    if end.report is not None:  # times of objects are cut to whole seconds
        at = max(at, min(end.report.at, at + 1.0))
    return Exit(code=end.code, reason=reason, at=at, message=message, report=end.report)


def fate_of(pod: Json, main: str) -> tuple[str, str]:
    """(reason, message) of the end of a pod that is gone, when ``pod`` is the last that was known of it."""
    end = _End(pod, {}, facts.container_spec(pod, main), KILLED, None, None)
    told = (rule(end) for rule in (_disrupted, _stopped, _by_kubelet, _deleted))
    return next((each for each in told if each is not None), ("Deleted", _BY_HAND))


def _is_replaced(pod: Json, kind: str, said: Json) -> bool:
    """It was deleted before it had run: its job may get another pod in its place."""
    began = kind == "running" or facts.moment(said, "startedAt") is not None
    return facts.is_deleting(pod) and not began and names.STOPPED not in facts.annotations(pod)


def _end(pod: Json, main: str, said: Json) -> _End:
    report = earliest_of(facts.text(said, "message"))
    code = _code(pod, said)
    ended = facts.moment(said, "finishedAt")
    return _End(pod, said, facts.container_spec(pod, main), code, ended, report if code else None)


def _code(pod: Json, said: Json) -> int:
    code = facts.number(said, "exitCode")
    if code is not None:
        return code
    if facts.text(pod, "status", "phase") == "Succeeded":
        return 0
    failed = _failed_init(pod)
    if failed:
        return facts.number(failed, "exitCode") or 1
    refused = facts.text(pod, "status", "reason") and not facts.entries(pod, "status", "containerStatuses")
    return UNSTARTED if refused else KILLED


def _latest(pod: Json) -> float:
    """The last moment of which anything is said, for an end that has none."""
    moments = [facts.moment(each, "lastTransitionTime") for each in facts.entries(pod, "status", "conditions")]
    moments += [facts.moment(_failed_init(pod), "finishedAt"), facts.moment(pod, "status", "startTime")]
    moments += [stamps.seconds(facts.annotations(pod).get(names.STOPPED)), facts.created(pod)]
    return max(each or 0.0 for each in moments)


# -- who did it -----------------------------------------------------------------------------------------


def _completed(end: _End) -> _Said | None:
    return ("Completed", "") if end.code == 0 else None


def _stopped(end: _End) -> _Said | None:
    """Ciao asked it to end, unless it had ended by itself just before."""
    if names.STOPPED not in facts.annotations(end.pod):
        return None
    by_deadline = facts.text(end.pod, "status", "reason") == "DeadlineExceeded"
    by_force = facts.is_deleting(end.pod) and end.code in (KILLED, TERMINATED)
    ours = by_deadline or by_force or not facts.is_terminal(end.pod)
    return ("Stopped", "") if ours else None


def _disrupted(end: _End) -> _Said | None:
    target = facts.condition(end.pod, "DisruptionTarget", "True")
    since = facts.moment(target, "lastTransitionTime")
    if target is None or (end.ended is not None and since is not None and end.ended < since):
        return None
    match target.get("reason"):
        case "PreemptionByScheduler":
            return "Preempted", "it gave way to a pod of higher priority"
        case "EvictionByEvictionAPI":
            return "Evicted", f"it was evicted from {end.node}, as when a node is drained"
        case "DeletionByTaintManager" if end.said:
            return "Evicted", f"{end.node} got a taint that it does not tolerate"
        case "DeletionByTaintManager" | "DeletionByPodGC":
            return "NodeLost", f"{end.node} is gone or does not answer"
        case _:
            return None


def _by_kubelet(end: _End) -> _Said | None:
    reason, message = facts.text(end.pod, "status", "reason"), facts.text(end.pod, "status", "message").strip()
    match reason:
        case "":
            return None
        case "DeadlineExceeded":
            return _deadline(end)
        case "Evicted":
            return "Evicted", shortened(f"it was evicted from {end.node}: {message}".rstrip(": ."))
        case "NodeLost":
            return "NodeLost", f"{end.node} is gone or does not answer"
        case "Preempting":
            return "Preempted", f"it gave way to a pod of {end.node} itself"
        case "Terminated" | "NodeShutdown" | "Shutdown":
            return "Evicted", f"{end.node} was shut down"
        case _ if not end.ran:
            why = message.removeprefix("Pod was rejected: ") or "it does not say why"
            return "NodeRefused", shortened(f"{end.node} refused it ({reason}): {why}")
        case _:
            return None


def _deadline(end: _End) -> _Said:
    limit = facts.number(end.pod, "spec", "activeDeadlineSeconds")
    return "DeadlineExceeded", f"its time{f' of {duration(limit)}' if limit else ''} was up"


def _deleted(end: _End) -> _Said | None:
    asked = facts.deletion_asked(end.pod)
    if asked is None or (end.ended is not None and end.ended < asked and not _is_last_word(end)):
        return None
    limit = facts.number(end.pod, "spec", "activeDeadlineSeconds")
    if limit is not None and asked - facts.created(end.pod) >= limit - 1:
        return _deadline(end)  # the operator deletes the pods of a job whose time is up
    return "Deleted", _BY_HAND


def _is_last_word(end: _End) -> bool:
    """When its end is known the kubelet takes the grace away: then only the signal tells why it ended."""
    return not facts.number(end.pod, "metadata", "deletionGracePeriodSeconds") and end.code in (KILLED, TERMINATED)


def _not_begun(end: _End) -> _Said | None:
    failed = _failed_init(end.pod)
    if end.said or not failed:
        return None
    if failed.get("name") == INIT and facts.text(failed, "reason") != "StartError":
        return MASTER_LATE, "it waited for its master and gave up"
    why = start_error(facts.text(failed, "message")) or f"exit code {end.code}"
    return "StartError", shortened(f"its init container {failed.get('name')} failed: {why}")


def _by_itself(end: _End) -> _Said:
    message = facts.text(end.said, "message")
    match facts.text(end.said, "reason"):
        case "OOMKilled":
            limit = facts.field(end.main, "resources", "limits", "memory")
            return "OOMKilled", f"limit {limit}" if limit else f"no limit, and the memory of {end.node} was full"
        case "StartError" | "ContainerCannotRun" | "RunContainerError" | "CreateContainerError":
            return "StartError", shortened(start_error(message))
        case "ContainerStatusUnknown":
            return "ContainerStatusUnknown", f"{end.node} lost track of it"
        case _:
            return "Error", "" if end.report is not None else last_words(message)


RULES: tuple[Callable[[_End], _Said | None], ...] = (
    _completed,
    _disrupted,
    _stopped,
    _by_kubelet,
    _deleted,
    _not_begun,
    _by_itself,
)


def _failed_init(pod: Json) -> Json:
    """What is said of the init container that failed, with its name; {} when none has."""
    for status in facts.entries(pod, "status", "initContainerStatuses"):
        kind, said = facts.state(status)
        if kind == "terminated" and facts.number(said, "exitCode") != 0:
            return {**said, "name": facts.text(status, "name")}
    return {}
