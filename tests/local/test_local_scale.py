"""Many replicas on one machine: they start, run and are cleaned up, and what one costs does not grow."""

from __future__ import annotations

import asyncio
import sys
import time
from pathlib import Path

import pytest

from ciao.adapters.local import watching
from ciao.core.events import LogChunk, Phase, ReplicaSeen
from ciao.core.ports import Stop

from .localbench import Local, alive, ends, finished, job, until, watched


@pytest.mark.parametrize("last", ["", "import sys\nsys.exit(1)\n"])
def test_a_hundred_replicas(tmp_path: Path, last: str) -> None:
    """Every line of every replica is there, every end is seen, nothing is left."""

    async def main() -> None:
        local, spec = Local(tmp_path), job(worker=99)
        handle, found = await local.run("import os\nprint(os.environ['CIAO_REPLICA'])\n" + last, spec)
        assert {end.code for end in found.values()} == {1 if last else 0}
        assert [local.log(handle, each) for each in spec.replicas] == [f"{each}\n" for each in spec.replicas]
        assert alive(handle.uid, 0) == ()

    finished(main(), 100)


def test_a_hundred_replicas_stop_within_a_second(tmp_path: Path) -> None:
    """When they obey SIGTERM."""

    async def main() -> None:
        local = Local(tmp_path)
        backend = local.backend()
        handle = await backend.submit(job(worker=99), local.artifact("import time\nprint('x')\ntime.sleep(600)\n"))
        printed: set[object] = set()
        await until(backend, handle, lambda each: isinstance(each, LogChunk) and _all(printed, each.replica))
        began = time.monotonic()
        await backend.stop(handle, Stop())
        seen = await watched(backend, handle)
        assert time.monotonic() - began < 1.5
        assert {end.reason for end in ends(seen).values()} == {"Stopped"}
        assert alive(handle.uid, 0) == ()
        await backend.close()

    finished(main(), 100)


def _all(printed: set[object], replica: object) -> bool:
    printed.add(replica)
    return len(printed) == 100


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_idle_replicas_cost_their_supervisor_nothing(tmp_path: Path) -> None:
    """While nothing is printed it sleeps: no polling, whatever the number of replicas."""

    async def main() -> None:
        local = Local(tmp_path)
        backend = local.backend()
        handle = await backend.submit(job(worker=19), local.artifact("import time\ntime.sleep(600)\n"))
        await until(backend, handle, lambda each: isinstance(each, ReplicaSeen) and each.phase is Phase.RUNNING)
        supervisor = watching.header_of(tmp_path / "local" / handle.name, handle)["pid"]
        await asyncio.sleep(0.5)
        before = _ticks(supervisor)
        await asyncio.sleep(1.0)
        assert _ticks(supervisor) - before <= 1
        await backend.close()

    finished(main())


def _ticks(pid: int) -> int:
    """Processor time so far, in hundredths of a second."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])
