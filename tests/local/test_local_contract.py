"""The local backend keeps every promise of the port, with real processes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from ciao.adapters.jobstore.store import DiskJobStore
from ciao.adapters.local.supervisor.processes import of_job
from ciao.adapters.system import SystemClock
from ciao.core.model import JobHandle
from ciao.testing.acts import acts_as_files
from ciao.testing.backend import BackendContract
from ciao.testing.bench import BackendBench

from .localbench import Local


class TestLocalBackend(BackendContract):
    @pytest.fixture(autouse=True)
    def _root(self, tmp_path: Path) -> None:
        self.root = tmp_path

    @asynccontextmanager
    async def bench(self) -> AsyncIterator[BackendBench]:
        store = DiskJobStore(self.root, size=1 << 30, age=1e6, log_size=1 << 30, clock=SystemClock())
        backend = Local(self.root).backend()
        try:
            yield BackendBench(backend, store, acts_as_files, leftovers=_leftovers)
        finally:
            await backend.close()


async def _leftovers(handle: JobHandle) -> tuple[str, ...]:
    for _ in range(100):
        if not (found := of_job(handle.uid)):
            return ()
        await asyncio.sleep(0.01)
    return tuple(map(str, found))
