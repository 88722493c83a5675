"""The in-memory adapters keep every promise that the real ones keep."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection, Mapping
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
from ciao.adapters.s2i.in_place import InPlace
from ciao.adapters.s2i.mounted import Mounting
from ciao.core.model import Image, JobHandle
from ciao.core.ports import Inbox, JobStore, S2IClient, Workspace
from ciao.testing.backend import BackendContract
from ciao.testing.bench import BackendBench
from ciao.testing.inbox import InboxContract
from ciao.testing.jobstore import JobStoreContract
from ciao.testing.notebook import NotebookContract
from ciao.testing.s2i import S2IClientContract
from ciao.testing.workspace import WorkspaceContract


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
    def tree(self, files: Mapping[str, bytes], executable: Collection[str] = ()) -> tuple[S2IClient, str]:
        return MemoryS2I(MemoryWorkspace(files, executable), limit=self.limit), "/home/user"


class TestMemoryRegistry(S2IClientContract):
    requirements = ("numpy", "scipy")

    def setup_method(self) -> None:
        self.pushed: dict[str, Mapping[str, bytes]] = {}

    def tree(self, files: Mapping[str, bytes], executable: Collection[str] = ()) -> tuple[S2IClient, str]:
        workspace = MemoryWorkspace(files, executable)
        return MemoryS2I(workspace, "registry.example", pushed=self.pushed, limit=self.limit), "/home/user"

    def files_in(self, image: Image) -> Mapping[str, bytes]:
        return self.pushed[image.digest]

    def tags(self) -> Collection[str]:
        return self.pushed

    def uploaded(self) -> int:
        return sum(len(each) for files in self.pushed.values() for each in files.values())


class TestMounting(S2IClientContract):
    """The builder for clusters that needs no registry."""

    def tree(self, files: Mapping[str, bytes], executable: Collection[str] = ()) -> tuple[S2IClient, str]:
        return Mounting(MemoryWorkspace(files, executable), self.limit), "/home/user"


class TestInPlace(S2IClientContract):
    """The builder of this machine: files are where they are."""

    files_travel = False

    def tree(self, files: Mapping[str, bytes], executable: Collection[str] = ()) -> tuple[S2IClient, str]:
        return InPlace(MemoryWorkspace(files, executable), environ={}), "/home/user"


class TestMemoryNotebook(NotebookContract):
    def after(self, *cells: str) -> MemoryNotebook:
        return MemoryNotebook(*cells)
