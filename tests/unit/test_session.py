"""What can be asked of Ciao about jobs that exist, that have ended, and that were lost."""

from __future__ import annotations

import asyncio

import pytest
from attrs import evolve

from ciao.adapters.memory import ExitWith, MemoryJobStore, Print, Wait
from ciao.core import launcher, records
from ciao.core.errors import NameInUseError, TargetError, UnknownJobError, UserError
from ciao.core.events import Ended, Event, LogChunk, Outcome, OutcomeSeen, Phase, ReplicaChanged, Submitted
from ciao.core.model import EnvVar, JobSpec
from ciao.core.ports import JobRecord, Stop
from ciao.core.requests import Attach, Describe, Jobs, Rerun, StopJob
from ciao.core.session import Session

from .jobs import HANDLE, MASTER, job, launch
from .world import World, in_world


def ended(name: str, created: float = 1.0, source: str = "print(1)") -> JobRecord:
    """The record of a job that succeeded in 4 s."""
    request = launch(job(name=name, master=1), source)
    record = evolve(records.opened(request, "kernel 1", created), handle=evolve(HANDLE, name=name, uid=f"uid-{name}"))
    return evolve(record, ended=created + 4.0, outcome=Outcome.SUCCEEDED, summary="succeeded in 4.0 s")


def kept(world: World, *found: JobRecord) -> None:
    """Records in the store, as other processes left them."""
    for record in found:
        world.store.create(evolve(record, ended=None, outcome=None))
        world.store.update(record)


async def run(world: World, name: str = "job-1", spec: JobSpec | None = None) -> Ended:
    """Launch through the session, to the end."""
    return await world.session.launch(launch(spec or job(name=name, master=1)), world.inbox, world.events.append)


# -- names --------------------------------------------------------------------------------------------


def test_a_job_is_found_by_name_and_the_newest_by_last() -> None:
    """``last`` is the newest job of the target, if one was named."""

    async def story(world: World) -> None:
        kept(world, ended("old", 1.0), ended("new", 2.0))
        assert world.session.record("old").handle.name == "old"
        assert world.session.record("last").handle.name == "new"
        with pytest.raises(UnknownJobError, match="no job yet"):
            world.session.record("last", "elsewhere")

    in_world(story)


def test_an_unknown_job_is_told_with_the_nearest_name() -> None:
    """And where all names stand."""

    async def story(world: World) -> None:
        kept(world, ended("pytorch-k3f9x"))
        with pytest.raises(UnknownJobError, match=r"no job named pytorch-k3f9y\.\n.*Did you mean pytorch-k3f9x\?"):
            world.session.record("pytorch-k3f9y")
        with pytest.raises(UnknownJobError, match="%jobs lists them all"):
            world.session.record("xyz")

    in_world(story)


# -- launching ----------------------------------------------------------------------------------------


def test_launching_uses_the_targets_own_ports() -> None:
    """The backend by the job's target, the framework by its name."""

    async def story(world: World) -> None:
        world.builder.scripts = {MASTER: (Print("hello"),)}
        assert (await run(world)).outcome is Outcome.SUCCEEDED
        with pytest.raises(UserError, match="no target"):
            await run(world, spec=evolve(job(name="other"), target="cluster"))
        with pytest.raises(UserError, match=r"framework mpi is not installed here\.\n.*pytorch, tensorflow"):
            await run(world, spec=evolve(job(name="other"), framework="mpi"))

    in_world(story)


def test_the_name_of_a_running_job_is_refused_before_anything_is_built() -> None:
    """With the ways out."""

    async def story(world: World) -> None:
        await world.begun()
        world.builder.fault = AssertionError("it was built")
        with pytest.raises(NameInUseError, match=r"still runs\.\n.*%stop job-1"):
            await run(world)

    in_world(story)


def test_the_name_of_an_ended_job_is_free() -> None:
    """The new job replaces it."""

    async def story(world: World) -> None:
        world.builder.scripts = {MASTER: (ExitWith(1),)}
        first = await run(world)
        world.builder.scripts = {MASTER: ()}
        assert (await run(world)).outcome is Outcome.SUCCEEDED
        assert world.session.record("job-1").handle != first.handle

    in_world(story)


def test_the_name_of_a_lost_job_is_free() -> None:
    """A kernel that was killed left a record without an end; its job is gone."""

    async def story(world: World) -> None:
        world.store.create(evolve(ended("job-1"), ended=None, outcome=None))
        world.builder.scripts = {MASTER: ()}
        assert (await run(world)).outcome is Outcome.SUCCEEDED

    in_world(story)


def test_a_job_whose_target_is_silent_keeps_its_name() -> None:
    """What cannot be asked may still run."""

    async def story(world: World) -> None:
        world.store.create(evolve(ended("job-1"), ended=None, outcome=None))
        world.backend.faults["find"] = TargetError("no connection")
        with pytest.raises(NameInUseError):
            await run(world)

    in_world(story)


# -- the list -----------------------------------------------------------------------------------------


def test_jobs_are_listed_newest_first_and_checked() -> None:
    """A job that runs, one that ended, and one that was lost."""

    async def story(world: World) -> None:
        await world.begun()
        kept(world, ended("ended", 1.0))
        world.store.create(evolve(ended("lost", 2.0), ended=None, outcome=None))
        found = {each.handle.name: each for each in await world.session.jobs(Jobs())}
        assert list(found) == ["job-1", "lost", "ended"]
        assert found["job-1"].outcome is None
        assert found["ended"].summary == "succeeded in 4.0 s"
        assert (found["lost"].outcome, found["lost"].ended) == (Outcome.STOPPED, 1_000.0)
        assert found["lost"].summary.startswith("lost")
        assert world.session.record("lost").ended is None

    in_world(story)


def test_a_job_that_ends_while_it_is_looked_for_is_not_lost() -> None:
    """Its record is read again before anybody is told so."""

    async def story(world: World) -> None:
        old = ended("job-1")
        world.store.create(evolve(old, ended=None, outcome=None))

        class Ending:
            """The job ends between the store's answer and the target's."""

            async def find(self, _: object) -> tuple[object, ...]:
                world.store.update(old)
                return ()

        session = evolve(world.session, backends=lambda _: Ending())
        assert await session.jobs(Jobs()) == (old,)

    in_world(story)


def test_a_job_that_is_just_being_submitted_is_not_lost() -> None:
    """Its target does not know it yet; a minute later it would."""

    async def story(world: World) -> None:
        world.store.create(records.opened(launch(job()), "kernel 8", world.clock.now()))
        (young,) = await world.session.jobs(Jobs())
        assert young.ended is None
        world.clock.advance(61.0)
        (old,) = await world.session.jobs(Jobs())
        assert old.outcome is Outcome.STOPPED

    in_world(story)


def test_an_operators_outcome_is_shown_where_nobody_followed() -> None:
    """A detached cluster job ends without a kernel."""

    async def story(world: World) -> None:
        await world.begun()
        world.inbox.close()
        record = world.session.record("job-1")
        world.backend.observe("job-1", OutcomeSeen(True, "", "", 1.0))
        (found,) = await world.session.jobs(Jobs())
        assert (record.outcome, found.outcome, found.summary) == (None, Outcome.SUCCEEDED, "succeeded")

    in_world(story, decides=True)


def test_the_newest_twenty_unless_all() -> None:
    """And of one target, if one is named."""

    async def story(world: World) -> None:
        kept(world, *(ended(f"job-{n}", float(n)) for n in range(30)))
        assert [each.created for each in await world.session.jobs(Jobs())] == [float(n) for n in range(29, 9, -1)]
        assert len(await world.session.jobs(Jobs(all=True))) == 30
        assert await world.session.jobs(Jobs(target="elsewhere")) == ()

    in_world(story)


def elsewhere(world: World) -> Session:
    """A session on another machine: the same target, a store of its own."""
    return evolve(world.session, store=MemoryJobStore())


def test_jobs_that_somebody_else_started_are_listed_too() -> None:
    """Their target tells of them; listing them writes nothing."""

    async def story(world: World) -> None:
        await world.begun()
        other = elsewhere(world)
        (found,) = await other.jobs(Jobs())
        assert (found.handle.name, found.roles, found.outcome) == ("job-1", (("master", 1), ("worker", 2)), None)
        assert other.store.list() == ()

    in_world(story, decides=True)


def test_a_job_that_somebody_else_started_can_be_followed() -> None:
    """It gets a record, under which its log is kept from here on."""

    async def story(world: World) -> None:
        _, handle = await world.begun()
        other = elsewhere(world)
        assert await other.stop(StopJob(name="job-1")) == "job-1 was asked to stop."
        assert other.record("job-1").handle == handle
        with pytest.raises(UnknownJobError, match="no job named job-2"):
            await other.stop(StopJob(name="job-2"))

    in_world(story, decides=True)


# -- stopping -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("force", "sentence"), [(False, "job-1 was asked to stop."), (True, "job-1 is being ended by force.")]
)
def test_a_job_is_stopped_whoever_follows_it(force: bool, sentence: str) -> None:
    """The one who follows it sees its end."""

    async def story(world: World) -> None:
        task, _ = await world.begun()
        assert await world.session.stop(StopJob(name="job-1", force=force)) == sentence
        found = await task
        assert found.outcome is Outcome.STOPPED
        codes = {each.exit.code for each in world.said(ReplicaChanged) if each.exit}
        assert codes == {137 if force else 143}

    in_world(story)


def test_stopping_what_is_over_is_a_sentence() -> None:
    """Not an error: it is what was wanted."""

    async def story(world: World) -> None:
        kept(world, ended("job-1", 936.0))
        assert await world.session.stop(StopJob(name="last")) == "job-1 has ended already: succeeded 1 min ago."

    in_world(story)


def test_a_job_that_is_just_being_submitted_cannot_be_stopped_from_elsewhere() -> None:
    """There is nothing to stop yet."""

    async def story(world: World) -> None:
        world.store.create(records.opened(launch(job()), "kernel 8", world.clock.now()))
        with pytest.raises(UserError, match="just being started"):
            await world.session.stop(StopJob(name="job-1"))

    in_world(story)


# -- attaching ----------------------------------------------------------------------------------------


async def attached(world: World, name: str = "job-1") -> tuple[Ended, list[Event]]:
    """Another process's view, to the end."""
    events: list[Event] = []
    return await world.session.attach(Attach(name=name), World().inbox, events.append), events


def test_who_attaches_sees_what_is_so_and_then_what_comes() -> None:
    """Both see the same end, and the record is written once."""

    async def story(world: World) -> None:
        task, handle = await world.begun(job(master=1))
        world.backend.prints("job-1", MASTER, b"one\n")
        other = asyncio.ensure_future(attached(world))
        await asyncio.sleep(0)
        world.backend.prints("job-1", MASTER, b"two\n")
        world.clock.advance(3.0)
        world.backend.exits("job-1", MASTER, 2)
        found, events = await other
        led = await task
        assert isinstance(events[0], Submitted)
        assert (events[0].handle, events[0].spec.replicas) == (handle, (MASTER,))
        assert [each.end for each in events if isinstance(each, LogChunk)][-1] == 8
        assert (found.outcome, found.seconds) == (led.outcome, led.seconds) == (Outcome.FAILED, 3.0)

    in_world(story)


def test_who_attaches_does_not_end_the_job_by_leaving() -> None:
    """A reader that is cancelled leaves a job that goes on."""

    async def story(world: World) -> None:
        _, handle = await world.begun(job(master=1))
        other = asyncio.ensure_future(attached(world))
        await asyncio.sleep(0)
        other.cancel()
        with pytest.raises(asyncio.CancelledError):
            await other
        assert world.backend.alive(handle) == ("master-0",)
        assert world.session.record("job-1").ended is None

    in_world(story)


def test_an_ended_job_is_told_again() -> None:
    """Its log, its replicas' ends, and the end it had: not a new verdict, and no new record."""

    async def story(world: World) -> None:
        world.builder.scripts = {MASTER: (Print("hello"), ExitWith(3))}
        led = await run(world)
        record = world.session.record("job-1")
        world.clock.advance(100.0)
        found, events = await attached(world, "last")
        assert found == led
        assert [each.phase for each in events if isinstance(each, ReplicaChanged)] == [Phase.FAILED]
        assert [(each.offset, each.end) for each in events if isinstance(each, LogChunk)] == [(0, 6)]
        assert world.session.record("job-1") == record

    in_world(story)


def test_a_job_that_its_target_forgot_is_told_from_the_store() -> None:
    """Logs outlive pods."""

    async def story(world: World) -> None:
        kept(world, ended("job-1"))
        writer = world.store.writer(world.session.record("job-1").handle)
        writer.append(MASTER, b"one\ntwo\n", 1.0)
        writer.close()
        found, events = await attached(world)
        assert LogChunk(MASTER, 0, 2, 0, 8) in events
        assert (found.outcome, found.seconds, events[-1]) == (Outcome.SUCCEEDED, 4.0, found)

    in_world(story)


def test_a_lost_job_is_told_as_lost() -> None:
    """With what its log has."""

    async def story(world: World) -> None:
        world.store.create(evolve(ended("job-1"), ended=None, outcome=None))
        found, _ = await attached(world)
        assert found.outcome is Outcome.STOPPED

    in_world(story)


# -- looking ------------------------------------------------------------------------------------------


def test_a_job_is_described_with_its_logs() -> None:
    """Bytes and lines of each replica, and why a log is incomplete."""

    async def story(world: World) -> None:
        world.builder.scripts = {MASTER: (Print("12345", times=2), Wait())}
        task = asyncio.ensure_future(run(world))
        await world.until(lambda: world.said(LogChunk))
        found = await world.session.describe(Describe(name="job-1"))
        assert (found.sizes, found.lines, found.troubles) == ({MASTER: 12}, {MASTER: 2}, {MASTER: ""})
        assert found.record.outcome is None
        await world.backend.stop(found.record.handle, Stop())
        await task

    in_world(story)


def test_rendering_creates_nothing() -> None:
    """The documents, and neither a record nor a job."""

    async def story(world: World) -> None:
        found = await world.session.render(launch(job()))
        assert [each.name for each in found] == ["master-0", "worker-0", "worker-1"]
        assert world.store.list() == ()

    in_world(story)


def test_a_recorded_cell_may_run_again() -> None:
    """Its text as it was written."""

    async def story(world: World) -> None:
        kept(world, ended("job-1", source="%framework=pytorch\nprint(1)\n"))
        assert world.session.rerun(Rerun(name="last")).source == "%framework=pytorch\nprint(1)\n"

    in_world(story)


def test_a_cell_whose_values_were_taken_out_cannot_run_again() -> None:
    """Ciao does not keep them, and says so."""

    async def story(world: World) -> None:
        spec = job(more={"env": (EnvVar("TOKEN", "hunter2hunter2"),)}, master=1)
        world.builder.scripts = {MASTER: ()}
        request = launch(spec, "%framework=pytorch\n%env=TOKEN=hunter2hunter2\nprint(1)\n")
        await world.session.launch(request, world.inbox, world.events.append)
        with pytest.raises(UserError, match="does not keep those"):
            world.session.rerun(Rerun(name="job-1"))

    in_world(story)


# -- small things -------------------------------------------------------------------------------------


@pytest.mark.parametrize(("label", "called"), [("Cell In [3]", "this cell"), ("train.py", "train.py")])
def test_how_a_source_is_called(label: str, called: str) -> None:
    """The reader of a cell's job stands in that cell."""
    assert launcher.called(label) == called


def test_chunks_of_a_store_are_whole_logs() -> None:
    """One per replica that wrote something."""
    store, record = MemoryJobStore(), ended("job-1")
    store.create(evolve(record, ended=None))
    writer = store.writer(record.handle)
    writer.append(MASTER, b"a\nb", 1.0)
    assert list(records.whole_logs(record, store)) == [LogChunk(MASTER, 0, 2, 0, 3)]
