"""What a namespace's ResourceQuotas leave of what a job asks for (core/v1 ResourceQuota).

More than ``hard`` can never be: without all of its replicas a job does not begin, so it is refused. More than
``hard - used`` waits: the operator makes the pods when there is room. A quota of cores or bytes moreover refuses every
container that does not say its own. What Ciao itself creates (the job, its ConfigMap) a dry run has been asked about.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from fractions import Fraction

from attrs import frozen

from ciao.adapters.kubeflow.preflight.checks import (
    Answers,
    Request,
    admitted,
    answered,
    failed,
    inside,
    noticed,
    refused,
    unchecked,
)
from ciao.adapters.kubeflow.preflight.limits import bounds_of, defaulted, ranges_of
from ciao.adapters.kubeflow.seen.asked import Amounts, Ask, Json, amounts, magic, shown, times, total
from ciao.core.ports import Finding, Severity
from ciao.core.words import listed

_COMPUTE = ("cpu", "memory")


@frozen
class _Room:
    """Of one key of a quota: what it has in all, what is used by now, what the job wants."""

    hard: Fraction
    used: Fraction
    wanted: Fraction


@frozen(kw_only=True)
class Quota:
    """Check: does it fit into the namespace?"""

    namespace: str
    asks_for: tuple[Ask, ...]
    gpu: str

    def asks(self) -> Mapping[str, Request]:
        """Used amounts change with every pod: they are always asked for."""
        return {
            "quotas": Request(path=inside(self.namespace, "resourcequotas")),
            "ranges": ranges_of(self.namespace),
        }

    def more(self, answers: Answers) -> Mapping[str, Request]:
        """Nothing."""
        return {}

    def findings(self, answers: Answers) -> Iterator[Finding]:
        """For every quota, resource by resource."""
        if failed(answers, "quotas", 403):
            yield unchecked(f"Ciao may not read the quotas of {self.namespace}, so it could not check them.")
        ranges = answered(answers, "ranges")
        rows = bounds_of(ranges)
        asks_for = tuple(defaulted(each, rows) for each in admitted(self.asks_for, answers))
        for quota in (answered(answers, "quotas") or {}).get("items", []):
            covered = [each for each in asks_for if _covers(quota, each)]
            yield from self._one(quota, covered, refused if ranges else noticed)

    def _one(self, quota: Json, asks_for: Sequence[Ask], unsaid: Callable[[str], Finding]) -> Iterator[Finding]:
        """``unsaid`` is how bad a missing amount is: a LimitRange that may not be read could have it."""
        if not asks_for:
            return
        name = quota["metadata"]["name"]
        hard = amounts(quota.get("spec", {}).get("hard"))
        used = amounts(quota.get("status", {}).get("used"))
        wanted = _wanted(asks_for)
        found: dict[str, Finding] = {}
        for key, limit in hard.items():
            base = _base(key)
            room = _Room(limit, used.get(key, Fraction()), wanted.get(key, Fraction()))
            silent = self._unsaid(name, key, asks_for)
            each = unsaid(silent) if silent else self._too_much(name, key, room)
            # cpu, requests.cpu and limits.cpu are one thing to the user: the worst of it.
            if each is not None and (base not in found or each.severity is Severity.REFUSAL):
                found[base] = each
        yield from found.values()

    def _unsaid(self, quota: str, key: str, asks_for: Iterable[Ask]) -> str:
        resource = _base(key)
        if resource not in _COMPUTE:
            return ""
        silent = [each.role for each in asks_for if any(resource not in one for one in _said(each, key))]
        if not silent:
            return ""
        does = "does" if len(silent) == 1 else "do"
        return (
            f"The quota {quota} counts the {resource} of {self.namespace}, so every pod has to say its own, and "
            f"{listed(silent)} {does} not: add {magic(resource, self.gpu)}=AMOUNT."
        )

    def _too_much(self, quota: str, key: str, room: _Room) -> Finding | None:
        if not room.wanted or room.used + room.wanted <= room.hard:
            return None
        resource = _base(key)
        hard, needs = shown(key, room.hard, down=True), f"this job needs {shown(key, room.wanted)}"
        if room.wanted > room.hard:
            less = (
                "fewer replicas" if resource in _counted(1) else f"less {magic(resource, self.gpu)} or fewer replicas"
            )
            return refused(
                f"The quota {quota} allows {self.namespace} {hard} {resource} in all, and {needs}: ask for {less}."
            )
        left = shown(key, max(room.hard - room.used, Fraction()), down=True)
        return noticed(
            f"The quota {quota} leaves {self.namespace} {left} of {hard} {resource} now, and {needs}: "
            "replicas wait until others have ended."
        )


def _said(ask: Ask, key: str) -> Iterator[Amounts]:
    """What each container says of what the quota's key counts."""
    for each in (*ask.containers, *ask.before):
        yield each.limits if key.startswith("limits.") else each.requests


def _base(key: str) -> str:
    return key.removeprefix("requests.").removeprefix("limits.").removeprefix("count/")


def _counted(number: int) -> dict[str, Fraction]:
    """What the operator makes of each replica."""
    return {"pods": Fraction(number), "services": Fraction(number)}


def _wanted(asks_for: Iterable[Ask]) -> dict[str, Fraction]:
    """All replicas together, under the keys that a quota may have."""
    found: list[Amounts] = []
    for each in asks_for:
        requests, limits = times(each.replicas, each.requests), times(each.replicas, each.limits)
        counted = _counted(each.replicas)
        found += [
            {f"requests.{name}": amount for name, amount in requests.items()},
            {name: amount for name, amount in requests.items() if "/" not in name},
            {f"limits.{name}": amount for name, amount in limits.items()},
            counted,
            {f"count/{name}": amount for name, amount in counted.items()},
        ]
    return total(found)


def _covers(quota: Json, ask: Ask) -> bool:
    """Whether the quota is about these pods. One whose scope is not known here is not judged."""
    spec = quota.get("spec", {})
    selected = (spec.get("scopeSelector") or {}).get("matchExpressions") or []
    plain = [{"scopeName": each, "operator": "Exists"} for each in spec.get("scopes") or []]
    return all(_in_scope(each, ask) for each in [*plain, *selected])


def _in_scope(scope: Json, ask: Ask) -> bool:
    name, operator, values = scope.get("scopeName"), scope.get("operator"), scope.get("values") or []
    best_effort = not any(
        resource in each.requests or resource in each.limits
        for each in (*ask.containers, *ask.before)
        for resource in _COMPUTE
    )
    limited = ask.spec.get("activeDeadlineSeconds") is not None
    if name == "PriorityClass":
        return _matches(operator, values, ask.spec.get("priorityClassName"))
    known = {
        "Terminating": limited,
        "NotTerminating": not limited,
        "BestEffort": best_effort,
        "NotBestEffort": not best_effort,
    }
    return known.get(str(name), False)


def _matches(operator: object, values: Sequence[str], said: str | None) -> bool:
    """Pods that say no class may get a default one, which is not known here; they count as having none."""
    if operator in ("Exists", "DoesNotExist"):
        return (said is not None) == (operator == "Exists")
    return (said in values) == (operator == "In")
