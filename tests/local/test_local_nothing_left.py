"""Nothing of a job survives: not a stop, a failure, a killed kernel, a killed supervisor, or what a replica forked."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from ciao.adapters.local import watching
from ciao.adapters.local.supervisor import processes
from ciao.core.events import JobGone, LogChunk, ReplicaSeen
from ciao.core.model import JobHandle
from ciao.core.ports import Query, Stop

from .localbench import MASTER, WORKER, Local, alive, ends, finished, job, until, watched

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks for processes in /proc")

STAY = "import time\nprint('ready')\ntime.sleep(600)\n"
DEAF = "import signal\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
DAEMONS = textwrap.dedent(
    """
    import os, signal, sys, time
    def daemon():
        if os.fork():
            return
        os.setsid()
        if os.fork():
            os._exit(0)
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        time.sleep(600)
    for _ in range(3):
        daemon()
    print("ready", flush=True)
    """
)

KERNEL = """\
import asyncio, json, os, sys, time
from pathlib import Path
sys.path.insert(0, {tests!r})
import importlib.util
from ciao.core import events
spec = importlib.util.spec_from_file_location("localbench", {tests!r} + "/localbench.py")
bench = importlib.util.module_from_spec(spec)
sys.modules["localbench"] = bench
spec.loader.exec_module(bench)

async def main():
    local = bench.Local(Path({root!r}))
    backend = local.backend()
    handle = await backend.submit(bench.job(worker=1), local.artifact({code!r}))
    await bench.until(backend, handle, lambda seen: isinstance(seen, events.LogChunk))
    {then}
    print(json.dumps([handle.name, handle.uid]), flush=True)
    await asyncio.sleep(600)

asyncio.run(main())
"""


def printed(seen: object) -> bool:
    return isinstance(seen, LogChunk)


class Kernel:
    """A process that stands in for a kernel which has submitted a job."""

    def __init__(self, root: Path, code: str, then: str = "") -> None:
        text = KERNEL.format(tests=str(Path(__file__).parent), root=str(root), code=code, then=then or "pass")
        self.process = subprocess.Popen([sys.executable, "-c", text], stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        name, uid = json.loads(self.process.stdout.readline())
        self.handle = JobHandle("local", "", "", "LocalJob", name, uid)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()
        assert self.process.stdout is not None
        self.process.stdout.close()


def test_a_killed_kernel_leaves_nothing(tmp_path: Path) -> None:
    """SIGKILL to the process that owns the job ends every replica that obeys within a second."""
    kernel = Kernel(tmp_path, STAY)
    assert alive(kernel.handle.uid, 0)
    kernel.kill()
    began = time.monotonic()
    assert alive(kernel.handle.uid, 5.0) == ()
    assert time.monotonic() - began < 1.0


def test_a_killed_kernel_leaves_nothing_that_is_deaf(tmp_path: Path) -> None:
    """Replicas that ignore SIGTERM, and their daemons, are gone a grace (2 s) and a second later."""
    kernel = Kernel(tmp_path, DEAF + DAEMONS + STAY)
    kernel.kill()
    began = time.monotonic()
    assert alive(kernel.handle.uid, 6.0) == ()
    assert time.monotonic() - began < 3.5


def test_a_child_of_the_kernel_does_not_keep_the_job_alive(tmp_path: Path) -> None:
    """What user code forked in the kernel holds the link open; the kernel's death is noticed all the same."""
    fork = "child = os.fork()\n    if not child: time.sleep(30); os._exit(0)\n    print(child, flush=True)"
    process = subprocess.Popen(
        [
            sys.executable,
            "-c",
            KERNEL.format(tests=str(Path(__file__).parent), root=str(tmp_path), code=STAY, then=fork),
        ],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    child = int(process.stdout.readline())
    _, uid = json.loads(process.stdout.readline())
    try:
        process.kill()
        process.wait()
        assert alive(uid, 5.0) == ()
        os.kill(child, 0)  # it still lives, so it was not the link that told
    finally:
        os.kill(child, signal.SIGKILL)
        process.stdout.close()


def test_after_a_killed_kernel_the_end_is_on_record(tmp_path: Path) -> None:
    """A later process sees how each replica ended: stopped."""
    kernel = Kernel(tmp_path, STAY)
    kernel.kill()
    assert alive(kernel.handle.uid, 5.0) == ()

    async def main() -> None:
        seen = await watched(Local(tmp_path).backend(), kernel.handle)
        assert {end.reason for end in ends(seen).values()} == {"Stopped"}
        assert not [each for each in seen if isinstance(each, JobGone)]

    finished(main())


def test_a_killed_supervisor_takes_the_job_along(tmp_path: Path) -> None:
    """Its watcher is told that the job is gone, after all that was printed; nothing lives, daemons neither."""

    async def main() -> None:
        local = Local(tmp_path)
        backend = local.backend()
        handle = await backend.submit(job(worker=1), local.artifact(DEAF + DAEMONS + STAY))
        await until(backend, handle, printed)
        supervisor = watching.header_of(tmp_path / "local" / handle.name, handle)["pid"]
        seen = []
        async with backend.watch(handle) as stream:
            async for each in stream:
                seen.append(each)
                if printed(each):
                    os.kill(supervisor, signal.SIGKILL)
        assert isinstance(seen[-1], JobGone)
        assert alive(handle.uid, 1.0) == ()
        assert await backend.find(Query(uid=handle.uid)) == ()
        await backend.close()

    finished(main())


def test_when_kernel_and_supervisor_are_killed_the_next_look_cleans_up(tmp_path: Path) -> None:
    """Whoever lists jobs next kills what is left of one whose supervisor was killed."""
    kernel = Kernel(tmp_path, DAEMONS + STAY)
    supervisor = watching.header_of(tmp_path / "local" / kernel.handle.name, kernel.handle)["pid"]
    os.kill(kernel.process.pid, signal.SIGSTOP)
    os.kill(supervisor, signal.SIGKILL)
    kernel.kill()
    assert alive(kernel.handle.uid, 0.3), "the daemons outlive both: nobody was there to end them"
    assert finished(Local(tmp_path).backend().find(Query())) == ()
    assert alive(kernel.handle.uid, 1.0) == ()


@pytest.mark.parametrize("last", ["", "sys.exit(3)", "os.kill(os.getpid(), 11)"])
def test_what_a_replica_forked_dies_with_it(tmp_path: Path, last: str) -> None:
    """Daemons with sessions of their own end with their replica, as in a container, while others go on."""

    async def main() -> None:
        local = Local(tmp_path)
        backend = local.backend()
        code = (
            f"import os\nif os.environ['CIAO_REPLICA'] == 'worker-0':\n    {STAY.replace(chr(10), chr(10) + '    ')}\n"
        )
        handle = await backend.submit(job(worker=1), local.artifact(code + DAEMONS + last))
        await until(backend, handle, lambda each: isinstance(each, ReplicaSeen) and each.phase.ended)
        assert [pid for pid in alive(handle.uid, 0.5) if processes.marks(pid)[1] == "master-0"] == []
        await backend.stop(handle, Stop())
        assert ends(await watched(backend, handle))[WORKER].reason == "Stopped"
        await backend.close()

    finished(main())


def test_a_daemon_that_hides_its_environment_dies_at_the_end(tmp_path: Path) -> None:
    """Not even an orphan without a mark, that holds the output open, survives or delays the job by a second."""
    hidden = (
        "import subprocess, sys\nsubprocess.Popen(['sleep', '1234567'], env={}, start_new_session=True)\nprint('x')\n"
    )

    async def main() -> None:
        local = Local(tmp_path)
        began = time.monotonic()
        _, found = await local.run(hidden)
        assert found[MASTER].code == 0
        assert time.monotonic() - began < 3.0

    finished(main())
    assert not [path for path in Path("/proc").glob("[0-9]*/cmdline") if b"1234567" in path.read_bytes()]


def test_closing_the_backend_ends_its_jobs(tmp_path: Path) -> None:
    """When ``close`` has returned nothing runs."""

    async def main() -> None:
        local = Local(tmp_path)
        backend = local.backend()
        handles = [await backend.submit(job(f"t{n}", worker=1), local.artifact(STAY)) for n in range(3)]
        await backend.close()
        assert [alive(handle.uid, 0) for handle in handles] == [(), (), ()]

    finished(main())


def test_a_cancelled_submit_leaves_nothing(tmp_path: Path) -> None:
    """Interrupted at whatever moment of its start, no process and no directory of the job is left."""
    import asyncio

    async def main() -> None:
        local = Local(tmp_path)
        backend = local.backend()
        for milliseconds in (0, 2, 5, 10, 20, 30):
            task = asyncio.create_task(backend.submit(job(f"c{milliseconds}"), local.artifact(STAY)))
            await asyncio.sleep(milliseconds / 1000)
            task.cancel()
            done = (await asyncio.gather(task, return_exceptions=True))[0]
            if isinstance(done, asyncio.CancelledError):
                assert not (tmp_path / "local" / f"c{milliseconds}").exists()
        await backend.close()
        assert await backend.find(Query()) == ()

    finished(main())


def test_interrupts_of_the_kernel_do_not_reach_replicas(tmp_path: Path) -> None:
    """Replicas have sessions of their own: a SIGINT to the kernel's process group leaves them alone."""
    code = "import os\nprint(os.getsid(0) == os.getpid(), os.getpgid(0) == os.getpid())\n"

    async def main() -> None:
        local = Local(tmp_path)
        handle, _ = await local.run(code)
        assert local.log(handle) == "True True\n"

    finished(main())
