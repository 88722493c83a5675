"""Who watches jobs: own ones, those of other kernels, those that are gone."""

from __future__ import annotations

import asyncio

import pytest

from ciao.core.errors import CiaoError, StoreError, UnknownJobError
from ciao.core.events import JobGone, OutcomeSeen

from .apiserver import JOBS, PODS
from .kubebackend import Scene, begun, cancelled, forbidden, going_on, run
from .kubejobs import made


def test_of_a_job_that_another_one_has_replaced_it_is_told_that_it_is_gone() -> None:
    """And nothing of the other."""

    async def story(scene: Scene) -> None:
        handle = scene.foreign()
        scene.api.take(JOBS, "demo")
        scene.api.put(JOBS, made("%master=1"))
        (gone,) = await scene.watched(handle)
        assert isinstance(gone, JobGone)
        assert "another job named demo" in gone.message
        assert going_on() == set()

    run(story)


@pytest.mark.parametrize("kind", ["PyTorchJob", "TFJob", "MXJob"])
def test_a_job_that_is_not_there_is_unknown(kind: str) -> None:
    """Nor is one of a kind that Ciao does not know."""

    async def story(scene: Scene) -> None:
        with pytest.raises(UnknownJobError, match="The cluster has no job demo"):
            await scene.watched(scene.handle(uid="none", kind=kind))

    run(story)


def test_a_job_that_may_not_be_looked_at_is_refused() -> None:
    """In words, not by the apiserver's own error; the next attempt may do better."""

    async def story(scene: Scene) -> None:
        handle = scene.foreign()
        scene.api.faults[f"GET {JOBS}/demo"] = forbidden("pytorchjobs")
        with pytest.raises(CiaoError, match="pytorchjobs"):
            await scene.watched(handle)
        watching = await begun(scene.watched(handle), 1.0)
        scene.end()
        assert [each.succeeded for each in await watching if isinstance(each, OutcomeSeen)] == [True]

    run(story)


def test_who_leaves_a_job_of_another_kernel_ends_its_follower() -> None:
    """Nobody here needs it; the job goes on, and can be watched again."""

    async def story(scene: Scene) -> None:
        handle = scene.foreign()
        for times in (1, 2):
            await cancelled(await begun(scene.watched(handle), 1.0))
            assert going_on() == set()
            assert scene.listed(PODS) == times
        assert scene.left == ["demo"]

    run(story)


def test_who_leaves_an_own_job_does_not() -> None:
    """It is followed to its end."""

    async def story(scene: Scene) -> None:
        handle = await scene.submitted()
        for _ in range(2):
            await cancelled(await begun(scene.watched(handle), 1.0))
            assert going_on() != set()
        assert scene.listed(PODS) == 1

    run(story)


def test_a_job_is_followed_once_however_many_watch_it() -> None:
    """Also when they come at the same moment; the last who leaves ends it."""

    async def story(scene: Scene) -> None:
        handle = scene.foreign()
        one, other = [asyncio.ensure_future(scene.watched(handle)) for _ in range(2)]
        await asyncio.sleep(1.0)
        assert scene.listed(PODS) == 1
        await cancelled(one)
        assert going_on() > {other}
        await cancelled(other)
        assert going_on() == set()

    run(story)


@pytest.mark.parametrize("turns", range(1, 12))
def test_who_is_cancelled_as_he_begins_leaves_the_job_to_the_other(turns: int) -> None:
    """Of two who come at the same moment; the other is told all of it."""

    async def story(scene: Scene) -> None:
        handle = scene.foreign()
        await scene.backend.warm_up()
        one, other = [asyncio.ensure_future(scene.watched(handle)) for _ in range(2)]
        for _ in range(turns):
            await asyncio.sleep(0)
        await cancelled(one)
        await asyncio.sleep(1.0)
        scene.end()
        assert any(isinstance(each, OutcomeSeen) for each in await other)
        assert going_on() == set()

    run(story)


def test_a_job_without_a_record_cannot_be_watched() -> None:
    """Whoever tries hears it, each time; nothing is left, and nobody waits for ever."""

    async def story(scene: Scene) -> None:
        handle = scene.foreign()
        scene.store.remove(handle)
        heard = await asyncio.gather(*(scene.watched(handle) for _ in range(2)), return_exceptions=True)
        assert [type(each) for each in heard] == [StoreError, StoreError]
        with pytest.raises(StoreError):
            await scene.watched(handle)
        assert going_on() == set()

    run(story)


def test_what_kept_a_job_from_being_watched_may_be_mended() -> None:
    """Also of an own one: the next who watches begins anew."""

    async def story(scene: Scene) -> None:
        scene.api.faults[f"GET {PODS}"] = forbidden("pods")
        handle = await scene.submitted()
        await asyncio.sleep(1.0)
        with pytest.raises(CiaoError, match="pods"):
            await scene.watched(handle)
        watching = await begun(scene.watched(handle), 1.0)
        scene.end()
        assert any(isinstance(each, OutcomeSeen) for each in await watching)

    run(story)


def test_a_fault_of_who_watches_is_no_fault_of_the_job() -> None:
    """An own job is followed on, once."""

    async def story(scene: Scene) -> None:
        handle = await scene.submitted()
        with pytest.raises(StoreError):
            async with scene.backend.watch(handle):
                raise StoreError("the disk is full")
        watching = await begun(scene.watched(handle), 1.0)
        scene.end()
        assert any(isinstance(each, OutcomeSeen) for each in await watching)
        assert scene.listed(PODS) == 1

    run(story)


def test_only_so_many_jobs_that_are_over_are_remembered() -> None:
    """The oldest are forgotten, and asked for in the cluster if anybody wants them."""

    async def story(scene: Scene) -> None:
        handles = []
        for name in ("one", "two", "three", "four"):
            handles.append(await scene.submitted(name))
            scene.end(name)
            await asyncio.sleep(60.0)
            scene.api.take(JOBS, name)
        for handle in handles[1:]:
            await scene.watched(handle)
        with pytest.raises(UnknownJobError):
            await scene.watched(handles[0])

    run(story, remembered=2)
