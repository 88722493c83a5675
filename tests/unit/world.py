"""A whole Ciao in memory, for tests of the use cases."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from ciao.adapters.memory import (
    ManualClock,
    MemoryBackend,
    MemoryInbox,
    MemoryJobStore,
    MemoryS2I,
    Scripts,
    SequentialNames,
)
from ciao.core import launcher
from ciao.core.errors import UserError
from ciao.core.events import Ended, Event, ReplicaChanged, Submitted
from ciao.core.launcher import Ports
from ciao.core.model import Artifact, JobHandle, JobSpec, Source
from ciao.core.ports import Report
from ciao.core.requests import Launch
from ciao.core.session import Session
from ciao.core.settings import resolve

from .jobs import FRAMEWORKS, job, launch

T = TypeVar("T")


class Played:
    """A builder whose artifacts the memory backend plays; ``fault`` is raised by its next call."""

    def __init__(self, backend: MemoryBackend) -> None:
        self._backend, self._plain = backend, MemoryS2I()
        self.scripts: Scripts = {}
        self.fault: Exception | None = None
        self.wait = False

    async def source_to_image(self, source: Source, spec: JobSpec, report: Report) -> Artifact:
        if self.fault:
            raise self.fault
        if self.wait:
            await asyncio.Event().wait()
        return (
            self._backend.program(self.scripts)
            if self.scripts
            else await self._plain.source_to_image(source, spec, report)
        )

    async def preview(self, source: Source, spec: JobSpec) -> Artifact:
        return await self.source_to_image(source, spec, lambda _: None)

    async def close(self) -> None:
        """Nothing is held."""


class World:
    """Made on a running loop."""

    def __init__(self, **backend: Any) -> None:
        self.clock, self.store = ManualClock(), MemoryJobStore()
        self.backend = MemoryBackend(self.store, self.clock, **backend)
        self.builder = Played(self.backend)
        self.inbox = MemoryInbox(self.clock)
        self.events: list[Event] = []
        self.ports = Ports(
            backend=self.backend, builder=self.builder, store=self.store, clock=self.clock, owner="kernel 7"
        )
        self.session = Session(
            frameworks=FRAMEWORKS,
            backends=self._target,
            builder=lambda _: self.builder,
            store=self.store,
            clock=self.clock,
            names=SequentialNames(),
            settings=resolve(home="/home/me").assign("target", self.backend.target),
            owner="kernel 7",
        )

    def _target(self, name: str) -> MemoryBackend:
        if name != self.backend.target:
            raise UserError(f"there is no target {name}")
        return self.backend

    def said(self, kind: type[Any]) -> list[Any]:
        """The events of one kind."""
        return [each for each in self.events if isinstance(each, kind)]

    def begin(self, spec: JobSpec | None = None, request: Launch | None = None) -> asyncio.Task[Ended]:
        """Launch a job as a task; its events are collected."""
        request = request or launch(spec or job())
        framework = FRAMEWORKS[request.spec.framework]
        return asyncio.ensure_future(launcher.launch(request, framework, self.ports, self.inbox, self.events.append))

    async def until(self, true: Callable[[], object]) -> None:
        """Let others run until something is so; it is an error when it never becomes so."""
        for _ in range(1_000):
            if true():
                return
            await asyncio.sleep(0)
        raise AssertionError("this never became so")

    async def begun(self, spec: JobSpec | None = None) -> tuple[asyncio.Task[Ended], JobHandle]:
        """A job of puppets, all of which run."""
        spec = spec or job()
        task = self.begin(spec)
        await self.until(lambda: len(self.said(ReplicaChanged)) == len(spec.replicas))
        return task, self.said(Submitted)[0].handle


def in_world(story: Callable[[World], Awaitable[T]], **backend: Any) -> T:
    """Run a story in a fresh world, within seconds."""

    async def main() -> T:
        async with asyncio.timeout(10.0):
            world = World(**backend)
            try:
                return await story(world)
            finally:
                await world.backend.close()

    return asyncio.run(main())
