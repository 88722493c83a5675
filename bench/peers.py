"""What Ciao is measured against: a shell script, torchrun, TorchX. Each starts two processes of one file here."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

_COMPONENT = """
import torchx.specs as specs

def two(python: str, script: str) -> specs.AppDef:
    role = specs.Role(name="worker", image={image!r}, entrypoint=python, args=["-u", script], num_replicas=2)
    return specs.AppDef(name="two", roles=[role])
"""
_SHELL = '"$0" -u "$1" & "$0" -u "$1" & wait'


@dataclass(frozen=True)
class Run:
    """Seconds from the start of the command to its first line and to its end."""

    first: float
    whole: float


def shell(script: Path) -> Run:
    """The floor: a shell that starts two interpreters and waits."""
    return _timed(["sh", "-c", _SHELL, sys.executable, str(script)])


def torchrun(script: Path) -> Run:
    """PyTorch's own launcher, two processes on this machine."""
    command = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2", str(script)]
    return _timed([sys.executable, *command])


def torchx(script: Path) -> Run:
    """TorchX with the scheduler local_cwd: the same two interpreters, without torchrun between."""
    component = script.with_name("component.py")
    component.write_text(_COMPONENT.format(image=str(script.parent)))
    words = [
        "run",
        "-s",
        "local_cwd",
        "--wait",
        f"{component}:two",
        "--python",
        sys.executable,
        "--script",
        str(script),
    ]
    return _timed([str(_torchx_home() / "bin" / "torchx"), *words], cwd=script.parent)


def install_torchx() -> str:
    """Make TorchX's own environment (it pins an old urllib3); empty, or why there is none."""
    home = _torchx_home()
    if (home / "bin" / "torchx").exists():
        return ""
    try:
        for command in (
            [sys.executable, "-m", "venv", str(home)],
            [str(home / "bin" / "python"), "-m", "pip", "install", "-q", "torchx==0.7.0", "setuptools<81"],
        ):
            subprocess.run(command, check=True, capture_output=True, text=True, timeout=300)
    except (OSError, subprocess.SubprocessError) as error:
        return f"TorchX could not be installed: {getattr(error, 'stderr', '') or error}".strip().splitlines()[-1]
    return ""


def _torchx_home() -> Path:
    return Path(sys.prefix) / "peers" / "torchx"


def _timed(command: list[str], cwd: Path | None = None) -> Run:
    began = time.perf_counter()
    environ = {**os.environ, "OMP_NUM_THREADS": "1"}
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, cwd=cwd, env=environ) as process:
        assert process.stdout is not None
        first = b""
        arrived = 0.0
        while not first and (first := process.stdout.readline()):
            arrived = time.perf_counter() - began
        process.stdout.read()
    whole = time.perf_counter() - began
    if process.returncode:
        raise RuntimeError(f"exit code {process.returncode}: {' '.join(command)}")
    return Run(arrived, whole)
