"""What a namespace's LimitRanges demand of each container and pod, and what they add to it (core/v1 LimitRange).

The operator makes the pods, so the apiserver refuses what is outside only after the job exists; here it is said before.
The operator's own init container (PyTorchJob, beside a master) has to fit as well, and an administrator may have
changed it: that is worth a notice.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from fractions import Fraction

from attrs import frozen

from ciao.adapters.kubeflow.preflight.checks import (
    MINUTE,
    Answers,
    Request,
    admitted,
    answered,
    failed,
    inside,
    noticed,
    refused,
    trial_of,
    unchecked,
)
from ciao.adapters.kubeflow.seen import facts
from ciao.adapters.kubeflow.seen.asked import Amounts, Ask, Container, Json, amounts, magic, shown
from ciao.core.ports import Finding

OPERATORS_OWN = Container(
    "init-pytorch", amounts({"cpu": "50m", "memory": "10Mi"}), amounts({"cpu": "100m", "memory": "20Mi"})
)


@frozen
class Bounds:
    """One row of a LimitRange: what each container, or each pod, has to keep within."""

    name: str
    per_pod: bool
    least: Amounts
    most: Amounts
    requests: Amounts
    limits: Amounts

    def outside(self, ask: Ask) -> Iterator[tuple[str, str]]:
        """Resources that are, each with what is wanted of it and what is asked."""
        for requests, limits in self._measured(ask):
            for side, bounds, given in (("at least", self.least, requests), ("at most", self.most, limits)):
                for resource, bound in bounds.items():
                    asked = given.get(resource)
                    if asked is None or (asked < bound if side == "at least" else asked > bound):
                        said = "says nothing of it" if asked is None else f"asks for {shown(resource, asked)}"
                        yield resource, f"{self.wants(side, resource, bound)}, and {ask.role} {said}"

    def wants(self, side: str, resource: str, bound: Fraction) -> str:
        """``wants at most 4Gi memory in each container (LimitRange small)``."""
        each = "pod" if self.per_pod else "container"
        return f"wants {side} {shown(resource, bound)} {resource} in each {each} (LimitRange {self.name})"

    def _measured(self, ask: Ask) -> Iterator[tuple[Amounts, Amounts]]:
        if self.per_pod:
            yield ask.requests, ask.limits
        else:
            yield from ((each.requests, each.limits) for each in (*ask.containers, *ask.before))


def ranges_of(namespace: str) -> Request:
    """Two checks need them; they are asked for once."""
    return Request(path=inside(namespace, "limitranges"), keep=MINUTE)


@frozen(kw_only=True)
class Limits:
    """Check: is every container within the namespace's bounds? ``init``: the operator adds its init container."""

    namespace: str
    asks_for: tuple[Ask, ...]
    gpu: str
    init: bool = False

    def asks(self) -> Mapping[str, Request]:
        """The ranges, which seldom change."""
        return {"ranges": ranges_of(self.namespace)}

    def more(self, answers: Answers) -> Mapping[str, Request]:
        """Nothing."""
        return {}

    def findings(self, answers: Answers) -> Iterator[Finding]:
        """One for each resource that is outside, of the first role that is."""
        if failed(answers, "ranges", 403):
            yield unchecked(
                f"Ciao may not read the limits (LimitRange) of {self.namespace}, so it could not check them."
            )
        rows = bounds_of(answered(answers, "ranges"))
        told = set[str]()
        for row in rows:
            for ask in admitted(self.asks_for, answers):
                for resource, wrong in row.outside(defaulted(ask, rows)):
                    if resource not in told:
                        told.add(resource)
                        yield refused(f"{self.namespace} {wrong}: correct {magic(resource, self.gpu)}.")
        if self.init and answered(answers, trial_of("worker")) is None:
            yield from self._operators_own(rows)

    def _operators_own(self, rows: Sequence[Bounds]) -> Iterator[Finding]:
        for row in rows:
            for resource, floor in row.least.items():
                own = OPERATORS_OWN.requests.get(resource, floor)
                if own < floor and not row.per_pod:
                    yield noticed(
                        f"The workers may never be made: {self.namespace} {row.wants('at least', resource, floor)}, "
                        f"and one that the training operator adds ({OPERATORS_OWN.name}) has {shown(resource, own)}."
                    )
                    return


def defaulted(ask: Ask, rows: Iterable[Bounds]) -> Ask:
    """The pods as the apiserver completes them."""
    for row in rows:
        ask = ask.defaulted(row.requests, row.limits)
    return ask


def bounds_of(ranges: Json | None) -> tuple[Bounds, ...]:
    """Of a list of LimitRanges; none of no answer."""
    return tuple(
        Bounds(
            each["metadata"]["name"],
            row["type"] == "Pod",
            *(amounts(row.get(field)) for field in ("min", "max", "defaultRequest", "default")),
        )
        for each in facts.entries(ranges, "items")
        for row in facts.entries(each, "spec", "limits")
        if row.get("type") in ("Container", "Pod")
    )
