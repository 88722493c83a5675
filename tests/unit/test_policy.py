"""The verdict over the states of all replicas: row by row of the operator's table (kubeflow-contracts A.3)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ciao.core import policy
from ciao.core.events import Exit, Phase
from ciao.core.frameworks.base import Success
from ciao.core.model import CleanPolicy, Replica
from ciao.core.policy import (
    DRAIN,
    Failed,
    Halted,
    ReplicaState,
    Rest,
    StillRunning,
    Succeeded,
    after_success,
    failures,
    verdict,
)

from .jobs import FRAMEWORKS, job, report, states

RUN, GOOD, BAD = StillRunning(), Succeeded(), None

PYTORCH_MASTER = {"master": 1, "worker": 2}
PYTORCH_WORKERS = {"worker": 2}
TF_CHIEF = {"chief": 1, "worker": 2, "ps": 1, "evaluator": 1}
TF_MASTER = {"master": 1, "worker": 1}
TF_WORKERS = {"worker": 2, "ps": 1}
TF_NOBODY = {"ps": 1, "evaluator": 1}

TABLE = [
    # PyTorch with a master: it decides, workers' states are ignored
    ("pytorch", PYTORCH_MASTER, [], RUN),
    ("pytorch", PYTORCH_MASTER, ["master-0 running 1"], RUN),
    ("pytorch", PYTORCH_MASTER, ["worker-0 succeeded 1", "worker-1 succeeded 1"], RUN),
    ("pytorch", PYTORCH_MASTER, ["master-0 succeeded 2", "worker-0 running 1"], GOOD),
    ("pytorch", PYTORCH_MASTER, ["master-0 succeeded 2", "worker-1 failed 3"], GOOD),
    # … but a failure before that is the job's
    ("pytorch", PYTORCH_MASTER, ["worker-1 failed 1"], "worker-1"),
    ("pytorch", PYTORCH_MASTER, ["worker-1 failed 1", "master-0 succeeded 2"], "worker-1"),
    ("pytorch", PYTORCH_MASTER, ["master-0 failed 1", "worker-0 succeeded 1"], "master-0"),
    # PyTorch, workers only: all of them
    ("pytorch", PYTORCH_WORKERS, ["worker-0 succeeded 1"], RUN),
    ("pytorch", PYTORCH_WORKERS, ["worker-0 succeeded 1", "worker-1 succeeded 2"], GOOD),
    ("pytorch", PYTORCH_WORKERS, ["worker-0 succeeded 1", "worker-1 failed 2"], "worker-1"),
    # TensorFlow with a chief or a master: it decides
    ("tensorflow", TF_CHIEF, ["worker-0 succeeded 1", "worker-1 succeeded 1", "evaluator-0 succeeded 1"], RUN),
    ("tensorflow", TF_CHIEF, ["chief-0 succeeded 1", "ps-0 running 1"], GOOD),
    ("tensorflow", TF_MASTER, ["worker-0 succeeded 1"], RUN),
    ("tensorflow", TF_MASTER, ["master-0 succeeded 1"], GOOD),
    # … and any pod of any type fails it, PS and evaluator too
    ("tensorflow", TF_CHIEF, ["ps-0 failed 1"], "ps-0"),
    ("tensorflow", TF_CHIEF, ["evaluator-0 failed 1"], "evaluator-0"),
    ("tensorflow", TF_CHIEF, ["worker-1 failed 1"], "worker-1"),
    # TensorFlow without: worker-0, or all workers
    ("tensorflow", TF_WORKERS, ["worker-0 succeeded 1", "worker-1 running 1", "ps-0 running 1"], GOOD),
    ("tensorflow", TF_WORKERS, ["worker-1 succeeded 1"], RUN),
    ("tensorflow", TF_WORKERS, ["worker-0 succeeded 1", "worker-1 succeeded 1"], GOOD),
    ("tensorflow", TF_WORKERS, ["worker-1 failed 1"], "worker-1"),
    # Nobody that the framework lets decide: all together do
    ("tensorflow", TF_NOBODY, ["ps-0 succeeded 1"], RUN),
    ("tensorflow", TF_NOBODY, ["ps-0 succeeded 1", "evaluator-0 succeeded 1"], GOOD),
    # Who was stopped has not failed
    ("pytorch", PYTORCH_MASTER, ["worker-0 failed 1 143 Stopped"], RUN),
    (
        "pytorch",
        PYTORCH_MASTER,
        ["master-0 failed 1 143 Stopped", "worker-0 succeeded 1", "worker-1 failed 1 137 Stopped"],
        Halted(),
    ),
]


@pytest.mark.parametrize(("framework", "roles", "said", "means"), TABLE)
def test_a_row_of_the_operators_table(framework: str, roles: dict[str, int], said: list[str], means: object) -> None:
    """What the operator makes of these pods, Ciao makes of these processes."""
    found = verdict(FRAMEWORKS[framework].success, states(job(framework, **roles), *said))
    expected = Failed((Replica.parse(means),)) if isinstance(means, str) else means
    assert found == expected


def test_all_workers_where_the_first_does_not_suffice() -> None:
    """A framework without ``first_suffices`` waits for every worker."""
    rule = Success(leaders=("chief",), otherwise="worker")
    spec = job("tensorflow", worker=2)
    assert verdict(rule, states(spec, "worker-0 succeeded 1")) == RUN
    assert verdict(rule, states(spec, "worker-0 succeeded 1", "worker-1 succeeded 1")) == GOOD


def test_a_failure_at_the_moment_of_success_is_too_late() -> None:
    """Only who fails before the job has succeeded fails it."""
    found = states(job(), "master-0 succeeded 2", "worker-0 failed 2")
    assert verdict(FRAMEWORKS["pytorch"].success, found) == GOOD


def test_the_cause_is_who_raised_first() -> None:
    """By the report's time, for those that have one; else by the time of the end."""
    spec = job()
    found = states(spec, "worker-1 failed 3", "worker-0 failed 4", "master-0 failed 5")
    late = found[Replica("master", 0)]
    assert late.exit is not None
    end = Exit(code=1, reason="Error", at=5.0, report=report(at=1.0))
    found[Replica("master", 0)] = ReplicaState(Phase.FAILED, 5.0, end)
    assert [str(each) for each in failures(found)] == ["master-0", "worker-1", "worker-0"]


def test_a_cause_that_was_slow_to_end_is_still_the_cause() -> None:
    """Who had raised before the first failure was noticed counts, though it was stopped while it ended."""
    found = states(job(), "worker-0 failed 3", "worker-1 failed 4 143 Stopped", "master-0 failed 4 143 Stopped")
    slow = Exit(code=143, reason="Stopped", at=4.0, report=report(at=2.0))
    found[Replica("worker", 1)] = ReplicaState(Phase.FAILED, 4.0, slow)
    hurt = Exit(code=143, reason="Stopped", at=4.0, report=report(at=3.5))
    found[Replica("master", 0)] = ReplicaState(Phase.FAILED, 4.0, hurt)
    assert [str(each) for each in failures(found)] == ["worker-1", "worker-0"]


@pytest.mark.parametrize(
    ("clean", "said", "rest"),
    [
        (CleanPolicy.RUNNING, ["chief-0 succeeded 1"], Rest((Replica("ps", 0),), DRAIN)),
        (CleanPolicy.ALL, ["chief-0 succeeded 1"], Rest((Replica("ps", 0),), DRAIN)),
        (CleanPolicy.NONE, ["chief-0 succeeded 1"], Rest((), None)),
        (CleanPolicy.RUNNING, ["chief-0 succeeded 1", "worker-0 succeeded 1"], Rest((Replica("ps", 0),), None)),
        (CleanPolicy.NONE, ["chief-0 succeeded 1", "worker-0 failed 1"], Rest((Replica("ps", 0),), None)),
        (CleanPolicy.RUNNING, ["chief-0 succeeded 1", "ps-0 succeeded 1"], Rest((), DRAIN)),
    ],
)
def test_what_becomes_of_the_others(clean: CleanPolicy, said: list[str], rest: Rest) -> None:
    """Who ends by itself gets time, who only serves is stopped: at once, or when there is nobody left to serve."""
    spec = job("tensorflow", chief=1, worker=1, ps=1)
    assert after_success(FRAMEWORKS["tensorflow"], clean, states(spec, *said)) == rest


PHASES = st.sampled_from(["waiting 0", "running 1", "succeeded {}", "failed {}", "failed {} 143 Stopped"])
KINDS = st.sampled_from(
    [("pytorch", PYTORCH_MASTER), ("pytorch", PYTORCH_WORKERS), ("tensorflow", TF_CHIEF), ("tensorflow", TF_WORKERS)]
)


@given(KINDS, st.data())
def test_a_verdict_fits_the_states(kind: tuple[str, dict[str, int]], data: st.DataObject) -> None:
    """Whatever the states: who is named has failed by itself, success needs one, a halt needs all ended."""
    framework, roles = kind
    spec = job(framework, **roles)
    said = [f"{each} {data.draw(PHASES).format(data.draw(st.integers(1, 9)))}" for each in spec.replicas]
    found = states(spec, *said)
    result = verdict(FRAMEWORKS[framework].success, found)
    own = {each for each, state in found.items() if state.exit and state.exit.code == 1}
    match result:
        case Failed(replicas):
            assert set(replicas) <= own
            assert replicas
        case Succeeded():
            assert any(state.phase is Phase.SUCCEEDED for state in found.values())
        case Halted():
            assert not own
            assert not policy.living(found)
        case StillRunning():
            assert not own
            assert policy.living(found)


@given(KINDS, st.data())
def test_what_has_failed_stays_failed(kind: tuple[str, dict[str, int]], data: st.DataObject) -> None:
    """Ends that come later never turn a failure into a success."""
    framework, roles = kind
    spec = job(framework, **roles)
    said = [f"{each} {data.draw(PHASES).format(data.draw(st.integers(1, 9)))}" for each in spec.replicas]
    before = states(spec, *said)
    later = {
        each: state if state.phase.ended else ReplicaState(Phase.SUCCEEDED, 10.0, Exit(code=0, reason="", at=10.0))
        for each, state in before.items()
    }
    rule = FRAMEWORKS[framework].success
    if isinstance(verdict(rule, before), Failed):
        assert isinstance(verdict(rule, later), Failed)
