"""What a job goes through: row by row of the lifecycle's table."""

from __future__ import annotations

from typing import Any

import pytest

from ciao.core import lifecycle
from ciao.core.events import (
    Ended,
    Event,
    Hint,
    Input,
    JobGone,
    LogChunk,
    LogTrouble,
    Note,
    Outcome,
    OutcomeSeen,
    Phase,
    ReplicaChanged,
    Retrying,
    StopReason,
    StopRequested,
    Submitted,
    TimerFired,
    TroubleSeen,
)
from ciao.core.jobstate import Action, Job, Leave, Remove, Resubmit, SetTimer, Stage, State, StopReplicas
from ciao.core.lifecycle import (
    ABANDON,
    DEADLINE,
    DRAIN,
    FORCE_LIMIT,
    INTERRUPT,
    INTERRUPT_LIMIT,
    VERDICT,
    VERDICT_LIMIT,
    step,
)
from ciao.core.model import CleanPolicy, JobSpec, OnExit, Replica

from .jobs import FRAMEWORKS, HANDLE, MASTER, WORKER_0, WORKER_1, job, seen

USER = StopRequested(StopReason.USER, 5.0)
KERNEL = StopRequested(StopReason.KERNEL, 5.0)
CHUNK = LogChunk(WORKER_0, 0, 1, 0, 10)
RUNNING = ("master-0 running 1", "worker-0 running 1", "worker-1 running 1")
ALL_STOPPED = tuple(f"{each} failed 6 143 Stopped" for each in ("master-0", "worker-0", "worker-1"))


class Story:
    """A job as it goes: what was told, and what was to be done."""

    def __init__(self, spec: JobSpec | None = None, *, decides: bool = False, leads: bool = True) -> None:
        spec = spec or job()
        self.job = Job(spec=spec, framework=FRAMEWORKS[spec.framework], where="this cell", decides=decides, leads=leads)
        begun = lifecycle.begin(self.job, HANDLE, 0.0) if leads else lifecycle.follow(self.job, HANDLE, 0.0)
        self.state: State = begun.state
        self.events: list[Event] = list(begun.events)
        self.actions: list[Action] = list(begun.actions)

    def then(self, *inputs: Input | str) -> Story:
        """Give inputs; a text is a ReplicaSeen."""
        for each in inputs:
            found = step(self.state, seen(each) if isinstance(each, str) else each)
            self.state = found.state
            self.events += found.events
            self.actions += found.actions
        return self

    def said(self, kind: type[Any]) -> list[Any]:
        """The events of one kind."""
        return [each for each in self.events if isinstance(each, kind)]

    @property
    def ended(self) -> Ended:
        """The one end."""
        (found,) = self.said(Ended)
        assert self.events[-1] is found
        assert isinstance(found, Ended)
        return found

    def stops(self) -> list[tuple[tuple[str, ...] | None, float | None]]:
        """Whom to stop, with what grace."""
        return [
            (None if each.replicas is None else tuple(map(str, each.replicas)), each.grace)
            for each in self.actions
            if isinstance(each, StopReplicas)
        ]


# -- success ------------------------------------------------------------------------------------------


def test_a_job_that_goes_well_is_told_in_order() -> None:
    """Submitted, each replica's phases as they come, and at the end that it succeeded."""
    story = Story().then(*RUNNING, "worker-0 succeeded 3", "worker-1 succeeded 4", "master-0 succeeded 5")
    assert story.events[0] == Submitted(story.job.spec, HANDLE, 0.0)
    changes = [(str(each.replica), each.phase.value) for each in story.said(ReplicaChanged)]
    assert changes[-3:] == [("worker-0", "succeeded"), ("worker-1", "succeeded"), ("master-0", "succeeded")]
    assert (story.ended.outcome, story.ended.seconds, story.ended.diagnosis) == (Outcome.SUCCEEDED, 5.0, None)
    assert story.actions == []


def test_after_the_leaders_success_the_others_have_a_while() -> None:
    """They end by themselves within DRAIN; then they are stopped; what they do changes nothing."""
    story = Story().then(*RUNNING, "master-0 succeeded 3", "worker-0 failed 4 7")
    assert story.actions == [SetTimer(DRAIN, 5.0)]
    story.then(TimerFired(DRAIN, 8.0))
    assert story.stops() == [(("worker-1",), None)]
    assert story.then("worker-1 failed 9 143 Stopped").ended.outcome is Outcome.SUCCEEDED


def test_a_success_says_who_failed_all_the_same() -> None:
    """The leader decides, as with Kubeflow's operator; but nobody's failure is passed over in silence."""
    story = Story().then(*RUNNING, "master-0 succeeded 3", "worker-0 failed 4 7", "worker-1 succeeded 5")
    assert story.ended.outcome is Outcome.SUCCEEDED
    assert story.ended.diagnosis is not None
    assert story.ended.diagnosis.headline.startswith("worker-0 failed all the same, 3.0 s after the start: exit code 7")


def test_who_only_serves_is_stopped_at_once() -> None:
    """A parameter server never ends by itself."""
    story = Story(job("tensorflow", chief=1, ps=1)).then("chief-0 running 1", "ps-0 running 1", "chief-0 succeeded 2")
    assert story.actions == [StopReplicas((Replica("ps", 0),))]
    assert story.then("ps-0 failed 3 143 Stopped").ended.outcome is Outcome.SUCCEEDED


def test_the_policy_none_waits_and_stops_who_only_serves_last() -> None:
    """Others may take all the time they want; parameter servers go when there is nobody left to serve."""
    spec = job("tensorflow", more={"clean_policy": CleanPolicy.NONE}, chief=1, worker=1, ps=1)
    story = Story(spec).then("chief-0 succeeded 2")
    assert story.actions == []
    story.then("worker-0 succeeded 900")
    assert story.actions == [StopReplicas((Replica("ps", 0),))]
    assert story.then("ps-0 failed 901 143 Stopped").ended.seconds == 901.0


def test_the_policy_all_removes_what_is_left() -> None:
    """When the job is over, once."""
    story = Story(job(more={"clean_policy": CleanPolicy.ALL}, master=1)).then("master-0 succeeded 2")
    assert story.actions == [Remove()]


# -- failure ------------------------------------------------------------------------------------------


def test_the_first_failure_stops_the_others() -> None:
    """They are asked to stop at once, and the first that failed is the cause."""
    story = Story().then(*RUNNING, "worker-1 failed 3.1 1")
    assert story.stops() == [(("master-0", "worker-0"), None)]
    story.then("master-0 failed 4 143 Stopped", "worker-0 failed 4 143 Stopped")
    assert story.ended.outcome is Outcome.FAILED
    assert story.ended.diagnosis is not None
    assert story.ended.diagnosis.replica == WORKER_1
    assert story.ended.diagnosis.headline == "worker-1 failed first, 2.1 s after the start: exit code 1."
    assert story.ended.diagnosis.consequences == "master-0 and worker-0 were then stopped."


def test_a_job_of_one_that_fails_ends_at_once() -> None:
    """There is nobody to stop."""
    story = Story(job(master=1)).then("master-0 failed 2 3")
    assert (story.ended.outcome, story.actions) == (Outcome.FAILED, [])


def test_a_job_that_is_gone_has_failed() -> None:
    """Whatever its replicas were doing; the target's words say why."""
    story = Story().then(*RUNNING, JobGone("its supervisor was killed", 4.0))
    assert story.ended.outcome is Outcome.FAILED
    assert story.ended.diagnosis is not None
    assert story.ended.diagnosis.headline == "its supervisor was killed."


def test_gone_after_the_decision_changes_nothing() -> None:
    """What was decided stays: success while draining, a stop while stopping."""
    gone = JobGone("deleted", 6.0)
    assert Story().then("master-0 succeeded 3", gone).ended.outcome is Outcome.SUCCEEDED
    assert Story().then(*RUNNING, USER, gone).ended.outcome is Outcome.STOPPED


# -- stops --------------------------------------------------------------------------------------------


def test_the_first_stop_asks_and_the_second_forces() -> None:
    """With the target's grace, then with none."""
    story = Story().then(*RUNNING, USER)
    assert story.stops() == [(None, None)]
    story.then(USER)
    assert story.stops() == [(None, None), (None, 0.0)]
    assert story.then(USER).stops() == [(None, None), (None, 0.0)]
    story.then(*ALL_STOPPED)
    assert (story.ended.outcome, story.ended.stop_reason) == (Outcome.STOPPED, StopReason.USER)


def test_force_without_effect_ends_the_job_and_says_so() -> None:
    """Nobody waits for ever for what cannot be killed."""
    story = Story().then(*RUNNING, USER, USER, "master-0 failed 6 137 Stopped")
    assert SetTimer(ABANDON, FORCE_LIMIT) in story.actions
    story.then(TimerFired(ABANDON, 15.0))
    assert story.ended.outcome is Outcome.STOPPED
    (note,) = story.said(Note)
    assert note.text.startswith("worker-0, worker-1: not seen to end 10 s after SIGKILL")


def test_a_stop_while_others_are_stopped_is_not_yet_force() -> None:
    """A job that fails is being stopped: the user's first request finds that so, the second forces."""
    story = Story().then(*RUNNING, "worker-0 failed 2", USER)
    assert len(story.stops()) == 1
    assert story.then(USER).stops()[-1] == (None, 0.0)
    story.then("master-0 failed 6 137 Stopped", "worker-1 failed 6 137 Stopped")
    assert story.ended.outcome is Outcome.FAILED


def test_a_stop_while_draining_does_not_undo_success() -> None:
    """It only ends the waiting for the rest; again, by force."""
    story = Story().then(*RUNNING, "master-0 succeeded 3", USER)
    assert story.stops() == [(("worker-0", "worker-1"), None)]
    assert story.then(USER).stops()[-1] == (None, 0.0)
    story.then("worker-0 failed 6 143 Stopped")
    assert story.then(TimerFired(ABANDON, 15.0)).ended.outcome is Outcome.SUCCEEDED


def test_a_deadline_stops_the_job() -> None:
    """``%timeout`` counts from the submission."""
    story = Story(job(more={"timeout": 60.0}))
    assert story.actions == [SetTimer(DEADLINE, 60.0)]
    story.then(*RUNNING, TimerFired(DEADLINE, 60.0), *ALL_STOPPED)
    assert (story.ended.outcome, story.ended.stop_reason) == (Outcome.STOPPED, StopReason.DEADLINE)
    assert story.ended.diagnosis is not None
    assert "its deadline of 1 min 00 s had passed" in story.ended.diagnosis.headline


def test_a_deadline_after_success_comes_too_late() -> None:
    """A job that has succeeded is not stopped by its deadline."""
    story = Story(job(more={"timeout": 60.0})).then("master-0 succeeded 59", TimerFired(DEADLINE, 60.0))
    assert story.stops() == []
    assert story.state.stage is Stage.DRAINING


@pytest.mark.parametrize("on_exit", OnExit)
def test_a_local_job_ends_with_its_kernel(on_exit: OnExit) -> None:
    """Whatever ``%on_exit`` says."""
    story = Story(job(more={"on_exit": on_exit})).then(*RUNNING, KERNEL, *ALL_STOPPED)
    assert (story.ended.outcome, story.ended.stop_reason) == (Outcome.STOPPED, StopReason.KERNEL)


@pytest.mark.parametrize("before", [(), ("master-0 succeeded 2",)])
def test_a_clusters_job_may_stay(before: tuple[str, ...]) -> None:
    """With ``%on_exit=keep`` the kernel leaves it, and nothing is told: it has not ended."""
    story = Story(decides=True).then(*RUNNING, *before, KERNEL)
    assert (story.state.stage, story.actions, story.said(Ended)) == (Stage.LEFT, [Leave()], [])
    assert story.then(*ALL_STOPPED, USER, CHUNK).said(Ended) == []


def test_a_clusters_job_stops_if_it_was_said() -> None:
    """``%on_exit=stop``."""
    story = Story(job(more={"on_exit": OnExit.STOP}), decides=True).then(*RUNNING, KERNEL, *ALL_STOPPED)
    assert story.ended.stop_reason is StopReason.KERNEL


def test_who_looks_on_just_leaves() -> None:
    """A kernel that had attached to another's job takes nothing with it."""
    assert Story(leads=False).then(*RUNNING, KERNEL).actions == [Leave()]


def test_a_stop_from_elsewhere_is_a_stop() -> None:
    """All replicas stopped by somebody else: not a failure."""
    story = Story().then(*RUNNING, *ALL_STOPPED)
    assert (story.ended.outcome, story.ended.stop_reason) == (Outcome.STOPPED, None)
    assert story.ended.diagnosis is not None
    assert "stopped from elsewhere" in story.ended.diagnosis.headline


# -- retries ------------------------------------------------------------------------------------------


def attempt(story: Story) -> Story:
    """What the launcher does with Resubmit."""
    again = lifecycle.resubmitted(story.state, HANDLE, 10.0)
    story.state = again.state
    story.events += again.events
    return story


def test_a_failed_job_is_submitted_again() -> None:
    """The whole of it, when all its replicas have ended, and so often as was asked for."""
    story = Story(job(more={"retries": 1}, master=1, worker=1)).then("worker-0 failed 2 9")
    assert story.said(Retrying) == []
    story.then("master-0 failed 3 143 Stopped")
    (retrying,) = story.said(Retrying)
    assert (retrying.attempt, retrying.of, retrying.diagnosis.replica) == (2, 2, WORKER_0)
    assert story.actions[-1] == Resubmit(2)
    attempt(story).then("master-0 running 11", "worker-0 failed 12 9", "master-0 failed 13 143 Stopped")
    assert story.said(Submitted)[-1].attempt == 2
    assert (story.ended.outcome, story.ended.seconds) == (Outcome.FAILED, 13.0)


def test_an_attempt_that_succeeds_is_the_jobs_success() -> None:
    """Earlier attempts are forgotten."""
    story = Story(job(more={"retries": 3}, master=1)).then("master-0 failed 2")
    assert attempt(story).then("master-0 succeeded 12").ended.outcome is Outcome.SUCCEEDED


def test_a_stopped_job_is_not_tried_again() -> None:
    """Not when it was stopped, and not when it was stopped while it failed."""
    spec = job(more={"retries": 3}, master=1, worker=1)
    halted = ("master-0 failed 6 143 Stopped", "worker-0 failed 6 143 Stopped")
    assert Story(spec).then(USER, *halted).said(Retrying) == []
    assert Story(spec).then("worker-0 failed 2", USER, halted[0]).ended.outcome is Outcome.FAILED


def test_the_deadline_is_of_all_attempts() -> None:
    """After it there is no next one: not while one fails, not between two, and a running one is stopped."""
    spec = job(more={"retries": 3, "timeout": 5.0}, master=1, worker=1)
    late = TimerFired(DEADLINE, 5.0)
    failing = Story(spec).then("worker-0 failed 2", late, "master-0 failed 6 143 Stopped")
    assert failing.ended.outcome is Outcome.FAILED
    between = Story(spec).then("worker-0 failed 2", "master-0 failed 3 143 Stopped", late)
    assert (between.ended.outcome, between.ended.stop_reason) == (Outcome.STOPPED, StopReason.DEADLINE)
    running = attempt(Story(spec).then("worker-0 failed 2", "master-0 failed 3 143 Stopped")).then(late)
    assert running.stops()[-1] == (None, None)


def test_a_stop_between_attempts_is_the_end() -> None:
    """Nothing runs then, so nothing is to be stopped."""
    story = Story(job(more={"retries": 1}, master=1)).then("master-0 failed 2", TimerFired(DRAIN, 3.0), USER)
    assert (story.ended.outcome, story.ended.stop_reason) == (Outcome.STOPPED, StopReason.USER)
    assert story.stops() == []


def test_who_looks_on_does_not_try_again() -> None:
    """Only who leads the job submits it."""
    story = Story(job(more={"retries": 1}, master=1), leads=False).then("master-0 failed 2")
    assert story.ended.outcome is Outcome.FAILED


# -- operators ----------------------------------------------------------------------------------------


def test_where_an_operator_decides_ends_mean_nothing() -> None:
    """Failed pods and a succeeded master wait for the operator's word."""
    story = Story(decides=True).then(*RUNNING, "worker-0 failed 2", "master-0 succeeded 3")
    assert (story.said(Ended), story.actions, story.state.stage) == ([], [], Stage.ACTIVE)
    story.then(OutcomeSeen(True, "JobSucceeded", "", 4.0))
    assert story.actions == [SetTimer(DRAIN, 5.0)]
    assert story.then("worker-1 succeeded 5").ended.outcome is Outcome.SUCCEEDED


def test_an_operators_reason_speaks_when_no_replica_failed() -> None:
    """As with a deadline or a quota that only the operator knows of."""
    story = Story(decides=True).then(
        *RUNNING, OutcomeSeen(False, "JobFailed", "it was active longer than allowed", 4.0)
    )
    assert story.stops() == [(("master-0", "worker-0", "worker-1"), None)]
    story.then(*ALL_STOPPED)
    assert story.ended.diagnosis is not None
    assert story.ended.diagnosis.headline == "it was active longer than allowed."


def test_without_an_operator_its_word_means_nothing() -> None:
    """OutcomeSeen is ignored where nobody may send it."""
    assert Story().then(OutcomeSeen(True, "", "", 1.0)).state.stage is Stage.ACTIVE


def test_a_silent_operator_is_not_waited_for_for_ever() -> None:
    """It may have died: when all have ended and it says nothing for a while, its own rules are applied for it."""
    story = Story(decides=True).then(*RUNNING, "worker-0 failed 2", "master-0 succeeded 3")
    assert story.actions == []
    story.then("worker-1 succeeded 4")
    assert story.actions == [SetTimer(VERDICT, VERDICT_LIMIT)]
    assert story.then(TimerFired(VERDICT, 14.0)).ended.outcome is Outcome.FAILED


def test_an_operators_late_word_comes_too_late() -> None:
    """Nothing comes after the end."""
    done = Story(decides=True).then("master-0 succeeded 1", "worker-0 succeeded 1", "worker-1 succeeded 1")
    done.then(TimerFired(VERDICT, 11.0), OutcomeSeen(False, "JobFailed", "", 12.0))
    assert done.ended.outcome is Outcome.SUCCEEDED


def test_what_was_stopped_from_elsewhere_has_not_failed() -> None:
    """An operator calls it failed; the mark says who did it."""
    story = Story(decides=True).then(*RUNNING, OutcomeSeen(False, "Stopped", "a pod failed", 6.0), *ALL_STOPPED)
    assert (story.ended.outcome, story.ended.stop_reason) == (Outcome.STOPPED, None)


def test_a_deadline_that_passed_while_nobody_was_awake_is_the_deadline() -> None:
    """The pods carry it too; the operator sees a failed pod."""
    over = tuple(f"{each} failed 9 137 DeadlineExceeded" for each in ("master-0", "worker-0", "worker-1"))
    story = Story(job(more={"timeout": 9.0, "retries": 2}), decides=True).then(*RUNNING)
    story.then(OutcomeSeen(False, "JobFailed", "a pod failed", 9.0), *over)
    assert (story.ended.outcome, story.ended.stop_reason) == (Outcome.STOPPED, StopReason.DEADLINE)


def late(story: Story) -> Story:
    """Its worker gave up waiting for the master, and all have ended."""
    story.then(OutcomeSeen(False, "JobFailed", "a pod failed", 200.0), "worker-0 failed 200 1 MasterLate")
    return story.then("master-0 failed 201 143 Stopped")


def test_workers_that_gave_up_waiting_are_excused_once() -> None:
    """Nobody's code is to blame, so it costs no retry; the second time it is a failure like any other."""
    story = late(Story(job(master=1, worker=1), decides=True))
    (again,) = story.said(Retrying)
    assert (again.attempt, again.of) == (2, 2)
    assert story.actions[-1] == Resubmit(2)
    assert late(attempt(story)).ended.outcome is Outcome.FAILED


def test_an_excuse_leaves_the_retries_as_they_were() -> None:
    """One retry is still there for what the code does wrong."""
    story = attempt(late(Story(job(more={"retries": 1}, master=1, worker=1), decides=True)))
    story.then(OutcomeSeen(False, "JobFailed", "", 300.0), "worker-0 failed 300", "master-0 failed 301 143 Stopped")
    assert [(each.attempt, each.of) for each in story.said(Retrying)] == [(2, 3), (3, 3)]


# -- interrupts where the job may outlive its kernel ----------------------------------------------------


def test_an_interrupt_waits_for_its_moment() -> None:
    """Jupyter interrupts before every restart, too: half a second later it was the user."""
    story = Story(decides=True).then(*RUNNING, USER)
    assert (story.stops(), story.actions) == ([], [SetTimer(INTERRUPT, INTERRUPT_LIMIT)])
    story.then(TimerFired(INTERRUPT, 5.5))
    assert story.stops() == [(None, None)]
    assert story.then(*ALL_STOPPED).ended.stop_reason is StopReason.USER


def test_an_interrupt_that_was_a_restart_lets_the_job_go_on() -> None:
    """The kernel's leaving comes before the moment."""
    story = Story(decides=True).then(*RUNNING, USER, KERNEL)
    assert (story.state.stage, story.actions[-1], story.stops()) == (Stage.LEFT, Leave(), [])


def test_a_restart_stops_what_shall_not_stay() -> None:
    """``%on_exit=stop``: the interrupt's moment is not waited for."""
    story = Story(job(more={"on_exit": OnExit.STOP}), decides=True).then(*RUNNING, USER, KERNEL)
    assert story.stops() == [(None, None)]


def test_two_interrupts_are_force_at_once() -> None:
    """Nobody restarts by interrupting twice."""
    story = Story(decides=True).then(*RUNNING, USER, USER)
    assert story.stops() == [(None, None), (None, 0.0)]
    assert story.state.forced


def test_an_end_comes_before_the_interrupt() -> None:
    """What ended by itself meanwhile was not stopped."""
    story = Story(decides=True).then(*RUNNING, USER, OutcomeSeen(True, "", "", 5.2))
    story.then(*(f"{each} succeeded 5" for each in ("master-0", "worker-0", "worker-1")))
    assert story.then(TimerFired(INTERRUPT, 5.5)).ended.outcome is Outcome.SUCCEEDED


# -- what passes --------------------------------------------------------------------------------------


def test_a_hint_is_said_once_and_again_when_it_changes() -> None:
    """Trouble that is repeated is not news; other trouble is, and trouble that comes back."""
    slow = TroubleSeen(WORKER_0, "Slow", "waiting for memory", 1.0)
    story = Story().then(
        slow, slow, TroubleSeen(None, "Slow", "", 1.0), TroubleSeen(WORKER_0, "Odd", "waiting for a port", 2.0)
    )
    assert story.said(Hint) == [
        Hint(WORKER_0, "waiting for memory."),
        Hint(None, "Slow."),
        Hint(WORKER_0, "waiting for a port."),
    ]
    assert len(story.then("worker-0 running 3", slow).said(Hint)) == 4


def test_what_holds_up_many_replicas_is_said_once() -> None:
    """Sixty-four pods that wait for the same image are one line; the one that waits for something else is another."""
    same = [TroubleSeen(replica, "Slow", "waiting for memory", 1.0) for replica in (MASTER, WORKER_0, WORKER_1)]
    story = Story().then(*same, TroubleSeen(WORKER_1, "Odd", "waiting for a port", 2.0), *same[:2])
    assert story.said(Hint) == [Hint(MASTER, "waiting for memory."), Hint(WORKER_1, "waiting for a port.")]


def test_log_chunks_pass_through_and_change_nothing() -> None:
    """The core says that a log grew, and never looks at it."""
    story = Story()
    before = story.state
    trouble = LogTrouble(WORKER_0, "disk full", 1.0)
    assert story.then(CHUNK, trouble).events[1:] == [CHUNK, trouble]
    assert story.state == before


def test_phases_never_go_back() -> None:
    """A replica that was seen to run does not wait again, one that ended does not end again."""
    story = Story().then("worker-0 running 1", "worker-0 waiting 2", "worker-0 running 3", "worker-0 succeeded 4")
    story.then("worker-0 failed 5", "worker-0 running 6", "ghost-0 running 7")
    phases = [(str(each.replica), each.phase) for each in story.said(ReplicaChanged)]
    assert phases == [("worker-0", Phase.RUNNING), ("worker-0", Phase.SUCCEEDED)]


def test_timers_that_come_too_late_do_nothing() -> None:
    """They are never cancelled, so they may."""
    for story in (Story(), Story().then(*RUNNING, USER), Story().then("master-0 succeeded 1")):
        stops = story.stops()
        assert story.then(TimerFired(ABANDON, 99.0)).stops() == stops
        assert story.said(Ended) == []


# -- told again ---------------------------------------------------------------------------------------


def replayed(outcome: Outcome) -> Story:
    """A job that is over, of which a process is told that did not see it."""
    story = Story(job(master=1, worker=1), leads=False)
    begun = lifecycle.replay(story.job, HANDLE, 0.0, 2, outcome=outcome, over=30.0)
    story.state, story.events = begun.state, list(begun.events)
    return story


def test_a_job_that_is_over_ends_as_it_had() -> None:
    """Its record knows better than a second verdict, also when it was; nothing is done to it."""
    story = replayed(Outcome.FAILED).then(CHUNK, "worker-0 failed 2", "master-0 succeeded 1")
    assert (story.ended.outcome, story.ended.seconds, story.ended.at) == (Outcome.FAILED, 30.0, 30.0)
    assert story.said(Submitted)[0].attempt == 2
    assert story.actions == []


@pytest.mark.parametrize("last", [JobGone("removed", 99.0), USER])
def test_telling_again_may_be_cut_short(last: Input) -> None:
    """The job is gone from its target, or the reader has seen enough."""
    story = replayed(Outcome.SUCCEEDED).then("master-0 succeeded 1", last)
    assert (story.ended.outcome, story.ended.at) == (Outcome.SUCCEEDED, 30.0)
