"""The store on disk keeps the port's promises."""

from __future__ import annotations

from pathlib import Path

import pytest

from ciao.adapters.jobstore.store import DiskJobStore
from ciao.adapters.system import SystemClock
from ciao.core.ports import JobStore
from ciao.testing.jobstore import JobStoreContract


class TestDiskJobStore(JobStoreContract):
    """Ran on a real disk."""

    @pytest.fixture(autouse=True)
    def _root(self, tmp_path: Path) -> None:
        self.root = tmp_path / "jobs"

    def store(self) -> JobStore:
        # The suite's jobs are of the year 1970, and no age is too old for it.
        return DiskJobStore(self.root, size=2**30, age=float("inf"), log_size=2**30, clock=SystemClock())

    def again(self, store: JobStore) -> JobStore:
        return self.store()
