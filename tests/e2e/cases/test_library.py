"""Ciao on a cluster without a notebook: the library, and the examples as a user runs them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import nbformat
import pytest
from jupyter_client.kernelspec import KernelSpecManager
from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient

from ...kernels import environment
from ..notebook import MEET, settings
from ..tenant import Tenant

EXAMPLES = Path(__file__).resolve().parents[3] / "examples"

SCRIPT = f"""
import time

import ciao

MEET = {MEET!r}

code = MEET + "print('rank', os.environ['RANK']); met = meet()"
result = ciao.run(code, framework="pytorch", worker=1, target="kubeflow")
print("log:", list(result.logs("worker-0")))

try:
    ciao.run("raise KeyError('lost')", framework="pytorch", target="kubeflow", output=False)
except ciao.JobFailedError as error:
    print("error:", error)

job = ciao.launch("import time; time.sleep(300)", framework="pytorch", target="kubeflow", name="sleeper")
while "sleeper" not in [each.handle.name for each in ciao.jobs()]:
    time.sleep(0.1)
job.stop()
try:
    job.wait()
except ciao.JobStoppedError as error:
    print("stopped:", error)
"""


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """The script's home and working directory."""
    path = tmp_path / "home"
    path.mkdir()
    return path


def ran(tenant: Tenant, home: Path, *command: str) -> str:
    """What a program printed that was run as a user would."""
    env = environment(**settings(tenant, home) | {"CIAO_IMAGE_PYTORCH": tenant.cluster.torch or tenant.cluster.python})
    done = subprocess.run(
        [sys.executable, *command], cwd=home, env=env, check=False, capture_output=True, text=True, timeout=110
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Traceback" not in done.stderr, done.stderr
    return done.stdout


def test_a_script_runs_fails_and_stops_jobs(tenant: Tenant, home: Path) -> None:
    """The same results and the same errors as in a notebook."""
    said = ran(tenant, home, "-c", SCRIPT)
    assert "log: ['[worker-0] rank 1']\n" in said
    assert "error: master-0 failed" in said and "KeyError" in said
    assert "stopped: sleeper was stopped" in said


def test_the_command_line(tenant: Tenant, home: Path) -> None:
    """``ciao run`` sends a file; its exit code is the job's."""
    (home / "train.py").write_text(f"{MEET}\nprint('rank', os.environ['RANK'])\nmet = meet()\n")
    said = ran(tenant, home, "-m", "ciao.cli", "run", "train.py", "-f", "pytorch", "-w", "1")
    assert "rank 0" in said and "rank 1" in said


def test_the_example_of_the_library(tenant: Tenant, home: Path) -> None:
    """examples/05-library-cluster.py runs as it is."""
    if not tenant.cluster.torch:
        pytest.skip(tenant.cluster.no_torch)
    said = ran(tenant, home, str(EXAMPLES / "05-library-cluster.py"), "1")
    assert "together we say 3.1" in said and "was stopped" in said and "ZeroDivisionError" in said


@pytest.mark.filterwarnings("ignore::Warning")  # nbclient's own
def test_the_example_notebook(tenant: Tenant, specs: Path, home: Path) -> None:
    """examples/06-kubeflow.ipynb runs from its first cell to its last."""
    if not tenant.cluster.torch:
        pytest.skip(tenant.cluster.no_torch)
    book: Any = nbformat.read(EXAMPLES / "06-kubeflow.ipynb", as_version=4)
    folder = str(specs / "share/jupyter/kernels")
    manager = AsyncKernelManager(kernel_name="ciao", kernel_spec_manager=KernelSpecManager(kernel_dirs=[folder]))
    env = environment(**settings(tenant, home) | {"CIAO_IMAGE_PYTORCH": tenant.cluster.torch})
    NotebookClient(book, km=manager, timeout=100).execute(cwd=str(home), env=env)
    said = "".join(each.get("text", "") for cell in book.cells for each in cell.get("outputs", ()))
    assert "together we say 3.1" in said and "✓ counting succeeded" in said
