"""What the tests of the local target share: a backend on real processes, and jobs for it."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import Callable, Coroutine, Mapping
from pathlib import Path
from typing import Any

from attrs import evolve, field, frozen

from ciao.adapters.jobstore.reader import LogFileReader
from ciao.adapters.local.backend import LocalBackend
from ciao.adapters.local.machine import Machine, Options
from ciao.adapters.local.supervisor.processes import of_job
from ciao.adapters.s2i.in_place import runner
from ciao.adapters.system import RandomNames
from ciao.core.events import Exit, Observation, ReplicaSeen
from ciao.core.frameworks.pytorch import PYTORCH
from ciao.core.frameworks.tensorflow import TENSORFLOW
from ciao.core.model import JobHandle, JobSpec, Mounted, Replica, Role, SourceFile
from ciao.core.ports import Cursor

FRAMEWORKS = {each.name: each for each in (PYTORCH, TENSORFLOW)}
MASTER, WORKER = Replica("master", 0), Replica("worker", 0)


def no_gpus(_environ: Mapping[str, str]) -> tuple[str, ...]:
    """As on most machines that run these tests."""
    return ()


def machine(**changes: Any) -> Machine:
    """The real one, with what a test wants different; no GPUs unless it says so."""
    return evolve(Machine(environ=dict(os.environ), gpus=no_gpus), **changes)


@frozen
class Local:
    """A backend whose store is below ``root``; replicas run in ``root``."""

    root: Path
    machine: Machine = field(factory=machine)
    options: Options = field(factory=Options)

    def backend(self) -> LocalBackend:
        """A new one, as another process would have it."""
        return LocalBackend(
            root=self.root,
            frameworks=FRAMEWORKS,
            uid=RandomNames().uid,
            machine=self.machine,
            options=self.options,
        )

    def artifact(self, code: str, *modules: SourceFile) -> Mounted:
        """What ``InPlace`` makes of a cell."""
        files = (SourceFile("cell.py", code.encode()), SourceFile("ciao_replica.py", runner()), *modules)
        return Mounted(files, "sha256:0", str(self.root))

    def log(self, handle: JobHandle, replica: Replica = MASTER) -> str:
        """All that a replica printed."""
        reader = LogFileReader(self.root / "local" / handle.name / "logs", str(replica))
        try:
            return reader.read(0, reader.size).decode() if reader.size else ""
        finally:
            reader.close()

    async def run(self, code: str, spec: JobSpec | None = None) -> tuple[JobHandle, dict[Replica, Exit]]:
        """A job to its end."""
        backend = self.backend()
        try:
            handle = await backend.submit(spec or job(), self.artifact(code))
            return handle, ends(await watched(backend, handle))
        finally:
            await backend.close()


def job(name: str = "t", *, master: Role | None = None, worker: int | Role = 0, **more: Any) -> JobSpec:
    """A PyTorch job of one master, and workers."""
    roles = [master or Role("master", 1)]
    if worker:
        roles.append(Role("worker", worker) if isinstance(worker, int) else worker)
    return JobSpec(name=name, framework="pytorch", target="local", roles=tuple(roles), **more)


async def watched(backend: LocalBackend, handle: JobHandle, cursor: Cursor | None = None) -> list[Observation]:
    """All observations to the watch's end."""
    async with backend.watch(handle, cursor) as stream:
        return [each async for each in stream]


async def until(backend: LocalBackend, handle: JobHandle, enough: Callable[[Observation], bool]) -> None:
    """Returns with the first observation that is enough."""
    async with backend.watch(handle) as stream:
        async for each in stream:
            if enough(each):
                return
    raise AssertionError("the watch ended before")


def ends(seen: list[Observation]) -> dict[Replica, Exit]:
    """How each replica ended."""
    return {each.replica: each.exit for each in seen if isinstance(each, ReplicaSeen) and each.exit is not None}


def alive(uid: str, seconds: float = 2.0) -> tuple[int, ...]:
    """Processes of a job that still live when so many seconds have passed, or none as soon as there is none."""
    end = time.monotonic() + seconds
    while (left := of_job(uid)) and time.monotonic() < end:
        time.sleep(0.005)
    return left


def finished(main: Coroutine[Any, Any, Any], seconds: float = 60.0) -> Any:
    """Run it, bounded."""
    return asyncio.run(asyncio.wait_for(main, seconds))


PYTHON = sys.executable
