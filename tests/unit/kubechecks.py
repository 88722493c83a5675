"""The preflight as tests speak of it: a healthy cluster but for some answers, a cell, and what is found of it."""

from __future__ import annotations

import asyncio
from typing import Any

from ciao.adapters.kubeflow.objects.options import Options
from ciao.adapters.kubeflow.preflight.preflight import Preflight
from ciao.adapters.kubeflow.preflight.rights import EVENTS, needed
from ciao.adapters.memory import ManualClock
from ciao.core.ports import Finding, Severity

from .kubeapi import Api, rules
from .kubejobs import PYTORCHJOB, TFJOB, Json, made, mounted, source_of, spec_of

JOBS = "POST /apis/kubeflow.org/v1/namespaces/team/pytorchjobs"
REVIEW = "POST /apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
ME = "POST /apis/authentication.k8s.io/v1/selfsubjectreviews"
RULES = "POST /apis/authorization.k8s.io/v1/selfsubjectrulesreviews"


class Checked:
    """One session's preflight of the namespace team; each call is a cell."""

    def __init__(self, api: Api, patience: float = 5.0) -> None:
        self.api, self.clock = api, ManualClock()
        self.preflight = Preflight(api, "team", Options(), self.clock, patience)

    async def cell(self, *lines: str, job: Json | None = None, framework: str = "pytorch") -> tuple[Finding, ...]:
        """What is found of a job with these magics."""
        self.api.sent.clear()
        self.api.rounds = 0
        spec = spec_of(*lines, framework=framework)
        kind = PYTORCHJOB if framework == "pytorch" else TFJOB
        job = job or made(*lines, framework=framework)
        return await self.preflight.findings(spec, job, source_of(spec, mounted()), kind)


def found(answers: dict[str, Any] | None = None, *lines: str, job: Json | None = None) -> list[Finding]:
    """What is found in a healthy cluster but for these answers."""
    return list(asyncio.run(Checked(Api(answers)).cell(*lines, job=job)))


def refusal(answers: dict[str, Any], *lines: str, job: Json | None = None) -> str:
    """The only finding, a refusal."""
    (one,) = found(answers, *lines, job=job)
    assert one.severity is Severity.REFUSAL
    return one.message


def notice(answers: dict[str, Any], *lines: str, job: Json | None = None) -> str:
    """The only finding, a notice."""
    (one,) = found(answers, *lines, job=job)
    assert one.severity is Severity.NOTICE
    return one.message


ALL = (*needed("pytorchjobs"), *EVENTS)


def without(*gone: tuple[str, str]) -> dict[str, Any]:
    """All rights but these (verb, resource)."""
    left = [each for each in ALL if (each.verb, each.resource) not in gone]

    return {RULES: rules(*left)}


def reviewing(*gone: tuple[str, str]) -> dict[str, Any]:
    """The same where rules are incomplete and show nothing: asked one by one, these are denied."""

    def review(how: Json) -> Json:
        asked = how["body"]["spec"]["resourceAttributes"]
        resource = "/".join(filter(None, [asked["resource"], asked.get("subresource", "")]))
        return {"status": {"allowed": (asked["verb"], resource) not in gone}}

    return {RULES: rules(incomplete=True), REVIEW: review}
