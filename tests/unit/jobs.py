"""Jobs as tests speak of them: ``job("pytorch", master=1, worker=2)``, ``states(job, "master-0 succeeded 5.0")``."""

from __future__ import annotations

from typing import Any

from ciao.core.events import Exit, Frame, Phase, ReplicaSeen, Report
from ciao.core.frameworks.base import Framework
from ciao.core.frameworks.pytorch import PYTORCH
from ciao.core.frameworks.tensorflow import TENSORFLOW
from ciao.core.model import JobHandle, JobSpec, Replica, Role, Source
from ciao.core.policy import ReplicaState
from ciao.core.requests import Launch

FRAMEWORKS: dict[str, Framework] = {"pytorch": PYTORCH, "tensorflow": TENSORFLOW}
HANDLE = JobHandle("memory", "", "", "MemoryJob", "job-1", "uid-00001")
MASTER, WORKER_0, WORKER_1 = Replica("master", 0), Replica("worker", 0), Replica("worker", 1)


def job(framework: str = "pytorch", name: str = "job-1", more: dict[str, Any] | None = None, **roles: int) -> JobSpec:
    """A spec with so many replicas of each role; ``more`` sets other fields."""
    counts = roles or {"master": 1, "worker": 2}
    found = tuple(Role(role, count) for role, count in counts.items())
    return JobSpec(name=name, framework=framework, target="memory", roles=found, **(more or {}))


def launch(spec: JobSpec, text: str = "%framework=pytorch\nprint(1)\n", label: str = "Cell In [3]") -> Launch:
    """A request to run it."""
    return Launch(spec=spec, source=Source(code="\nprint(1)\n", label=label), text=text)


def seen(said: str, report: Report | None = None) -> ReplicaSeen:
    """``worker-1 failed 5.0 3 Error``: replica, phase, time, exit code, reason."""
    name, phase, at, *rest = said.split()
    found, when = Phase(phase), float(at)
    if not found.ended:
        return ReplicaSeen(Replica.parse(name), found, when)
    code = int(rest[0]) if rest else int(found is Phase.FAILED)
    reason = rest[1] if len(rest) > 1 else "Error" if code else "Completed"
    end = Exit(code=code, reason=reason, at=when, report=report)
    return ReplicaSeen(Replica.parse(name), found, when, end)


def states(spec: JobSpec, *said: str) -> dict[Replica, ReplicaState]:
    """All replicas of the job, waiting but for those of which something is said."""
    found = {replica: ReplicaState(Phase.WAITING, 0.0) for replica in spec.replicas}
    for each in map(seen, said):
        found[each.replica] = ReplicaState(each.phase, each.at, each.exit)
    return found


def report(
    kind: str = "ZeroDivisionError", message: str = "division by zero", at: float = 2.0, line: int = 14
) -> Report:
    """What ``ciao_replica`` writes when line 14 of the cell raises in a function."""
    return Report(
        type=kind,
        message=message,
        at=at,
        frames=(Frame("cell.py", 20, "<module>"), Frame("cell.py", line, "train")),
    )
