"""What holds of every job, whatever happens to it and in whatever order."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ciao.core import lifecycle
from ciao.core.events import (
    Ended,
    Event,
    Exit,
    Input,
    JobGone,
    LogChunk,
    LogTrouble,
    OutcomeSeen,
    Phase,
    ReplicaChanged,
    ReplicaSeen,
    Retrying,
    StopReason,
    StopRequested,
    Submitted,
    TimerFired,
    TroubleSeen,
)
from ciao.core.jobstate import Action, Job, Resubmit, Stage, State, StopReplicas
from ciao.core.lifecycle import ABANDON, DEADLINE, DRAIN, TABLE, step
from ciao.core.model import CleanPolicy, OnExit, Replica

from .jobs import FRAMEWORKS, HANDLE, job

SHAPES = st.sampled_from(
    [
        ("pytorch", {"master": 1, "worker": 2}),
        ("pytorch", {"worker": 3}),
        ("tensorflow", {"chief": 1, "worker": 1, "ps": 1}),
        ("tensorflow", {"worker": 2, "ps": 1}),
    ]
)
ROLES = st.sampled_from(["master", "worker", "chief", "ps", "ghost"])
REPLICAS = st.builds(Replica, ROLES, st.integers(0, 2))
TIMES = st.floats(0, 1e6, allow_nan=False)


@st.composite
def ends(draw: st.DrawFn) -> ReplicaSeen:
    """A replica that has ended, in any way."""
    code, at = draw(st.sampled_from([0, 0, 1, 137, 143])), draw(TIMES)
    reason = "Completed" if code == 0 else draw(st.sampled_from(["Error", "Stopped", "OOMKilled"]))
    end = Exit(code=code, reason=reason, at=at)
    return ReplicaSeen(draw(REPLICAS), Phase.FAILED if code else Phase.SUCCEEDED, at, end)


INPUTS: st.SearchStrategy[Input] = st.one_of(
    st.builds(ReplicaSeen, REPLICAS, st.sampled_from([Phase.WAITING, Phase.RUNNING]), TIMES),
    ends(),
    ends(),
    st.builds(LogChunk, REPLICAS, st.just(0), st.just(1), st.just(0), st.just(9)),
    st.builds(LogTrouble, REPLICAS, st.just("full"), TIMES),
    st.builds(TroubleSeen, st.none() | REPLICAS, st.sampled_from("ab"), st.sampled_from("xy"), TIMES),
    st.builds(OutcomeSeen, st.booleans(), st.just("r"), st.just("m"), TIMES),
    st.builds(JobGone, st.just("gone"), TIMES),
    st.builds(StopRequested, st.sampled_from(StopReason), TIMES),
    st.builds(TimerFired, st.sampled_from([DEADLINE, DRAIN, ABANDON, "odd"]), TIMES),
)


@st.composite
def jobs(draw: st.DrawFn) -> Job:
    """Any job."""
    framework, roles = draw(SHAPES)
    more = {
        "clean_policy": draw(st.sampled_from(CleanPolicy)),
        "on_exit": draw(st.sampled_from(OnExit)),
        "retries": draw(st.integers(0, 2)),
        "timeout": draw(st.none() | st.just(5.0)),
    }
    spec = job(framework, more=more, **roles)
    return Job(
        spec=spec,
        framework=FRAMEWORKS[framework],
        where="this cell",
        decides=draw(st.booleans()),
        leads=draw(st.booleans()),
    )


class Run:
    """A job driven as the launcher drives it: submitted again when it is to be."""

    def __init__(self, job: Job) -> None:
        begun = lifecycle.begin(job, HANDLE, 0.0)
        self.state: State = begun.state
        self.events: list[Event] = list(begun.events)
        self.actions: list[Action] = list(begun.actions)

    def give(self, given: Input) -> None:
        found = step(self.state, given)
        self._took(found.state, found.events, found.actions)
        if any(isinstance(each, Resubmit) for each in found.actions):
            again = lifecycle.resubmitted(self.state, HANDLE, 0.0)
            self._took(again.state, again.events, again.actions)

    def _took(self, state: State, events: tuple[Event, ...], actions: tuple[Action, ...]) -> None:
        self.state = state
        self.events += events
        self.actions += actions

    def finish(self) -> None:
        """The target does what it was asked, until nothing changes any more."""
        for _ in range(40):
            for replica in self.state.job.spec.replicas:
                end = Exit(code=143, reason="Stopped", at=1.0)
                self.give(ReplicaSeen(replica, Phase.FAILED, 1.0, end))
            if self.state.job.decides:
                self.give(OutcomeSeen(False, "r", "m", 1.0))


@given(jobs(), st.lists(INPUTS, max_size=30))
def test_there_is_one_end_and_nothing_after_it(job: Job, inputs: list[Input]) -> None:
    """At most one Ended, the last event; in ENDED and LEFT nothing has an effect."""
    run = Run(job)
    for each in inputs:
        run.give(each)
    count = sum(isinstance(each, Ended) for each in run.events)
    assert count == (run.state.stage is Stage.ENDED)
    assert not count or isinstance(run.events[-1], Ended)
    assert run.state.stage is not Stage.ENDED or run.state.outcome is run.events[-1].outcome


@given(jobs(), st.lists(INPUTS, max_size=30))
def test_every_job_ends_when_its_replicas_have(job: Job, inputs: list[Input]) -> None:
    """Whatever had happened before: no job is left hanging."""
    run = Run(job)
    for each in inputs:
        run.give(each)
    run.finish()
    assert run.state.stage in (Stage.ENDED, Stage.LEFT)


@given(jobs(), st.lists(INPUTS, max_size=30))
def test_no_phase_goes_back_within_an_attempt(job: Job, inputs: list[Input]) -> None:
    """What people are told of a replica only moves forward, and only replicas of the job are told of."""
    run = Run(job)
    for each in inputs:
        run.give(each)
    rank = {Phase.RUNNING: 1, Phase.SUCCEEDED: 2, Phase.FAILED: 2}
    known: dict[Replica, int] = {}
    for event in run.events:
        match event:
            case Submitted():
                known = dict.fromkeys(job.spec.replicas, 0)
            case ReplicaChanged(replica, phase):
                assert rank[phase] > known[replica]
                known[replica] = rank[phase]
            case _:
                pass


@given(jobs(), st.lists(INPUTS, max_size=30))
def test_the_same_inputs_give_the_same_job(job: Job, inputs: list[Input]) -> None:
    """There is no chance in it, and an input leaves the former state as it was."""
    first, second = Run(job), Run(job)
    for each in inputs:
        before, copy = first.state, dict(first.state.states)
        first.give(each)
        assert dict(before.states) == copy
        second.give(each)
    assert (first.state, first.events, first.actions) == (second.state, second.events, second.actions)


@given(jobs(), st.lists(INPUTS, max_size=30), st.integers(0, 30))
def test_log_chunks_change_nothing(job: Job, inputs: list[Input], at: int) -> None:
    """A chunk in between is told on while the job is followed, and all else is as without it."""
    chunk = LogChunk(Replica("worker", 0), 5, 5, 50, 99)
    plain, chatty = Run(job), Run(job)
    for number, each in enumerate(inputs):
        if number == at:
            chatty.give(chunk)
        plain.give(each)
        chatty.give(each)
    assert plain.state == chatty.state
    assert plain.events == [each for each in chatty.events if each != chunk]


@given(jobs(), st.lists(INPUTS, max_size=30))
def test_attempts_are_bounded(job: Job, inputs: list[Input]) -> None:
    """Never more submissions than ``%retries`` allows, and none by who only looks on."""
    run = Run(job)
    for each in inputs:
        run.give(each)
    assert sum(isinstance(each, Retrying) for each in run.events) <= (job.spec.retries if job.leads else 0)


@given(jobs(), st.lists(INPUTS, max_size=30))
def test_only_the_living_are_stopped(job: Job, inputs: list[Input]) -> None:
    """Who is named in a stop has not ended, and belongs to the job."""
    run = Run(job)
    for each in inputs:
        count = len(run.actions)
        run.give(each)
        for action in run.actions[count:]:
            if isinstance(action, StopReplicas) and action.replicas is not None:
                assert action.replicas
                assert not any(run.state.states[replica].phase.ended for replica in action.replicas)


def test_every_stage_has_its_rows() -> None:
    """The table is whole; the two ends have none."""
    assert set(TABLE) == set(Stage)
    assert not TABLE[Stage.ENDED]
    assert not TABLE[Stage.LEFT]
