"""What the apiserver says when it is asked to create the job without creating it (``dryRun=All``), and its pods.

The job and its ConfigMap go through schema, webhooks and quotas as they will. Its pods the operator makes later, and
before that nobody looks into a template; so, where Ciao may create pods, the first pod of each role is tried too. That
is a courtesy: a fault of the cluster in it is none of the job's. What other checks say better (quotas, limits, names,
rights) is left to them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping

from attrs import frozen

from ciao.adapters.kube import paths
from ciao.adapters.kube.apierrors import ApiError
from ciao.adapters.kubeflow.objects.kinds import Kind
from ciao.adapters.kubeflow.preflight.checks import MINUTE, Answers, Request, answered, noticed, refused, trial_of
from ciao.adapters.kubeflow.preflight.operatorpods import pods_of
from ciao.adapters.kubeflow.preflight.serving import serves
from ciao.adapters.kubeflow.seen import admission, facts
from ciao.adapters.kubeflow.seen.asked import Json
from ciao.adapters.kubeflow.seen.refusals import refusal
from ciao.core.errors import UserError
from ciao.core.ports import Finding
from ciao.core.remedies import TROUBLES
from ciao.core.words import did_you_mean, listed, sentence

_DRY = (("dryRun", "All"), ("fieldValidation", "Strict"))
_NO_RIGHT = re.compile(r"cannot \w+ resource")
_NOT_DRY = "does not support dry run"
_UNKNOWN_FIELD = re.compile(r'unknown field "([^"]+)"')
_SAID_BETTER = {
    "LimitRange": "ranges",
    "QuotaExceeded": "quotas",
    "QuotaUnsaid": "quotas",
    "ServiceAccountMissing": "",
    "PriorityMissing": "",
}
"""Causes that other checks tell, where these answers came; "" always."""


@frozen(kw_only=True)
class Trial:
    """Check: would it be accepted?

    ``source`` None: no ConfigMap belongs to it. ``overlay``: the file that had its say in the job. ``pods``: try these
    as well.
    """

    job: Json
    source: Json | None
    kind: Kind
    overlay: str | None = None
    pods: bool = True

    def asks(self) -> Mapping[str, Request]:
        """The job and the ConfigMap anew each time; pods only when they are others than before."""
        path = paths.jobs(self._namespace, self.kind.plural)
        found = {"job": Request(path=path, body=self.job, params=_DRY, vital=True)}
        if self.source is not None:
            body = {**self.source, **{key: dict.fromkeys(self.source.get(key, {}), "") for key in _CONTENTS}}
            found["source"] = Request(path=paths.configmaps(self._namespace), body=body, params=_DRY, vital=True)
        tried = pods_of(self.job, self.kind) if self.pods else {}
        path = paths.pods(self._namespace)
        pods = {
            trial_of(role): Request(path=path, body=pod, params=_DRY[:1], keep=MINUTE, key=_alike(pod))
            for role, pod in tried.items()
        }
        return {**found, **pods}

    def more(self, answers: Answers) -> Mapping[str, Request]:
        """When the namespace is not there: which ones are."""
        if not self.homeless(answers):
            return {}
        return {"namespaces": Request(path="/api/v1/namespaces", params=(("limit", "500"),))}

    def homeless(self, answers: Answers) -> bool:
        """There is no such namespace: then nothing else is worth saying."""
        job = answers.get("job")
        return isinstance(job, ApiError) and job.status == 404 and job.details.get("kind") == "namespaces"

    def may_try_pods(self, answers: Answers) -> bool:
        """False: that is not allowed here, or takes too long (webhooks), and need not be tried again."""
        tried = [answer for name, answer in answers.items() if name.startswith(trial_of(""))]
        return not any(_not_allowed(each) or (isinstance(each, ApiError) and each.status == 504) for each in tried)

    def findings(self, answers: Answers) -> Iterator[Finding]:
        """Of the pods only when the job itself is well."""
        if self.homeless(answers):
            there = [facts.name(each) for each in facts.entries(answered(answers, "namespaces"), "items")]
            near = did_you_mean(self._namespace, there) or "Correct %namespace."
            yield refused(f"There is no namespace {self._namespace} in this cluster. {near}")
            return
        found = [*self._objects(answers)] or dict.fromkeys(self._pods(answers))
        yield from found

    def _objects(self, answers: Answers) -> Iterator[Finding]:
        for name in ("job", "source"):
            answer = answers.get(name)
            if not isinstance(answer, ApiError) or answer.status == 409 or _not_allowed(answer):
                continue
            unknown = _UNKNOWN_FIELD.findall(answer.message)
            if _NOT_DRY in answer.message:
                yield noticed(f"The cluster cannot try this job without creating it: {answer.message}")
            elif unknown:
                yield self._unknown(" or ".join(unknown))
            elif answer.status != 404 or serves(answers, self.kind):
                yield self._refusal(answer)

    def _unknown(self, fields: str) -> Finding:
        """Outside of a trial the apiserver drops them without a word."""
        if self.overlay:
            return refused(f"{self.kind.name}s have no field {fields}: correct {self.overlay} (%overlay).")
        return noticed(f"The training operator of this cluster is too old to know {fields}: it will be ignored.")

    def _pods(self, answers: Answers) -> Iterator[Finding]:
        """The same cause is told once, with all roles that it concerns."""
        causes: dict[tuple[str, str], list[str]] = {}
        for name, answer in answers.items():
            if name.startswith(trial_of("")) and isinstance(answer, ApiError):
                cause = admission.said(answer.message)
                if cause is not None and not _said_better(cause[0], answers):
                    causes.setdefault(cause, []).append(name.removeprefix(trial_of("")))
                elif cause is None and answer.status == 422:
                    yield self._refusal(answer)
        for (reason, clause), roles in causes.items():
            yield _of_pods(reason, clause, listed(roles))

    def _refusal(self, error: ApiError) -> Finding:
        """What the user can mend; a fault of the target is raised."""
        found = refusal(error, self.kind.name)
        if isinstance(found, UserError):
            return refused(f"{sentence(found.message)} {found.hint}".strip())
        raise found from error

    @property
    def _namespace(self) -> str:
        return str(self.job["metadata"]["namespace"])


_CONTENTS = ("data", "binaryData")


def _of_pods(reason: str, clause: str, roles: str) -> Finding:
    remedy = TROUBLES.get(reason, "")
    if reason == "OperatorInit":
        return noticed(f"The pods of {roles} may never be made: {clause}. {remedy}".strip())
    if reason == "QuotaExceeded":
        return noticed(f"The pods of {roles} will wait: {clause}. {remedy}".strip())
    return refused(f"The pods of {roles} would be refused: {clause}. {remedy}".strip())


def _said_better(reason: str, answers: Answers) -> bool:
    """By another check, which could ask."""
    asked = _SAID_BETTER.get(reason)
    return asked is not None and (not asked or answered(answers, asked) is not None)


def _not_allowed(answer: object) -> bool:
    """The caller's own rights do not suffice; ``rights`` says so."""
    return isinstance(answer, ApiError) and answer.status == 403 and bool(_NO_RIGHT.search(answer.message))


def _alike(pod: Json) -> str:
    """The same for pods that differ by nothing that admission judges: names, marks."""
    spec = pod["spec"]
    containers = [
        {**each, "env": [one for one in each.get("env", ()) if not one["name"].startswith("CIAO_")]}
        for each in spec["containers"]
    ]
    volumes = [
        {**each, "configMap": None} if each.get("name") == "ciao-source" else each for each in spec.get("volumes", ())
    ]
    return f"pod {json.dumps({**spec, 'containers': containers, 'volumes': volumes}, sort_keys=True)}"
