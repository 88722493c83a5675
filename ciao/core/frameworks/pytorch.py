"""PyTorch, as Kubeflow's PyTorchJob runs it (kubeflow-contracts A.1, A.3, A.5)."""

from __future__ import annotations

from collections.abc import Mapping

from ciao.core.frameworks.base import Address, Framework, RoleRule, Success
from ciao.core.model import JobSpec, Replica


def _environment(spec: JobSpec, replica: Replica, addresses: Mapping[Replica, Address]) -> tuple[tuple[str, str], ...]:
    """What the operator adds to a container, in its order.

    ``RANK`` counts pods, the master first. ``WORLD_SIZE`` counts processes. Ciao always writes ``nprocPerNode``, "1"
    where the user said nothing: the operator's own default (auto) would start one process per core in
    each of many replicas on one machine.
    """
    nproc, pods = spec.nproc or 1, len(spec.replicas)
    found = [("PYTHONUNBUFFERED", "1")]
    master = Replica("master", 0)
    if master in spec.replicas:
        address = addresses[master]
        rank = 0 if replica == master else replica.index + 1
        found += [
            ("MASTER_PORT", str(address.port)),
            ("PET_MASTER_PORT", str(address.port)),
            ("MASTER_ADDR", address.host),
            ("PET_MASTER_ADDR", address.host),
            ("WORLD_SIZE", str(pods * nproc)),
            ("RANK", str(rank)),
            ("PET_NODE_RANK", str(rank)),
        ]
    return (*found, ("PET_NPROC_PER_NODE", str(nproc)), ("PET_NNODES", str(pods)))


PYTORCH = Framework(
    name="pytorch",
    kind="PyTorchJob",
    roles=(
        RoleRule(
            "master",
            "Master",
            "The first process of a PyTorch job (rank 0); the others meet at its address. "
            "There is exactly one, added when only workers are named.",
            maximum=1,
        ),
        RoleRule("worker", "Worker", "The processes that do the training, besides a master or chief."),
    ),
    default_role="master",
    implied=("master",),
    success=Success(leaders=("master",), otherwise="worker"),
    image="pytorch/pytorch:2.13.0-cuda13.0-cudnn9-runtime",
    container="pytorch",
    port=23456,
    environment=_environment,
    nproc_launcher=True,
    doc="Processes that find each other by MASTER_ADDR, MASTER_PORT, RANK and WORLD_SIZE: torch.distributed.",
)
