"""Whether the queue of a job is there: Kueue's LocalQueue, which a label of the job names (kueue.x-k8s.io).

Kueue holds a job whose queue it does not find for ever, without a word; and without Kueue the label means nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from attrs import frozen

from ciao.adapters.kubeflow.preflight.checks import (
    ALWAYS,
    Answers,
    Request,
    answered,
    failed,
    inside,
    noticed,
    refused,
    unchecked,
)
from ciao.adapters.kubeflow.seen import facts
from ciao.core.ports import Finding
from ciao.core.words import did_you_mean

_GROUP = "apis/kueue.x-k8s.io"


@frozen(kw_only=True)
class Queue:
    """Check: is there such a queue? ``name`` empty: none was named."""

    namespace: str
    name: str

    def asks(self) -> Mapping[str, Request]:
        """Which versions of its API there are."""
        return {"kueue": Request(path=f"/{_GROUP}", keep=ALWAYS)} if self.name else {}

    def more(self, answers: Answers) -> Mapping[str, Request]:
        """All queues of the namespace: one answer for the queue and for the nearest name."""
        version = facts.text(answered(answers, "kueue"), "preferredVersion", "version")
        if not version:
            return {}
        return {"queues": Request(path=inside(self.namespace, "localqueues", group=f"{_GROUP}/{version}"))}

    def findings(self, answers: Answers) -> Iterator[Finding]:
        """At most one."""
        if failed(answers, "kueue", 404):
            yield noticed(f"This cluster has no Kueue: %queue={self.name} means nothing here.")
        if failed(answers, "queues", 403):
            yield unchecked(f"Ciao may not list the queues of {self.namespace}, so it could not check {self.name}.")
        listing = answered(answers, "queues")
        if listing is None:
            return
        queues = {facts.name(each): each for each in facts.entries(listing, "items")}
        if self.name not in queues:
            hint = did_you_mean(self.name, queues) or "Correct %queue."
            yield refused(
                f"There is no queue {self.name} in {self.namespace}, and Kueue would never admit the job. {hint}"
            )
            return
        for each in facts.entries(queues[self.name], "status", "conditions"):
            if each.get("type") == "Active" and each.get("status") == "False":
                yield noticed(f"The queue {self.name} admits no jobs now: {facts.text(each, 'message')}")
