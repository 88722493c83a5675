"""Port ``Engine`` in the cluster: a pod with Kaniko builds and pushes, made by a Job or by a TaskRun."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol

from ciao.adapters.kube.apierrors import ApiError
from ciao.adapters.kube.client import Cluster
from ciao.adapters.kube.connections import Connections
from ciao.adapters.oci.reference import Reference
from ciao.adapters.s2i.apart import apart
from ciao.adapters.s2i.content import Content
from ciao.adapters.s2i.destination import Destination, destination
from ciao.adapters.s2i.engine import Build
from ciao.adapters.s2i.incluster import objects
from ciao.adapters.s2i.incluster.creating import create, remove, sweep
from ciao.adapters.s2i.incluster.following import Following, World
from ciao.adapters.s2i.incluster.kinds import Kind
from ciao.adapters.s2i.incluster.packing import packed
from ciao.adapters.s2i.incluster.plan import Options, Plan
from ciao.adapters.s2i.incluster.refusing import RIGHTS, refused
from ciao.core import settings as keys
from ciao.core.errors import CiaoError, SettingsError, SourceError
from ciao.core.model import JobSpec
from ciao.core.ports import Clock, Report
from ciao.core.settings import Settings

Json = dict[str, Any]
_REVIEWS = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
_PATIENCE, _SCALING = 60.0, 900.0
"""Seconds for which something may keep a build; for which, where nodes are made when they are needed."""
_PIPELINES = (
    "Use %s2i=kaniko, which needs none, or have an administrator install them: https://tekton.dev/docs/installation"
)


class ContextPusher(Protocol):
    """Pushes files as an image that has them at ``/ciao-context``, on a base with Python.

    Its reference is by digest, as the nodes pull it. Same files, same digest, and then nothing is uploaded.
    """

    async def __call__(self, content: Content, spec: JobSpec, report: Report) -> str: ...


class InCluster:
    """One way of building in the cluster. Lives on one event loop."""

    def __init__(
        self,
        kind: Kind,
        *,
        settings: Callable[[], Settings],
        clusters: Callable[[], Connections],
        clock: Clock,
        uid: Callable[[], str],
        push: ContextPusher,
    ) -> None:
        self._kind, self._settings, self._clusters = kind, settings, clusters
        self._clock, self._uid, self._push = clock, uid, push

    @property
    def name(self) -> str:
        """``kaniko`` or ``tekton``."""
        return self._kind.builder

    def reached(self, reference: Reference) -> Reference:
        """As pods reach it."""
        return self._goal().in_pods(reference)

    async def build(self, build: Build, spec: JobSpec, report: Report) -> str:
        """As the port says. What was made in the cluster is deleted before this returns or raises."""
        cluster, namespace = await self._placed(spec)
        await self._check(cluster)
        archive = await apart(lambda stop: packed(build.context, stop))
        context = "" if archive is not None else await self._push(build.context, spec, report)
        plan = self._plan(build, spec, namespace, context)
        owner = await create(
            cluster,
            self._kind,
            self._kind.made(plan),
            lambda made: objects.files(plan, build.dockerfile, archive, made),
        )
        try:
            world = World(api=cluster, kind=self._kind, clock=self._clock, report=report)
            return await Following(world, plan, owner).digest()
        finally:
            await asyncio.shield(self._cleaned(cluster, owner))

    async def why_not(self, spec: JobSpec) -> str:
        """One sentence why nothing can be built here and now; "" when it can. Asks, changes nothing."""
        try:
            self._goal()
            cluster, namespace = await self._placed(spec)
            await self._check(cluster)
            answer = await cluster.post(_REVIEWS, self._kind.right.review(namespace))
        except ApiError as error:
            return refused(error).lines()[0]
        except CiaoError as error:
            return error.lines()[0]
        if (answer.get("status") or {}).get("allowed") is True:
            return ""
        what = f"{self._kind.plural}.{self._kind.right.group}"
        return f"This account may not create {what} in the namespace {namespace}. {RIGHTS}"

    async def close(self) -> None:
        """Nothing is held: connections are the session's."""

    # -- inside -----------------------------------------------------------------------------------

    def _goal(self) -> Destination:
        return destination(self._settings(), self.name)

    async def _placed(self, spec: JobSpec) -> tuple[Cluster, str]:
        settings, placement = self._settings(), spec.placement
        cluster = await self._clusters().to(placement.context or settings[keys.KUBEFLOW_CONTEXT])
        return cluster, placement.namespace or settings[keys.KUBEFLOW_NAMESPACE] or cluster.namespace

    async def _check(self, cluster: Cluster) -> None:
        """Before anything is packed or pushed: is there who makes pods of it?"""
        if not self._kind.keeps:
            return
        try:
            await cluster.get(f"/apis/{self._kind.api_version}")
        except ApiError as error:
            if error.status != 404:
                raise refused(error) from error
            message = "%s2i=tekton: this cluster has no Tekton Pipelines (no tekton.dev/v1)."
            raise SourceError(message, hint=_PIPELINES) from error

    def _plan(self, build: Build, spec: JobSpec, namespace: str, context: str) -> Plan:
        settings, goal = self._settings(), self._goal()
        host, _, path = goal.pods.partition("/")
        options = Options(
            image=settings[keys.KANIKO_IMAGE],
            insecure=settings[keys.REGISTRY_INSECURE],
            authorities=_authorities(settings),
            secret=goal.secret or spec.placement.pull_secret or "",
            python=spec.python or settings[keys.KUBEFLOW_PYTHON],
            patience=_SCALING if settings[keys.KUBEFLOW_AUTOSCALE] else _PATIENCE,
        )
        return Plan(
            builder=self.name,
            uid=self._uid(),
            namespace=namespace,
            target=Reference(host, path, build.tag),
            spec=spec,
            options=options,
            platform=build.platform,
            arguments=build.arguments,
            context=context,
        )

    async def _cleaned(self, cluster: Cluster, owner: Json) -> None:
        """Whatever fails here must not take the place of the build's own end; the cluster has its nets."""
        with suppress(CiaoError):
            await remove(cluster, self._kind, owner)
        if self._kind.keeps:
            await sweep(cluster, self._kind, owner["metadata"]["namespace"], self._clock.now())


def _authorities(settings: Settings) -> str:
    """The text of registry.ca."""
    path = settings[keys.REGISTRY_CA]
    if not path:
        return ""
    try:
        return Path(path).read_text(encoding="ascii")
    except (OSError, UnicodeError) as error:
        raise SettingsError(f"registry.ca: {path} cannot be read ({error}).", settings.place("registry.ca")) from error
