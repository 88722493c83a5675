"""The use case: a job from its request to its end, with every port in memory."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager

import pytest
from attrs import evolve

from ciao.adapters.memory import ExitWith, MemoryBackend, Print, Wait
from ciao.core import launcher
from ciao.core.errors import (
    JobLeftError,
    JobStoppedError,
    NameInUseError,
    PreflightError,
    SourceError,
    StoreError,
    TargetError,
    UnknownJobError,
)
from ciao.core.events import (
    Ended,
    LogChunk,
    Note,
    Outcome,
    OutcomeSeen,
    ReplicaChanged,
    Retrying,
    StopReason,
    StopRequested,
    Submitted,
)
from ciao.core.lifecycle import DRAIN
from ciao.core.model import CleanPolicy, EnvVar
from ciao.core.ports import Finding, Query, Severity

from .jobs import FRAMEWORKS, MASTER, WORKER_0, WORKER_1, job, launch
from .world import World, in_world

USER = StopRequested(StopReason.USER, 1_000.0)


class Wrapped:
    """A backend that does one thing in its own way."""

    def __init__(self, backend: MemoryBackend) -> None:
        self.backend = backend

    def __getattr__(self, name: str) -> object:
        return getattr(self.backend, name)


class SlowToSubmit(Wrapped):
    """The second submission takes for ever."""

    submissions = 0

    async def submit(self, *job: object) -> object:
        self.submissions += 1
        if self.submissions > 1:
            await asyncio.Event().wait()
        return await self.backend.submit(*job)


class Silent(Wrapped):
    """Its watch ends at once, against its promise."""

    @asynccontextmanager
    async def watch(self, *_: object):
        async def nothing():
            return
            yield

        yield nothing()


def test_a_job_goes_from_request_to_end() -> None:
    """Submitted first, Ended last, the log chunks of every replica in between; Ended is what is returned."""

    async def story(world: World) -> None:
        world.builder.scripts = {each: (Print("hello"),) for each in job().replicas}
        ended = await world.begin()
        assert isinstance(world.events[0], Submitted)
        assert world.events[-1] is ended
        assert ended.outcome is Outcome.SUCCEEDED
        assert {each.replica for each in world.said(LogChunk)} == set(job().replicas)

    in_world(story)


def test_the_record_tells_the_job() -> None:
    """From its birth: handle, roles, redacted source, owner; at its end: outcome and a summary."""

    async def story(world: World) -> None:
        text = "%framework=pytorch\n%env=TOKEN=hunter2hunter2\nprint(1)\n"
        spec = job(more={"env": (EnvVar("TOKEN", "hunter2hunter2"),)}, master=1)
        task = world.begin(request=launch(spec, text))
        await world.until(lambda: world.said(ReplicaChanged))
        record = world.session.record("job-1")
        assert (record.handle, record.owner, record.ended) == (world.said(Submitted)[0].handle, "kernel 7", None)
        assert "hunter2" not in record.source
        assert record.source.splitlines()[0] == "%framework=pytorch"
        world.clock.advance(8.2)
        world.backend.exits("job-1", MASTER)
        await task
        record = world.session.record("job-1")
        assert (record.outcome, record.ended, record.summary) == (Outcome.SUCCEEDED, 1_008.2, "succeeded in 8.2 s")

    in_world(story)


def test_the_end_is_on_record_when_it_is_told() -> None:
    """Who hears Ended finds it in the store."""

    async def story(world: World) -> None:
        world.builder.scripts = {MASTER: (ExitWith(3),)}
        request = launch(job(master=1))
        found: list[object] = []

        def emit(event: object) -> None:
            if isinstance(event, Ended):
                found.append(world.session.record("job-1").summary)

        await launcher.launch(request, FRAMEWORKS["pytorch"], world.ports, world.inbox, emit)
        assert found == ["master-0 failed, 0.0 s after the start: exit code 3."]

    in_world(story)


# -- before the job exists ----------------------------------------------------------------------------


def test_a_refusal_leaves_nothing() -> None:
    """All reasons in one error; no record, no job."""

    async def story(world: World) -> None:
        world.backend.findings = (
            Finding(Severity.REFUSAL, "too few cores"),
            Finding(Severity.NOTICE, "no limits here"),
            Finding(Severity.REFUSAL, "no such interpreter"),
        )
        with pytest.raises(PreflightError) as caught:
            await world.begin()
        assert caught.value.reasons == ("too few cores", "no such interpreter")
        assert (world.events, world.store.list()) == ([], ())

    in_world(story)


def test_a_notice_is_told_before_the_job() -> None:
    """And does not keep it from running."""

    async def story(world: World) -> None:
        world.backend.findings = (Finding(Severity.NOTICE, "no limits here"),)
        world.builder.scripts = {MASTER: ()}
        await world.begin(job(master=1))
        assert world.events[0] == Note("no limits here")

    in_world(story)


@pytest.mark.parametrize("where", ["check", "build", "submit"])
def test_a_fault_before_the_job_leaves_nothing(where: str) -> None:
    """The error is raised as it is; no record stays, and the name is free again."""

    async def story(world: World) -> None:
        if where == "build":
            world.builder.fault = SourceError("too large")
        else:
            world.backend.faults[where] = TargetError("not today")
        with pytest.raises((SourceError, TargetError)):
            await world.begin()
        assert (world.store.list(), await world.backend.find(Query())) == ((), ())
        world.builder.fault = None
        world.builder.scripts = dict.fromkeys(job().replicas, ())
        assert (await world.begin()).outcome is Outcome.SUCCEEDED

    in_world(story)


def test_a_name_in_use_is_refused_and_the_job_goes_on() -> None:
    """The store refuses before anything is submitted."""

    async def story(world: World) -> None:
        _, handle = await world.begun()
        with pytest.raises(NameInUseError):
            await world.begin()
        assert [each.handle for each in await world.backend.find(Query())] == [handle]
        assert world.session.record("job-1").handle == handle

    in_world(story)


def test_a_stop_before_the_job_is_told_so() -> None:
    """While it is built: nothing was started, nothing stays."""

    async def story(world: World) -> None:
        world.builder.wait = True
        task = world.begin()
        await asyncio.sleep(0)
        world.inbox.post(USER)
        with pytest.raises(JobStoppedError, match="job-1 was stopped before it started"):
            await task
        assert (world.events, world.store.list()) == ([], ())

    in_world(story)


def test_a_store_that_cannot_be_written_refuses_the_job() -> None:
    """A job without a record could not be found again."""

    async def story(world: World) -> None:
        world.store.broken = "the disk is read-only"
        with pytest.raises(StoreError, match="read-only"):
            await world.begin()
        assert await world.backend.find(Query()) == ()

    in_world(story)


# -- while it runs ------------------------------------------------------------------------------------


def test_a_failure_stops_the_others_and_names_the_cause() -> None:
    """The backend is told to stop who is left; the end says who failed first."""

    async def story(world: World) -> None:
        task, _ = await world.begun()
        world.clock.advance(2.1)
        world.backend.exits("job-1", WORKER_1, 1)
        ended = await task
        assert ended.diagnosis is not None
        assert ended.diagnosis.headline == "worker-1 failed first, 2.1 s after the start: exit code 1."
        assert ended.diagnosis.consequences == "master-0 and worker-0 were then stopped."

    in_world(story)


def test_a_stop_ends_the_job() -> None:
    """The user's: every replica is asked, the job is stopped."""

    async def story(world: World) -> None:
        task, handle = await world.begun()
        world.inbox.post(USER)
        ended = await task
        assert (ended.outcome, ended.stop_reason) == (Outcome.STOPPED, StopReason.USER)
        assert world.backend.alive(handle) == ()

    in_world(story)


def test_timers_are_set_and_heard() -> None:
    """After the leader's success the rest is stopped when its time is over."""

    async def story(world: World) -> None:
        task, handle = await world.begun()
        world.backend.exits("job-1", MASTER)
        await world.until(lambda: len(world.said(ReplicaChanged)) == 4)
        assert world.backend.alive(handle) == ("worker-0", "worker-1")
        world.clock.advance(5.0)
        assert (await task).outcome is Outcome.SUCCEEDED
        assert DRAIN == "drain"

    in_world(story)


def test_a_deadline_comes_from_the_spec() -> None:
    """``%timeout`` in seconds."""

    async def story(world: World) -> None:
        task, _ = await world.begun(job(more={"timeout": 60.0}))
        world.clock.advance(59.9)
        assert not task.done()
        world.clock.advance(0.1)
        assert (await task).stop_reason is StopReason.DEADLINE

    in_world(story)


def test_what_a_job_leaves_is_removed_if_it_was_said() -> None:
    """``%cleanPolicy=All``; that it is over already is no error."""

    async def story(world: World) -> None:
        world.builder.scripts = {MASTER: ()}
        ended = await world.begin(job(more={"clean_policy": CleanPolicy.ALL}, master=1))
        assert ended.outcome is Outcome.SUCCEEDED

    in_world(story)


def test_a_job_that_vanishes_has_failed() -> None:
    """And is on record so."""

    async def story(world: World) -> None:
        task, _ = await world.begun()
        world.backend.vanish("job-1", "its supervisor was killed")
        ended = await task
        assert ended.outcome is Outcome.FAILED
        assert world.session.record("job-1").summary == "its supervisor was killed."

    in_world(story)


def test_a_kernel_may_leave_a_clusters_job() -> None:
    """It is not told as ended, and its record says that it runs."""

    async def story(world: World) -> None:
        task, handle = await world.begun()
        world.inbox.post(StopRequested(StopReason.KERNEL, 1.0))
        with pytest.raises(JobLeftError, match="%attach job-1"):
            await task
        assert world.said(Ended) == []
        assert world.session.record("job-1").ended is None
        assert len(world.backend.alive(handle)) == 3

    in_world(story, decides=True)


def test_an_operators_word_is_awaited() -> None:
    """Where an operator decides, ended replicas are not the end."""

    async def story(world: World) -> None:
        task, _ = await world.begun(job(master=1))
        world.backend.exits("job-1", MASTER)
        await world.until(lambda: len(world.said(ReplicaChanged)) == 2)
        assert not task.done()
        world.backend.observe("job-1", OutcomeSeen(True, "JobSucceeded", "", 1_001.0))
        assert (await task).outcome is Outcome.SUCCEEDED

    in_world(story, decides=True)


# -- attempts -----------------------------------------------------------------------------------------


def test_a_retry_goes_on_in_the_same_log() -> None:
    """Another uid, the record says how many attempts, and no log byte is told twice."""

    async def story(world: World) -> None:
        world.builder.scripts = {MASTER: (Print("again"), ExitWith(1))}
        ended = await world.begin(job(more={"retries": 2}, master=1))
        assert ended.outcome is Outcome.FAILED
        assert [each.attempt for each in world.said(Submitted)] == [1, 2, 3]
        assert len({each.handle.uid for each in world.said(Submitted)}) == 3
        assert [(each.offset, each.end) for each in world.said(LogChunk)] == [(0, 6), (6, 12), (12, 18)]
        record = world.session.record("job-1")
        assert (record.attempts, record.handle) == (3, ended.handle)

    in_world(story)


def test_a_retry_that_cannot_be_submitted_ends_in_its_error() -> None:
    """And the record is closed."""

    async def story(world: World) -> None:
        world.builder.scripts = {MASTER: (ExitWith(1),)}
        task = world.begin(job(more={"retries": 1}, master=1))
        await world.until(lambda: world.said(Submitted))
        world.backend.faults["submit"] = TargetError("not today")
        with pytest.raises(TargetError, match="not today"):
            await task
        assert world.session.record("job-1").summary == "not today"

    in_world(story)


def test_a_stop_between_attempts_ends_the_job() -> None:
    """The stop that came while the job was being submitted again is its end."""

    async def story(world: World) -> None:
        world.builder.scripts = {MASTER: (ExitWith(1),)}
        world.ports = evolve(world.ports, backend=SlowToSubmit(world.backend))
        task = world.begin(job(more={"retries": 1}, master=1))
        await world.until(lambda: world.said(Retrying))
        world.inbox.post(USER)
        ended = await task
        assert (ended.outcome, ended.stop_reason) == (Outcome.STOPPED, StopReason.USER)
        assert world.session.record("job-1").outcome is Outcome.STOPPED

    in_world(story)


# -- when Ciao itself fails ---------------------------------------------------------------------------


def test_a_watch_that_breaks_leaves_nothing_running() -> None:
    """Where nobody else looks after the job it is ended; the record is closed with the reason."""

    async def story(world: World) -> None:
        task = world.begin()
        world.backend.faults["watch"] = TargetError("the connection broke")
        with pytest.raises(TargetError, match="broke"):
            await task
        handle = world.said(Submitted)[0].handle
        assert world.backend.alive(handle) == ()
        record = world.session.record("job-1")
        assert (record.outcome, record.summary) == (Outcome.FAILED, "the connection broke")

    in_world(story)


def test_a_job_of_an_operator_goes_on_when_its_watch_breaks() -> None:
    """A lost connection is no reason to end it."""

    async def story(world: World) -> None:
        task = world.begin()
        world.backend.faults["watch"] = TargetError("the connection broke")
        with pytest.raises(TargetError):
            await task
        assert len(world.backend.alive(world.said(Submitted)[0].handle)) == 3

    in_world(story, decides=True)


def test_a_job_that_its_target_forgets_is_an_error() -> None:
    """A job that runs cannot be unknown."""

    async def story(world: World) -> None:
        task = world.begin()
        world.backend.faults["watch"] = UnknownJobError("never heard of it")
        with pytest.raises(UnknownJobError):
            await task

    in_world(story)


def test_a_store_that_breaks_is_noted_and_the_job_goes_on() -> None:
    """A full disk stops records, not jobs."""

    async def story(world: World) -> None:
        task, _ = await world.begun(job(worker=1, more={}))
        world.store.broken = "no space left"
        world.backend.exits("job-1", WORKER_0)
        assert (await task).outcome is Outcome.SUCCEEDED
        assert Note("no space left") in world.events

    in_world(story)


def test_a_watch_that_ends_early_ends_the_job() -> None:
    """A target that stops reporting is not waited for."""

    async def story(world: World) -> None:
        world.ports = evolve(world.ports, backend=Silent(world.backend))
        world.builder.scripts = {MASTER: (Wait(),)}
        ended = await world.begin(job(master=1))
        assert ended.diagnosis is not None
        assert ended.diagnosis.headline == "its target stopped reporting about it."

    in_world(story)
