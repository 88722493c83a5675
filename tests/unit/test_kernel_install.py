"""The kernelspec: the one in the wheel, and the ones that ``install`` writes."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from ciao.kernel.install import kernel_json, main

SPEC = Path(__file__).parents[2] / "kernelspec"

pytestmark = pytest.mark.filterwarnings("ignore::Warning:jupyter_client")


def test_the_wheels_kernelspec_is_the_one_in_the_code() -> None:
    """The committed file says what the code says."""
    assert json.loads((SPEC / "kernel.json").read_text()) == kernel_json()


def test_install_writes_this_interpreter_and_the_logos(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A Jupyter elsewhere needs the absolute path; name, display name and environment are the user's."""
    asked = ["--prefix", str(tmp_path), "--name", "ciao-gpu", "--display-name", "Ciao (GPU)", "--env", "A", "1"]
    assert main(asked) == 0
    made = tmp_path / "share/jupyter/kernels/ciao-gpu"
    spec = json.loads((made / "kernel.json").read_text())
    assert spec["argv"][0] == sys.executable and spec["interrupt_mode"] == "message"
    assert spec["display_name"] == "Ciao (GPU)" and spec["env"] == {"A": "1"}
    assert {file.name for file in made.iterdir()} == {file.name for file in SPEC.iterdir()}
    assert str(made) in capsys.readouterr().out


@pytest.mark.parametrize("name", ["no spaces", "a/b"])
def test_a_bad_name_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str) -> None:
    """Jupyter's own rule for names, in one sentence on stderr."""
    assert main(["--prefix", str(tmp_path), "--name", name]) == 1
    assert "was not installed" in capsys.readouterr().err


def test_a_place_that_cannot_be_written_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """No traceback; the system's own reason."""
    (tmp_path / "share").write_text("a file where a directory must be")
    assert main(["--prefix", str(tmp_path)]) == 1
    assert "was not installed" in capsys.readouterr().err
