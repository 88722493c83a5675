"""A job's logs on their way into the store, in one kernel and in several."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

import pytest
from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st

from ciao.adapters.kubeflow.logs.joblogs import JobLogs
from ciao.adapters.kubeflow.seen.podfacts import PodFacts
from ciao.adapters.memory.jobstore import MemoryJobStore, MemoryLogWriter
from ciao.core.errors import StoreError
from ciao.core.events import LogChunk, LogTrouble, Observation, Phase
from ciao.core.model import JobHandle, Replica
from ciao.testing.jobstore import MASTER, WORKER, a_record

from .kubelogs import PATH, UNREACHABLE, Container
from .virtualtime import VirtualClock, now, play

RECORD = evolve(a_record(), handle=JobHandle("kubeflow", "lab", "n", "PyTorchJob", "demo", "uid-1"))


class Cluster:
    """Pods whose logs can be read, and the disk on which kernels keep them."""

    def __init__(self, *pods: str) -> None:
        self.pods = {name: Container() for name in pods or ("p",)}
        self.shelf = MemoryJobStore()
        self.shelf.create(RECORD)

    def __getitem__(self, name: str) -> Container:
        return self.pods[name]

    def stream(self, path: str, **params: Any) -> AbstractAsyncContextManager[Any]:
        """As the client's."""
        return self.pods[path.split("/")[-2]].stream(PATH, **params)

    def kept(self, replica: Replica = WORKER) -> str:
        """The replica's log on the disk."""
        log = self.shelf.reader(RECORD.handle, replica)
        return log.read(0, log.size).decode()

    def gaps(self, replica: Replica = WORKER) -> int:
        return len(self.shelf.reader(RECORD.handle, replica).gaps(0, 10**9))


class Kernel:
    """One process that follows the job. ``complete``: the pods whose logs are, and when."""

    def __init__(self, cluster: Cluster, store: MemoryJobStore | None = None) -> None:
        self.store = store or MemoryJobStore(cluster.shelf)
        self.told: list[Observation] = []
        self.complete: list[tuple[str, float]] = []
        self.logs = JobLogs(
            api=cluster,  # type: ignore[arg-type]
            store=self.store,
            handle=RECORD.handle,
            container="main",
            clock=VirtualClock(),
            tell=self.told.append,
        )

    async def start(self) -> Kernel:
        await self.logs.start({each: self.store.reader(RECORD.handle, each).size for each in (MASTER, WORKER)})
        return self

    def open(self, name: str = "p", replica: Replica = WORKER) -> Any:
        pod = PodFacts(
            name=name,
            uid=name,
            replica=replica,
            owner="uid-1",
            created=now(),
            phase=Phase.RUNNING,
            at=now(),
            started=now(),
            container=f"containerd://{name}",
        )
        return self.logs.open(replica, pod, lambda: self.complete.append((name, now())))

    def text(self, replica: Replica = WORKER) -> str:
        """What was told of a log; each byte once."""
        chunks = [each for each in self.told if isinstance(each, LogChunk) and each.replica == replica]
        assert [each.offset for each in chunks[1:]] == [each.end for each in chunks[:-1]]
        log = self.store.reader(RECORD.handle, replica)
        return b"".join(log.read(each.offset, each.end - each.offset) for each in chunks).decode()

    @property
    def done(self) -> list[str]:
        return [name for name, _ in self.complete]

    @property
    def troubles(self) -> list[str]:
        return [each.message for each in self.told if isinstance(each, LogTrouble)]


def stage(story: Callable[[], Awaitable[None]]) -> Callable[[], None]:
    """A story on virtual time, as a test."""

    def test() -> None:
        play(story())  # type: ignore[arg-type]

    test.__name__, test.__doc__ = story.__name__, story.__doc__
    return test


async def until_complete(*kernels: Kernel, count: int = 1) -> None:
    """All these have completed so many logs."""
    for _ in range(600):
        if all(len(each.complete) >= count for each in kernels):
            return
        await asyncio.sleep(0.1)
    raise TimeoutError


async def prints(container: Container, *lines: str, every: float = 0.3) -> None:
    for line in lines:
        container.print(line)
        await asyncio.sleep(every)


# -- one kernel --------------------------------------------------------------------------------------


@stage
async def test_a_log_is_read_told_and_complete() -> None:
    """``complete`` is called once, when every line was told."""
    cluster = Cluster()
    kernel = await Kernel(cluster).start()
    reading = kernel.open()
    await prints(cluster["p"], "one", "two")
    cluster["p"].end()
    reading.terminated()
    reading.terminated()
    await until_complete(kernel)
    reading.gone()
    await asyncio.sleep(5)
    assert (kernel.text(), kernel.done) == ("one\ntwo\n", ["p"])
    assert (kernel.troubles, cluster["p"].kinds) == ([], "ft")
    await kernel.logs.close()


@stage
async def test_a_job_without_a_record_cannot_be_followed() -> None:
    """There is nowhere to put its logs."""
    kernel = Kernel(Cluster())
    kernel.store.remove(RECORD.handle)
    with pytest.raises(StoreError):
        await kernel.start()


@stage
async def test_who_closes_lets_go_of_the_lock() -> None:
    """As often as it is said; what is read meanwhile stays for the next."""
    cluster = Cluster()
    kernel = await Kernel(cluster).start()
    kernel.open()
    await prints(cluster["p"], "one")
    await kernel.logs.close()
    await kernel.logs.close()
    cluster["p"].print("two")
    other = await Kernel(cluster).start()
    other.open()
    await asyncio.sleep(1)
    assert (kernel.text(), other.text(), cluster.kept()) == ("one\n", "two\n", "one\ntwo\n")
    assert (kernel.done, cluster.gaps()) == ([], 0)
    await other.logs.close()


@stage
async def test_the_pods_of_a_replica_are_read_one_after_the_other() -> None:
    """The later one's log goes on in the replica's when the former's is complete; others do not wait."""
    cluster = Cluster("first", "second", "master")
    kernel = await Kernel(cluster).start()
    first, second, master = kernel.open("first"), kernel.open("second"), kernel.open("master", MASTER)
    for pod in ("second", "master"):
        cluster[pod].print(f"of {pod}")
        cluster[pod].end()
    second.terminated()
    master.terminated()
    await asyncio.sleep(5)
    assert (kernel.done, kernel.text(MASTER), cluster["second"].requests) == (["master"], "of master\n", [])
    cluster["first"].print("of first")
    cluster["first"].end()
    first.terminated()
    await until_complete(kernel, count=3)
    assert kernel.text() == "of first\nof second\n"
    assert kernel.done == ["master", "first", "second"]
    assert kernel.troubles == []
    await kernel.logs.close()


@stage
async def test_a_pod_that_is_gone_while_it_waits_to_be_read_leaves_a_gap() -> None:
    """Nobody can read it any more; the job ends all the same."""
    cluster = Cluster("first", "second")
    kernel = await Kernel(cluster).start()
    first, second = kernel.open("first"), kernel.open("second")
    await prints(cluster["first"], "one")
    second.gone()
    cluster["first"].end()
    first.terminated()
    await until_complete(kernel, count=2)
    assert (kernel.text(), cluster["second"].requests, cluster.gaps()) == ("one\n", [], 1)
    await kernel.logs.close()


class Failing(MemoryJobStore):
    """Its writer fails when it is to ``append``."""

    def writer(self, handle: JobHandle) -> MemoryLogWriter:
        writer = super().writer(handle)
        writer.append = self._fail  # type: ignore[method-assign]
        return writer

    def _fail(self, replica: Replica, data: bytes, at: float) -> None:
        raise StoreError("the shelf is broken")


@stage
async def test_an_error_of_the_store_is_told_and_the_job_still_ends() -> None:
    """The log is as complete as it can be; the next one of the replica is tried again."""
    cluster = Cluster("first", "second")
    kernel = await Kernel(cluster, Failing(cluster.shelf)).start()
    for number, name in enumerate(("first", "second"), 1):
        kernel.open(name)
        cluster[name].print("one")
        await until_complete(kernel, count=number)
    assert kernel.done == ["first", "second"]
    mine = [each for each in kernel.troubles if "StoreError" in each]
    assert mine == ["its log cannot be read on: StoreError: the shelf is broken"] * 2
    await kernel.logs.close()


@stage
async def test_a_full_log_is_told_once_and_its_job_ends() -> None:
    """What it prints from there on is dropped, and not read; complete is called at the container's end."""
    cluster = Cluster()
    kernel = await Kernel(cluster, MemoryJobStore(cluster.shelf, log_size=8)).start()
    reading = kernel.open()
    await prints(cluster["p"], "one", "a longer line", "two", every=2.0)
    assert (kernel.text(), len(kernel.troubles), kernel.done) == ("one\n", 1, [])
    requests = len(cluster["p"].requests)
    cluster["p"].end()
    reading.terminated()
    await until_complete(kernel)
    assert (len(cluster["p"].requests), len(kernel.troubles)) == (requests, 1)
    await kernel.logs.close()


# -- two kernels -------------------------------------------------------------------------------------


@stage
async def test_the_second_kernel_follows_the_files() -> None:
    """It asks the cluster for nothing, and hears each line as soon as the first has written it."""
    cluster = Cluster()
    first, second = await Kernel(cluster).start(), await Kernel(cluster).start()
    readings = [each.open() for each in (first, second)]
    await prints(cluster["p"], "one", "two")
    assert first.text() == second.text() == "one\ntwo\n"
    cluster["p"].print("three")
    cluster["p"].end()
    for each in readings:
        each.terminated()
    await until_complete(first, second)
    assert first.text() == second.text() == "one\ntwo\nthree\n"
    assert cluster["p"].kinds == "ft"
    for each in (first, second):
        await each.logs.close()


@stage
async def test_the_second_takes_over_exactly_where_the_first_was() -> None:
    """Each of them hears each line once, those too that are printed while nobody reads."""
    cluster = Cluster()
    first, second = await Kernel(cluster).start(), await Kernel(cluster).start()
    first.open()
    reading = second.open()
    await prints(cluster["p"], *map(str, range(10)))
    await first.logs.close()
    told = first.text()
    await prints(cluster["p"], *map(str, range(10, 20)))
    cluster["p"].end()
    reading.terminated()
    await until_complete(second)
    assert (second.text(), cluster.kept()) == (cluster["p"].printed, cluster["p"].printed)
    assert cluster["p"].printed.startswith(told)
    assert (first.text(), second.troubles, cluster.gaps()) == (told, [], 0)
    assert cluster["p"].kinds == "fpft"
    await second.logs.close()


def between(store: MemoryJobStore) -> MemoryJobStore:
    """Whose writer is killed between append and keep, once the log has three lines."""
    take = store.writer

    def writer(handle: JobHandle) -> MemoryLogWriter:
        made = take(handle)
        keep = made.keep

        def keep_or_die(replica: Replica, mark: str) -> None:
            if made.size(replica) >= 12:
                raise RuntimeError("killed")
            keep(replica, mark)

        made.keep = keep_or_die  # type: ignore[method-assign]
        return made

    store.writer = writer  # type: ignore[method-assign]
    return store


@stage
async def test_the_second_repeats_nothing_of_what_the_first_had_not_kept() -> None:
    """The first was killed between append and keep."""
    cluster = Cluster()
    first, second = await Kernel(cluster, between(MemoryJobStore(cluster.shelf))).start(), await Kernel(cluster).start()
    first.open()
    reading = second.open()
    await prints(cluster["p"], "one", "two", "six", "ten")
    await first.logs.close()
    cluster["p"].end()
    reading.terminated()
    await until_complete(second)
    assert (second.text(), second.troubles, cluster.gaps()) == ("one\ntwo\nsix\nten\n", [], 0)
    await second.logs.close()


@pytest.mark.parametrize("at", [0.5, 0.99, 1.0, 1.01, 1.03, 1.05, 1.09, 1.2])
def test_a_reading_opened_while_it_takes_over_is_read_once(at: float) -> None:
    """Before, between and after: the lock is had, the files are told to their end, reading begins."""

    async def story() -> None:
        cluster = Cluster()
        first, second = await Kernel(cluster).start(), await Kernel(cluster).start()
        cluster["p"].print("one")
        await first.logs.close()
        await asyncio.sleep(at)
        reading = second.open()
        await asyncio.sleep(3)
        assert (second.text(), cluster["p"].kinds) == ("one\n", "f")
        cluster["p"].end()
        reading.terminated()
        await until_complete(second)
        assert (second.text(), second.done, cluster["p"].kinds) == ("one\n", ["p"], "ft")
        await second.logs.close()

    play(story())


@stage
async def test_two_of_three_wait() -> None:
    """One takes over; the last goes on with the files, and takes over in turn."""
    cluster = Cluster()
    kernels = [await Kernel(cluster).start() for _ in range(3)]
    readings = [each.open() for each in kernels]
    for number in range(3):
        await prints(cluster["p"], f"{number}", f"{number}!", every=1.5)
        if number < 2:
            await kernels[number].logs.close()
    cluster["p"].end()
    readings[2].terminated()
    await until_complete(kernels[2])
    assert (kernels[2].text(), cluster.gaps()) == (cluster["p"].printed, 0)
    await kernels[2].logs.close()


@settings(max_examples=30, deadline=None)
@given(st.lists(st.floats(0.1, 4.0), max_size=4), st.sampled_from([0.03, 0.3, 1.1]))
def test_whenever_kernels_go_each_line_is_told_once(stays: list[float], every: float) -> None:
    """Those who stay so many seconds, one after the other; the last sees everything, to the end."""

    async def story() -> None:
        cluster = Cluster()
        kernels = [await Kernel(cluster).start() for _ in range(len(stays) + 1)]
        readings = [each.open() for each in kernels]
        printing = asyncio.ensure_future(prints(cluster["p"], *map(str, range(40)), every=every))
        for seconds, kernel in zip(stays, kernels, strict=False):
            await asyncio.sleep(seconds)
            await kernel.logs.close()
        await printing
        cluster["p"].end()
        readings[-1].terminated()
        await until_complete(kernels[-1])
        for kernel in kernels:
            assert cluster["p"].printed.startswith(kernel.text())
        assert (kernels[-1].text(), cluster.kept(), cluster.gaps()) == (cluster["p"].printed, cluster["p"].printed, 0)
        await kernels[-1].logs.close()

    play(story())


@stage
async def test_a_former_pods_log_is_not_read_again() -> None:
    """The first had come to its end, and reads the replica's next pod, which prints all the time."""
    cluster = Cluster("former", "later")
    kernels = [await Kernel(cluster).start() for _ in range(2)]
    former = [each.open("former") for each in kernels]
    await prints(cluster["former"], "of the former", "the end of the former")
    cluster["former"].end()
    for each in former:
        each.terminated()
    later = [each.open("later") for each in kernels]
    await prints(cluster["later"], *map(str, range(20)))
    await kernels[0].logs.close()
    await prints(cluster["later"], *map(str, range(20, 30)))
    cluster["later"].end()
    later[1].terminated()
    await until_complete(kernels[1], count=2)
    assert cluster.kept() == cluster["former"].printed + cluster["later"].printed
    assert (kernels[1].text(), kernels[1].troubles) == (cluster.kept(), [])
    await kernels[1].logs.close()


# -- those that rest ---------------------------------------------------------------------------------


@stage
async def test_an_ended_log_that_rests_is_complete() -> None:
    """Where another writes it: after a second in which it has not grown."""
    cluster = Cluster()
    first, second = await Kernel(cluster).start(), await Kernel(cluster).start()
    first.open()
    reading = second.open()
    await prints(cluster["p"], "one")
    await asyncio.sleep(30.2)
    assert second.done == []
    ended = now()
    reading.terminated()  # the first has not heard of it yet
    await asyncio.sleep(0.9)
    assert second.done == []
    for _ in range(5):
        cluster["p"].print("and on")
        await asyncio.sleep(0.9)
        assert second.done == []
    await until_complete(second)
    assert second.complete[0][1] - ended >= 5.4
    for each in (first, second):
        await each.logs.close()


@stage
async def test_a_log_that_nobody_writes_does_not_rest() -> None:
    """The first died while the log was quiet; the last lines, printed then, are read before it is complete."""
    cluster = Cluster()
    first, second = await Kernel(cluster).start(), await Kernel(cluster).start()
    first.open()
    reading = second.open()
    await prints(cluster["p"], "one")
    await asyncio.sleep(10.1)
    await first.logs.close()
    cluster["p"].print("the last words")
    cluster["p"].end()
    reading.terminated()
    await until_complete(second)
    assert second.text() == "one\nthe last words\n"
    await second.logs.close()


@stage
async def test_a_log_that_rested_before_it_was_read_is_read_on() -> None:
    """The first could not reach the cluster, and went: the second has the rest, though the log was called complete."""
    cluster = Cluster()
    cluster["p"].how = [UNREACHABLE] * 100
    first, second = await Kernel(cluster).start(), await Kernel(cluster).start()
    first.open()
    reading = second.open()
    await prints(cluster["p"], "one")
    cluster["p"].end()
    reading.terminated()
    await until_complete(second)
    assert second.text() == ""
    await first.logs.close()
    cluster["p"].how = []
    await asyncio.sleep(3)
    assert (second.text(), second.done, second.troubles) == ("one\n", ["p"], [])
    await second.logs.close()


# -- the lock ----------------------------------------------------------------------------------------


class Telling(MemoryJobStore):
    """Says when somebody has asked for the lock."""

    def __init__(self, shelf: MemoryJobStore) -> None:
        super().__init__(shelf)
        self.asked = asyncio.Event()

    def writer(self, handle: JobHandle) -> MemoryLogWriter:
        writer = super().writer(handle)
        self.asked.set()
        return writer


@pytest.mark.parametrize("seconds", [0.0, 2.0])
def test_who_closes_while_it_takes_the_lock_does_not_keep_it(seconds: float) -> None:
    """The lock comes from a thread, which cannot be called back: at the start, and when it takes over."""

    async def story() -> None:
        cluster = Cluster()
        holder = await Kernel(cluster).start()
        if not seconds:
            await holder.logs.close()
        store = Telling(cluster.shelf)
        starting = asyncio.ensure_future(Kernel(cluster, store).start())
        await asyncio.sleep(0)
        if seconds:
            kernel = await starting
            await asyncio.sleep(seconds)
            await holder.logs.close()
        await store.asked.wait()
        if seconds:
            await kernel.logs.close()
        else:
            starting.cancel()
            await asyncio.gather(starting, return_exceptions=True)
        cluster.shelf.writer(RECORD.handle).close()

    play(story())


@stage
async def test_who_closes_while_it_follows_the_files_holds_nothing() -> None:
    """Whoever writes goes on."""
    cluster = Cluster()
    first, second = await Kernel(cluster).start(), await Kernel(cluster).start()
    first.open()
    second.open()
    await prints(cluster["p"], "one")
    await second.logs.close()
    await second.logs.close()
    await prints(cluster["p"], "two")
    assert (first.text(), second.text()) == ("one\ntwo\n", "one\n")
    await first.logs.close()
    cluster.shelf.writer(RECORD.handle).close()
