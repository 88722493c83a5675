"""Parts of a job or of the control plane that go away."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from .. import operator
from ..cluster import Cluster
from ..commands import Kubectl, call
from ..notebook import Notebook, eventually
from ..numbered import printing, received
from ..registry import push

LINES = 200_000
STAYS = "import time\nprint('here', flush=True)\ntime.sleep(8)\n"
"""The master alone decides (contracts A.3), so it must not end before a worker has begun."""
HEAD = "%framework=pytorch;%name=printer\n"


def test_a_pod_is_deleted_by_hand(notebook: Notebook) -> None:
    """The operator takes that for a failure (contracts A.3), and Ciao says what it was; each line came once."""
    request = notebook.send(HEAD + printing(LINES, 5_000))
    notebook.until_shown(request, "line 1000 ", 60)
    notebook.tenant.delete("pod", "printer-master-0")
    cell = notebook.wait(request, timeout=90)
    assert cell.reply["ename"] == "JobFailedError", cell.text[-2000:]
    assert "deleted" in cell.error, cell.error
    text = (notebook.home / "jobs/kubeflow/printer/logs/master-0.log").read_text()
    numbers = [int(line.split()[1]) for line in text.splitlines() if line.startswith("line ")]
    assert numbers == list(range(len(numbers))) and len(numbers) > 1000


@pytest.mark.alone
@pytest.mark.timeout(240)
def test_the_operator_is_down_when_a_job_is_made(notebook: Notebook, kubectl: Kubectl, mended: None) -> None:
    """One clear error, and nothing is left of the job."""
    _scale(kubectl, 0)
    try:
        cell = notebook.run("%framework=pytorch;%name=printer\n%worker=1\npass\n", timeout=60)
        assert cell.status == "error", cell.text
        assert "operator" in cell.error and "Traceback" not in cell.error, cell.error
        assert notebook.tenant.items("pytorchjobs") == []
        maps = [each["metadata"]["name"] for each in notebook.tenant.items("configmaps")]
        assert maps == ["kube-root-ca.crt"]
    finally:
        _scale(kubectl, 1)


@pytest.mark.alone
@pytest.mark.timeout(240)
def test_the_operator_is_killed_after_a_job_was_made(notebook: Notebook, kubectl: Kubectl, mended: None) -> None:
    """The job goes on, every line comes, and the outcome is the operator's when it is back."""
    request = notebook.send(HEAD + printing(LINES, 10_000))
    notebook.until_shown(request, "line 1000 ", 60)
    kubectl("delete", "pods", "-n", operator.NAMESPACE, "--all", "--grace-period=0", "--force")
    cell = notebook.wait(request, timeout=150)
    assert cell.status == "ok", cell.error
    found = received(notebook.home, "printer", "master-0", LINES)
    assert (found.lines, found.missing, found.twice) == (LINES, 0, ()), found


@pytest.mark.alone
@pytest.mark.timeout(240)
def test_workers_that_gave_up_waiting_for_a_slow_image_are_excused(
    notebook: Notebook, cluster: Cluster, kubectl: Kubectl, mended: None
) -> None:
    """The master's image is still being pulled when the operator's init container ends: the job is made once more."""
    image = push(cluster.python, cluster.registry, "slow:1")
    with _patience(kubectl, 2):
        call("docker", "pause", f"{cluster.run}-registry")
        try:
            request = notebook.send(f"%framework=pytorch;%name=slow;%image={image}\n%worker=1\n{STAYS}")
            notebook.until_shown(request, "attempt 2", 90)
        finally:
            call("docker", "unpause", f"{cluster.run}-registry")
        cell = notebook.wait(request, timeout=90)
    assert cell.status == "ok", cell.error
    assert {"[master-0] here", "[worker-0] here"} <= set(cell.text.splitlines()), cell.text


@contextmanager
def _patience(kubectl: Kubectl, tries: int) -> Iterator[None]:
    """Workers look for their master so often, every two seconds, and then give up."""
    where = ("deployment", operator.DEPLOYMENT, "-n", operator.NAMESPACE)
    container = kubectl.json("get", *where)["spec"]["template"]["spec"]["containers"][0]
    told = [*container.get("args", ()), f"--pytorch-init-container-max-tries={tries}"]
    _patch(kubectl, "add", told)
    try:
        yield
    finally:
        _patch(kubectl, *(("replace", container["args"]) if "args" in container else ("remove", None)))


def _patch(kubectl: Kubectl, how: str, args: list[str] | None) -> None:
    change = {"op": how, "path": "/spec/template/spec/containers/0/args", "value": args}
    where = (f"deployment/{operator.DEPLOYMENT}", "-n", operator.NAMESPACE)
    kubectl("patch", *where, "--type=json", "-p", json.dumps([change]))
    operator.wait(kubectl)


def _scale(kubectl: Kubectl, replicas: int) -> None:
    kubectl("scale", f"deployment/{operator.DEPLOYMENT}", "-n", operator.NAMESPACE, f"--replicas={replicas}")
    if not replicas:
        eventually(lambda: not _serving(kubectl), 60, "end of the operator")


def _serving(kubectl: Kubectl) -> list[dict[str, Any]]:
    """Its pods, and the endpoints of its webhook."""
    slices = kubectl.items(
        "endpointslices", operator.NAMESPACE, "-l", f"kubernetes.io/service-name={operator.DEPLOYMENT}"
    )
    ready = [each for part in slices for each in part.get("endpoints") or ()]
    return kubectl.items("pods", operator.NAMESPACE) + ready
