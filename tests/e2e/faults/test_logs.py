"""Logs under load: kubelets that rotate, producers that are fast."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from ..notebook import Notebook
from ..numbered import printing, received

WIDE = 60  # a file of 10 MiB is full after some ten seconds
HEAD = "%framework=pytorch;%name=printer\n"


@pytest.mark.alone
@pytest.mark.timeout(200)
def test_no_line_is_lost_across_rotations(notebook: Notebook, on_node: Callable[..., str]) -> None:
    """10,000 lines a second while the kubelet rotates the file three times: no gap, none twice."""
    lines = 400_000
    cell = notebook.run(HEAD + printing(lines, 10_000, WIDE), timeout=180)
    assert cell.status == "ok", cell.error
    found = received(notebook.home, "printer", "master-0", lines, WIDE)
    assert (found.lines, found.missing, found.gaps, found.twice, found.other) == (lines, 0, 0, (), ())
    folder = f"/var/log/pods/{notebook.tenant.namespace}_printer-master-0_*/pytorch"
    files = on_node("sh", "-c", f"ls {folder}").split()
    assert len(files) >= 4, files


@pytest.mark.timeout(150)
def test_a_producer_at_full_speed(notebook: Notebook) -> None:
    """200,000 lines as fast as a pod can print them: each comes once, or its absence is marked in its place."""
    lines = 200_000
    cell = notebook.run(HEAD + printing(lines), timeout=120)
    assert cell.status == "ok", cell.error
    found = received(notebook.home, "printer", "master-0", lines)
    assert found.twice == () and found.marked == found.missing, found
    assert len(found.other) <= found.gaps, found
    print(json.dumps({"lines": found.lines, "missing": found.missing, "gaps": found.gaps}))
