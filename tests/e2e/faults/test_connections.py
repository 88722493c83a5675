"""Connections that break: every line that was printed is received once, or its absence is marked."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from ...kernels import Cell
from ..notebook import MEET, Notebook
from ..numbered import Received, printing, received
from ..proxies import Between, Wire
from ..tenant import Tenant, config, sign, token

LINES = 200_000
HEAD = "%framework=pytorch;%name=printer\n"


def accounted(notebook: Notebook, cell: Cell, lines: int = LINES) -> Received:
    """The job succeeded, and no line came twice or is missing without a mark."""
    assert cell.status == "ok", cell.error + cell.text[-2000:]
    found = received(notebook.home, "printer", "master-0", lines)
    assert found.twice == (), found
    assert found.marked == found.missing, found
    assert len(found.other) <= found.gaps, found
    return found


@pytest.mark.alone
@pytest.mark.timeout(240)
def test_the_apiserver_is_killed_and_comes_back(notebook: Notebook, mended: None, on_node: Callable[..., str]) -> None:
    """The job goes on, the cell too: it ends with the right outcome."""
    request = notebook.send(HEAD + printing(LINES, 8_000))
    notebook.until_shown(request, "line 1000 ", 60)
    (pid,) = on_node("pgrep", "-f", "^kube-apiserver").split()
    on_node("kill", "-9", pid)
    accounted(notebook, notebook.wait(request, timeout=150))


@pytest.mark.timeout(180)
def test_connections_are_reset_again_and_again(wire: Wire, open_notebook: Callable[..., Notebook]) -> None:
    """TLS connections that end in an RST, watches and logs alike, every second and a half."""
    notebook = open_notebook()
    request = notebook.send(HEAD + printing(LINES, 10_000))
    notebook.until_shown(request, "line 1000 ", 60)
    cut = 0
    for _ in range(10):
        time.sleep(1.5)
        cut += wire.cut()
    assert cut >= 10, "the case cut nothing"
    accounted(notebook, notebook.wait(request, timeout=120))


@pytest.mark.timeout(180)
def test_a_log_is_cut_in_the_middle_of_a_line(between: Between, open_notebook: Callable[..., Notebook]) -> None:
    """Half a line is no line: it is read again."""
    between.cut_logs(every=1_000_003)
    notebook = open_notebook()
    accounted(notebook, notebook.run(HEAD + printing(LINES, 20_000), timeout=150))
    follows = [each for each in between.requests if "/log?" in each and "follow" in each]
    assert len(follows) >= 4, follows


@pytest.mark.timeout(180)
def test_watches_expire(between: Between, open_notebook: Callable[..., Notebook]) -> None:
    """410 after a few events, on every watch: a fresh list each time, no change lost or told twice."""
    between.expire_watches(after=2)
    notebook = open_notebook()
    each = 70_000
    code = printing(each, 5_000) + "met = meet()\n"
    request = notebook.send("%framework=pytorch;%name=printer\n%master=1;%worker=2\n" + MEET + code)
    cell = notebook.wait(request, timeout=120)
    for replica in ("master-0", "worker-0", "worker-1"):
        found = received(notebook.home, "printer", replica, each)
        assert (found.lines, found.twice) == (each, ()), cell.error
    assert cell.status == "ok", cell.error
    assert sum("watch=" in each for each in between.requests) >= 4


@pytest.mark.timeout(180)
def test_a_token_is_revoked(tenant: Tenant, wire: Wire, open_notebook: Callable[..., Notebook], tmp_path: Path) -> None:
    """401 in the middle of a job: the credential plug-in is asked again, and the job is followed to its end."""
    first, second = (_bound(tenant, name) for name in ("first", "second"))
    given, asked = tmp_path / "token", tmp_path / "asked"
    given.write_text(first)
    plugin = {
        "apiVersion": "client.authentication.k8s.io/v1",
        "interactiveMode": "Never",
        "command": "sh",
        "args": ["-c", _PLUGIN, "plugin", str(given), str(asked)],
    }
    cluster = tenant.cluster
    sign(tenant.kubeconfig, config(cluster, tenant.namespace, {"exec": plugin}, wire.place))
    notebook = open_notebook()
    request = notebook.send(HEAD + printing(LINES, 8_000))
    notebook.until_shown(request, "line 1000 ", 60)
    before = asked.read_text().count("asked")
    given.write_text(second)
    tenant.delete("secret", "first")
    time.sleep(11)  # so long the apiserver may believe in a token without looking
    wire.cut()
    accounted(notebook, notebook.wait(request, timeout=120))
    assert before < asked.read_text().count("asked") <= before + 5


_PLUGIN = (
    'echo asked >> "$2"; printf \'{"apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential", '
    '"status": {"token": "%s"}}\' "$(cat "$1")"'
)


def _bound(tenant: Tenant, name: str) -> str:
    """A token that is worth nothing once its Secret is deleted."""
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}}
    tenant.apply(secret)
    bound = ("--bound-object-kind", "Secret", "--bound-object-name", name)
    uid = tenant.get("secret", name)["metadata"]["uid"]
    return token(tenant.cluster, tenant.namespace, *bound, "--bound-object-uid", uid)
