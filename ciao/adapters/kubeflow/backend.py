"""Port ``Backend`` for a cluster. See the package's docstring for the way things go."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from weakref import WeakValueDictionary

from attrs import evolve, frozen

from ciao.adapters.kube import paths
from ciao.adapters.kube.apierrors import ApiError
from ciao.adapters.kube.client import Cluster, Json
from ciao.adapters.kube.connections import Connections
from ciao.adapters.kubeflow.finding import Search
from ciao.adapters.kubeflow.follower import Follower, World
from ciao.adapters.kubeflow.objects import configmap
from ciao.adapters.kubeflow.objects.kinds import KINDS, Kind, kind_of
from ciao.adapters.kubeflow.objects.manifest import job_object
from ciao.adapters.kubeflow.objects.options import Options, Submission
from ciao.adapters.kubeflow.objects.rendering import UNKNOWN, documents
from ciao.adapters.kubeflow.overlayfile import overlaid
from ciao.adapters.kubeflow.platform import node_platform
from ciao.adapters.kubeflow.preflight.preflight import Preflight
from ciao.adapters.kubeflow.seen.refusals import refusal
from ciao.adapters.kubeflow.stopping import Stopping
from ciao.adapters.kubeflow.submitting import Objects, create, delete_job
from ciao.core.errors import CiaoError, UnknownJobError, UserError
from ciao.core.events import JobGone, Observation
from ciao.core.frameworks.base import Framework
from ciao.core.model import Artifact, JobHandle, JobSpec, Mounted, SourceFile
from ciao.core.ports import Clock, Cursor, Document, Finding, JobStore, JobSummary, Query, Severity, Stop

TARGET = "kubeflow"
_SAMPLE = Mounted((SourceFile("cell.py", b""), SourceFile("ciao_replica.py", b"")), "sha256:0")
"""What a dry run is made with: nothing is built yet."""


@frozen(kw_only=True)
class Place:
    """Where jobs go that do not say it; empty: as the kubeconfig says."""

    context: str = ""
    namespace: str = ""


class KubeflowBackend:
    """One connection per context, one follower per job. Lives on one event loop.

    ``images`` are the frameworks' default ones; ``remembered``: how many jobs of this process that are over can still
    be watched without asking.
    """

    def __init__(
        self,
        *,
        connections: Connections,
        place: Place,
        options: Options,
        images: Mapping[str, str],
        frameworks: Mapping[str, Framework],
        store: JobStore,
        clock: Clock,
        uid: Callable[[], str],
        remembered: int = 100,
    ) -> None:
        self._connections, self._place, self._options, self._images = connections, place, options, images
        self._frameworks, self._store, self._clock, self._uid = frameworks, store, clock, uid
        self._preflights: dict[tuple[str, str], Preflight] = {}
        self._followers: dict[str, Follower] = {}
        self._beginning: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._mine: set[str] = set()
        self._remembered = remembered

    @property
    def target(self) -> str:
        """``kubeflow``."""
        return TARGET

    @property
    def decides(self) -> bool:
        """True: the training operator does."""
        return True

    @property
    def accepts_images(self) -> bool:
        """True: replicas are pods."""
        return True

    async def check(self, spec: JobSpec) -> tuple[Finding, ...]:
        """As the port says."""
        cluster, namespace = await self._placed(spec)
        try:
            objects = self._objects(spec, _SAMPLE, namespace)
        except UserError as error:
            return (Finding(Severity.REFUSAL, str(error)),)
        key = (cluster.context, namespace)
        if key not in self._preflights:
            self._preflights[key] = Preflight(cluster, namespace, self._options, self._clock)
        source = objects.source(UNKNOWN) if objects.source else None
        return await self._preflights[key].findings(spec, objects.job, source, self._kind(spec))

    def render(self, spec: JobSpec, artifact: Artifact) -> tuple[Document, ...]:
        """The job and its ConfigMap as YAML. Values of %env are not shown: notebooks are saved and shared."""
        objects = self._objects(spec, artifact, spec.placement.namespace or self._place.namespace, UNKNOWN)
        source = objects.source(UNKNOWN) if objects.source else None
        return documents(objects.job, source)

    async def submit(self, spec: JobSpec, artifact: Artifact) -> JobHandle:
        """As the port says. The job is followed from here on, whether anybody watches or not."""
        cluster, namespace = await self._placed(spec)
        objects = self._objects(spec, artifact, namespace)
        job = await create(cluster, objects)
        kind = self._kind(spec)
        handle = JobHandle(TARGET, cluster.context, namespace, kind.name, spec.name, job["metadata"]["uid"])
        try:
            await self._begin(cluster, handle, job, self._frameworks[spec.framework])
        except BaseException:
            with suppress(CiaoError):
                await asyncio.shield(delete_job(cluster, namespace, kind.plural, handle.name, uid=handle.uid))
            raise
        self._mine.add(handle.uid)
        return handle

    @asynccontextmanager
    async def watch(self, handle: JobHandle, cursor: Cursor | None = None) -> AsyncIterator[AsyncIterator[Observation]]:
        """As the port says."""
        offsets = {} if cursor is None else cursor.offsets
        follower = self._followers.get(handle.uid) or await self._found(handle)
        if follower is None:
            yield _one(JobGone(f"another job named {handle.name} has taken its place", self._clock.now()))
            return
        listener = follower.join(offsets)
        try:
            yield listener.stream()
        except CiaoError:
            if follower.over:  # what ended it may be mended when the next one watches
                self._mine.discard(handle.uid)
            raise
        finally:
            follower.audience.leave(listener)
            if not len(follower.audience) and handle.uid not in self._mine:
                await self._forget(handle.uid)

    async def platform(self, spec: JobSpec) -> str:
        """The nodes' own, where one may look at them and all have the same; else the apiserver's."""
        said = dict(spec.placement.node_selector).get("kubernetes.io/arch")
        if said:
            return f"linux/{said}"
        cluster, _ = await self._placed(spec)
        return await node_platform(cluster)

    async def find(self, query: Query) -> tuple[JobSummary, ...]:
        """Jobs that Ciao made, in the default namespace and wherever the store has jobs without an end."""
        default = await self._cluster(self._place.context)
        namespace = self._place.namespace or default.namespace
        return await Search(self._connections, self._store, TARGET).find(query, default, namespace)

    async def stop(self, handle: JobHandle, how: Stop) -> None:
        """As the port says; see ``stopping``."""
        if handle.kind not in KINDS:
            return
        cluster = await self._cluster(handle.context)
        await Stopping(cluster, handle, KINDS[handle.kind].plural, self._clock.now()).stop(how)

    async def close(self) -> None:
        """Stop following, close connections; jobs go on."""
        await asyncio.gather(*(each.close() for each in self._followers.values()))
        await self._connections.close()
        self._followers.clear()
        self._preflights.clear()

    async def warm_up(self) -> None:
        """Connect, so that the first job need not wait for it."""
        await self._cluster(self._place.context)

    # -- where -----------------------------------------------------------------------------------

    async def _cluster(self, context: str) -> Cluster:
        return await self._connections.to(context)

    async def _placed(self, spec: JobSpec) -> tuple[Cluster, str]:
        cluster = await self._cluster(spec.placement.context or self._place.context)
        return cluster, spec.placement.namespace or self._place.namespace or cluster.namespace

    # -- what ------------------------------------------------------------------------------------

    def _kind(self, spec: JobSpec) -> Kind:
        return kind_of(self._frameworks[spec.framework])

    def _objects(self, spec: JobSpec, artifact: Artifact, namespace: str, uid: str = "") -> Objects:
        framework, record = self._frameworks[spec.framework], self._store.get(TARGET, spec.name)
        submission = Submission(
            uid=uid or self._uid(),
            namespace=namespace,
            kernel="" if record is None else record.owner,
            cell="" if record is None else record.label,
        )
        kind, options = kind_of(framework), evolve(self._options, image=self._images.get(framework.name, ""))
        job = overlaid(job_object(spec, artifact, framework, submission, options), spec, kind)

        def source(owner: str) -> Json:
            assert isinstance(artifact, Mounted)
            return configmap.source_object(spec, artifact, framework, submission, owner)

        return Objects(job=job, source=source if isinstance(artifact, Mounted) else None, plural=kind.plural)

    # -- following -------------------------------------------------------------------------------

    async def _begin(self, cluster: Cluster, handle: JobHandle, job: Json, framework: Framework) -> Follower:
        """The one follower of the job: of several who come at the same moment the first begins."""
        async with self._beginning.setdefault(handle.uid, asyncio.Lock()):
            if handle.uid not in self._followers:
                self._drop_old()
                self._followers[handle.uid] = await self._started(cluster, handle, job, framework)
            return self._followers[handle.uid]

    async def _started(self, cluster: Cluster, handle: JobHandle, job: Json, framework: Framework) -> Follower:
        world = World(
            api=cluster,
            store=self._store,
            clock=self._clock,
            plural=KINDS[handle.kind].plural,
            container=framework.container,
        )
        follower = Follower(world, handle, job)
        try:
            await follower.start()
        except BaseException:
            await asyncio.shield(follower.close())
            raise
        return follower

    async def _found(self, handle: JobHandle) -> Follower | None:
        """A follower of a job that somebody else started. None: another job has its name now."""
        unknown = UnknownJobError(f"The cluster has no job {handle.name} (any more).")
        if handle.kind not in KINDS:
            raise unknown
        cluster = await self._cluster(handle.context)
        try:
            job = await cluster.get(paths.job(handle.namespace, KINDS[handle.kind].plural, handle.name))
        except ApiError as error:
            if error.status == 404:
                raise unknown from error
            raise refusal(error) from error
        if job["metadata"]["uid"] != handle.uid:
            return None
        framework = next(each for each in self._frameworks.values() if each.kind == handle.kind)
        return await self._begin(cluster, handle, job, framework)

    async def _forget(self, uid: str) -> None:
        follower = self._followers.pop(uid, None)
        if follower is not None:
            await asyncio.shield(follower.close())

    def _drop_old(self) -> None:
        over = [uid for uid, each in self._followers.items() if each.over and not len(each.audience)]
        for uid in over[: max(0, len(over) - self._remembered)]:
            del self._followers[uid]
            self._mine.discard(uid)


async def _one(observation: Observation) -> AsyncIterator[Observation]:
    yield observation
