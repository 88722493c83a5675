"""What README.md shows runs as it stands there."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
LINK = re.compile(r"\]\(([^)#:]+)(?:#[^)]*)?\)")


def test_the_library_example_runs_as_written(tmp_path: Path) -> None:
    """Pasted into a file and run, the example prints the replicas' output, and then worker-1's line once more."""
    (example,) = re.findall(r"```python\n(import ciao\n.*?)```", README, re.DOTALL)
    script = tmp_path / "example.py"
    script.write_text(example, encoding="utf-8")
    environment = {**os.environ, "CIAO_STORE_PATH": str(tmp_path / "jobs")}
    ended = subprocess.run(
        [sys.executable, str(script)],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    lines = ended.stdout.splitlines()
    for rank, replica in enumerate(("master-0", "worker-0", "worker-1")):
        assert f"[{replica}] this is process {rank} of 3" in lines
    assert lines[-1] == "[worker-1] this is process 2 of 3"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_to_a_file_leads_somewhere(page: Path) -> None:
    """A page names no file or picture that the tree lacks."""
    links = LINK.findall(page.read_text(encoding="utf-8"))
    assert [link for link in links if not (page.parent / link).exists()] == []


def test_every_decision_is_in_the_index() -> None:
    """docs/adr/README.md lists each decision that there is."""
    index = LINK.findall((ROOT / "docs/adr/README.md").read_text(encoding="utf-8"))
    assert sorted(index) == sorted(page.name for page in (ROOT / "docs/adr").glob("0*.md"))
