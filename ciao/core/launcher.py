"""The use case: check, build, submit, record, and follow the job to its end.

Frameworks, builders and backends come in as values and ports; nothing here asks which they are. What a failure
means is decided in ``core.lifecycle``; this module only does what a step says.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from typing import assert_never

from attrs import evolve, frozen

from ciao.core import lifecycle, records
from ciao.core.errors import (
    CiaoError,
    JobLeftError,
    JobStoppedError,
    PreflightError,
    StoreError,
    UnknownJobError,
)
from ciao.core.events import Ended, Event, JobGone, LogChunk, Note, Observation, Outcome
from ciao.core.frameworks.base import Framework
from ciao.core.jobstate import Action, Job, Leave, Remove, Resubmit, SetTimer, Stage, State, Step, StopReplicas
from ciao.core.model import Artifact, JobHandle, Replica
from ciao.core.ports import (
    Backend,
    Clock,
    Cursor,
    Inbox,
    Interrupted,
    JobRecord,
    JobStore,
    S2IClient,
    Severity,
    Stop,
)
from ciao.core.requests import Launch

Emit = Callable[[Event], None]


@frozen(kw_only=True)
class Ports:
    """What one job needs of the world; ``owner`` says in its record who follows it."""

    backend: Backend
    builder: S2IClient
    store: JobStore
    clock: Clock
    owner: str = ""


async def launch(request: Launch, framework: Framework, ports: Ports, inbox: Inbox, emit: Emit) -> Ended:
    """Run a job to its end, and tell what happens on the way.

    Raises PreflightError, SourceError, NameInUseError, TargetError or StoreError before the job exists, and
    JobStoppedError when it was stopped before that. A job that fails does not raise: it ends.
    """
    spec = request.spec
    try:
        await inbox.unless_stopped(_check(request, ports, emit))
        artifact = await inbox.unless_stopped(ports.builder.source_to_image(request.source, spec, emit))
        record = await _submit(request, artifact, ports, inbox, emit)
    except Interrupted as stopped:
        raise JobStoppedError(spec.name, f"{spec.name} was stopped before it started.") from stopped
    job = Job(spec=spec, framework=framework, where=called(record.label), decides=ports.backend.decides)
    began = lifecycle.begin(job, record.handle, record.created)
    return await Following(ports, inbox, emit, record, artifact).to_the_end(began)


async def attach(record: JobRecord, framework: Framework, ports: Ports, inbox: Inbox, emit: Emit) -> Ended:
    """Follow a job that somebody else leads, or tell again how one went that has ended."""
    job = Job(
        spec=records.spec_of(record),
        framework=framework,
        where=record.label,
        decides=ports.backend.decides,
        leads=False,
    )
    return await Following(ports, inbox, emit, record).to_the_end(_joined(job, record))


def called(label: str) -> str:
    """How a sentence calls the source: the reader stands in the cell that he ran."""
    return "this cell" if label.startswith("Cell In") else label


def _joined(job: Job, record: JobRecord) -> Step:
    if record.outcome is None or record.ended is None:
        return lifecycle.follow(job, record.handle, record.created, record.attempts)
    return lifecycle.replay(
        job, record.handle, record.created, record.attempts, outcome=record.outcome, over=record.ended
    )


async def _check(request: Launch, ports: Ports, emit: Emit) -> None:
    findings = await ports.backend.check(request.spec)
    refusals = [each.message for each in findings if each.severity is Severity.REFUSAL]
    if refusals:
        raise PreflightError(request.spec.target, refusals)
    for each in findings:
        emit(Note(each.message))


async def _submit(request: Launch, artifact: Artifact, ports: Ports, inbox: Inbox, emit: Emit) -> JobRecord:
    """The record first, so that a name in use is refused before anything exists; it goes when submit raises."""
    record = records.opened(request, ports.owner, ports.clock.now())
    ports.store.create(record)
    try:
        handle = await inbox.unless_stopped(ports.backend.submit(request.spec, artifact))
    except BaseException:
        with suppress(StoreError):  # what kept the job from being says more
            ports.store.remove(record.handle)
        raise
    record = evolve(record, handle=handle)
    _keep(record, ports, emit)
    return record


def _keep(record: JobRecord, ports: Ports, emit: Emit) -> None:
    """A store that cannot be written is worth a note, never the job."""
    try:
        ports.store.update(record)
    except StoreError as error:
        emit(Note(str(error)))


class Following:
    """One job, followed to its end: inputs are stepped through the lifecycle, its actions performed."""

    def __init__(
        self, ports: Ports, inbox: Inbox, emit: Emit, record: JobRecord, artifact: Artifact | None = None
    ) -> None:
        self._ports, self._inbox, self._emit = ports, inbox, emit
        self._record, self._artifact = record, artifact
        self._offsets: dict[Replica, int] = {}
        self._ended: Ended | None = None
        self._state: State

    async def to_the_end(self, beginning: Step) -> Ended:
        """Emits every event; the last is the one that is returned.

        Raises JobLeftError when the kernel left a job that goes on, and what the target raises.
        """
        try:
            await self._take(beginning)
            while self._ended is None:
                await self._watch()
                if self._state.stage is Stage.RETRYING:
                    await self._again()
        except JobLeftError:
            raise
        except Exception as error:
            await self._give_up(error)
            raise
        return self._ended

    async def _watch(self) -> None:
        """One attempt, as far as it can be seen."""
        cursor = Cursor(dict(self._offsets))
        try:
            async with self._ports.backend.watch(self._state.handle, cursor) as observations:
                await self._hear(observations)
        except UnknownJobError:
            if self._state.job.leads:
                raise
            self._lose()
            for chunk in records.whole_logs(self._record, self._ports.store):
                await self._take(lifecycle.step(self._state, chunk))
        if self._ended is None and self._state.stage is not Stage.RETRYING:
            gone = JobGone("its target stopped reporting about it", self._ports.clock.now())
            await self._take(lifecycle.step(self._state, gone))

    def _lose(self) -> None:
        """Its target does not know the job: what its log holds is told, and that nobody saw its end."""
        if self._state.stage is not Stage.REPLAYING:
            state, now = self._state, self._ports.clock.now()
            self._state = lifecycle.replay(
                state.job, state.handle, state.began, state.attempt, outcome=Outcome.STOPPED, over=now
            ).state

    async def _hear(self, observations: AsyncIterator[Observation]) -> None:
        async with self._inbox.merged(observations) as inputs:
            async for given in inputs:
                await self._take(lifecycle.step(self._state, given))
                if self._ended is not None or self._state.stage is Stage.RETRYING:
                    return

    async def _again(self) -> None:
        """The next attempt; a stop in between is the end."""
        assert self._artifact is not None, "who looks on is never told to submit"
        try:
            handle = await self._inbox.unless_stopped(self._ports.backend.submit(self._state.job.spec, self._artifact))
        except Interrupted:
            await self._hear(_nothing())
        else:
            await self._resubmitted(handle)

    async def _resubmitted(self, handle: JobHandle) -> None:
        step = lifecycle.resubmitted(self._state, handle, self._ports.clock.now())
        self._record = evolve(self._record, handle=handle, attempts=step.state.attempt)
        _keep(self._record, self._ports, self._emit)
        await self._take(step)

    async def _take(self, step: Step) -> None:
        """Tell what happened, do what is to be done; the end is told last, when it is on record."""
        self._state = step.state
        ended = next((event for event in step.events if isinstance(event, Ended)), None)
        for event in step.events:
            if isinstance(event, LogChunk):
                self._offsets[event.replica] = event.end
            if event is not ended:
                self._emit(event)
        for action in step.actions:
            await self._perform(action)
        if ended is not None:
            self._close(records.closed(self._record, ended))
            self._emit(ended)
            self._ended = ended

    async def _perform(self, action: Action) -> None:
        stop, handle = self._ports.backend.stop, self._state.handle
        match action:
            case StopReplicas(replicas, grace):
                await stop(handle, Stop(replicas, grace))
            case Remove():
                await stop(handle, Stop(remove=True))
            case SetTimer(name, seconds):
                self._inbox.after(seconds, name)
            case Leave():
                name = handle.name
                raise JobLeftError(name, f"{name} goes on. %attach {name} follows it, %stop {name} ends it.")
            case Resubmit():
                pass  # when this attempt is no longer watched
            case _:
                assert_never(action)

    async def _give_up(self, error: Exception) -> None:
        """Ciao cannot follow the job any more: where nobody else looks after it, it must not go on unseen."""
        job = self._state.job
        if job.leads and not job.decides:
            with suppress(CiaoError):
                await self._ports.backend.stop(self._state.handle, Stop(grace=0.0))
        self._close(records.broken(self._record, error, self._ports.clock.now()))

    def _close(self, record: JobRecord) -> None:
        """Unless somebody has written the job's end already, or it is another job by now."""
        known = self._ports.store.get(record.handle.target, record.handle.name)
        if known is not None and known.ended is None and known.handle.uid in ("", record.handle.uid):
            _keep(record, self._ports, self._emit)


async def _nothing() -> AsyncIterator[Observation]:
    """No observations: only what the inbox holds already."""
    nothing: tuple[Observation, ...] = ()
    for each in nothing:
        yield each
