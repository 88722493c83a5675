"""A notebook on the cluster: a real Ciao kernel whose jobs go there, under a tenant's account."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ..kernels import Kernel
from .tenant import Tenant

MEET = """
import os, socket, time

def meet():
    place, others = (os.environ["MASTER_ADDR"], int(os.environ["MASTER_PORT"])), int(os.environ["WORLD_SIZE"]) - 1
    if os.environ["RANK"] == "0":
        with socket.create_server(("", place[1]), backlog=64) as server:
            return [connection.recv(1) for connection in [server.accept()[0] for _ in range(others)]]
    while True:
        try:
            return socket.create_connection(place, timeout=5)
        except OSError:
            time.sleep(0.1)
"""
"""For cells whose replicas call ``met = meet()`` last: the master ends after all others, as a framework's does.

One that ends at once takes its name out of the cluster's DNS, and workers that are still to be started wait for it.
"""


def settings(tenant: Tenant, home: Path) -> dict[str, str]:
    """Of whatever runs Ciao for a tenant: a kernel, a server, a script. Nothing of the user's own takes part."""
    return {
        "HOME": str(home),
        "IPYTHONDIR": str(home / "ipython"),
        "JUPYTER_RUNTIME_DIR": str(home / "runtime"),
        "KUBECONFIG": str(tenant.kubeconfig),
        "CIAO_STORE_PATH": str(home / "jobs"),
        "CIAO_TARGET": "kubeflow",
        "CIAO_KUBEFLOW_NAMESPACE": tenant.namespace,
        "CIAO_IMAGE_PYTORCH": tenant.cluster.python,
        "CIAO_IMAGE_TENSORFLOW": tenant.cluster.python,
    }


class Notebook(Kernel):
    """A kernel with a client; ``tenant`` is who it is."""

    def __init__(self, specs: Path, home: Path, tenant: Tenant, **env: str) -> None:
        self.tenant = tenant
        super().__init__("ciao", specs, home, **{**settings(tenant, home), **env})

    def log(self, job: str, replica: str) -> list[str]:
        """The lines of a replica that the store of this machine has, as the replica wrote them."""
        return log_of(self.home, job, replica)

    def restart(self, *, now: bool) -> None:
        """As a front-end that manages its kernels itself does it."""
        self.manager.restart_kernel(now=now)
        self.client.stop_channels()
        self.connect()


def log_of(home: Path, job: str, replica: str) -> list[str]:
    """The lines of a replica in a store."""
    file = home / "jobs" / "kubeflow" / job / "logs" / f"{replica}.log"
    return file.read_text(encoding="utf-8").splitlines() if file.exists() else []


def eventually(condition: Callable[[], Any], seconds: float = 30, what: str = "the condition") -> Any:
    """What a condition gives when it holds; of the cluster, asked four times a second."""
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        if time.monotonic() > deadline:
            raise TimeoutError(f"no {what} within {seconds:.0f} s")
        time.sleep(0.25)
    return found
