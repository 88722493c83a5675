"""The in-memory adapters keep every promise that the real ones keep."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from ciao.adapters.inbox import AsyncInbox
from ciao.adapters.memory import (
    ManualClock,
    MemoryBackend,
    MemoryInbox,
    MemoryJobStore,
    MemoryNotebook,
    MemoryS2I,
    MemoryWorkspace,
)
from ciao.core.model import JobHandle
from ciao.core.ports import Inbox, JobStore, S2IClient, Workspace
from ciao.testing.backend import BackendContract
from ciao.testing.bench import BackendBench
from ciao.testing.inbox import InboxContract
from ciao.testing.jobstore import JobStoreContract
from ciao.testing.notebook import NotebookContract
from ciao.testing.workspace import S2IClientContract, WorkspaceContract


class TestMemoryBackend(BackendContract):
    patience = 5.0

    @asynccontextmanager
    async def bench(self) -> AsyncIterator[BackendBench]:
        store, clock = MemoryJobStore(), ManualClock()
        backend = MemoryBackend(store, clock)

        async def leftovers(handle: JobHandle) -> tuple[str, ...]:
            return backend.alive(handle)

        async def elapse(seconds: float) -> None:
            clock.advance(seconds)

        yield BackendBench(backend, store, backend.program, leftovers, elapse)
        await backend.close()


class TestMemoryJobStore(JobStoreContract):
    def store(self) -> MemoryJobStore:
        return MemoryJobStore()

    def again(self, store: JobStore) -> MemoryJobStore:
        assert isinstance(store, MemoryJobStore)
        return MemoryJobStore(store)


class TestMemoryInbox(InboxContract):
    def open(self) -> MemoryInbox:
        self.clock = ManualClock()
        return MemoryInbox(self.clock)

    async def elapse(self, inbox: Inbox, seconds: float) -> None:
        self.clock.advance(seconds)


class TestAsyncInbox(InboxContract):
    def open(self) -> AsyncInbox:
        return AsyncInbox(asyncio.get_running_loop(), ManualClock().now)


class TestMemoryWorkspace(WorkspaceContract):
    def tree(self, files: Mapping[str, bytes]) -> tuple[Workspace, str]:
        return MemoryWorkspace(files), "/home/user"


class TestMemoryS2I(S2IClientContract):
    def tree(self, files: Mapping[str, bytes]) -> tuple[S2IClient, str]:
        return MemoryS2I(MemoryWorkspace(files)), "/home/user"


class TestMemoryRegistry(S2IClientContract):
    def tree(self, files: Mapping[str, bytes]) -> tuple[S2IClient, str]:
        return MemoryS2I(MemoryWorkspace(files), registry="registry.example"), "/home/user"


class TestMemoryNotebook(NotebookContract):
    def after(self, *cells: str) -> MemoryNotebook:
        return MemoryNotebook(*cells)
