"""Watching and stopping: several watchers, other processes, later, and with a log that cannot be kept."""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
import time
from pathlib import Path

import pytest

import ciao
from ciao.adapters.local.machine import Options
from ciao.adapters.local.supervisor import journal
from ciao.core.errors import NameInUseError, StoreError, TargetError, UnknownJobError
from ciao.core.events import JobGone, LogChunk, LogTrouble, Phase, ReplicaSeen
from ciao.core.model import JobHandle
from ciao.core.ports import Cursor, Stop

from .localbench import MASTER, WORKER, Local, alive, ends, finished, job, machine, until, watched

STAY = "import time\nprint('ready')\ntime.sleep(600)\n"
TICKING = "import time\nfor n in range(60):\n    print(n)\n    time.sleep(0.01)\n"


def test_another_process_watches_and_stops(tmp_path: Path) -> None:
    """A second kernel or ``ciao stop`` sees the same and can end the job: it needs only the store."""

    async def main() -> None:
        local = Local(tmp_path)
        mine, other = local.backend(), local.backend()
        handle = await mine.submit(job(worker=1), local.artifact(STAY))
        follow = asyncio.create_task(watched(mine, handle))
        await until(other, handle, lambda each: isinstance(each, LogChunk))
        began = time.monotonic()
        await other.stop(handle, Stop())
        assert {end.code for end in ends(await watched(other, handle)).values()} == {143}
        assert time.monotonic() - began < 1.0
        assert {end.reason for end in ends(await follow).values()} == {"Stopped"}
        await mine.close()

    finished(main())


def test_watchers_from_several_processes_agree(tmp_path: Path) -> None:
    """Each sees contiguous chunks up to the same end, however late it came."""

    async def main() -> None:
        local = Local(tmp_path)
        backends = [local.backend() for _ in range(4)]
        handle = await backends[0].submit(job(), local.artifact(TICKING))

        async def late(index: int) -> list[LogChunk]:
            await asyncio.sleep(0.15 * index)
            return [each for each in await watched(backends[index], handle) if isinstance(each, LogChunk)]

        for seen in await asyncio.gather(*(late(index) for index in range(4))):
            assert [each.offset for each in seen] == [0, *(each.end for each in seen[:-1])]
            assert seen[-1].end == len(local.log(handle))
            assert seen[-1].first_line + seen[-1].count == 60
        await backends[0].close()

    finished(main())


def test_a_flood_does_not_flood_the_watcher(tmp_path: Path) -> None:
    """300 000 lines are a bounded number of messages, and every line is on disk in order."""
    code = "for n in range(150000): print(n, 'x' * 90)\n"

    async def main() -> None:
        local = Local(tmp_path)
        backend = local.backend()
        began = time.monotonic()
        handle = await backend.submit(job(worker=1), local.artifact(code))
        seen = [each for each in await watched(backend, handle) if isinstance(each, LogChunk)]
        assert len(seen) < 150 * (time.monotonic() - began) + 20
        for replica in (MASTER, WORKER):
            assert [int(line.split()[0]) for line in local.log(handle, replica).splitlines()] == list(range(150000))
        await backend.close()

    finished(main())


def test_a_slow_watcher_does_not_hold_up_the_job(tmp_path: Path) -> None:
    """A connection that asks to watch and never reads delays nothing."""
    code = "for n in range(100000): print(n)\n"

    async def main() -> None:
        local = Local(tmp_path)
        backend = local.backend()
        handle = await backend.submit(job(worker=3), local.artifact(code))
        header = journal.read(str(tmp_path / "local" / handle.name))[0]
        _, writer = await asyncio.open_unix_connection(header["socket"], limit=1)
        writer.write(b'{"do":"watch"}\n')
        assert len(ends(await watched(backend, handle))) == 4
        writer.close()
        await backend.close()

    finished(main())


@pytest.mark.parametrize("said", [b"\n", b"{}\n", b"[1]\n", b'{"do":"dance"}\n', b"\xff" * 70_000, b'{"do":"stop"}\n'])
def test_nonsense_on_the_socket_harms_nobody(tmp_path: Path, said: bytes) -> None:
    """Whoever speaks anything else is shown the door; the job goes on."""

    async def main() -> None:
        local = Local(tmp_path)
        backend = local.backend()
        handle = await backend.submit(job(), local.artifact(STAY))
        header = journal.read(str(tmp_path / "local" / handle.name))[0]
        reader, writer = await asyncio.open_unix_connection(header["socket"])
        writer.write(said)
        writer.write_eof()
        with contextlib.suppress(ConnectionResetError):
            assert await asyncio.wait_for(reader.read(), 5) == b""
        writer.close()
        await until(backend, handle, lambda each: isinstance(each, LogChunk))
        await backend.close()

    finished(main())


def test_a_second_submit_of_a_running_name_is_refused(tmp_path: Path) -> None:
    """The running job is not disturbed."""

    async def main() -> None:
        local = Local(tmp_path)
        backend = local.backend()
        handle = await backend.submit(job(), local.artifact(STAY))
        with pytest.raises(NameInUseError, match="still runs"):
            await local.backend().submit(job(), local.artifact("print('other')"))
        await until(backend, handle, lambda each: isinstance(each, ReplicaSeen) and each.phase is Phase.RUNNING)
        await backend.close()

    finished(main())


def test_a_job_that_was_replaced_is_gone(tmp_path: Path) -> None:
    """Its handle does not show the job that has its name now."""

    async def main() -> None:
        local = Local(tmp_path)
        backend = local.backend()
        first = await backend.submit(job(), local.artifact("print(1)"))
        await watched(backend, first)
        second = await backend.submit(job(), local.artifact("print(2)"))
        assert [type(each) for each in await watched(backend, first)] == [JobGone]
        assert ends(await watched(backend, second))[MASTER].code == 0
        await backend.stop(first, Stop())
        await backend.close()

    finished(main())


def test_a_torn_journal_is_read_as_far_as_it_goes(tmp_path: Path) -> None:
    """A last line that was cut off (power, disk) is left out; without an end the job is gone."""

    async def main() -> None:
        local = Local(tmp_path)
        handle, _ = await local.run("print('x')")
        path = tmp_path / "local" / handle.name / journal.NAME
        path.write_bytes(path.read_bytes()[:-5])
        seen = await watched(local.backend(), handle)
        assert ends(seen)[MASTER].code == 0
        assert isinstance(seen[-1], JobGone)

    finished(main())


def test_a_cursor_beyond_the_log_asks_for_nothing(tmp_path: Path) -> None:
    """Who has everything gets the phases only."""

    async def main() -> None:
        local = Local(tmp_path)
        handle, _ = await local.run("print('x')")
        seen = await watched(local.backend(), handle, Cursor({MASTER: 10_000}))
        assert [type(each) for each in seen] == [ReplicaSeen]
        with pytest.raises(UnknownJobError, match="no job never"):
            await watched(local.backend(), JobHandle("local", "", "", "LocalJob", "never", "0"))

    finished(main())


def test_a_full_log_is_said_once_and_the_job_goes_on(tmp_path: Path) -> None:
    """At its limit a log ends with whole lines; live and later watchers are told."""
    local = Local(tmp_path, options=Options(log_size=1000))

    async def main() -> None:
        backend = local.backend()
        handle = await backend.submit(job(), local.artifact("for n in range(1000): print('line', n)\nprint(1/0)\n"))
        for seen in (await watched(backend, handle), await watched(local.backend(), handle)):
            (trouble,) = [each for each in seen if isinstance(each, LogTrouble)]
            assert "limit" in trouble.message
            assert ends(seen)[MASTER].report is not None
        assert local.log(handle).endswith("\n")
        assert len(local.log(handle)) <= 1000
        await backend.close()

    finished(main())


def test_a_store_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    """With the path, and nothing is left."""
    (tmp_path / "local").write_text("not a directory")
    local = Local(tmp_path)
    with pytest.raises(StoreError, match=str(tmp_path)):
        finished(local.backend().submit(job(), local.artifact("")))


def test_a_private_directory_of_somebody_else_is_refused(tmp_path: Path) -> None:
    """Sockets and leases are never put where others can write."""
    shared = tmp_path / "shared"
    shared.mkdir(mode=0o777)
    shared.chmod(0o777)
    local = Local(tmp_path, machine=machine(runtime=shared))
    with pytest.raises(TargetError, match="closed to others"):
        finished(local.backend().submit(job(), local.artifact("")))
    assert not (tmp_path / "local").exists()


def test_files_of_a_job_are_private(tmp_path: Path) -> None:
    """Directories 0700, what is in them 0600: cells and logs may hold anything."""

    async def main() -> None:
        handle, _ = await Local(tmp_path).run("print('x')\n1/0\n")
        root = tmp_path / "local" / handle.name
        assert root.stat().st_mode & 0o077 == 0
        files = [path for path in root.rglob("*") if path.is_file()]
        assert {"record.json", "cell.py"} & {path.name for path in files}
        assert [path.name for path in files if path.stat().st_mode & 0o077 and path.parent == root / "logs"] == []

    finished(main())


def test_the_supervisor_needs_only_the_standard_library(tmp_path: Path) -> None:
    """It starts where site-packages do not exist: what it imports besides is Ciao's own and nothing of its core."""
    import subprocess

    code = (
        "import sys; sys.path.append(sys.argv[1]); import ciao.adapters.local.supervisor.loop, json; "
        "print(json.dumps([name for name in sys.modules if name.startswith(('ciao', 'attr'))]))"
    )
    root = str(Path(ciao.__file__).parents[1])
    done = subprocess.run([sys.executable, "-I", "-S", "-c", code, root], capture_output=True, text=True, check=True)
    foreign = [name for name in json.loads(done.stdout) if not name.startswith("ciao.adapters")]
    assert foreign == ["ciao"]


def test_nothing_lives_after_any_of_this(tmp_path: Path) -> None:
    """Stopped replica by replica, forced or asked, twice: the end is the same."""

    async def main() -> None:
        local = Local(tmp_path)
        backend = local.backend()
        handle = await backend.submit(job(worker=2), local.artifact(STAY))
        for how in (Stop((WORKER,)), Stop((MASTER,), grace=0.0), Stop(), Stop(grace=0.0)):
            await backend.stop(handle, how)
        assert len(ends(await watched(backend, handle))) == 3
        assert alive(handle.uid) == ()
        await backend.close()

    finished(main())
