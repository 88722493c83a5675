"""A target in memory: replicas play scripts, or stand still until a test moves them.

It keeps every promise of ``ports.Backend`` (it passes the same contract as real targets), so that what
is shown with it holds there too.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from ciao.adapters.memory.acts import Scripts
from ciao.adapters.memory.clock import ManualClock, SequentialNames
from ciao.adapters.memory.job import MemoryJob
from ciao.core.errors import NameInUseError, UnknownJobError, UserError
from ciao.core.events import Exit, JobGone, Observation, Outcome, Report
from ciao.core.model import Artifact, Image, JobHandle, JobSpec, Mounted, Replica, SourceFile, digest_of
from ciao.core.ports import Cursor, Document, Finding, JobStore, JobSummary, Query, Stop


class MemoryBackend:
    """Implements ``ports.Backend``.

    A job whose artifact came from ``program`` plays its scripts; any other job's replicas run and wait for
    ``prints``, ``exits``, ``observe`` and ``vanish``. ``findings`` are what ``check`` says; an exception under a
    method's name in ``faults`` is raised by its next call. ``decides``: an operator's outcome is awaited, which a
    test gives by ``observe``.
    """

    def __init__(
        self,
        store: JobStore,
        clock: ManualClock,
        *,
        target: str = "memory",
        grace: float = 2.0,
        decides: bool = False,
        accepts_images: bool = False,
    ) -> None:
        self._target, self._decides, self._accepts_images = target, decides, accepts_images
        self.findings: tuple[Finding, ...] = ()
        self.faults: dict[str, Exception] = {}
        self._store, self._clock, self._grace = store, clock, grace
        self._names = SequentialNames()
        self._programs: dict[str, Scripts] = {}
        self._jobs: dict[str, MemoryJob] = {}

    # -- the port -------------------------------------------------------------------------------------

    @property
    def target(self) -> str:
        return self._target

    @property
    def decides(self) -> bool:
        return self._decides

    @property
    def accepts_images(self) -> bool:
        return self._accepts_images

    async def check(self, spec: JobSpec) -> tuple[Finding, ...]:
        self._fault("check")
        return self.findings

    def render(self, spec: JobSpec, artifact: Artifact) -> tuple[Document, ...]:
        return tuple(Document("replica", str(replica), f"{spec.name} {artifact.digest}\n") for replica in spec.replicas)

    async def submit(self, spec: JobSpec, artifact: Artifact) -> JobHandle:
        await asyncio.sleep(0)  # as anywhere, it takes a while and may be cancelled; until here nothing exists
        self._fault("submit")
        if isinstance(artifact, Image) and not self._accepts_images:
            raise UserError(f"The target {self._target} runs no images")
        former = self._jobs.get(spec.name)
        if former is not None and not former.over:
            raise NameInUseError(f"A job named {spec.name} still runs")
        handle = JobHandle(self._target, "", "", "MemoryJob", spec.name, self._names.uid())
        scripts = self._programs.get(artifact.digest, {})
        self._jobs[spec.name] = MemoryJob(
            spec, handle, store=self._store, clock=self._clock, scripts=scripts, decides=self._decides
        )
        return handle

    @asynccontextmanager
    async def watch(self, handle: JobHandle, cursor: Cursor | None = None) -> AsyncIterator[AsyncIterator[Observation]]:
        self._fault("watch")
        job = self._job(handle)
        queue = job.join(cursor)
        try:
            yield job.stream(queue)
        finally:
            job.leave(queue)

    async def platform(self, spec: JobSpec) -> str:
        return "linux/amd64" if self._accepts_images else ""

    async def find(self, query: Query) -> tuple[JobSummary, ...]:
        self._fault("find")
        return tuple(
            JobSummary(
                job.handle,
                job.spec.framework,
                len(job.spec.replicas),
                job.created,
                _outcome(job),
                roles=tuple((role.name, role.replicas) for role in job.spec.roles),
            )
            for job in self._jobs.values()
            if query.name in (None, job.handle.name) and query.uid in (None, job.handle.uid) and self._exists(job)
        )

    async def stop(self, handle: JobHandle, how: Stop) -> None:
        self._fault("stop")
        job = self._jobs.get(handle.name)
        if job is not None and job.handle.uid == handle.uid:
            job.stop(how.replicas, self._grace if how.grace is None else how.grace)

    async def close(self) -> None:
        """Ends every job, as a local target does with its process."""
        for job in self._jobs.values():
            job.stop(None, 0.0)

    # -- what a test says -----------------------------------------------------------------------------

    def program(self, scripts: Scripts) -> Mounted:
        """An artifact that this backend plays."""
        files = (SourceFile("cell.py", repr(dict(scripts)).encode()),)
        artifact = Mounted(files, digest_of(files))
        self._programs[artifact.digest] = scripts
        return artifact

    def prints(self, name: str, replica: Replica, data: bytes) -> None:
        """The replica writes these bytes."""
        self._jobs[name].write(replica, data)

    def exits(
        self, name: str, replica: Replica, code: int = 0, *, reason: str = "", report: Report | None = None
    ) -> None:
        """The replica ends by itself; ``reason`` by default as a container's."""
        reason = reason or ("Error" if code else "Completed")
        self._jobs[name].ended(replica, Exit(code=code, reason=reason, at=self._clock.now(), report=report))

    def observe(self, name: str, observation: Observation) -> None:
        """Watchers are told; trouble, an outcome and the job's disappearance also those that come later."""
        self._jobs[name].observe(observation)

    def vanish(self, name: str, message: str = "it was deleted") -> None:
        """The job is gone, with all its replicas."""
        self.observe(name, JobGone(message, self._clock.now()))

    def alive(self, handle: JobHandle) -> tuple[str, ...]:
        """What of a job has not ended: replicas, and what they forked."""
        return self._job(handle).alive()

    # -- small things ---------------------------------------------------------------------------------

    def _exists(self, job: MemoryJob) -> bool:
        """An operator's object stays after the job's end; a local job is its processes."""
        return job.gone is None and (self._decides or not job.over)

    def _job(self, handle: JobHandle) -> MemoryJob:
        job = self._jobs.get(handle.name)
        if job is None or job.handle.uid != handle.uid:
            raise UnknownJobError(f"The target {self._target} has no job {handle.name}")
        return job

    def _fault(self, method: str) -> None:
        fault = self.faults.pop(method, None)
        if fault is not None:
            raise fault


def _outcome(job: MemoryJob) -> Outcome | None:
    if job.outcome is None:
        return None
    return Outcome.SUCCEEDED if job.outcome.succeeded else Outcome.FAILED
