"""Cases that break the cluster: only on one that this run made, and each either beside others or alone."""

from __future__ import annotations

import fcntl
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from .. import operator
from ..cluster import Cluster
from ..commands import Kubectl, call


@pytest.fixture(autouse=True)
def _turn(request: pytest.FixtureRequest, cluster: Cluster) -> Iterator[None]:
    """Cases run beside each other, except those marked ``alone``; each finds a cluster that works."""
    if not cluster.own:
        pytest.skip("this breaks a cluster, and CIAO_E2E_CONTEXT names one that is not this run's")
    alone = request.node.get_closest_marker("alone") is not None
    with (Path(cluster.kubeconfig).parent / "turn").open("w") as turn:
        fcntl.flock(turn, fcntl.LOCK_EX if alone else fcntl.LOCK_SH)
        yield


@pytest.fixture
def mended(_turn: None, kubectl: Kubectl) -> Iterator[None]:
    """For a case that breaks the control plane: when it ends, jobs are admitted again."""
    yield
    operator.wait(kubectl)


@pytest.fixture
def on_node(cluster: Cluster) -> Callable[..., str]:
    """Run a command on the cluster's node, as root."""
    return lambda *command: call("docker", "exec", cluster.node, *command)
