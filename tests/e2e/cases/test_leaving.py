"""A job on a cluster outlives its kernel, however that goes; whoever attaches gets all that it said."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import nbformat
import pytest
from jupyter_client.kernelspec import KernelSpecManager
from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient

from ...kernels import Conversation, environment
from ..notebook import Notebook, eventually, settings
from ..server import Server
from ..tenant import Tenant

STEPS = 30
JOB = f"""%framework=pytorch;%name=steady
import time
for step in range({STEPS}):
    print("step", step, flush=True)
    time.sleep(0.3)
"""


def steps(text: str) -> list[str]:
    """The lines of the job's replica, in order."""
    return [line for line in text.splitlines() if line.startswith("[master-0] step ")]


def attached(kernel: Conversation) -> None:
    """Attaching shows the whole job, from its first line to its good end."""
    cell = kernel.run("%attach steady", timeout=60)
    assert cell.status == "ok", cell.error + cell.text
    assert steps(cell.text) == [f"[master-0] step {step}" for step in range(STEPS)]
    assert "✓ steady succeeded" in cell.text


def begun(kernel: Conversation) -> str:
    """The job, as far as its third step."""
    request = kernel.send(JOB)
    kernel.until_shown(request, "step 2", 60)
    return request


def test_restart_over_rest(open_server: Callable[[], Server]) -> None:
    """JupyterLab's Restart: an interrupt, then a shutdown request. The job goes on."""
    kernel = open_server().kernel()
    begun(kernel)
    kernel.restart()
    attached(kernel)


def test_restart_without_asking(notebook: Notebook) -> None:
    """``now=True``: an interrupt, then SIGKILL. The job goes on."""
    begun(notebook)
    notebook.restart(now=True)
    attached(notebook)


def test_a_kernel_that_was_killed(notebook: Notebook, open_notebook: Callable[..., Notebook]) -> None:
    """SIGKILL without a word before. The job goes on, and another kernel of this machine reads on."""
    begun(notebook)
    notebook.kill()
    attached(open_notebook(home=notebook.home))


def test_detached_and_attached(notebook: Notebook) -> None:
    """%detach answers at once and the kernel is free; %attach shows the job from its beginning."""
    cell = notebook.run(JOB.replace("%name=steady", "%name=steady;%detach"), timeout=30)
    assert cell.status == "ok", cell.error
    assert notebook.run("1 + 1").status == "ok"
    attached(notebook)


@pytest.mark.filterwarnings("ignore::Warning")  # nbclient's own
def test_the_end_of_nbclient(
    tenant: Tenant, specs: Path, tmp_path: Path, open_notebook: Callable[..., Notebook]
) -> None:
    """A notebook that is run to its end leaves its detached job behind; what it waited for it has in full."""
    home = tmp_path / "home"
    home.mkdir()
    waited = "%framework=pytorch\nfor n in range(200):\n    print('line', n)\n"
    cells = [nbformat.v4.new_code_cell(code) for code in (waited, JOB.replace("%name", "%detach;%name"))]
    book: Any = nbformat.v4.new_notebook(cells=cells)
    folder = str(specs / "share/jupyter/kernels")
    manager = AsyncKernelManager(kernel_name="ciao", kernel_spec_manager=KernelSpecManager(kernel_dirs=[folder]))
    NotebookClient(book, km=manager, timeout=60).execute(cwd=str(home), env=environment(**settings(tenant, home)))
    text = "".join(each.text for each in book.cells[0].outputs if each.output_type == "stream")
    assert text.count("line ") == 200 and text.splitlines()[-1].startswith("✓ pytorch-")
    attached(open_notebook(home=home))


def test_a_job_that_is_to_end_with_its_kernel(notebook: Notebook) -> None:
    """%on_exit=stop: a restart ends it."""
    request = notebook.send(JOB.replace("%name", "%on_exit=stop;%name").replace("range(30)", "range(900)"))
    notebook.until_shown(request, "step 2", 60)
    notebook.restart(now=False)

    def over() -> bool:
        pods = notebook.tenant.items("pods")
        return not [each for each in pods if each["status"]["phase"] in ("Pending", "Running")]

    assert eventually(over, 15, "end of the pods")
