"""The contract of ``ciao.core.ports.Backend`` as a test class.

A backend keeps the promises when a subclass of ``BackendContract`` passes under pytest::

    class TestMyBackend(BackendContract):
        @asynccontextmanager
        async def bench(self):
            backend, store = ...
            yield BackendBench(backend, store, artifact=acts_as_files, leftovers=...)
            await backend.close()

No test sleeps to wait for something: each watches until the watch ends, within ``patience``. On a target with
an operator an OutcomeSeen comes somewhere in between.
"""

from __future__ import annotations

import asyncio

import pytest

from ciao.adapters.memory.acts import Act, DieBy, ExitWith, Fork, IgnoreTerm, Print, Scripts, Wait
from ciao.core.errors import UnknownJobError, UserError
from ciao.core.events import LogChunk, Phase, ReplicaSeen
from ciao.core.model import Image, JobHandle
from ciao.core.ports import Cursor, Query, Stop
from ciao.testing.bench import (
    MASTER,
    READY,
    WORKER_0,
    WORKER_1,
    BackendBench,
    BackendSuite,
    chunks,
    ends,
    jobs_of,
)


class _Outcomes(BackendSuite):
    def test_a_replica_that_ends_well_is_seen_to(self) -> None:
        """Exit code 0 is phase SUCCEEDED with reason Completed, for every replica."""

        async def check(bench: BackendBench) -> None:
            seen = await bench.watched(await bench.submit(jobs_of((READY,), master=(READY,))))
            assert {replica: (end.code, end.reason) for replica, end in ends(seen).items()} == {
                MASTER: (0, "Completed"),
                WORKER_0: (0, "Completed"),
            }
            last = [each.phase for each in seen if isinstance(each, ReplicaSeen) and each.replica == MASTER][-1]
            assert last is Phase.SUCCEEDED

        self.on_bench(check)

    def test_exit_codes_arrive_as_they_are(self) -> None:
        """Any other exit code is phase FAILED with that code and reason Error; it is the last that is told of it."""

        async def check(bench: BackendBench) -> None:
            codes = (1, 3, 127, 255)
            scripts = jobs_of(*((READY, ExitWith(code)) for code in codes), master=(READY,))
            seen = await bench.watched(await bench.submit(scripts))
            found = ends(seen)
            for code, replica in zip(codes, list(scripts)[1:], strict=True):
                assert (found[replica].code, found[replica].reason) == (code, "Error")
                last = [each for each in seen if getattr(each, "replica", None) == replica][-1]
                assert last == ReplicaSeen(replica, Phase.FAILED, found[replica].at, found[replica])

        self.on_bench(check)

    def test_signals_are_exit_codes_as_of_a_container(self) -> None:
        """A replica that dies by a signal has exit code 128 + signal, and was not stopped."""

        async def check(bench: BackendBench) -> None:
            signals = (6, 9, 11)
            scripts = jobs_of(*((READY, DieBy(number)) for number in signals), master=(READY,))
            found = ends(await bench.watched(await bench.submit(scripts)))
            for number, replica in zip(signals, list(scripts)[1:], strict=True):
                assert (found[replica].code, found[replica].reason) == (128 + number, "Error")

        self.on_bench(check)

    def test_phases_never_go_back(self) -> None:
        """Each replica's phases are a subsequence of waiting, running, ended, and times never decrease."""

        async def check(bench: BackendBench) -> None:
            seen = await bench.watched(await bench.submit(jobs_of((READY,), (ExitWith(1),), master=(READY,))))
            order = [Phase.WAITING, Phase.RUNNING, Phase.SUCCEEDED, Phase.FAILED]
            for replica in (MASTER, WORKER_0, WORKER_1):
                mine = [each for each in seen if isinstance(each, ReplicaSeen) and each.replica == replica]
                assert [each.phase for each in mine] == sorted({each.phase for each in mine}, key=order.index)
                assert [each.at for each in mine] == sorted(each.at for each in mine)

        self.on_bench(check)


class _Logs(BackendSuite):
    def test_the_log_holds_every_byte(self) -> None:
        """What a replica wrote is in the store when its watch has ended, an unterminated last line too."""

        async def check(bench: BackendBench) -> None:
            lines, tail = Print("line {n} of many, with some more words to it", 20_000), Print("tail", end="")
            handle = await bench.submit(jobs_of((READY,), master=(lines, tail)))
            await bench.watched(handle)
            assert bench.log(handle, MASTER) == lines.data() + b"tail"
            assert bench.log(handle, WORKER_0) == b"ready\n"

        self.on_bench(check)

    def test_chunks_cover_the_log_without_gap(self) -> None:
        """Chunks of one replica are contiguous from byte 0 to the log's end, and number its lines."""

        async def check(bench: BackendBench) -> None:
            handle = await bench.submit({MASTER: (Print("line {n}", 5_000), Print("tail", end=""))})
            seen = chunks(await bench.watched(handle), MASTER)
            whole = bench.log(handle, MASTER)
            assert [each.offset for each in seen] == [0, *(each.end for each in seen[:-1])]
            assert seen[-1].end == len(whole)
            for each in seen:
                assert each.first_line == whole.count(b"\n", 0, each.offset)
                assert each.count == len(whole[each.offset : each.end].splitlines())

        self.on_bench(check)

    def test_the_last_chunk_comes_before_the_end(self) -> None:
        """Who sees a replica's end has all of its log."""

        async def check(bench: BackendBench) -> None:
            seen = await bench.watched(await bench.submit({MASTER: (Print("line {n}", 100), ExitWith(1))}))
            last = [each for each in seen if isinstance(each, ReplicaSeen | LogChunk)][-1]
            assert isinstance(last, ReplicaSeen)
            assert last.phase is Phase.FAILED

        self.on_bench(check)

    def test_a_second_attempt_goes_on_in_the_same_log(self) -> None:
        """Submitted again after its end, the job has another uid, and its log continues."""

        async def check(bench: BackendBench) -> None:
            scripts: Scripts = {MASTER: (READY, ExitWith(1))}
            first = await bench.submit(scripts)
            await bench.watched(first)
            second = await bench.backend.submit(bench.spec(scripts), bench.artifact(scripts))
            seen = await bench.watched(second, Cursor({MASTER: len(b"ready\n")}))
            assert second.uid != first.uid
            found = chunks(seen, MASTER)
            assert [each.offset for each in found] == [6, *(each.end for each in found[:-1])]
            assert found[-1].end == 12
            assert bench.log(second, MASTER) == b"ready\nready\n"

        self.on_bench(check)


class _Watching(BackendSuite):
    def test_a_late_watcher_is_told_what_is_so(self) -> None:
        """After the end: the newest phase of each replica and one chunk for its log; then the watch ends."""

        async def check(bench: BackendBench) -> None:
            handle = await bench.submit(jobs_of((READY, ExitWith(2)), master=(Print("line {n}", 10),)))
            await bench.watched(handle)
            late = await bench.watched(handle)
            assert {replica: end.code for replica, end in ends(late).items()} == {MASTER: 0, WORKER_0: 2}
            assert [(each.offset, each.first_line, each.count, each.end) for each in chunks(late, MASTER)] == [
                (0, 0, 10, 70)
            ]
            assert len([each for each in late if isinstance(each, ReplicaSeen)]) == 2

        self.on_bench(check)

    def test_a_cursor_skips_what_is_known(self) -> None:
        """Past the cursor only: no byte twice, and nothing when all is known."""

        async def check(bench: BackendBench) -> None:
            handle = await bench.submit({MASTER: (Print("line {n}", 10),)})
            await bench.watched(handle)
            late = chunks(await bench.watched(handle, Cursor({MASTER: 35})), MASTER)
            assert late == [LogChunk(MASTER, 5, 5, 35, 70)]
            assert chunks(await bench.watched(handle, Cursor({MASTER: 70})), MASTER) == []

        self.on_bench(check)

    def test_any_number_may_watch(self) -> None:
        """Watchers at the same time each see every end and every byte."""

        async def check(bench: BackendBench) -> None:
            handle = await bench.submit(jobs_of((READY,), master=(Print("line {n}", 100),)))
            for seen in await asyncio.gather(*(bench.watched(handle) for _ in range(3))):
                assert set(ends(seen)) == {MASTER, WORKER_0}
                assert chunks(seen, MASTER)[-1].end == 790

        self.on_bench(check)

    def test_a_watcher_may_leave(self) -> None:
        """Leaving a watch early disturbs neither the job nor other watchers."""

        async def check(bench: BackendBench) -> None:
            handle = await bench.submit({MASTER: (READY, Wait())})
            await bench.until_running(handle, MASTER)
            others = asyncio.create_task(bench.watched(handle))
            await bench.until_running(handle, MASTER)
            await bench.backend.stop(handle, Stop())
            assert ends(await others)[MASTER].reason == "Stopped"

        self.on_bench(check)

    def test_a_handle_that_never_was_is_unknown(self) -> None:
        """Watching it raises UnknownJobError."""

        async def check(bench: BackendBench) -> None:
            never = JobHandle(bench.backend.target, "", "", "", "never-was", "no-uid")
            with pytest.raises(UnknownJobError):
                await bench.watched(never)

        self.on_bench(check)


class _Stopping(BackendSuite):
    def test_a_stop_asks_first(self) -> None:
        """A replica that obeys SIGTERM ends with 143, reason Stopped, long before its grace is over."""

        async def check(bench: BackendBench) -> None:
            handle = await bench.submit(jobs_of((READY, Wait()), master=(READY, Wait())))
            await bench.until_running(handle, MASTER, WORKER_0)
            await bench.backend.stop(handle, Stop(grace=600.0))
            found = ends(await bench.watched(handle))
            assert {(end.code, end.reason) for end in found.values()} == {(143, "Stopped")}

        self.on_bench(check)

    def test_a_stop_may_name_replicas(self) -> None:
        """Only those are stopped; the others go on until they are stopped too."""

        async def check(bench: BackendBench) -> None:
            handle = await bench.submit(jobs_of((READY, Wait()), master=(READY, Wait())))
            await bench.until_running(handle, MASTER, WORKER_0)
            await bench.backend.stop(handle, Stop((WORKER_0,)))
            async with bench.backend.watch(handle) as stream:
                async for each in stream:
                    if isinstance(each, ReplicaSeen) and each.phase.ended:
                        assert each.replica == WORKER_0
                        await bench.backend.stop(handle, Stop((MASTER,)))
                        break
            assert set(ends(await bench.watched(handle))) == {MASTER, WORKER_0}

        self.on_bench(check)

    @pytest.mark.parametrize("grace", [0.0, 0.3])
    def test_force_follows_the_grace(self, grace: float) -> None:
        """A replica deaf to SIGTERM is killed after its grace (137, Stopped); grace 0 kills at once."""

        async def check(bench: BackendBench) -> None:
            handle = await bench.submit({MASTER: (IgnoreTerm(), READY, Wait())})
            await bench.until_running(handle, MASTER)
            await bench.backend.stop(handle, Stop(grace=grace))
            await bench.elapse(grace)
            end = ends(await bench.watched(handle))[MASTER]
            assert (end.code, end.reason) == (137, "Stopped")

        self.on_bench(check)

    def test_a_second_stop_may_be_shorter(self) -> None:
        """Force does not wait for the grace of an earlier stop."""

        async def check(bench: BackendBench) -> None:
            handle = await bench.submit({MASTER: (IgnoreTerm(), READY, Wait())})
            await bench.until_running(handle, MASTER)
            await bench.backend.stop(handle, Stop(grace=600.0))
            await bench.backend.stop(handle, Stop(grace=0.0))
            assert ends(await bench.watched(handle))[MASTER].code == 137

        self.on_bench(check)

    def test_stopping_what_is_over_is_no_error(self) -> None:
        """Stop is idempotent: while it stops, after the end, and with removal."""

        async def check(bench: BackendBench) -> None:
            handle = await bench.submit({MASTER: (READY, ExitWith(4))})
            before = ends(await bench.watched(handle))
            for how in (Stop(), Stop(grace=0.0), Stop((MASTER,)), Stop(remove=True), Stop(remove=True)):
                await bench.backend.stop(handle, how)
            assert before[MASTER].code == 4
            assert bench.log(handle, MASTER) == b"ready\n"

        self.on_bench(check)

    @pytest.mark.parametrize("last", [Wait(), ExitWith(0), ExitWith(1)], ids=["stopped", "succeeded", "failed"])
    def test_nothing_is_left(self, last: Act) -> None:
        """When the watch has ended nothing of the job is alive, not even what a replica forked."""

        async def check(bench: BackendBench) -> None:
            handle = await bench.submit({MASTER: (Fork(), READY, last)})
            if last == Wait():
                await bench.until_running(handle, MASTER)
                await bench.backend.stop(handle, Stop(grace=0.3))
            await bench.watched(handle)
            assert await bench.leftovers(handle) == ()

        self.on_bench(check)


class _Managing(BackendSuite):
    def test_find_sees_what_runs(self) -> None:
        """By name, by uid and without a query; what never was is not found."""

        async def check(bench: BackendBench) -> None:
            handle = await bench.submit(jobs_of((READY, Wait()), master=(READY, Wait())))
            for query in (Query(), Query(name=handle.name), Query(uid=handle.uid)):
                (found,) = [each for each in await bench.backend.find(query) if each.handle.uid == handle.uid]
                assert (found.handle, found.framework, found.replicas, found.outcome) == (handle, "pytorch", 2, None)
            assert await bench.backend.find(Query(name="never-was")) == ()
            await bench.backend.stop(handle, Stop(grace=0.0))
            await bench.watched(handle)
            assert not [each for each in await bench.backend.find(Query(uid=handle.uid)) if each.outcome is None]

        self.on_bench(check)

    def test_looking_creates_nothing(self) -> None:
        """``check`` and ``render`` leave nothing behind, and ``render`` says the same twice."""

        async def check(bench: BackendBench) -> None:
            scripts = jobs_of((READY,), master=(READY,))
            spec, artifact = bench.spec(scripts, "ciao-looked-at"), bench.artifact(scripts)
            await bench.backend.check(spec)
            documents = bench.backend.render(spec, artifact)
            assert documents
            assert documents == bench.backend.render(spec, artifact)
            assert await bench.backend.find(Query(name=spec.name)) == ()

        self.on_bench(check)

    def test_it_says_what_images_are_for(self) -> None:
        """``os/architecture``, or nothing where images have no meaning."""

        async def check(bench: BackendBench) -> None:
            platform = await bench.backend.platform(bench.spec({MASTER: ()}, "ciao-platform"))
            assert bool(platform) == bench.backend.accepts_images
            assert not platform or platform.startswith("linux/")

        self.on_bench(check)

    def test_a_refused_artifact_leaves_nothing(self) -> None:
        """A target without images refuses one as the user's mistake, and no job exists afterwards."""

        async def check(bench: BackendBench) -> None:
            if bench.backend.accepts_images:
                pytest.skip("this target accepts images")
            spec = bench.spec({MASTER: ()}, "ciao-image")
            with pytest.raises(UserError):
                await bench.backend.submit(spec, Image("registry.example/x", "sha256:0"))
            assert await bench.backend.find(Query(name=spec.name)) == ()

        self.on_bench(check)

    @pytest.mark.parametrize("turns", [1, 2, 5, 20])
    def test_a_submit_that_is_cancelled_leaves_nothing(self, turns: int) -> None:
        """Or it was through already, and then the job is there and can be stopped."""

        async def check(bench: BackendBench) -> None:
            submitting = asyncio.ensure_future(bench.submit({MASTER: (READY, Wait())}, "ciao-cancelled"))
            for _ in range(turns):
                await asyncio.sleep(0)
            submitting.cancel()
            try:
                handle = await submitting
            except asyncio.CancelledError:
                assert await bench.backend.find(Query(name="ciao-cancelled")) == ()
            else:
                await bench.backend.stop(handle, Stop(grace=0.0))
                assert ends(await bench.watched(handle))[MASTER].reason == "Stopped"

        self.on_bench(check)


class BackendContract(_Outcomes, _Logs, _Watching, _Stopping, _Managing):
    """Every promise of ``Backend``. A subclass supplies ``bench``."""
