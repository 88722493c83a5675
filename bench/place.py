"""Where a cluster is measured: a fresh namespace, an account with the rights of deploy/rbac.yaml, its kernels.

The cluster is made, or found, as the end-to-end suite does it (tests/e2e), by the same variables.
"""

from __future__ import annotations

import itertools
import os
import signal
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import attrs

from bench.apiwatch import ApiWatch, watching
from bench.kernels import CIAO, Answer, LiveKernel, kernel
from tests.e2e.cluster import Provided
from tests.e2e.commands import Missing
from tests.e2e.notebook import settings
from tests.e2e.tenant import Tenant, settle
from tests.e2e.wanted import wanted

_numbers = itertools.count(1)


@dataclass(frozen=True)
class Place:
    """``tenant`` is whose kernels they are; kubectl, the peer, has all rights."""

    tenant: Tenant

    @property
    def namespace(self) -> str:
        """Where all jobs go."""
        return self.tenant.namespace

    @property
    def kubectl_arguments(self) -> tuple[str, ...]:
        """What makes kubectl speak to this cluster and namespace."""
        cluster = self.tenant.cluster
        return ("--kubeconfig", cluster.kubeconfig, "--context", cluster.context, "--namespace", self.namespace)

    @contextmanager
    def kernel(self, directory: Path, **environ: str) -> Iterator[LiveKernel]:
        """Ciao's kernel; its home is ``directory``."""
        with kernel(CIAO, directory, {**settings(self.tenant, directory), **environ}) as live:
            yield live

    @contextmanager
    def watch(self, plural: str) -> Iterator[ApiWatch]:
        """A watch of our own of ``pods`` or of jobs (``pytorchjobs``)."""
        group = "api/v1" if plural == "pods" else "apis/kubeflow.org/v1"
        with watching(self.tenant.kubeconfig, f"/{group}/namespaces/{self.namespace}/{plural}") as watch:
            yield watch


@contextmanager
def provided() -> Iterator[Place]:
    """A cluster for the length of a ``with``; whatever was made is removed, also after SIGTERM."""
    signal.signal(signal.SIGTERM, _interrupted)
    wants = Provided(
        attrs.evolve(wanted(os.environ), torch=False), lambda line: print(line, file=sys.stderr, flush=True)
    )
    try:
        cluster = wants.begin()
    except Missing as error:
        raise SystemExit(str(error)) from None
    try:
        with tempfile.TemporaryDirectory(prefix="ciao-bench-") as folder:
            tenant = settle(cluster, Path(folder))
            try:
                yield Place(tenant)
            finally:
                cluster.kubectl("delete", "namespace", tenant.namespace, "--wait=false")
    finally:
        wants.end()


def fresh_name() -> str:
    """No two jobs of a run have the same."""
    return f"bench-{next(_numbers)}"


def magics(name: str, *, workers: int = 0) -> str:
    """The head of a PyTorchJob's cell."""
    roles = f"%master=1;%worker={workers}" if workers else "%master=1"
    return f"%framework=pytorch;%name={name}\n{roles}\n"


def succeeded(answer: Answer) -> Answer:
    """The same answer; raises when the cell has failed."""
    if answer.status != "ok":
        raise RuntimeError(answer.text[-2000:])
    return answer


def rendered(live: LiveKernel, file: Path, cell: str) -> None:
    """Write what ``%render`` shows for a cell: the manifest that the peer applies."""
    head, _, rest = cell.partition("\n")
    text = succeeded(live.execute(f"{head};%render\n{rest}")).text
    file.write_text(text, encoding="utf-8")


def _interrupted(*_: object) -> NoReturn:
    raise KeyboardInterrupt
