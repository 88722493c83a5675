"""Ciao outside its own front-end and its own kernel: nbclient, and the stock kernel with ``%load_ext ciao``."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from jupyter_client.kernelspec import KernelSpecManager
from jupyter_client.manager import AsyncKernelManager

JOB = "%framework=pytorch\n%worker=1\nprint('hello')"


def executed(specs: Path, home: Path, *cells: str) -> Any:
    """A notebook of these cells, after nbclient ran it with the Ciao kernel."""
    import nbformat  # takes seconds, as nbclient does
    from nbclient import NotebookClient

    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    manager = AsyncKernelManager(
        kernel_name="ciao", kernel_spec_manager=KernelSpecManager(kernel_dirs=[str(specs / "share/jupyter/kernels")])
    )
    env = {**os.environ, "HOME": str(home), "CIAO_STORE_PATH": str(home / "jobs")}
    NotebookClient(notebook, km=manager, timeout=60).execute(cwd=str(home), env=env)
    return notebook


@pytest.mark.filterwarnings("ignore::Warning")  # nbclient's own
def test_nbclient_gets_every_line(specs: Path, tmp_path: Path) -> None:
    """Nothing is sent after the cell was answered: nbclient would drop it."""
    code = "%framework=pytorch\n%worker=1\nfor n in range(200):\n    print('line', n)"
    notebook = executed(specs, tmp_path, code, "1 + 1")
    outputs = notebook.cells[0].outputs
    text = "".join(each.text for each in outputs if each.output_type == "stream")
    assert text.count("line ") == 400 and text.splitlines()[-1].startswith("✓ pytorch-")
    boards = [each for each in outputs if each.output_type == "display_data"]
    assert boards[0].data["text/plain"] == "master-0 succeeded · worker-0 succeeded"


@pytest.mark.filterwarnings("ignore::Warning")
def test_nbclient_fails_with_the_job(specs: Path, tmp_path: Path) -> None:
    """A job that fails fails the run of the notebook, as a cell that raises does."""
    from nbclient.exceptions import CellExecutionError

    with pytest.raises(CellExecutionError, match="JobFailed"):
        executed(specs, tmp_path, "%framework=pytorch\nraise SystemExit(3)", "print('never')")


@pytest.fixture(scope="module")
def stock(start: Any) -> Any:
    """The stock Python kernel with Ciao's extension."""
    kernel = start("python3")
    assert kernel.run("%load_ext ciao").status == "ok"
    return kernel


def test_the_stock_kernel_runs_jobs(stock: Any) -> None:
    """``%load_ext ciao`` is all that another kernel needs."""
    cell = stock.run(JOB)
    assert cell.status == "ok", cell.error
    assert cell.text.count("] hello\n") == 2


def test_stop_in_the_stock_kernel(stock: Any) -> None:
    """Its interrupts are signals, and its own handler would lose them."""
    request = stock.send("%framework=pytorch\nimport time\nprint('up')\ntime.sleep(300)")
    stock.until_shown(request, "] up")
    stock.interrupt()
    assert stock.wait(request, timeout=5).reply["ename"] == "JobStoppedError"
    assert stock.run("print('alive')").text == "alive\n"


def test_loading_twice_is_loading_once(stock: Any) -> None:
    """Autoreload and impatient users do it."""
    assert stock.run("%load_ext ciao\n%reload_ext ciao").status == "ok"
    assert stock.run(JOB).text.count("] hello\n") == 2


def test_unloading_gives_the_cells_back(stock: Any) -> None:
    """After ``%unload_ext ciao`` a job cell is IPython's problem again; loading brings it back."""
    assert stock.run("%unload_ext ciao").status == "ok"
    assert stock.run("%framework=pytorch").status == "error"
    assert stock.run("%load_ext ciao").status == "ok"
    assert stock.run(JOB).status == "ok"
