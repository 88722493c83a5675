"""What a job's pods name and do not bring along: claims, Secrets, an account, a class. Is each of them there?

Read from the object that is sent, so an overlay's are among them. Of a Secret only the metadata is read, never a value.
A name that is not found is told with the nearest one that is.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from attrs import frozen

from ciao.adapters.kube.apierrors import ApiError
from ciao.adapters.kubeflow.preflight.checks import (
    MINUTE,
    Answers,
    Request,
    answered,
    failed,
    inside,
    noticed,
    outside,
    refused,
    unchecked,
)
from ciao.adapters.kubeflow.seen import facts
from ciao.adapters.kubeflow.seen.asked import Ask, Json
from ciao.core.ports import Finding
from ciao.core.remedies import TROUBLES
from ciao.core.words import did_you_mean

_NAME = re.compile(r"[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?", re.ASCII)  # DNS-1123 subdomain


@frozen
class Sort:
    """How a sort of thing is called, where the apiserver has it, which magic names it, and how its want is called.

    ``everywhere``: it belongs to no namespace. ``hidden``: its contents are nobody's business. ``vital``: no pod runs
    without it.
    """

    title: str
    plural: str
    magic: str
    trouble: str
    everywhere: bool = False
    hidden: bool = False
    vital: bool = True


CLAIM = Sort("volume claim", "persistentvolumeclaims", "%volume", "ClaimMissing")
SECRET = Sort("Secret", "secrets", "%secret or %env", "SecretMissing", hidden=True)
PULL_SECRET = Sort("Secret", "secrets", "%pullSecret", "SecretMissing", hidden=True, vital=False)
ACCOUNT = Sort("service account", "serviceaccounts", "%serviceAccount", "ServiceAccountMissing")
PRIORITY = Sort("priority class", "priorityclasses", "%priority", "PriorityMissing", everywhere=True)
Thing = tuple[Sort, str]


@frozen(kw_only=True)
class Named:
    """Check: is all that the pods name there, and fit to be used by them?"""

    namespace: str
    asks_for: tuple[Ask, ...]

    def asks(self) -> Mapping[str, Request]:
        """Each thing."""
        return {
            _key(each): Request(path=self._path(*each), metadata=each[0].hidden, keep=MINUTE)
            for each in self._things
            if _NAME.fullmatch(each[1])
        }

    def more(self, answers: Answers) -> Mapping[str, Request]:
        """What there is in place of what is not there. Secrets are never listed: an answer has what is in them."""
        return {
            sort.plural: Request(path=self._path(sort))
            for sort, name in self._things
            if failed(answers, _key((sort, name)), 404) and not sort.hidden
        }

    def findings(self, answers: Answers) -> Iterator[Finding]:
        """In the order in which the pods name them."""
        for thing in self._things:
            found = answers.get(_key(thing))
            if not _NAME.fullmatch(thing[1]):
                yield refused(f"No {thing[0].title} can have the name {thing[1]!r}. Correct {thing[0].magic}.")
            elif isinstance(found, ApiError):
                yield from self._missing(*thing, found, answers)
            elif found is not None and thing[0] is CLAIM:
                pods = sum(each.replicas for each in self.asks_for if thing in _named(each))
                yield from _claim(thing[1], found, pods)

    @property
    def _things(self) -> tuple[Thing, ...]:
        return tuple(dict.fromkeys(thing for ask in self.asks_for for thing in _named(ask)))

    def _path(self, sort: Sort, name: str = "") -> str:
        if sort.everywhere:
            return outside("apis/scheduling.k8s.io/v1", sort.plural, name)
        return inside(self.namespace, sort.plural, name)

    def _missing(self, sort: Sort, name: str, error: ApiError, answers: Answers) -> Iterator[Finding]:
        place = "this cluster" if sort.everywhere else self.namespace
        if error.status == 404:
            there = [facts.name(each) for each in facts.entries(answered(answers, sort.plural), "items")]
            near = did_you_mean(name, there)
            message = f"There is no {sort.title} {name} in {place}. {near or TROUBLES[sort.trouble]}"
            yield refused(message) if sort.vital else noticed(message)
        elif error.status == 403:
            yield unchecked(f"Ciao may not look at the {sort.plural} of {place}, so it could not check {name}.")


def _key(thing: Thing) -> str:
    return f"{thing[0].plural}/{thing[1]}"


def _named(ask: Ask) -> Iterator[Thing]:
    pod = ask.spec
    for volume in facts.entries(pod, "volumes"):
        yield from _thing(CLAIM, facts.text(volume, "persistentVolumeClaim", "claimName"))
        if facts.field(volume, "secret", "optional") is not True:
            yield from _thing(SECRET, facts.text(volume, "secret", "secretName"))
    for container in (*facts.entries(pod, "containers"), *facts.entries(pod, "initContainers")):
        sources = [facts.table(each, "secretRef") for each in facts.entries(container, "envFrom")]
        sources += [facts.table(each, "valueFrom", "secretKeyRef") for each in facts.entries(container, "env")]
        for each in sources:
            if each.get("optional") is not True:
                yield from _thing(SECRET, facts.text(each, "name"))
    for each in facts.entries(pod, "imagePullSecrets"):
        yield from _thing(PULL_SECRET, facts.text(each, "name"))
    yield from _thing(ACCOUNT, facts.text(pod, "serviceAccountName"))
    yield from _thing(PRIORITY, facts.text(pod, "priorityClassName"))


def _thing(sort: Sort, name: str) -> Iterator[Thing]:
    if name:
        yield sort, name


def _claim(name: str, claim: Json, pods: int) -> Iterator[Finding]:
    """core/v1 PersistentVolumeClaim: its phase, its access modes."""
    phase, modes = facts.text(claim, "status", "phase"), facts.field(claim, "spec", "accessModes") or ()
    if facts.text(claim, "metadata", "deletionTimestamp"):
        yield refused(f"The volume claim {name} is being deleted: correct %volume.")
    elif phase == "Lost":
        yield refused(f"The volume claim {name} has lost its volume: correct %volume.")
    elif phase == "Pending":
        yield noticed(f"The volume claim {name} is not bound to a volume yet: pods wait until it is.")
    if pods > 1 and modes == ["ReadWriteOncePod"]:
        yield refused(
            f"The volume claim {name} is for one pod at a time (ReadWriteOncePod), and {pods} are to have it."
        )
    elif pods > 1 and modes == ["ReadWriteOnce"]:
        yield noticed(
            f"The volume claim {name} is for one node at a time (ReadWriteOnce), and {pods} pods are to have it: "
            "those that are placed on another node will not start."
        )
