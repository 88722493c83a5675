"""What the in-memory adapters offer beyond their ports: how a test says what happens."""

from __future__ import annotations

import asyncio

import pytest

from ciao.adapters.memory import (
    ManualClock,
    MemoryBackend,
    MemoryJobStore,
    MemoryNotebook,
    Print,
    SequentialNames,
    Wait,
)
from ciao.core.errors import NameInUseError, SourceError, StoreError, UnknownJobError
from ciao.core.events import JobGone, LogTrouble, OutcomeSeen, TroubleSeen
from ciao.core.model import JobHandle
from ciao.core.ports import Stop
from ciao.testing.acts import acts_as_python
from ciao.testing.bench import BackendBench

from .jobs import MASTER, job, report


def bench(log_size: int | None = None) -> tuple[BackendBench, MemoryBackend]:
    """A backend with puppets."""
    store = MemoryJobStore(log_size=log_size)
    backend = MemoryBackend(store, ManualClock())
    return BackendBench(backend, store, backend.program), backend


def test_a_clock_calls_in_order_and_at_the_time() -> None:
    """Each call sees its own time; what was cancelled is not called; a call may set another."""
    clock, heard = ManualClock(100.0), []
    clock.call_later(2.0, lambda: heard.append(("late", clock.now())))
    clock.call_later(1.0, lambda: clock.call_later(0.5, lambda: heard.append(("nested", clock.now()))))
    clock.call_later(1.0, lambda: heard.append(("never", 0.0)))()
    clock.advance(1.9)
    assert heard == [("nested", 101.5)]
    clock.advance(0.1)
    assert heard == [("nested", 101.5), ("late", 102.0)]
    assert (clock.now(), clock.monotonic()) == (102.0, 2.0)


def test_names_count() -> None:
    """No chance in them."""
    names = SequentialNames()
    assert [names.job("pytorch"), names.job("tensorflow"), names.uid()] == [
        "pytorch-00001",
        "tensorflow-00002",
        "uid-00001",
    ]


def test_a_full_log_is_said_once_and_the_job_goes_on() -> None:
    """As with a real store's limit."""

    async def story() -> None:
        where, backend = bench(log_size=10)
        handle = await where.submit({MASTER: (Print("12345678"), Print("more", times=1), Print("more"))})
        seen = await where.watched(handle)
        (trouble,) = [each for each in seen if isinstance(each, LogTrouble)]
        assert trouble.replica == MASTER
        assert "limit of 10 bytes" in trouble.message
        assert where.log(handle, MASTER) == b"12345678\n"
        assert trouble in await where.watched(handle)
        assert backend.alive(handle) == ()

    asyncio.run(story())


def test_trouble_is_told_later_watchers_too_while_it_lasts() -> None:
    """And is forgotten when the replica goes on."""

    async def story() -> None:
        where, backend = bench()
        handle = await where.submit({MASTER: (Wait(),)})
        trouble = TroubleSeen(MASTER, "Slow", "it waits", 1.0)
        backend.observe(handle.name, trouble)
        async with backend.watch(handle) as stream:
            seen = [await anext(stream), await anext(stream)]
        assert trouble in seen
        backend.exits(handle.name, MASTER, 3, report=report())
        late = await where.watched(handle)
        assert trouble not in late
        backend.exits(handle.name, MASTER, 4)
        assert await where.watched(handle) == late

    asyncio.run(story())


def test_a_job_that_vanished_tells_so_and_nothing_more() -> None:
    """Its replicas have no end that anybody saw."""

    async def story() -> None:
        where, backend = bench()
        handle = await where.submit({MASTER: (Wait(),)})
        backend.vanish(handle.name)
        backend.exits(handle.name, MASTER)
        seen = await where.watched(handle)
        assert isinstance(seen[-1], JobGone)
        backend.observe(handle.name, OutcomeSeen(True, "", "", 1.0))

    asyncio.run(story())


def test_a_running_job_keeps_its_name_on_the_target() -> None:
    """The target refuses by itself, whatever the store says."""

    async def story() -> None:
        where, backend = bench()
        scripts = {MASTER: (Wait(),)}
        await where.submit(scripts)
        with pytest.raises(NameInUseError):
            await backend.submit(where.spec(scripts), where.artifact(scripts))
        await backend.close()

    asyncio.run(story())


def test_other_handles_are_not_touched() -> None:
    """A stop for an older job of the name does nothing; asking what is alive of it is an error."""

    async def story() -> None:
        where, backend = bench()
        handle = await where.submit({MASTER: (Wait(),)})
        other = JobHandle(handle.target, "", "", handle.kind, handle.name, "older")
        await backend.stop(other, Stop())
        assert backend.alive(handle) == ("master-0",)
        with pytest.raises(UnknownJobError):
            backend.alive(other)

    asyncio.run(story())


def test_logs_belong_to_jobs() -> None:
    """A job without a record has no writer."""
    with pytest.raises(StoreError):
        MemoryJobStore().writer(JobHandle("memory", "", "", "", "never", ""))


def test_a_notebook_knows_what_it_cannot_send() -> None:
    """A value that is no literal has no JSON; attributes and loops define nothing."""
    notebook = MemoryNotebook("model = Net()\nx.y = 1\nfor i in range(3): pass\n")
    assert (notebook.has("model"), notebook.has("i")) == (True, False)
    with pytest.raises(SourceError, match="model"):
        notebook.value("model")


def test_every_contract_script_is_python() -> None:
    """Also a replica with nothing to do."""
    scripts = {MASTER: (), job().replicas[1]: (Print("it's {n}", 2), Wait())}
    source = acts_as_python(scripts)
    compile(source, "cell.py", "exec")
    assert "CIAO_REPLICA" in source
