"""Ciao's builder in a process of its own: a machine that knows nothing yet, and memory that nobody else has used.

    python -m bench.images.fresh PUSH BASE HOME FOLDER [DATA]

Prints seconds from the first import of the builder to the image, and the process's greatest resident size in bytes.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from bench.images.builder import builder
from bench.images.project import Project


@dataclass(frozen=True)
class Fresh:
    """``peak`` in bytes."""

    seconds: float
    peak: int


def fresh(push: str, base: str, home: Path, project: Project) -> Fresh:
    """One image, from a process that ends with it."""
    command = [sys.executable, "-m", __name__, push, base, str(home), str(project.folder), project.data]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=600)
    if done.returncode:
        raise RuntimeError(done.stderr[-2000:])
    return Fresh(*json.loads(done.stdout))


def _peak() -> int:
    """Of this process (proc_pid_status(5), VmHWM)."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) << 10 for line in lines if line.startswith("VmHWM:"))


def _main(push: str, base: str, home: str, folder: str, data: str) -> None:
    began = time.perf_counter()
    with builder(push, base, Path(home)) as ciao:
        ciao.image(Project(Path(folder), data))
        taken = time.perf_counter() - began
    print(json.dumps([taken, _peak()]))


if __name__ == "__main__":
    _main(*sys.argv[1:6])
