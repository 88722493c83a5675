"""A replica's environment: the kernel's, then the user's, then the operator's (kubeflow-contracts A.5, A.9).

What is kept of the kernel's: everything, as somebody expects who set a variable before he started Jupyter, but
not what ties a process to the kernel itself (``JPY_*`` and such). ``HOSTNAME`` stays this machine's: a pod's
name would be one that nothing here can resolve.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from ciao.adapters.local.supervisor.processes import JOB_MARK, REPLICA_MARK
from ciao.core.frameworks.base import Address, Framework
from ciao.core.model import EnvVar, JobSpec, Replica, Role

LOOPBACK = "127.0.0.1"
_KERNELS_OWN = ("JPY_", "PYDEVD_", "IPYKERNEL_", "CIAO_JOB", "CIAO_REPLICA", "CIAO_REPORT", "CIAO_RANKS", "CIAO_CELL")
_INLINE = "module://matplotlib_inline.backend_inline"
_REFERENCE = re.compile(r"\$(?:\$|\(([^)]*)\))")


def inherited(environ: Mapping[str, str]) -> dict[str, str]:
    """What all replicas have from the process that runs the job."""
    kept = {name: value for name, value in environ.items() if not name.startswith(_KERNELS_OWN)}
    # A plot of matplotlib's inline backend would go to a kernel that is not there.
    if kept.get("MPLBACKEND", "").endswith("inline") or kept.get("MPLBACKEND") == _INLINE:
        del kept["MPLBACKEND"]
    kept.setdefault("PYTHONUNBUFFERED", "1")
    return kept


def shared_threads(spec: JobSpec, environ: Mapping[str, str], cores: int) -> tuple[tuple[str, str], ...]:
    """OMP_NUM_THREADS, where the user said nothing: n processes with a thread per core each are slower than one.

    torchrun sets 1 for the same reason; this machine's cores divided among the processes serves better.
    """
    processes = len(spec.replicas) * (spec.nproc or 1)
    if processes < 2 or "OMP_NUM_THREADS" in environ:
        return ()
    return (("OMP_NUM_THREADS", str(max(1, cores // processes))),)


def of_replica(
    spec: JobSpec, framework: Framework, replica: Replica, addresses: Mapping[Replica, Address]
) -> dict[str, str]:
    """What is added to ``inherited``, ``$(VAR)`` expanded: the job's, the role's, the operator's; the last one wins."""
    role = spec.role(replica.role)
    listed = [*_plain(spec.env), *_plain(role.env), *framework.environment(spec, replica, addresses)]
    return expanded(listed)


def marks(name: str, uid: str, replica: Replica, report: str, ranks: str) -> dict[str, str]:
    """By which a process knows its job, and Ciao the processes of a job."""
    found = {"CIAO_JOB": name, JOB_MARK: uid, REPLICA_MARK: str(replica), "CIAO_REPORT": report}
    return {**found, "CIAO_RANKS": ranks} if ranks else found


def gpus_of(role: Role, mine: Iterable[str], job_asks: bool) -> dict[str, str]:
    """Nothing when nobody asks for GPUs; when somebody does, those who do not get none."""
    if not job_asks:
        return {}
    # Two jobs count the same devices in the same order only by bus.
    return {"CUDA_VISIBLE_DEVICES": ",".join(mine if role.resources.gpu else ()), "CUDA_DEVICE_ORDER": "PCI_BUS_ID"}


def expanded(listed: Iterable[tuple[str, str]]) -> dict[str, str]:
    """``$(VAR)`` of variables listed before, ``$$(VAR)`` is ``$(VAR)``, unknown ones stay: as Kubernetes does.

    Source: Kubernetes ``third_party/forked/golang/expansion``.
    """
    found: dict[str, str] = {}
    for name, value in listed:
        found[name] = _REFERENCE.sub(lambda match: _resolved(match, found), value)
    return found


def _resolved(match: re.Match[str], known: Mapping[str, str]) -> str:
    if match[1] is None:
        return "$"
    return known.get(match[1], match[0])


def _plain(env: Iterable[EnvVar]) -> list[tuple[str, str]]:
    return [(each.name, each.value) for each in env if isinstance(each.value, str)]
