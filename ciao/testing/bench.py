"""A bench for backends: a fresh one with its job store, what tests do with it, and how they run.

A backend's own tests may use it beside ``BackendContract``.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import AbstractAsyncContextManager
from typing import Any

from attrs import evolve, frozen

from ciao.adapters.memory.acts import Print, Script, Scripts
from ciao.core.events import Exit, LogChunk, Observation, Phase, ReplicaSeen
from ciao.core.model import Artifact, JobHandle, JobSpec, Replica, Role
from ciao.core.ports import Backend, Cursor, JobRecord, JobStore

PROTOTYPE = JobSpec(name="ciao-contract", framework="pytorch", target="", roles=())
MASTER, WORKER_0, WORKER_1 = Replica("master", 0), Replica("worker", 0), Replica("worker", 1)


async def _nothing_left(_handle: JobHandle) -> tuple[str, ...]:
    return ()


async def _time_passes_by_itself(_seconds: float) -> None:
    return None


@frozen
class BackendBench:
    """A fresh backend with its job store.

    ``artifact`` makes scripts runnable there. ``leftovers`` names what of a job is still alive once its
    watch has ended (it may look for a bounded while before it says so). ``elapse`` makes seconds pass
    where time is manual.
    """

    backend: Backend
    store: JobStore
    artifact: Callable[[Scripts], Artifact]
    leftovers: Callable[[JobHandle], Awaitable[tuple[str, ...]]] = _nothing_left
    elapse: Callable[[float], Awaitable[None]] = _time_passes_by_itself
    prototype: JobSpec = PROTOTYPE

    def spec(self, scripts: Scripts, name: str = "ciao-contract") -> JobSpec:
        """A job with just the replicas that the scripts name."""
        names = dict.fromkeys(replica.role for replica in scripts)
        roles = tuple(Role(name, sum(replica.role == name for replica in scripts)) for name in names)
        return evolve(self.prototype, name=name, target=self.backend.target, roles=roles)

    async def submit(self, scripts: Scripts, name: str = "ciao-contract") -> JobHandle:
        """As the launcher does: the record first, then the job, then the record with its handle."""
        spec = self.spec(scripts, name)
        record = JobRecord(
            handle=JobHandle(spec.target, "", "", "", spec.name, ""),
            framework=spec.framework,
            roles=tuple((role.name, role.replicas) for role in spec.roles),
            created=1.0,
            source="",
            label="contract",
            digest="",
        )
        self.store.create(record)
        handle = await self.backend.submit(spec, self.artifact(scripts))
        self.store.update(evolve(record, handle=handle))
        return handle

    async def watched(self, handle: JobHandle, cursor: Cursor | None = None) -> list[Observation]:
        """All observations, to the end of the watch."""
        async with self.backend.watch(handle, cursor) as stream:
            return [each async for each in stream]

    async def until_running(self, handle: JobHandle, *replicas: Replica) -> None:
        """Returns when each of them runs and has printed something."""
        running: set[Replica] = set()
        printed: set[Replica] = set()
        async with self.backend.watch(handle) as stream:
            async for each in stream:
                match each:
                    case ReplicaSeen(replica, Phase.RUNNING):
                        running.add(replica)
                    case LogChunk(replica):
                        printed.add(replica)
                    case _:
                        pass
                if running.issuperset(replicas) and printed.issuperset(replicas):
                    return
        raise AssertionError(f"the watch ended before {replicas} ran and printed")

    def log(self, handle: JobHandle, replica: Replica) -> bytes:
        """The whole log of one replica."""
        reader = self.store.reader(handle, replica)
        try:
            return reader.read(0, max(1, reader.size))
        finally:
            reader.close()


def ends(observations: list[Observation]) -> dict[Replica, Exit]:
    """How each replica ended; the exit is there exactly when the phase has ended."""
    found: dict[Replica, Exit] = {}
    for each in observations:
        if isinstance(each, ReplicaSeen):
            assert (each.exit is not None) == each.phase.ended
            if each.exit is not None:
                found[each.replica] = each.exit
    return found


def chunks(observations: list[Observation], replica: Replica) -> list[LogChunk]:
    """The log chunks of one replica, in order."""
    return [each for each in observations if isinstance(each, LogChunk) and each.replica == replica]


def jobs_of(*workers: Script, master: Script = ()) -> Scripts:
    """One master and some workers."""
    return {MASTER: master, **{Replica("worker", index): script for index, script in enumerate(workers)}}


READY = Print("ready")
Check = Callable[[BackendBench], Coroutine[Any, Any, None]]


class BackendSuite:
    """How each test runs: on a loop of its own, with a fresh bench, within ``patience`` seconds."""

    patience = 60.0

    def bench(self) -> AbstractAsyncContextManager[BackendBench]:
        """A fresh backend, closed (with all that runs) when the context is left."""
        raise NotImplementedError

    def on_bench(self, check: Check) -> None:
        async def main() -> None:
            async with asyncio.timeout(self.patience), self.bench() as bench:
                await check(bench)

        asyncio.run(main())
