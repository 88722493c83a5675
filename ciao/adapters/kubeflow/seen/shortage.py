"""How far a pod that no node takes is from fitting: which resource, how much of it, and where it lacks least.

The scheduler says only how many nodes have too little. With the nodes (core/v1 Node), and better the pods that are on
them, the numbers can be given. Only nodes that the pod may run on count; if there is none, nothing is said here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from fractions import Fraction
from typing import Any

from attrs import frozen

from ciao.adapters.kubeflow.seen import facts
from ciao.adapters.kubeflow.seen.asked import Amounts, Ask, Container, amounts, shown, total
from ciao.adapters.kubeflow.seen.selecting import hindering, labels_of, selected

Json = dict[str, Any]
_PODS = "pods"


@frozen
class _Node:
    """``free`` is None where the pods on it are not known."""

    name: str
    whole: Amounts
    free: Amounts | None

    def has(self, resource: str) -> Fraction:
        """What a pod can get of it there, as far as is known."""
        return (self.whole if self.free is None else self.free).get(resource, Fraction())


def shortage(pod: Json, nodes: Iterable[Json], pods: Iterable[Json] | None = None) -> str:
    """``cpu: 64 asked, the most that a node has is 2 (node-1), of which 1.65 are free``; "" when nothing is short.

    ``pods``: those of all namespaces, or None when Ciao may not see them.
    """
    wanted = _requests(pod)
    used = None if pods is None else _used(pods)
    usable = [_node(each, used) for each in nodes if _may_run(pod, each, wanted)]
    if not usable:
        return ""
    short = [resource for resource in wanted if all(each.has(resource) < wanted[resource] for each in usable)]
    if short:
        return "; ".join(_told(resource, wanted[resource], usable) for resource in short)
    if any(all(each.has(resource) >= amount for resource, amount in wanted.items()) for each in usable):
        return ""
    return _together(wanted, usable)


def _told(resource: str, wanted: Fraction, nodes: list[_Node]) -> str:
    best = max(nodes, key=lambda node: (node.has(resource), node.whole.get(resource, Fraction())))
    whole = best.whole.get(resource, Fraction())
    if not whole:
        return f"{resource}: {shown(resource, wanted)} asked, no node that it may run on has any"
    said = f"the most that a node has is {shown(resource, whole, down=True)} ({best.name})"
    free = "" if best.free is None else f", of which {shown(resource, best.has(resource), down=True)} are free"
    return f"{resource}: {shown(resource, wanted)} asked, {said}{free}"


def _together(wanted: Amounts, nodes: list[_Node]) -> str:
    """Every amount is somewhere, never all on one node: where the least is missing."""
    best = min(nodes, key=lambda node: sum(_missing(node, name, amount) for name, amount in wanted.items()))
    asked = ", ".join(f"{shown(name, amount)} {name}" for name, amount in wanted.items() if name != _PODS)
    lacking = ", ".join(
        f"{shown(name, amount - best.has(name))} {name}" for name, amount in wanted.items() if best.has(name) < amount
    )
    return f"no node has {asked} together; {best.name} lacks {lacking}"


def _missing(node: _Node, resource: str, wanted: Fraction) -> Fraction:
    """As a part of what is wanted: cores and bytes have no common measure."""
    return max(Fraction(), wanted - node.has(resource)) / wanted


def _node(node: Json, used: Mapping[str, Amounts] | None) -> _Node:
    name, whole = facts.name(node), amounts(dict(facts.table(node, "status", "allocatable")))
    taken = {} if used is None else used.get(name, {})
    free = {each: max(Fraction(), amount - taken.get(each, Fraction())) for each, amount in whole.items()}
    return _Node(name, whole, None if used is None else free)


def _may_run(pod: Json, node: Json, wanted: Amounts) -> bool:
    spec = dict(facts.table(pod, "spec"))
    taints = [dict(each) for each in facts.entries(node, "spec", "taints")]
    if facts.field(node, "spec", "unschedulable") is True or facts.condition(node, "Ready", "True") is None:
        return False
    return selected(spec, labels_of(node)) and not hindering(spec, taints, wanted)


def _used(pods: Iterable[Json]) -> dict[str, Amounts]:
    """Node -> what the pods there have asked for, and how many they are."""
    found: dict[str, list[Amounts]] = {}
    for pod in pods:
        node = facts.text(pod, "spec", "nodeName")
        if node and not facts.is_terminal(pod):
            found.setdefault(node, []).append(_requests(pod))
    return {node: total(each) for node, each in found.items()}


def _requests(pod: Json) -> dict[str, Fraction]:
    """What the scheduler counts for a pod, itself included."""
    before = facts.entries(pod, "spec", "initContainers")
    beside = [each for each in before if each.get("restartPolicy") == "Always"]
    main = [*facts.entries(pod, "spec", "containers"), *beside]
    ask = Ask(
        role="",
        replicas=1,
        containers=tuple(map(_container, main)),
        before=tuple(_container(each) for each in before if each not in beside),
    )
    overhead = amounts(dict(facts.table(pod, "spec", "overhead")))
    asked = total([ask.requests, overhead, {_PODS: Fraction(1)}])
    return {name: amount for name, amount in asked.items() if amount}


def _container(given: Mapping[str, Any]) -> Container:
    limits = amounts(dict(facts.table(given, "resources", "limits")))
    requests = amounts(dict(facts.table(given, "resources", "requests")))
    return Container(facts.text(given, "name"), {**limits, **requests}, limits)
