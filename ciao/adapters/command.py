"""The command that runs a cell in a replica: the same on every target, but for where things lie."""

from __future__ import annotations

from collections.abc import Container

from ciao.core.model import JobSpec

CELL, RUNNER = "cell.py", "ciao_replica.py"
TORCHRUN = ("-m", "torch.distributed.run")


def replica_command(spec: JobSpec, python: str, source: str, files: Container[str] = (CELL, RUNNER)) -> list[str]:
    """The same for every replica of a job; no shell is in it. ``source`` is where cell and runner lie.

    Without the runner among ``files`` the cell runs as it is.
    """
    torchrun = [*TORCHRUN, f"--nproc-per-node={spec.nproc}"] if spec.nproc else []
    runner = [f"{source}/{RUNNER}"] if RUNNER in files else []
    return [python, "-u", *torchrun, *runner, f"{source}/{CELL}", *spec.args]
