"""Ciao's own thread: what a caller on any other thread may rely on."""

import asyncio
import threading

import pytest

from ciao.core.events import Ended, LogChunk, Note, Outcome, StopReason, StopRequested, Submitted
from ciao.core.model import JobHandle, JobSpec, Replica, Role
from ciao.runtime import Runtime

HANDLE = JobHandle("memory", "", "", "Job", "j", "u1")
SPEC = JobSpec(name="j", framework="pytorch", target="memory", roles=(Role("master", 1),))
ENDED = Ended(handle=HANDLE, outcome=Outcome.SUCCEEDED, seconds=1.0, at=1.0)
WORKER = Replica("worker", 0)


class FrozenClock:
    def now(self):
        return 5.0

    def monotonic(self):
        return 0.0


@pytest.fixture
def runtime():
    runtime = Runtime(FrozenClock())
    yield runtime
    runtime.close()


async def nothing():
    return None


async def no_observations():
    return
    yield


def heard(runtime, running):
    """All events that a subscriber of a finished job is told."""
    events = []
    running.subscribe(events.append)
    runtime.call(nothing()).result(5)
    return events


def test_a_call_runs_on_ciaos_thread_and_its_result_comes_back(runtime):
    """Work never runs on the caller's thread, so an ordinary cell that blocks cannot stop it."""

    async def where():
        return threading.current_thread().name

    assert runtime.call(where()).result(5) == "ciao"


def test_a_late_subscriber_hears_everything_in_order_and_one_chunk_per_replica(runtime):
    """Attaching late loses nothing, and a long log costs one event."""

    async def job(inbox, emit):
        emit(Submitted(SPEC, HANDLE, 1.0))
        emit(LogChunk(WORKER, 0, 2, 0, 20))
        emit(Note("between"))
        emit(LogChunk(WORKER, 2, 3, 20, 50))
        emit(ENDED)
        return ENDED

    running = runtime.start(job)
    assert running.finished.result(5) is ENDED
    assert heard(runtime, running) == [
        Submitted(SPEC, HANDLE, 1.0),
        Note("between"),
        LogChunk(WORKER, 0, 5, 0, 50),
        ENDED,
    ]


def test_a_chunk_that_goes_on_in_the_middle_of_a_line_counts_that_line_once(runtime):
    """Line numbers of a joined chunk are those of the log."""

    async def job(inbox, emit):
        emit(LogChunk(WORKER, 0, 2, 0, 15))
        emit(LogChunk(WORKER, 1, 2, 15, 30))
        return ENDED

    running = runtime.start(job)
    running.finished.result(5)
    assert heard(runtime, running) == [LogChunk(WORKER, 0, 3, 0, 30)]


def test_submitted_resolves_while_the_job_goes_on(runtime):
    """A detached cell answers as soon as the job exists."""
    go = threading.Event()

    async def job(inbox, emit):
        emit(Submitted(SPEC, HANDLE, 1.0))
        async with inbox.merged(no_observations()):
            go.set()
        return ENDED

    running = runtime.start(job)
    assert running.submitted.result(5).handle == HANDLE
    assert go.wait(5)


def test_an_error_of_the_launch_reaches_both_futures(runtime):
    """Nobody waits for ever for a job that could not start."""

    async def job(inbox, emit):
        raise ValueError("no")

    running = runtime.start(job)
    for future in (running.submitted, running.finished):
        with pytest.raises(ValueError, match="no"):
            future.result(5)


def test_stop_arrives_in_the_inbox_from_any_thread(runtime):
    """A stop is an input of the job, not an exception in it."""

    async def job(inbox, emit):
        async def forever():
            while True:
                await asyncio.sleep(3600)
                yield

        async with inbox.merged(forever()) as inputs:
            async for message in inputs:
                assert message == StopRequested(StopReason.USER, 5.0)
                return ENDED

    running = runtime.start(job)
    running.stop()
    assert running.finished.result(5) is ENDED


def test_leaving_stops_every_job_and_says_whether_all_have_ended(runtime):
    """Nothing that this process follows is forgotten when it leaves."""

    async def job(inbox, emit):
        async def forever():
            await asyncio.Event().wait()
            yield

        async with inbox.merged(forever()) as inputs:
            async for message in inputs:
                assert message.reason is StopReason.KERNEL
                return ENDED

    jobs = [runtime.start(job) for _ in range(3)]
    assert runtime.stop_jobs(5.0)
    assert all(running.finished.result(0) is ENDED for running in jobs)
    assert runtime.running() == ()


def test_closing_ends_what_still_runs(runtime):
    """The thread never keeps a process alive."""

    async def job(inbox, emit):
        await asyncio.Event().wait()

    running = runtime.start(job)
    runtime.call(nothing()).result(5)
    runtime.close()
    with pytest.raises(asyncio.CancelledError):
        running.finished.result(5)
