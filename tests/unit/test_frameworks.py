"""What frameworks put into a replica's environment (kubeflow-contracts A.5, A.9)."""

from __future__ import annotations

import pytest

from ciao.core.frameworks.base import Address, Framework
from ciao.core.frameworks.pytorch import PYTORCH
from ciao.core.frameworks.tensorflow import TENSORFLOW
from ciao.core.model import JobSpec, Replica, Role


def spec_of(framework: Framework, nproc: int | None = None, **roles: int) -> JobSpec:
    return JobSpec(
        name="demo",
        framework=framework.name,
        target="local",
        nproc=nproc,
        roles=tuple(Role(*each) for each in roles.items()),
    )


def environment(spec: JobSpec, framework: Framework, replica: str) -> tuple[tuple[str, str], ...]:
    in_cluster = {each: Address(f"demo-{each}.team.svc", framework.port) for each in spec.replicas}
    return framework.environment(spec, Replica.parse(replica), in_cluster)


@pytest.mark.parametrize(("replica", "rank"), [("master-0", "0"), ("worker-0", "1"), ("worker-1", "2")])
def test_pytorch_with_a_master(replica, rank):
    """A.5's table, in the operator's order: RANK counts pods, the master gets its own address too."""
    assert environment(spec_of(PYTORCH, master=1, worker=2), PYTORCH, replica) == (
        ("PYTHONUNBUFFERED", "1"),
        ("MASTER_PORT", "23456"),
        ("PET_MASTER_PORT", "23456"),
        ("MASTER_ADDR", "demo-master-0.team.svc"),
        ("PET_MASTER_ADDR", "demo-master-0.team.svc"),
        ("WORLD_SIZE", "3"),
        ("RANK", rank),
        ("PET_NODE_RANK", rank),
        ("PET_NPROC_PER_NODE", "1"),
        ("PET_NNODES", "3"),
    )


def test_pytorch_with_several_processes_in_each_pod():
    """WORLD_SIZE is pods x nproc, while PET_NNODES and RANK stay with the pods."""
    found = dict(environment(spec_of(PYTORCH, nproc=4, master=1, worker=1), PYTORCH, "worker-0"))
    assert (found["WORLD_SIZE"], found["PET_NNODES"], found["RANK"], found["PET_NPROC_PER_NODE"]) == (
        "8",
        "2",
        "1",
        "4",
    )


def test_pytorch_with_workers_only():
    """Without a master the operator sets no rendezvous: no MASTER_*, RANK or WORLD_SIZE."""
    assert environment(spec_of(PYTORCH, worker=2), PYTORCH, "worker-1") == (
        ("PYTHONUNBUFFERED", "1"),
        ("PET_NPROC_PER_NODE", "1"),
        ("PET_NNODES", "2"),
    )


def test_a_lone_master_has_the_whole_environment():
    """One pod is a world of size 1, so that init_process_group works."""
    found = dict(environment(spec_of(PYTORCH, master=1), PYTORCH, "master-0"))
    assert (found["WORLD_SIZE"], found["RANK"]) == ("1", "0")


def test_tensorflow_is_told_by_tf_config_exactly_as_the_operator_writes_it():
    """A.5's example, byte by byte: compact, roles sorted, the evaluator in the cluster, and nothing else set."""
    spec = spec_of(TENSORFLOW, chief=1, worker=2, ps=1, evaluator=1)
    assert environment(spec, TENSORFLOW, "worker-1") == (
        (
            "TF_CONFIG",
            '{"cluster":{"chief":["demo-chief-0.team.svc:2222"],"evaluator":["demo-evaluator-0.team.svc:2222"],'
            '"ps":["demo-ps-0.team.svc:2222"],"worker":["demo-worker-0.team.svc:2222","demo-worker-1.team.svc:2222"]},'
            '"task":{"type":"worker","index":1},"environment":"cloud"}',
        ),
    )


def test_a_lone_tensorflow_worker_has_no_tf_config():
    """The operator sets it only in jobs of more than one pod."""
    assert environment(spec_of(TENSORFLOW, worker=1), TENSORFLOW, "worker-0") == ()


def test_every_task_has_its_own_port_where_all_share_one_host():
    """A.9: on one machine the addresses differ by port, and TF_CONFIG says so."""
    spec = spec_of(TENSORFLOW, worker=2)
    addresses = {each: Address("127.0.0.1", 20000 + each.index) for each in spec.replicas}
    ((_, config),) = TENSORFLOW.environment(spec, Replica("worker", 0), addresses)
    assert '"worker":["127.0.0.1:20000","127.0.0.1:20001"]' in config


@pytest.mark.parametrize("framework", [PYTORCH, TENSORFLOW], ids=lambda each: each.name)
def test_a_framework_is_consistent_in_itself(framework):
    """Every role that it speaks of is one of its own, and its keys are Kubeflow's spellings."""
    own = {rule.name for rule in framework.roles}
    said = {framework.default_role, *framework.implied, *framework.success.leaders, framework.success.otherwise}
    said |= {name for group in framework.exclusive for name in group}
    assert said <= own and {rule.key for rule in framework.roles} <= {"Chief", "Master", "Worker", "PS", "Evaluator"}


def test_only_parameter_servers_never_end_by_themselves():
    """Clean-up and policy depend on it."""
    rules = [rule for framework in (PYTORCH, TENSORFLOW) for rule in framework.roles]
    assert {rule.name for rule in rules if not rule.ends} == {"ps"}
