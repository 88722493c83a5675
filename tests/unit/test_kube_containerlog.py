"""A container's log, read to its end however its reads end."""

from __future__ import annotations

import asyncio

import pytest

from ciao.adapters.kubeflow.logs.containerlog import GIVE_UP
from ciao.adapters.memory.jobstore import MemoryJobStore

from .kubelogs import UNREACHABLE, Container, Deaf, Ends, How, Scene, Slow, fault
from .virtualtime import now, play


def numbered(count: int, first: int = 0, width: int = 10) -> list[str]:
    return [f"line {number:0{width}}" for number in range(first, first + count)]


async def ended(scene: Scene, log, run, seconds: float = 0.0, notice: float = 0.5) -> None:
    """The container ends; the watch tells it a little later; the log is read to its end."""
    await asyncio.sleep(seconds)
    scene.container.end()
    await asyncio.sleep(notice)
    log.terminated()
    await run


def test_a_container_that_ends_costs_two_requests() -> None:
    """One that follows, and one that shows that there is no more."""

    async def story() -> None:
        scene = Scene()
        log, run = scene.reading()
        for line in numbered(5):
            await asyncio.sleep(1)
            scene.container.print(line)
        scene.container.print("the end", whole=False)
        await ended(scene, log, run)
        assert (scene.container.kinds, scene.kept) == ("ft", scene.container.printed)
        assert (scene.gaps, scene.troubles) == ((), [])

    play(story())


def test_a_container_that_has_ended_costs_two_requests() -> None:
    """Also when it printed nothing."""

    async def story(*lines: str) -> None:
        scene = Scene()
        scene.container.print(*lines)
        scene.container.end()
        log = scene.reader()
        log.terminated()
        await log.run()
        assert scene.container.kinds == ("pt" if lines else "p")
        assert (scene.kept, scene.gaps) == (scene.container.printed, ())

    play(story("one", "two"))
    play(story())


def test_a_line_is_there_as_soon_as_it_comes() -> None:
    """No timer stands between a quiet log and its reader."""

    async def story() -> None:
        scene = Scene()
        _, run = scene.reading()
        for count in range(1, 4):
            await asyncio.sleep(5)
            scene.container.print("tick")
            before = now()
            await asyncio.sleep(0.001)
            assert [at for at, _ in scene.told][-1] == before
            assert len(scene.chunks) == count
        run.cancel()

    play(story())


def test_a_flood_becomes_few_batches() -> None:
    """Pieces that come one after the other are collected, so that a store is not written for each line."""

    async def story() -> None:
        scene = Scene()
        log, run = scene.reading()
        await asyncio.sleep(1)
        for line in numbered(2000):
            scene.container.print(line)
            await asyncio.sleep(0.0005)
        await ended(scene, log, run)
        assert scene.kept == scene.container.printed
        assert len(scene.chunks) < 100

    play(story())


@pytest.mark.parametrize("breaks", [False, True])
def test_a_read_that_ends_in_the_middle_of_a_line_is_gone_on_with(breaks: bool) -> None:
    """After four hours, with a balancer, when the kubelet restarts: nothing is lost and nothing comes twice."""

    async def story() -> None:
        scene = Scene(Container([Ends(200, breaks), Ends(333, breaks), None, Ends(100, breaks)]))
        log, run = scene.reading()
        for line in numbered(60):
            scene.container.print(line)
            await asyncio.sleep(0.4)
        await ended(scene, log, run)
        assert (scene.kept, scene.gaps) == (scene.container.printed, ())

    play(story())


def test_an_end_that_comes_too_early_is_no_end() -> None:
    """A followed read that ended before everything was sent; the last lines alone do not reach back so far."""

    async def story() -> None:
        scene = Scene(Container([Ends(2000)]))
        log, run = scene.reading()
        await asyncio.sleep(1)
        scene.container.print(*numbered(1000))
        await ended(scene, log, run)
        assert (scene.kept, scene.gaps) == (scene.container.printed, ())
        assert scene.container.kinds == "ftpt"

    play(story())


def test_a_silent_read_is_renewed_now_and_then() -> None:
    """A container that says nothing for a day costs few requests; its next line is there at once."""

    async def story() -> None:
        scene = Scene()
        _, run = scene.reading()
        scene.container.print("one")
        await asyncio.sleep(3600)
        assert len(scene.container.requests) <= 7
        scene.container.print("two")
        await asyncio.sleep(0.1)
        assert scene.kept == "one\ntwo\n"
        run.cancel()

    play(story())


def test_a_flood_that_falls_silent_is_looked_into() -> None:
    """The kubelet did not hear of the new file: that is found out before there is another one."""

    async def story() -> None:
        scene = Scene(Container([Deaf()]))
        log, run = scene.reading()
        lines = iter(numbered(100_000, width=1000))
        for second in range(24):
            if second and second % 12 == 0:
                scene.container.rotate()
            scene.container.print(*(next(lines) for _ in range(1000)))
            await asyncio.sleep(1)
        await ended(scene, log, run)
        assert scene.kept == scene.container.printed
        assert len(scene.gaps) == 1  # nothing is missing there, which nobody can know

    play(story())


def test_a_file_that_was_passed_over_leaves_a_gap() -> None:
    """A reader that is two rotations behind: the kubelet goes on with the newest file and says nothing."""

    async def story() -> None:
        scene = Scene(Container([Slow(4000, 1)] * 2))
        log, run = scene.reading()
        for number in range(3):
            scene.container.print(*numbered(800, 1000 * number))
            await asyncio.sleep(4)
            scene.container.rotate()
        scene.container.print(*numbered(5, 5000))
        await ended(scene, log, run, 30)
        assert scene.kept.splitlines() == [*numbered(800), *numbered(5, 5000)]
        assert [gap.line for gap in scene.gaps] == [800]
        assert "lines may be missing here, between" in scene.troubles[0]

    play(story())


def test_a_reader_that_falls_behind_reads_plainly() -> None:
    """Beside the followed read, from where that is; then it follows again."""

    async def story() -> None:
        scene = Scene(Container([Slow(400, 0.1)]))
        log, run = scene.reading()
        lines = iter(numbered(100_000))
        for _ in range(120):
            scene.container.print(*(next(lines) for _ in range(20)))
            await asyncio.sleep(0.1)
        await ended(scene, log, run)
        assert scene.container.kinds.startswith("fpf")
        assert (scene.kept, scene.gaps) == (scene.container.printed, ())

    play(story())


def test_a_plain_read_does_not_take_over_behind_a_rotation() -> None:
    """Only the followed read has the rest of the old file."""

    async def story() -> None:
        scene = Scene(Container([Slow(400, 0.1)]))
        log, run = scene.reading()
        lines = iter(numbered(100_000))
        for count in range(80):
            scene.container.print(*(next(lines) for _ in range(20)))
            if count == 35:
                scene.container.rotate()
            await asyncio.sleep(0.1)
        await asyncio.sleep(10)
        await ended(scene, log, run)
        assert scene.container.kinds.startswith("fp")
        assert (scene.kept, scene.gaps) == (scene.container.printed, ())

    play(story())


def test_what_an_ended_container_left_is_read_plainly() -> None:
    """A flood that is over in a second, and takes a followed read ten: that is not waited for."""

    async def story() -> None:
        scene = Scene(Container([Slow(400, 0.1)]))
        log, run = scene.reading()
        await asyncio.sleep(0.1)
        for line in numbered(1000):
            scene.container.print(line)
        began = now()
        await ended(scene, log, run, 0.5)
        assert scene.container.kinds == "fpt"
        assert (scene.kept, scene.gaps) == (scene.container.printed, ())
        assert now() - began < 2.0

    play(story())


def test_what_an_ended_container_left_in_two_files_is_followed() -> None:
    """Only the followed read has the rest of the old file; nothing is lost for being fast."""

    async def story() -> None:
        scene = Scene(Container([Slow(400, 0.1)]))
        log, run = scene.reading()
        await asyncio.sleep(0.1)
        scene.container.print(*numbered(300))
        await asyncio.sleep(0.05)
        scene.container.rotate()
        scene.container.print(*numbered(300, 300))
        await ended(scene, log, run, 0.5)
        assert scene.container.kinds.startswith("fp")
        assert (scene.kept, scene.gaps) == (scene.container.printed, ())

    play(story())


def test_a_container_that_starts_is_asked_again_soon() -> None:
    """``is waiting to start``: a second at most, so that its first line does not wait."""

    async def story() -> None:
        scene = Scene(Container([fault(400, "container is waiting to start: ContainerCreating")] * 8))
        _, run = scene.reading()
        await asyncio.sleep(20)
        assert len(scene.container.requests) == 9
        assert scene.troubles == []
        run.cancel()

    play(story())


def test_a_log_that_cannot_be_read_is_tried_again_and_told_once() -> None:
    """A node that does not answer, while its pod exists: less and less often."""

    async def story() -> None:
        scene = Scene(Container([fault(502, "dial tcp 10.0.0.7:10250: no route to host")] * 1000))
        _, run = scene.reading()
        await asyncio.sleep(600)
        assert 20 < len(scene.container.requests) < 40
        assert scene.troubles == ["the log cannot be read at present: dial tcp 10.0.0.7:10250: no route to host"]
        scene.container.how = []
        scene.container.print("back")
        await asyncio.sleep(45)
        assert scene.kept == "back\n"
        run.cancel()

    play(story())


def test_the_log_of_an_ended_container_that_cannot_be_read_is_given_up() -> None:
    """Its node is gone: the job's end does not wait for ever, and the gap is marked."""

    async def story() -> None:
        scene = Scene()
        log, run = scene.reading()
        await asyncio.sleep(1)
        scene.container.print("one", "two")
        await asyncio.sleep(1)
        scene.container.how = [fault(502)] * 1000
        began = now()
        await ended(scene, log, run)
        assert GIVE_UP < now() - began < 3 * GIVE_UP
        assert [gap.line for gap in scene.gaps] == [2]
        assert scene.kept == "one\ntwo\n"

    play(story())


def test_a_file_that_is_rotated_when_all_is_read_leaves_no_gap() -> None:
    """A flood fills its last file, and the kubelet rotates that while the container ends."""

    async def story(how: list[How], *, lines: int) -> str:
        scene = Scene(Container(how))
        log, run = scene.reading()
        await asyncio.sleep(0.1)
        scene.container.print(*numbered(lines))
        await asyncio.sleep(1)
        scene.container.end()
        log.terminated()
        await asyncio.sleep(0)
        scene.container.rotate()
        began = now()
        await run
        assert (scene.kept, scene.gaps) == (scene.container.printed, ())
        assert now() - began < 60
        return scene.container.kinds

    assert play(story([], lines=1)) == "ft"
    assert play(story([Slow(400, 0.1)], lines=1000)).startswith("fp")


def test_an_empty_file_does_not_show_that_all_was_read() -> None:
    """Somebody goes on where another process was: what came between is in a file that was rotated away."""

    async def story() -> None:
        scene = Scene()
        first = scene.reader()
        run = asyncio.ensure_future(first.run())
        scene.container.print("one")
        await asyncio.sleep(1)
        run.cancel()
        scene.container.print("two")
        scene.container.rotate()
        scene.container.end()
        log = scene.reader()
        log.terminated()
        await log.run()
        assert (scene.kept, [gap.line for gap in scene.gaps]) == ("one\n", [1])

    play(story())


def test_a_cluster_that_is_out_of_reach_is_waited_for() -> None:
    """The network, not the log: an ended container's log is still there an hour later."""

    async def story() -> None:
        scene = Scene()
        log = scene.reader()
        scene.container.print("one")
        scene.container.end()
        log.terminated()
        scene.container.how = [UNREACHABLE] * 120
        await log.run()
        assert (scene.kept, scene.gaps) == ("one\n", ())

    play(story())


def test_a_pod_that_is_gone_leaves_a_gap() -> None:
    """What was on the way still comes; nothing is asked of a pod that may be another by now."""

    async def story() -> None:
        scene = Scene()
        log, run = scene.reading()
        await asyncio.sleep(1)
        scene.container.print("one", "half", whole=False)
        await asyncio.sleep(1)
        log.gone()
        await run
        assert scene.container.kinds == "f"
        assert scene.kept == "one\nhalf"
        assert [gap.line for gap in scene.gaps] == [2]

    play(story())


def test_a_pod_that_is_gone_before_its_log_is_read_leaves_a_gap() -> None:
    """No request."""

    async def story() -> None:
        scene = Scene()
        log = scene.reader()
        log.gone()
        await log.run()
        assert scene.container.requests == []
        assert scene.troubles == ["lines may be missing here"]

    play(story())


def test_a_pod_that_goes_when_its_log_is_complete_leaves_none() -> None:
    """A pod that is deleted ends first: the kubelet waits for its containers."""

    async def story() -> None:
        scene = Scene()
        log, run = scene.reading()
        await asyncio.sleep(1)
        scene.container.print("one")
        scene.container.end()
        await asyncio.sleep(0.5)
        log.terminated()
        await asyncio.sleep(0.1)
        log.gone()
        await run
        assert (scene.kept, scene.gaps) == ("one\n", ())

    play(story())


def test_a_container_that_ends_while_its_old_file_is_read_has_no_gap() -> None:
    """The followed read ends with the old file, whose last line goes on in the new one."""

    async def story() -> None:
        scene = Scene(Container([Slow(2000, 0.1)]))
        log, run = scene.reading()
        await asyncio.sleep(0.1)
        scene.container.print(*numbered(900), "cut in ", whole=False)
        scene.container.rotate()
        scene.container.print("two", *numbered(5, 900))
        await ended(scene, log, run)
        assert scene.container.kinds == "fpt"  # the plain read beside it met a gap, and was left
        assert (scene.kept, scene.gaps) == (scene.container.printed, ())

    play(story())


def late(lines: int, width: int, *, silent: float = 0.0) -> tuple[int, ...]:
    """Where gaps are marked when a container that started nine seconds ago had printed so many lines at once."""

    async def story() -> tuple[int, ...]:
        scene = Scene()
        await asyncio.sleep(9)
        printed = numbered(lines, width=width)
        scene.container.print(*printed[: 0 if silent else lines])
        log, run = scene.reading(started=now() - 9)
        await asyncio.sleep(silent)
        scene.container.print(*printed[0 if silent else lines :])
        await ended(scene, log, run, 1)
        assert scene.kept == scene.container.printed
        return tuple(gap.line for gap in scene.gaps)

    return play(story())


def test_a_flood_that_began_long_ago_may_have_lost_its_beginning() -> None:
    """A file that was full before the first read was opened is not seen by any."""
    assert late(5000, 1000) == (0,)


def test_a_log_whose_first_lines_are_read_as_they_come_has_lost_nothing() -> None:
    """However they come; and a few lines after a long silence are no flood."""
    assert late(3, 10) == ()
    assert late(100, 50) == ()
    assert late(5000, 1000, silent=30) == ()


def test_a_log_that_is_full_is_not_read_on() -> None:
    """What would be dropped is not fetched; the container's end is still waited for."""

    async def story() -> None:
        scene = Scene(store=MemoryJobStore(log_size=100))
        log, run = scene.reading()
        await asyncio.sleep(1)
        for line in numbered(50):
            scene.container.print(line)
            await asyncio.sleep(1)
        assert scene.container.kinds == "f"
        assert len(scene.troubles) == 1
        await ended(scene, log, run)
        assert scene.container.kinds == "f"

    play(story())


def test_many_replicas_are_read_at_once() -> None:
    """A flood of one does not keep the others' lines waiting."""

    async def story() -> None:
        scenes = [Scene() for _ in range(64)]
        logs = [scene.reader() for scene in scenes]
        runs = [asyncio.ensure_future(log.run()) for log in logs]
        await asyncio.sleep(1)
        for step in range(20):
            scenes[0].container.print(*numbered(2000, 2000 * step))
            for scene in scenes[1:]:
                scene.container.print(f"step {step}")
            before = now()
            await asyncio.sleep(0.1)
            assert all(scene.told[-1][0] - before < 0.05 for scene in scenes[1:])
        for scene, log in zip(scenes, logs, strict=True):
            scene.container.end()
            log.terminated()
        await asyncio.gather(*runs)
        assert all(scene.kept == scene.container.printed for scene in scenes)
        assert all(scene.container.kinds == "ft" for scene in scenes)

    play(story())
