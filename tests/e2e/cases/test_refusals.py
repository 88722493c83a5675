"""What cannot run is refused before anything exists, in one sentence with its remedy."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from ..notebook import Notebook
from ..proxies import Between
from ..tenant import NODES, RIGHTS, Tenant, granted

JOB = "%framework=pytorch;%name=refused\n%worker=1\nprint('never')\n"


def nothing_made(tenant: Tenant) -> bool:
    """Whether the namespace has neither job nor pod nor a ConfigMap of Ciao's."""
    maps = [each["metadata"]["name"] for each in tenant.items("configmaps")]
    return maps in ([], ["kube-root-ca.crt"]) and not tenant.items("pytorchjobs") and not tenant.items("pods")


def refused(notebook: Notebook, code: str = JOB) -> str:
    """The error of a cell of which nothing came to be."""
    cell = notebook.run(code, timeout=40)
    assert cell.status == "error", cell.text
    assert cell.reply["ename"] == "PreflightError", cell.error
    assert "Traceback" not in cell.error
    assert nothing_made(notebook.tenant)
    return cell.error


def test_a_cluster_without_the_operator(between: Between, open_notebook: Callable[..., Notebook]) -> None:
    """It says how the operator is installed."""
    between.hide("/apis/kubeflow.org")
    error = refused(open_notebook())
    assert "kubectl apply" in error and "training-operator" in error


def test_an_account_without_rights(tenants: Callable[..., Tenant], open_notebook: Callable[..., Notebook]) -> None:
    """It says what may not be done, and which file grants it."""
    error = refused(open_notebook(tenants(rights=None)))
    assert "pytorchjobs" in error and "deploy/rbac.yaml" in error


@pytest.mark.parametrize(
    ("hard", "magic", "words"),
    [
        ({"requests.cpu": "100m", "limits.cpu": "100m"}, "%cpu=1", ("0.1", "2")),
        ({"count/pytorchjobs.kubeflow.org": "0"}, "%cpu=1", ("pytorchjobs", "0")),
    ],
    ids=["cpu", "jobs"],
)
def test_a_quota_that_has_too_little(
    notebook: Notebook, hard: dict[str, str], magic: str, words: tuple[str, ...]
) -> None:
    """It names the quota, what it has, and what the job would need."""
    quota = {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "tight"}, "spec": {"hard": hard}}
    notebook.tenant.apply(quota)
    error = refused(notebook, f"{magic}\n{JOB}")
    assert "tight" in error and all(word in error for word in words)


def test_a_replica_that_fits_no_node(
    tenant: Tenant, cluster_rights: Callable[[Tenant], Any], open_notebook: Callable[..., Notebook]
) -> None:
    """An account that may read nodes is told before anything exists."""
    cluster_rights(tenant)
    error = refused(open_notebook(), f"%cpu=64\n{JOB}")
    assert "64" in error and "cpu" in error


@pytest.fixture
def cluster_rights() -> Iterator[Callable[[Tenant], Any]]:
    """Grant what deploy/rbac-nodes.yaml has, for as long as the case lasts."""
    bound: list[tuple[Tenant, str]] = []

    def grant(tenant: Tenant) -> None:
        objects = list(granted(NODES, tenant.namespace, tenant.namespace))
        tenant.kubectl.apply(*objects)
        bound.extend((tenant, f"{each['kind'].lower()}/{each['metadata']['name']}") for each in objects)

    yield grant
    for tenant, name in bound:
        tenant.kubectl("delete", name)


def test_more_than_a_configmap_holds(notebook: Notebook) -> None:
    """Over 1 MiB of files do not travel with the cell: the error names the largest, and the ways out."""
    (notebook.home / "big.bin").write_bytes(bytes(1_200_000))
    cell = notebook.run(f"%file=big.bin\n{JOB}", timeout=40)
    assert cell.status == "error", cell.text
    assert all(word in cell.error for word in ("1 MiB", "big.bin", "%s2i=registry", "%volume")), cell.error
    assert nothing_made(notebook.tenant)


def test_a_namespace_that_is_not_the_accounts(
    tenants: Callable[..., Tenant], open_notebook: Callable[..., Notebook]
) -> None:
    """Rights in one namespace are none in another."""
    mine, other = tenants(RIGHTS), tenants(RIGHTS)
    notebook = open_notebook(mine)
    cell = notebook.run(f"%namespace={other.namespace}\n{JOB}", timeout=40)
    assert cell.reply["ename"] == "PreflightError" and other.namespace in cell.error, cell.error
    assert nothing_made(other)
