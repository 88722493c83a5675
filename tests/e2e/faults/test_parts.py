"""Parts of a job or of the control plane that go away."""

from __future__ import annotations

from typing import Any

import pytest

from .. import operator
from ..commands import Kubectl
from ..notebook import Notebook, eventually
from ..numbered import printing, received

LINES = 60_000
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
