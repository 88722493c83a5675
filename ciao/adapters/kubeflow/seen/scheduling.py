"""Why the scheduler finds no node for a pod: from its words to plain ones, and to the magic that changes it.

The scheduler counts nodes by the first reason that kept each from taking the pod (kube-scheduler, ``FitError``):
``0/3 nodes are available: 1 Insufficient cpu, 2 node(s) had untolerated taint {a: b}. preemption: …``
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from ciao.adapters.kube.phrases import counted, shortened
from ciao.adapters.kubeflow.seen import facts
from ciao.adapters.kubeflow.seen.facts import Json
from ciao.core.words import listed

Said = tuple[str, str]
_HEAD = re.compile(r"0/(\d+) nodes are available: ")
_TAIL = re.compile(r"\.? (?:no new claims to deallocate|preemption:).*", re.DOTALL)
_PART = re.compile(r"(\d+) ((?:(?!, \d+ ).)+)")
_KINDS = {"room": "NoRoom", "selector": "NodeSelector", "taint": "Tainted"}


def unschedulable(pod: Json, message: str) -> Said:
    """(reason, clause) for a pod that the scheduler can place nowhere; ``message`` is its condition's."""
    missing = re.search(r'persistentvolumeclaim "([^"]+)" not found', message)
    if missing:
        return "ClaimMissing", f"there is no volume claim {missing[1]} in the namespace {facts.namespace(pod)}"
    if "unbound immediate PersistentVolumeClaims" in message:
        claims = listed(_claims(pod))
        return "ClaimUnbound", f"a volume claim of it has no volume yet{f' ({claims})' if claims else ''}"
    nodes, body = _HEAD.match(message), _TAIL.sub("", _HEAD.sub("", message, count=1))
    parts = [_part(pod, int(part[1]), part[2].strip(" .")) for part in _PART.finditer(body)]
    if not parts or nodes is None:
        return "Unschedulable", f"no node takes it: {shortened(message)}".rstrip(": ")
    kinds = {kind for kind, _ in parts}
    reason = _KINDS.get(kinds.pop(), "Unschedulable") if len(kinds) == 1 else "Unschedulable"
    return reason, f"no node takes it (of {nodes[1]}): {listed(clause for _, clause in parts)}"


def _part(pod: Json, count: int, text: str) -> tuple[str, str]:
    resource = re.fullmatch(r"Insufficient (\S+)", text)
    if resource:
        return "room", f"{counted(count, 'has', 'have')} too little {resource[1]}{_asked(pod, resource[1])}"
    if "didn't match" in text and "selector" in text:
        return "selector", f"{counted(count, 'does', 'do')} not match what it asks of its node"
    taint = re.search(r"untolerated taints? ?\{?([^:}]*)(?:: ([^}]*))?\}?|had taints? \{([^:}]*)", text)
    if taint:
        name = (taint[1] or taint[3] or "").strip("(s) ")
        return (
            "taint",
            f"{counted(count, 'has', 'have')} {f'the taint {name}' if name else 'taints'} it does not tolerate",
        )
    if "unschedulable" in text:
        return "closed", f"{counted(count, 'is', 'are')} closed for new pods"
    if text == "Too many pods":
        return "room", f"{counted(count, 'has', 'have')} as many pods as there may be"
    return "other", f"{count} {shortened(text.removeprefix('node(s) '))}"


def _asked(pod: Json, resource: str) -> str:
    amounts = [
        str(asked)
        for each in facts.entries(pod, "spec", "containers")
        if (asked := facts.field(each, "resources", "requests", resource)) is not None
    ]
    return f" for the {' + '.join(amounts)} that it asks for" if amounts else ""


def _claims(pod: Json) -> Iterator[str]:
    for volume in facts.entries(pod, "spec", "volumes"):
        claim = facts.text(volume, "persistentVolumeClaim", "claimName")
        if claim:
            yield claim
