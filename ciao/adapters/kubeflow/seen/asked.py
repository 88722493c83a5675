"""What the pods of a job ask for, read from the object that is sent, so that an overlay has its say in it too.

Amounts are exact. A pod's requests are what the scheduler counts: its containers together, or the largest of those
that run before them (Kubernetes ``pkg/api/v1/resource``, ``PodRequests``).
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction
from typing import Any

from attrs import evolve, field, frozen

from ciao.core.quantity import Quantity

Json = dict[str, Any]
Amounts = Mapping[str, Fraction]
_BYTES = ("memory", "storage", "ephemeral-storage", "hugepages")
_UNITS = ("Ki", "Mi", "Gi", "Ti", "Pi", "Ei")


@frozen
class Container:
    """One container's amounts by resource; ``requests`` are complete (a limit alone is a request too)."""

    name: str
    requests: Amounts
    limits: Amounts

    def defaulted(self, requests: Amounts, limits: Amounts) -> Container:
        """With a namespace's defaults (LimitRange) for what it does not say."""
        return Container(self.name, {**requests, **self.requests}, {**limits, **self.limits})


@frozen(kw_only=True)
class Ask:
    """The pods of one role. ``before`` are init containers, one after another; ``spec`` is the template's pod."""

    role: str
    replicas: int
    containers: tuple[Container, ...]
    before: tuple[Container, ...] = ()
    spec: Json = field(factory=dict, repr=False)

    @property
    def requests(self) -> Amounts:
        """One pod's."""
        return _pod([each.requests for each in self.containers], [each.requests for each in self.before])

    @property
    def limits(self) -> Amounts:
        """One pod's."""
        return _pod([each.limits for each in self.containers], [each.limits for each in self.before])

    def defaulted(self, requests: Amounts, limits: Amounts) -> Ask:
        """See ``Container.defaulted``."""
        return evolve(
            self,
            containers=tuple(each.defaulted(requests, limits) for each in self.containers),
            before=tuple(each.defaulted(requests, limits) for each in self.before),
        )


def asks(job: Json, replicas: str) -> tuple[Ask, ...]:
    """Of every role; ``replicas`` is the field of the spec (``Kind.replicas``)."""
    return tuple(
        ask_of(role.lower(), each["replicas"], each["template"]["spec"]) for role, each in job["spec"][replicas].items()
    )


def ask_of(role: str, replicas: int, spec: Json) -> Ask:
    """Of one role, from the pod that it has."""
    before = spec.get("initContainers") or ()
    beside = [each for each in before if each.get("restartPolicy") == "Always"]  # sidecars: they stay
    return Ask(
        role=role,
        replicas=replicas,
        containers=tuple(map(_container, [*spec["containers"], *beside])),
        before=tuple(_container(each) for each in before if each not in beside),
        spec=spec,
    )


def _container(given: Json) -> Container:
    said = given.get("resources") or {}
    limits = amounts(said.get("limits"))
    return Container(given.get("name", ""), {**limits, **amounts(said.get("requests"))}, limits)


def _pod(together: Sequence[Amounts], before: Sequence[Amounts]) -> Amounts:
    return functools.reduce(_larger, before, total(together))


def _larger(one: Amounts, other: Amounts) -> Amounts:
    return {name: max(one.get(name, Fraction()), other.get(name, Fraction())) for name in {**one, **other}}


def total(each: Iterable[Amounts]) -> dict[str, Fraction]:
    """The sum, resource by resource."""
    found: dict[str, Fraction] = {}
    for amount in each:
        for name, value in amount.items():
            found[name] = found.get(name, Fraction()) + value
    return found


def times(count: int, each: Amounts) -> dict[str, Fraction]:
    """So many of them."""
    return {name: count * value for name, value in each.items()}


def amounts(given: Mapping[str, Any] | None) -> dict[str, Fraction]:
    """A ResourceList (core/v1). What is no quantity is left out: the apiserver says so better."""
    found = {}
    for name, text in (given or {}).items():
        try:
            found[name] = Quantity.parse(str(text)).value
        except ValueError:
            continue
    return found


def shown(resource: str, amount: Fraction, *, down: bool = False) -> str:
    """``1.5`` cores, ``24Gi``, ``4`` devices. What is wanted rounds up, what there is rounds ``down``."""
    if not resource.removeprefix("requests.").removeprefix("limits.").startswith(_BYTES):
        return _decimal(amount, 3, down)
    unit, size = "", amount
    for each in _UNITS:
        if size < 1024:
            break
        unit, size = each, size / 1024
    return f"{_decimal(size, 1, down)}{unit}"


def _decimal(amount: Fraction, places: int, down: bool) -> str:
    scaled = amount * 10**places
    whole = scaled // 1 if down else -(-scaled // 1)
    return f"{float(Fraction(whole, 10**places)):.{places}f}".rstrip("0").rstrip(".")


def magic(resource: str, gpu: str) -> str:
    """How a cell says it: ``%memory``, ``%gpu``, ``%resource=rdma/hca``. ``gpu`` is what %gpu counts."""
    return f"%{resource}" if resource in ("cpu", "memory") else "%gpu" if resource == gpu else f"%resource={resource}"
