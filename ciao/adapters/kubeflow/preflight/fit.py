"""Whether any node of the cluster could run a replica at all (core/v1 Node), as the scheduler would see it when empty.

A node may be used when it has the pod's labels and the pod tolerates its taints. Taints that come and go (cordoned, not
ready, under pressure) do not count, and neither does one whose key is the resource that is asked for: clusters add that
toleration themselves (admission plug-in ExtendedResourceToleration). Where the pod was tried, it counts as admission
made it, with the tolerations and selectors of its namespace; and a job in a queue gets those of its queue.

Where more nodes can be made (``autoscale``, Karpenter), or only a part of them is known, nothing is refused.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from fractions import Fraction
from typing import Any

from attrs import evolve, frozen

from ciao.adapters.kube.paths import NODES
from ciao.adapters.kubeflow.preflight.checks import (
    MINUTE,
    Answers,
    Request,
    admitted,
    answered,
    failed,
    noticed,
    refused,
    unchecked,
)
from ciao.adapters.kubeflow.seen import facts
from ciao.adapters.kubeflow.seen.asked import Amounts, Ask, Json, amounts, magic, shown, times, total
from ciao.adapters.kubeflow.seen.selecting import hindering, labels_of, selected
from ciao.core.ports import Finding
from ciao.core.words import listed

_MOST, _SHOWN = 500, 3
_KARPENTER = "karpenter.sh/nodepool"
_GROWING = "(If this cluster makes nodes when they are needed: kubeflow.autoscale=yes.)"
_OF_EVERY_NODE = ("cpu", "memory", "pods", "ephemeral-storage")


@frozen
class Node:
    """What counts of it."""

    labels: Mapping[str, str]
    taints: tuple[Json, ...]
    allocatable: Amounts


@frozen
class Hindrance:
    """Why no node will do, and what the user can do."""

    what: str
    remedy: str


@frozen(kw_only=True)
class Fit:
    """Check: is there a node for every role? ``queued``: a queue has its say in where the job runs."""

    asks_for: tuple[Ask, ...]
    gpu: str
    autoscale: bool = False
    queued: bool = False

    def asks(self) -> Mapping[str, Request]:
        """The nodes, at most so many: of a larger cluster nothing can be said from one answer."""
        return {"nodes": Request(path=NODES, params=(("limit", str(_MOST)),), keep=MINUTE)}

    def more(self, answers: Answers) -> Mapping[str, Request]:
        """Nothing."""
        return {}

    def findings(self, answers: Answers) -> Iterator[Finding]:
        """One for each reason, however many roles it concerns."""
        if failed(answers, "nodes", 403):
            yield from self._unknown()
        listing = answered(answers, "nodes")
        if listing is None or facts.text(listing, "metadata", "continue"):
            return
        nodes = tuple(map(_node, facts.entries(listing, "items")))
        asks_for = [self._placed(each) for each in admitted(self.asks_for, answers)]
        hindrances = dict.fromkeys(each for ask in asks_for for each in self._hindrances(ask, nodes))
        grows = self.autoscale or any(_KARPENTER in each.labels for each in nodes)
        for each in hindrances:
            if grows:
                yield noticed(f"{each.what}: the job waits until the cluster makes one.")
            else:
                yield refused(f"{each.what}: {each.remedy}. {_GROWING}")
        if not hindrances and not grows:
            yield from _together(asks_for, nodes)

    def _placed(self, ask: Ask) -> Ask:
        """With what a queue adds."""
        return evolve(ask, spec={**ask.spec, "tolerations": [{"operator": "Exists"}]}) if self.queued else ask

    def _unknown(self) -> Iterator[Finding]:
        special = {name for ask in self.asks_for for name in ask.requests if name not in _OF_EVERY_NODE}
        if special:
            yield unchecked(
                f"Ciao may not list the nodes of this cluster, so it could not check whether one has "
                f"{listed(sorted(special), 'or')} (deploy/rbac-nodes.yaml allows it)."
            )

    def _hindrances(self, ask: Ask, nodes: Sequence[Node]) -> Iterator[Hindrance]:
        labelled = [each for each in nodes if selected(ask.spec, each.labels)]
        if not labelled:
            yield _unlabelled(ask.spec, nodes)
            return
        usable = _usable(ask, labelled)
        for resource, amount in ask.requests.items():
            largest = max(
                (each.allocatable.get(resource, Fraction()) for each in usable or labelled), default=Fraction()
            )
            if amount > largest:
                yield self._too_large(ask, resource, largest, nodes)
                return
        if not usable:
            yield _tainted(ask, labelled)
        elif not any(_has(each, ask.requests) for each in usable):
            together = listed(f"{shown(name, amount)} {name}" for name, amount in ask.requests.items())
            yield Hindrance(f"No node that {ask.role} may run on has {together} together", "ask for less")

    def _too_large(self, ask: Ask, resource: str, largest: Fraction, nodes: Sequence[Node]) -> Hindrance:
        how = magic(resource, self.gpu)
        if not any(each.allocatable.get(resource) for each in nodes):
            return Hindrance(f"No node of this cluster has {resource}{_instead(resource, nodes)}", f"leave {how} out")
        asked = f"{ask.role} asks for {shown(resource, ask.requests[resource])} {resource}"
        if not largest:
            return Hindrance(f"{asked}, and no node that it may run on has any", _way_in(ask, resource, nodes))
        there = f"the largest node that it may run on has {shown(resource, largest, down=True)}"
        return Hindrance(f"{asked}, and {there}", f"correct {how}")


def _together(asks_for: Sequence[Ask], nodes: Sequence[Node]) -> Iterator[Finding]:
    wanted = total(times(each.replicas, each.requests) for each in asks_for)
    there = total(each.allocatable for each in nodes if any(_usable(ask, [each]) for ask in asks_for))
    for resource, amount in wanted.items():
        if amount > (most := there.get(resource, Fraction())):
            yield noticed(
                f"All replicas together ask for {shown(resource, amount)} {resource}, and this cluster's nodes "
                f"have {shown(resource, most, down=True)} in all: some of them will not start."
            )
            return


def _node(given: Mapping[str, Any]) -> Node:
    return Node(
        labels_of(given),
        tuple(dict(each) for each in facts.entries(given, "spec", "taints")),
        amounts(facts.table(given, "status", "allocatable")),
    )


def _has(node: Node, requests: Amounts) -> bool:
    return all(node.allocatable.get(name, Fraction()) >= amount for name, amount in requests.items())


def _usable(ask: Ask, nodes: Iterable[Node]) -> list[Node]:
    return [
        each for each in nodes if selected(ask.spec, each.labels) and not hindering(ask.spec, each.taints, ask.requests)
    ]


def _unlabelled(spec: Json, nodes: Sequence[Node]) -> Hindrance:
    """No node has the labels that are required."""
    wanted: dict[str, str] = spec.get("nodeSelector") or {}
    for key, value in wanted.items():
        there = sorted({each.labels[key] for each in nodes if key in each.labels})
        if value not in there:
            others = f" (there is {listed(f'{key}={each}' for each in there[:_SHOWN])})" if there else ""
            return Hindrance(f"No node of this cluster has the label {key}={value}{others}", "correct %nodeSelector")
    if not nodes:
        return Hindrance("This cluster has no nodes", "ask its administrator")
    if not selected({"nodeSelector": wanted}, nodes[0].labels):
        labels = listed(f"{key}={value}" for key, value in wanted.items())
        return Hindrance(f"No node of this cluster has {labels} together", "correct %nodeSelector")
    return Hindrance("No node of this cluster is what the affinity of the overlay requires", "correct %overlay")


def _tainted(ask: Ask, nodes: Sequence[Node]) -> Hindrance:
    what = f"Every node that {ask.role} could run on has a taint that it does not tolerate"
    return Hindrance(what, _tolerating(hindering(ask.spec, nodes[0].taints, ask.requests)))


def _way_in(ask: Ask, resource: str, nodes: Iterable[Node]) -> str:
    """What lets a pod onto the nodes that have what it needs."""
    for each in nodes:
        if each.allocatable.get(resource) and selected(ask.spec, each.labels):
            return _tolerating(hindering(ask.spec, each.taints, ask.requests))
    return "correct %nodeSelector"


def _tolerating(taints: Iterable[Json]) -> str:
    return f"add {listed(f'%tolerations={_told(each)}' for each in taints)}"


def _told(taint: Json) -> str:
    value = f"={taint['value']}" if taint.get("value") else ""
    return f"{taint['key']}{value}:{taint['effect']}"


def _instead(resource: str, nodes: Iterable[Node]) -> str:
    """Other devices that there are, where one was asked for."""
    if "/" not in resource:
        return ""
    others = sorted({name for each in nodes for name, amount in each.allocatable.items() if "/" in name and amount})
    return f" (there is {listed(others[:_SHOWN])}: %resource={others[0]}=1)" if others else ""
