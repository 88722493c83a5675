"""One connection for each context, however many use it and whatever became of the last attempt."""

from __future__ import annotations

import asyncio

import pytest

from ciao.adapters.kube.apierrors import AccessError
from ciao.core.ports import Stop

from .kubebackend import NOBODY, Scene, begun, cancelled, going_on, run


def test_an_attempt_to_connect_that_failed_is_made_again() -> None:
    """By the next use; all who waited for it hear why it failed."""

    async def story(scene: Scene) -> None:
        scene.refusals = [NOBODY]
        heard = await asyncio.gather(*(scene.backend.warm_up() for _ in range(2)), return_exceptions=True)
        assert heard == [NOBODY, NOBODY]
        await scene.backend.warm_up()
        assert (scene.attempts, scene.open) == (2, ["lab"])

    run(story)


def test_an_attempt_that_failed_while_nobody_waited_is_made_again() -> None:
    """Who had begun it was cancelled; the next hears nothing of it."""

    async def story(scene: Scene) -> None:
        scene.refusals = [NOBODY]
        await cancelled(await begun(scene.backend.warm_up()))
        await asyncio.sleep(1.0)
        await scene.backend.warm_up()
        assert (scene.attempts, scene.open) == (2, ["lab"])

    run(story)


def test_who_tries_again_at_once_does_not_disturb_the_others() -> None:
    """Two waited for the attempt that failed; one of them has begun the next when the other hears of it."""

    async def again(scene: Scene) -> None:
        with pytest.raises(AccessError):
            await scene.backend.warm_up()
        await scene.backend.warm_up()

    async def story(scene: Scene) -> None:
        scene.refusals = [NOBODY]
        await asyncio.gather(*(again(scene) for _ in range(3)))
        assert scene.attempts == 2

    run(story)


@pytest.mark.parametrize("takes", [{"": 0.1, "lab": 0.3}, {"": 0.3, "lab": 0.1}], ids=["none first", "its name first"])
def test_a_context_has_one_connection(takes: dict[str, float]) -> None:
    """Under its name and, for the current one, under none; also when both are asked for at the same moment."""

    async def story(scene: Scene) -> None:
        scene.takes = takes
        named = scene.handle(uid="none", context="lab")
        await asyncio.gather(scene.backend.warm_up(), scene.backend.stop(named, Stop()))
        await scene.backend.warm_up()
        await scene.backend.stop(named, Stop())
        assert (scene.attempts, scene.open) == (2, ["lab"])

    run(story)


def test_the_current_context_is_known_by_its_name() -> None:
    """No second connection is made for that; for another context one is."""

    async def story(scene: Scene) -> None:
        await scene.backend.warm_up()
        await scene.backend.stop(scene.handle(uid="none"), Stop())
        assert scene.attempts == 1
        await scene.backend.stop(scene.handle(uid="none", context="far"), Stop())
        assert scene.open == ["lab", "far"]

    run(story)


def test_a_connection_that_fails_beside_one_that_works_is_no_matter() -> None:
    """The same context is asked for under both names, and only one attempt fails: that one's asker hears it."""

    async def story(scene: Scene) -> None:
        scene.takes, scene.refusals = {"": 0.1, "lab": 0.3}, [NOBODY]
        stopping = await begun(scene.backend.stop(scene.handle(uid="none"), Stop()))
        await scene.backend.warm_up()
        with pytest.raises(AccessError):
            await stopping
        await scene.backend.warm_up()
        assert (scene.attempts, scene.open) == (2, ["lab"])

    run(story)


def test_who_is_cancelled_leaves_the_connection_to_the_others() -> None:
    """One of two who wait for it does not want it any more, whichever name he asked by."""

    async def story(scene: Scene) -> None:
        scene.takes = {"": 0.1, "lab": 0.3}
        first = await begun(scene.backend.warm_up())
        second = await begun(scene.backend.stop(scene.handle(uid="none"), Stop()))
        third = await begun(scene.backend.warm_up(), 0.1)
        await cancelled(first)
        await cancelled(third)
        await second
        assert scene.open == ["lab"]

    run(story)


def test_who_connects_when_it_is_closed_leaves_nothing() -> None:
    """Nobody waits for it any more."""

    async def story(scene: Scene) -> None:
        connecting = await begun(scene.backend.warm_up())
        await scene.backend.close()
        assert going_on() <= {connecting}
        await asyncio.gather(connecting, return_exceptions=True)

    run(story)
