"""Which nodes a pod may run on, as the scheduler decides it: labels, required affinity, taints (core/v1).

Source: Kubernetes ``component-helpers/scheduling/corev1``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

Json = dict[str, Any]
_TRANSIENT = "node.kubernetes.io/"
_KEEPS_OUT = ("NoSchedule", "NoExecute")


def labels_of(node: Mapping[str, Any]) -> dict[str, str]:
    """With its name as a field selector sees it."""
    metadata = node.get("metadata", {})
    return {**(metadata.get("labels") or {}), "metadata.name": metadata.get("name", "")}


def selected(spec: Json, labels: Mapping[str, str]) -> bool:
    """The node has the labels that the pod requires."""
    wanted: dict[str, str] = spec.get("nodeSelector") or {}
    if any(labels.get(key) != value for key, value in wanted.items()):
        return False
    affinity = (spec.get("affinity") or {}).get("nodeAffinity") or {}
    required = affinity.get("requiredDuringSchedulingIgnoredDuringExecution")
    if required is None:
        return True
    return any(_term(each, labels) for each in required.get("nodeSelectorTerms") or ())


def hindering(spec: Json, taints: Iterable[Json], asked: Iterable[str] = ()) -> list[Json]:
    """The taints that keep the pod away; ``asked`` are the resources that it asks for."""
    own = set(asked)
    return [
        taint
        for taint in taints
        if taint.get("effect") in _KEEPS_OUT
        and not taint.get("key", "").startswith(_TRANSIENT)
        and taint.get("key") not in own
        and not any(_tolerates(each, taint) for each in spec.get("tolerations") or ())
    ]


def _term(term: Json, labels: Mapping[str, str]) -> bool:
    """All expressions hold; an empty term selects nothing."""
    expressions = [*(term.get("matchExpressions") or ()), *(term.get("matchFields") or ())]
    return bool(expressions) and all(_holds(each, labels) for each in expressions)


def _holds(expression: Json, labels: Mapping[str, str]) -> bool:
    value, values = labels.get(expression.get("key", "")), expression.get("values") or []
    match expression.get("operator"):
        case "In":
            return value in values
        case "NotIn":
            return value not in values
        case "Exists":
            return value is not None
        case "DoesNotExist":
            return value is None
        case "Gt" | "Lt" as operator:
            return _compares(value, values, operator)
        case _:
            return False


def _compares(value: str | None, values: list[str], operator: str) -> bool:
    try:
        mine, other = int(value or ""), int(values[0])
    except (ValueError, IndexError):
        return False
    return mine > other if operator == "Gt" else mine < other


def _tolerates(toleration: Json, taint: Json) -> bool:
    if toleration.get("effect") not in (None, "", taint.get("effect")):
        return False
    key = toleration.get("key")
    if toleration.get("operator") == "Exists":
        return not key or key == taint.get("key")
    return key == taint.get("key") and (toleration.get("value") or "") == (taint.get("value") or "")
