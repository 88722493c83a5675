"""Events (core/v1): what the operator says of a job and the kubelet of a pod that no object's status says.

Events are told again with a higher count, are kept for an hour, and may be dropped: they explain, and decide nothing.
"""

from __future__ import annotations

import re

from attrs import frozen

from ciao.adapters.kube.phrases import shortened
from ciao.adapters.kubeflow.objects import names
from ciao.adapters.kubeflow.seen import admission, facts, pulls
from ciao.adapters.kubeflow.seen.facts import Json
from ciao.adapters.kubeflow.seen.troubles import Trouble, missing_object

LASTING = 10.0
"""Seconds after which what is retried is no passing state any more: Ciao's own ConfigMap comes after its job."""
_SOURCE = "ciao-source"  # the volume of the pods that Ciao makes
_MOUNTS = ("FailedMount", "FailedAttachVolume", "FailedMapVolume")


@frozen(kw_only=True)
class EventFacts:
    """One event. ``kind``, ``name`` and ``uid`` are of the object that it is about; ``container`` the one of a pod that
    it is about, if any. ``first`` and ``at``: when it was told first and last.
    """

    kind: str
    name: str
    namespace: str
    uid: str
    container: str
    reason: str
    message: str
    warning: bool
    count: int
    first: float
    at: float

    @property
    def lasts(self) -> bool:
        """It was told again, some time later."""
        return self.at - self.first >= LASTING


def event_facts(event: Json) -> EventFacts:
    """What is known of an event, of the old form or the new (``series``, ``eventTime``)."""
    about = facts.table(event, "involvedObject")
    container = re.search(r"\{(.+)\}$", facts.text(about, "fieldPath"))
    when = facts.moment(event, "eventTime")
    first = facts.moment(event, "firstTimestamp") or when or facts.created(event)
    last = facts.moment(event, "series", "lastObservedTime") or facts.moment(event, "lastTimestamp") or when or first
    return EventFacts(
        kind=facts.text(about, "kind"),
        name=facts.text(about, "name"),
        namespace=facts.text(about, "namespace") or facts.namespace(event),
        uid=facts.text(about, "uid"),
        container=container[1] if container else "",
        reason=facts.text(event, "reason"),
        message=facts.text(event, "message"),
        warning=facts.text(event, "type") == "Warning",
        count=facts.number(event, "series", "count") or facts.number(event, "count") or 1,
        first=first,
        at=last,
    )


def event_trouble(event: Json, job: str, container: str = "") -> Trouble | None:
    """What an event says of a trouble that pods and job do not show themselves; None for all others.

    The caller looks at ``event_facts(event).uid``: names come again.
    """
    known = event_facts(event)
    if not known.warning:
        return None
    found, about = (_of_pod(known, container), known.name) if known.kind == "Pod" else _of_job(known)
    if found is None:
        return None
    replica = names.replica_of({}, about, job)
    return Trouble(replica=replica, reason=found[0], message=found[1], at=known.at)


def _of_job(event: EventFacts) -> tuple[admission.Said | None, str]:
    """FailedCreatePod and FailedCreateService; what the operator copies from its pods is known from them."""
    about = admission.subject(event.message)
    match event.reason:
        case "FailedCreatePod":
            reason, clause = admission.cause(event.message)
            return (reason, f"its pod cannot be created: {clause}"), about
        case "FailedCreateService":
            found = admission.said(_plain(event.message)) or ("CreateFailed", shortened(_plain(event.message)))
            return (found[0], f"its Service cannot be created: {found[1]}"), about
        case reason if reason.endswith("FailedValidation"):
            return ("CreateFailed", f"the operator refuses the job: {shortened(event.message)}"), about
        case _:
            return None, about


def _plain(message: str) -> str:
    return message.removeprefix("Error creating: ")


def _of_pod(event: EventFacts, container: str) -> admission.Said | None:
    if event.reason in _MOUNTS:
        return _mount(event)
    match event.reason:
        case "Failed" if container in ("", event.container) and event.message.startswith("Failed to pull image"):
            return _pull(event)
        case "FailedCreatePodSandBox" if event.count > 1:
            return (
                "SandboxFailed",
                f"its pod gets no network or sandbox: {shortened(event.message.rpartition('= ')[2])}",
            )
        case _:
            return None


def _pull(event: EventFacts) -> admission.Said | None:
    found = re.match(r'Failed to pull image "([^"]+)": (.*)', event.message, re.DOTALL)
    if not found:
        return None
    reason, clause, known = pulls.why(found[1], "ErrImagePull", found[2])
    return (reason, clause) if known else None


def _mount(event: EventFacts) -> admission.Said | None:
    volume = re.search(r'(?:volume "([^"]+)"|unmounted volumes=\[([^\]]+)\])', event.message)
    name = (volume[1] or volume[2]) if volume else ""
    if "not registered" in event.message:  # a kubelet about a pod that has ended
        return None
    missing = missing_object(event.namespace, event.message)
    if missing is not None:
        return missing if name != _SOURCE or event.lasts else None
    if "Multi-Attach" in event.message:
        return "VolumeBusy", f"the volume {name} is in use on another node"
    if not (event.lasts or event.count > 2):
        return None
    return "MountFailed", f"the volume {name} cannot be mounted: {shortened(event.message.rpartition(' : ')[2])}"
