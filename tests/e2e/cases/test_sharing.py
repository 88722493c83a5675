"""More than one notebook, more than one namespace."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from ..notebook import MEET, Notebook
from ..tenant import RIGHTS, Tenant, granted

COUNT = f"""%framework=pytorch;%name=NAME
%master=1;%worker=1
{MEET}
for n in range(20):
    print("NAME", n, flush=True)
    time.sleep(0.2)
met = meet()
"""


def lines(text: str, name: str) -> dict[str, list[str]]:
    """What each replica said, without its prefix."""
    said: dict[str, list[str]] = {"master-0": [], "worker-0": []}
    for line in text.splitlines():
        replica, _, rest = line.removeprefix("[").partition("] ")
        if replica in said:
            said[replica].append(rest)
    assert all(f"{name} " in each for rows in said.values() for each in rows)
    return said


def test_two_notebooks_at_once(open_notebook: Callable[..., Notebook]) -> None:
    """Each shows its own job, complete and in order."""
    both = {name: open_notebook() for name in ("alpha", "beta")}
    requests = {name: each.send(COUNT.replace("NAME", name)) for name, each in both.items()}
    for name, each in both.items():
        cell = each.wait(requests[name], timeout=90)
        assert cell.status == "ok", cell.error
        expected = [f"{name} {n}" for n in range(20)]
        assert lines(cell.text, name) == {"master-0": expected, "worker-0": expected}


@pytest.mark.parametrize("same_machine", [True, False], ids=["one machine", "two machines"])
def test_two_kernels_on_one_job(
    notebook: Notebook, open_notebook: Callable[..., Notebook], tmp_path: Path, same_machine: bool
) -> None:
    """Who attaches sees what the first one sees, from the beginning, whether they share a disk or not."""
    request = notebook.send(COUNT.replace("NAME", "shared"))
    notebook.until_shown(request, "shared 3", 60)
    other = open_notebook(home=notebook.home) if same_machine else open_notebook()
    seen = other.run("%attach shared", timeout=60)
    cell = notebook.wait(request, timeout=60)
    assert (cell.status, seen.status) == ("ok", "ok"), cell.error + seen.error
    expected = [f"shared {n}" for n in range(20)]
    assert lines(cell.text, "shared") == {"master-0": expected, "worker-0": expected}
    assert lines(seen.text, "shared") == lines(cell.text, "shared")


def test_two_namespaces(tenants: Callable[..., Tenant], open_notebook: Callable[..., Notebook]) -> None:
    """%namespace sends a job elsewhere; two jobs of one name do not meet, and %jobs says where each is."""
    home, away = tenants(RIGHTS), tenants(None)
    home.kubectl.apply(*granted(RIGHTS, away.namespace, home.namespace))
    notebook = open_notebook(home)
    assert notebook.run("%framework=pytorch;%name=near\nprint('near')").text.count("] near\n") == 1
    cell = notebook.run(f"%framework=pytorch;%name=far;%namespace={away.namespace}\nprint('far')")
    assert cell.text.count("] far\n") == 1, cell.error
    names = [[job["metadata"]["name"] for job in each.items("pytorchjobs")] for each in (home, away)]
    assert names == [["near"], ["far"]]
    table = {line.split()[0]: line for line in notebook.run("%jobs").text.splitlines()[1:]}
    assert home.namespace in table["near"] and away.namespace in table["far"]


def test_a_name_is_refused_while_it_runs_and_free_afterwards(notebook: Notebook) -> None:
    """%name replaces a job that has ended."""
    code = "%framework=pytorch;%name=once;%detach\nimport time\ntime.sleep(300)\n"
    assert notebook.run(code).status == "ok"
    again = notebook.run("%framework=pytorch;%name=once\nprint('second')")
    assert again.status == "error" and "once" in again.error
    assert notebook.run("%stop once").status == "ok"
    assert "stopped" in notebook.run("%attach once", timeout=30).error
    began = time.monotonic()
    cell = notebook.run("%framework=pytorch;%name=once\nprint('second')")
    assert cell.text.count("] second\n") == 1, cell.error
    assert time.monotonic() - began < 30
