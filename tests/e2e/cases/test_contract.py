"""The Kubeflow backend keeps every promise of the port, with real pods."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from ciao.adapters.jobstore.store import DiskJobStore
from ciao.adapters.kube.access import Access
from ciao.adapters.kube.connections import Connections
from ciao.adapters.kubeflow.backend import KubeflowBackend, Place
from ciao.adapters.kubeflow.objects.options import Options
from ciao.adapters.memory.acts import Scripts
from ciao.adapters.s2i.in_place import runner
from ciao.adapters.system import RandomNames, SystemClock
from ciao.core.frameworks.pytorch import PYTORCH
from ciao.core.model import JobHandle, Mounted, SourceFile, digest_of
from ciao.testing.acts import acts_as_python
from ciao.testing.backend import BackendContract
from ciao.testing.bench import BackendBench

from ..notebook import MEET
from ..tenant import Tenant


class TestKubeflowBackend(BackendContract):
    @pytest.fixture(autouse=True)
    def _place(self, tenant: Tenant, tmp_path: Path) -> None:
        self.tenant, self.root = tenant, tmp_path

    @asynccontextmanager
    async def bench(self) -> AsyncIterator[BackendBench]:
        store = DiskJobStore(self.root, size=1 << 30, age=1e6, log_size=1 << 30, clock=SystemClock())
        backend = KubeflowBackend(
            connections=Connections(Access(kubeconfig=str(self.tenant.kubeconfig), context=None, environ={})),
            place=Place(namespace=self.tenant.namespace),
            options=Options(),
            images={"pytorch": self.tenant.cluster.python},
            frameworks={"pytorch": PYTORCH},
            store=store,
            clock=SystemClock(),
            uid=RandomNames().uid,
        )
        try:
            yield BackendBench(backend, store, _as_on_a_cluster, leftovers=self._leftovers)
        finally:
            await backend.close()

    async def _leftovers(self, handle: JobHandle) -> tuple[str, ...]:
        """Pods whose containers still run."""
        for _ in range(40):
            pods = await asyncio.to_thread(self.tenant.items, "pods")
            if not (found := tuple(each["metadata"]["name"] for each in pods if _runs(each))):
                return ()
            await asyncio.sleep(0.25)
        return found


def _as_on_a_cluster(scripts: Scripts) -> Mounted:
    """Each replica plays its part when all have started: the operator starts no worker whose master is over.

    As process 1 of a container a plain script would be deaf to SIGTERM: the runner is its init.
    """
    start = "met = meet()\nif os.environ['RANK'] != '0':\n    met.close()\n"
    code = MEET + start + acts_as_python(scripts)
    files = (SourceFile("cell.py", code.encode()), SourceFile("ciao_replica.py", runner()))
    return Mounted(files, digest_of(files))


def _runs(pod: dict[str, Any]) -> bool:
    return any("running" in each.get("state", {}) for each in pod["status"].get("containerStatuses", ()))
