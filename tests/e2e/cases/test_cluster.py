"""The cluster that the other cases stand on, without Ciao: it is there, it runs images, it has its operator."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from typing import Any

import pytest

from .. import operator
from ..cluster import Cluster
from ..commands import Kubectl, Missing
from ..notebook import eventually
from ..registry import push
from ..tenant import Tenant


def pod(image: str, *command: str) -> dict[str, Any]:
    main = {"name": "main", "image": image, "command": list(command)}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "probe"},
        "spec": {"restartPolicy": "Never", "containers": [main]},
    }


def said(tenant: Tenant, image: str, *command: str) -> str:
    """What a command prints in a pod that succeeds."""
    tenant.apply(pod(image, *command))
    phase = eventually(lambda: _ended(tenant), 60, "end of the pod")
    log = tenant.kubectl("logs", "probe", "-n", tenant.namespace)
    assert phase == "Succeeded", log
    return log


def _ended(tenant: Tenant) -> str:
    phase: str = tenant.get("pod", "probe")["status"]["phase"]
    return phase if phase in ("Succeeded", "Failed") else ""


@pytest.fixture
def tenant(tenants: Callable[..., Tenant]) -> Tenant:
    """Ciao takes no part here."""
    return tenants(rights=None)


def test_the_replica_image_runs(tenant: Tenant) -> None:
    """A pod with the image of replicas gets its Python."""
    assert said(tenant, tenant.cluster.python, "python", "-c", "print(6 * 7)") == "42\n"


def test_the_image_with_torch_runs(tenant: Tenant) -> None:
    """PyTorch imports there, with gloo, and says nothing while it does."""
    if not tenant.cluster.torch:
        pytest.skip(tenant.cluster.no_torch)
    code = "import torch.distributed as d; print(d.is_gloo_available())"
    assert said(tenant, tenant.cluster.torch, "python", "-c", code) == "True\n"


def test_the_registry_serves_the_cluster(tenant: Tenant) -> None:
    """What this machine pushes is what a pod pulls, under the same name."""
    cluster = tenant.cluster
    if not cluster.registry:
        pytest.skip("the cluster has no registry that this machine could push to")
    subprocess.run(["docker", "image", "inspect", cluster.python], check=True, capture_output=True)
    image = push(cluster.python, cluster.registry, "probe:1")
    assert said(tenant, image, "python", "-c", "print('pulled')") == "pulled\n"


def test_the_operator_admits_jobs(kubectl: Kubectl) -> None:
    """Its webhook answers a dry run."""
    assert operator.trouble(kubectl) == ""


def test_an_account_may_what_a_notebook_needs_and_no_more(tenants: Callable[..., Tenant], cluster: Cluster) -> None:
    """Jobs in its own namespace; neither pods of others nor nodes nor secrets."""
    mine, other = tenants(), tenants()
    account = Kubectl(str(mine.kubeconfig), "e2e")
    assert account.items("pytorchjobs", mine.namespace) == []
    for asked in (("pods", "-n", other.namespace), ("nodes",), ("secrets",)):
        with pytest.raises(Missing, match="orbidden"):
            account("get", *asked)
    nobody = tenants(rights=None)
    with pytest.raises(Missing, match="orbidden"):
        Kubectl(str(nobody.kubeconfig), "e2e")("get", "pods")
