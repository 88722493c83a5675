"""A look at the cluster before anybody has a job for it: is it there, and could the smallest job run?"""

from __future__ import annotations

import asyncio

from attrs import frozen

from ciao.adapters.kube.access import Access
from ciao.adapters.kube.client import connect
from ciao.adapters.kubeflow.objects import configmap
from ciao.adapters.kubeflow.objects.kinds import kind_of
from ciao.adapters.kubeflow.objects.manifest import job_object
from ciao.adapters.kubeflow.objects.options import Options, Submission
from ciao.adapters.kubeflow.preflight.preflight import Preflight
from ciao.core.frameworks.base import Framework
from ciao.core.model import JobSpec, Mounted, Role, SourceFile
from ciao.core.ports import Clock, Finding

_LIMIT = 15.0  # seconds
_CELL = Mounted((SourceFile("cell.py", b""),), "sha256:0")


@frozen(kw_only=True)
class Visit:
    """What was found: where it is, its version, and what would keep the smallest job of each framework from running."""

    context: str
    server: str
    namespace: str
    version: str
    findings: tuple[Finding, ...]


async def visit(
    access: Access, namespace: str, options: Options, frameworks: tuple[Framework, ...], clock: Clock
) -> Visit:
    """Creates nothing. Raises what the client raises when there is no cluster, and TimeoutError."""
    async with asyncio.timeout(_LIMIT):
        cluster = await connect(access)
        try:
            where = namespace or cluster.namespace
            version = await cluster.get("/version")
            preflight, findings = Preflight(cluster, where, options, clock), dict[Finding, None]()
            for framework in frameworks:
                spec = JobSpec(
                    name="ciao-doctor",
                    framework=framework.name,
                    target="kubeflow",
                    roles=(Role(framework.default_role, 1),),
                )
                submission = Submission(uid="0" * 32, namespace=where)
                job = job_object(spec, _CELL, framework, submission, options)
                source = configmap.source_object(spec, _CELL, framework, submission, submission.uid)
                findings.update(dict.fromkeys(await preflight.findings(spec, job, source, kind_of(framework))))
            return Visit(
                context=cluster.context,
                server=cluster.server,
                namespace=where,
                version=str(version.get("gitVersion", "of an unknown version")),
                findings=tuple(findings),
            )
        finally:
            await cluster.close()
