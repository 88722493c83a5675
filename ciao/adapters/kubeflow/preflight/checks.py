"""One question of the preflight: what it asks the apiserver, and what it makes of the answers. Pure, each of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Protocol
from urllib.parse import quote

from attrs import field, frozen

from ciao.adapters.kube.apierrors import ApiError
from ciao.adapters.kubeflow.seen import facts
from ciao.adapters.kubeflow.seen.asked import Ask, ask_of
from ciao.core.ports import Finding, Severity

Json = dict[str, Any]
Answer = Json | ApiError
Answers = Mapping[str, Answer]
ALWAYS, MINUTE = float("inf"), 60.0


@frozen(kw_only=True)
class Request:
    """A GET, or with a ``body`` a POST. ``keep``: for so many seconds a good answer holds for whoever asks ``key``.

    ``metadata``: of the one object only its metadata is wanted (PartialObjectMetadata), never its contents.
    ``vital``: without an answer nothing can be said; any other that does not come soon is gone without.
    """

    path: str
    body: Json | None = field(default=None, repr=False)
    params: tuple[tuple[str, str], ...] = ()
    metadata: bool = False
    vital: bool = False
    keep: float = 0.0
    key: str = ""


class Check(Protocol):
    """``asks`` is sent at once with the questions of all other checks; ``more`` only when an answer needs it.

    Requests have names; two checks that need the same answer give it the same name. Every check sees all answers. What
    may not be asked, or fails otherwise, is an ApiError among them.
    """

    def asks(self) -> Mapping[str, Request]: ...

    def more(self, answers: Answers) -> Mapping[str, Request]: ...

    def findings(self, answers: Answers) -> Iterator[Finding]: ...


class Unchecked(Finding):
    """A notice that something could not be checked: the same is worth saying once, not with every cell."""


def refused(message: str) -> Finding:
    """The job cannot run."""
    return Finding(Severity.REFUSAL, message)


def noticed(message: str) -> Finding:
    """It can, and this is worth knowing."""
    return Finding(Severity.NOTICE, message)


def unchecked(message: str) -> Finding:
    """It may or may not."""
    return Unchecked(Severity.NOTICE, message)


def answered(answers: Answers, name: str) -> Json | None:
    """A good answer, or None."""
    found = answers.get(name)
    return None if found is None or isinstance(found, ApiError) else found


def failed(answers: Answers, name: str, status: int) -> bool:
    """The answer was this error."""
    found = answers.get(name)
    return isinstance(found, ApiError) and found.status == status


def trial_of(role: str) -> str:
    """The name of the request that tries the role's pod; of all of them it begins with ``trial_of("")``."""
    return f"pod {role}"


def admitted(asks_for: Iterable[Ask], answers: Answers) -> tuple[Ask, ...]:
    """Pods that were tried as admission made them: with defaults, tolerations, containers of the cluster's own."""
    return tuple(
        each if (spec := facts.field(answered(answers, trial_of(each.role)), "spec")) is None
        else ask_of(each.role, each.replicas, spec)
        for each in asks_for
    )  # fmt: skip


def inside(namespace: str, plural: str, name: str = "", group: str = "api/v1") -> str:
    """The path of a namespace's objects, or of one."""
    return outside(f"{group}/namespaces/{quote(namespace, safe='')}", plural, name)


def outside(group: str, plural: str, name: str = "") -> str:
    """The path of the cluster's objects, or of one. Names come from users: what is no name finds nothing."""
    return f"/{group}/{plural}/{quote(name, safe='')}" if name else f"/{group}/{plural}"
