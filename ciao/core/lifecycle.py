"""What a job goes through, as a table: ``step(state, input) -> state, events, actions``.

::

               those who decide have succeeded          all ended
      ACTIVE ─────────────────────────────────▶ DRAINING ─────────────────────────▶ ENDED
        │  │                                     (others end by themselves, are stopped after a while)
        │  │ one failed, or a stop was asked for           all ended
        │  └──────────────────────────────────▶ STOPPING ─────────────────────────▶ ENDED
        │  ▲                                       │ failed by itself, attempts left
        │  └──────────── resubmitted ── RETRYING ◀─┘
        └── the kernel leaves, the job may stay ──────────────────────────────────▶ LEFT
      REPLAYING (a job that is over is shown again) ──────────────────────────────▶ ENDED

The first thing that decides decides for good: who fails after the leader's success, or is killed by a
stop, changes nothing. Where an operator exists, its OutcomeSeen decides, and core.policy is asked only when all
replicas have ended and the operator has said nothing for ``VERDICT_LIMIT`` seconds. A second
StopRequested stops waiting for the grace of the first; if even force shows no effect, the job ends
without those replicas. JobGone ends every state. Log chunks pass through and change nothing. Nothing
comes after Ended: ENDED and LEFT have no row.

Jupyter interrupts before every restart and shutdown. So where a job may outlive its kernel, a user's first stop
is acted on ``INTERRUPT_LIMIT`` seconds later, unless the kernel's leaving has come by then.

A failure is excused once, and the job submitted again, when no code of the user's is to blame (``EXCUSED``). An
operator knows failures only; a job that was stopped from elsewhere (reason ``Stopped``) or by the deadline in its pods
(``OVERTIME``) has not failed.

Nothing here waits, knows a clock or does anything: times are in the inputs, deeds are Actions.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from attrs import evolve

from ciao.core import diagnosis, policy
from ciao.core.diagnosis import Facts
from ciao.core.events import (
    Diagnosis,
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
    ReplicaSeen,
    Retrying,
    StopReason,
    StopRequested,
    Submitted,
    TimerFired,
    TroubleSeen,
)
from ciao.core.jobstate import Job, Leave, Remove, Resubmit, SetTimer, Stage, State, Step, StopReplicas
from ciao.core.model import CleanPolicy, JobHandle, JobSpec, OnExit, Replica
from ciao.core.policy import ReplicaState, States, failures, living

DEADLINE, DRAIN, ABANDON, INTERRUPT, VERDICT = "deadline", "drain", "abandon", "interrupt", "verdict"  # timers
FORCE_LIMIT = 10.0  # seconds for force to show before the job ends without those replicas
INTERRUPT_LIMIT = 0.5
VERDICT_LIMIT = 10.0
EXCUSED, OVERTIME = frozenset({"MasterLate"}), "DeadlineExceeded"  # reasons of exits


# -- beginnings ---------------------------------------------------------------------------------------


def begin(job: Job, handle: JobHandle, at: float) -> Step:
    """The job was submitted."""
    state = State(job=job, handle=handle, stage=Stage.ACTIVE, began=at, states=_waiting(job.spec, at))
    timers = () if job.spec.timeout is None else (SetTimer(DEADLINE, job.spec.timeout),)
    return Step(state, (Submitted(job.spec, handle, at),), timers)


def follow(job: Job, handle: JobHandle, began: float, attempt: int = 1) -> Step:
    """A job that exists is watched from here on; its deadline is its leader's business."""
    states = _waiting(job.spec, began)
    state = State(job=job, handle=handle, stage=Stage.ACTIVE, began=began, attempt=attempt, states=states)
    return Step(state, (Submitted(job.spec, handle, began, attempt),))


def replay(job: Job, handle: JobHandle, began: float, attempt: int, *, outcome: Outcome, over: float) -> Step:
    """A job that is over is shown again; how it ended is known."""
    step = follow(job, handle, began, attempt)
    return evolve(step, state=evolve(step.state, stage=Stage.REPLAYING, outcome=outcome, over=over))


def resubmitted(state: State, handle: JobHandle, at: float) -> Step:
    """The next attempt exists."""
    spec, attempt = state.job.spec, state.attempt + 1
    fresh = evolve(
        state, handle=handle, stage=Stage.ACTIVE, attempt=attempt, states=_waiting(spec, at),
        outcome=None, message="", asked=frozenset(), hints={}, interrupted=False,
    )  # fmt: skip
    return Step(fresh, (Submitted(spec, handle, at, attempt),))


def step(state: State, given: Input) -> Step:
    """The next state; an input that the table has no row for changes nothing."""
    handler = TABLE[state.stage].get(type(given))
    return Step(state) if handler is None else handler(state, given)


# -- what replicas do -----------------------------------------------------------------------------------


def _seen_active(state: State, seen: ReplicaSeen) -> Step:
    state, events = _noted(state, seen)
    if not state.job.decides:
        return _judged(state, seen.at).after(*events)
    return Step(state, events, () if living(state.states) else (SetTimer(VERDICT, VERDICT_LIMIT),))


def _judged(state: State, at: float) -> Step:
    """What core.policy says of it."""
    match policy.verdict(state.job.framework.success, state.states):
        case policy.Succeeded():
            return _succeed(state, at)
        case policy.Failed():
            return _fail(state, at)
        case policy.Halted():
            return _end(evolve(state, outcome=Outcome.STOPPED), at)
        case _:
            return Step(state)


def _seen_draining(state: State, seen: ReplicaSeen) -> Step:
    state, events = _noted(state, seen)
    return _drain(state, seen.at).after(*events)


def _seen_stopping(state: State, seen: ReplicaSeen) -> Step:
    state, events = _noted(state, seen)
    return _settle(state, seen.at).after(*events)


def _seen_replaying(state: State, seen: ReplicaSeen) -> Step:
    state, events = _noted(state, seen)
    return (Step(state) if living(state.states) else _end(state, seen.at)).after(*events)


def _noted(state: State, seen: ReplicaSeen) -> tuple[State, tuple[Event, ...]]:
    """The state with the replica's new phase; nothing for one that is unknown, or that does not move forward."""
    former = state.states.get(seen.replica)
    if former is None or _RANK[seen.phase] <= _RANK[former.phase]:
        return state, ()
    started = seen.at if seen.phase is Phase.RUNNING else former.started
    states = {**state.states, seen.replica: ReplicaState(seen.phase, seen.at, seen.exit, started)}
    hints = {who: text for who, text in state.hints.items() if who != seen.replica}
    changed = ReplicaChanged(seen.replica, seen.phase, seen.at, seen.exit, seen.detail)
    return evolve(state, states=states, hints=hints), (changed,)


# -- what others say ------------------------------------------------------------------------------------


def _pass(state: State, given: LogChunk | LogTrouble) -> Step:
    return Step(state, (given,))


def _trouble(state: State, given: TroubleSeen) -> Step:
    text = diagnosis.hint(given)
    # What holds up many replicas is said of the first: the board shows that the others wait.
    said = text in state.hints.values()
    return Step(evolve(state, hints={**state.hints, given.replica: text}), () if said else (Hint(given.replica, text),))


def _outcome(state: State, given: OutcomeSeen) -> Step:
    if not state.job.decides:
        return Step(state)
    state = evolve(state, message=given.message or given.reason)
    if given.succeeded:
        return _succeed(state, given.at)
    return _fail(state, given.at, Outcome.STOPPED if given.reason == policy.STOPPED else Outcome.FAILED)


def _gone(state: State, given: JobGone) -> Step:
    if state.outcome is None:
        state = evolve(state, outcome=Outcome.FAILED, message=given.message)
    return _end(state, given.at)


# -- stops ----------------------------------------------------------------------------------------------


def _stop(state: State, given: StopRequested) -> Step:
    if _may_leave(state, given):
        return _leave(state)
    if given.reason is not StopReason.USER or not state.job.decides:
        return _halt(state, given.reason, given.at)
    if not state.interrupted:
        return Step(evolve(state, interrupted=True), (), (SetTimer(INTERRUPT, INTERRUPT_LIMIT),))
    halted = _halt(state, given.reason, given.at)
    forced = _stop_again(halted.state, given)
    return evolve(forced, actions=(*halted.actions, *forced.actions))


def _stop_draining(state: State, given: StopRequested) -> Step:
    return _leave(state) if _may_leave(state, given) else _stop_again(state, given)


def _stop_again(state: State, given: StopRequested) -> Step:
    """The first request of a job that ends anyway asks the rest to stop; after one, a user's is force."""
    force = given.reason is StopReason.USER and state.stops > 0
    state = evolve(state, stops=state.stops + 1)
    if not force:
        return _ask(state, living(state.states))
    if state.forced:
        return Step(state)
    return Step(evolve(state, forced=True), (), (StopReplicas(None, 0.0), SetTimer(ABANDON, FORCE_LIMIT)))


def _stop_retrying(state: State, given: StopRequested) -> Step:
    return _end(evolve(state, outcome=Outcome.STOPPED, reason=given.reason), given.at)


def _stop_replaying(state: State, given: StopRequested) -> Step:
    return _end(state, given.at)


def _may_leave(state: State, given: StopRequested) -> bool:
    """A local job always ends with its kernel; a cluster's stays unless ``%on_exit=stop``; onlookers just go."""
    stays = state.job.decides and state.job.spec.on_exit is OnExit.KEEP
    return given.reason is StopReason.KERNEL and (stays or not state.job.leads)


def _leave(state: State) -> Step:
    return Step(evolve(state, stage=Stage.LEFT), (), (Leave(),))


# -- timers ---------------------------------------------------------------------------------------------


def _timer_active(state: State, given: TimerFired) -> Step:
    match given.name:
        case "deadline":
            return _halt(state, StopReason.DEADLINE, given.at)
        case "interrupt":
            return _halt(state, StopReason.USER, given.at)
        case "verdict":
            return Step(state) if living(state.states) else _judged(state, given.at)
        case _:
            return Step(state)


def _timer_draining(state: State, given: TimerFired) -> Step:
    return _ask(state, living(state.states)) if given.name == DRAIN else _timer_forced(state, given)


def _timer_stopping(state: State, given: TimerFired) -> Step:
    # The deadline is of the whole job: after it there is no next attempt.
    return Step(evolve(state, expired=True)) if given.name == DEADLINE else _timer_forced(state, given)


def _timer_retrying(state: State, given: TimerFired) -> Step:
    if given.name != DEADLINE:
        return Step(state)
    return _end(evolve(state, outcome=Outcome.STOPPED, reason=StopReason.DEADLINE), given.at)


def _timer_forced(state: State, given: TimerFired) -> Step:
    if given.name != ABANDON or not state.forced:
        return Step(state)
    names = ", ".join(str(replica) for replica in living(state.states))
    note = Note(
        f"{names}: not seen to end {FORCE_LIMIT:.0f} s after SIGKILL. Something may be left on {state.handle.target}."
    )
    return _end(state, given.at).after(note)


# -- ways to the end ------------------------------------------------------------------------------------


def _succeed(state: State, at: float) -> Step:
    state = evolve(state, stage=Stage.DRAINING, outcome=Outcome.SUCCEEDED)
    rest = policy.after_success(state.job.framework, state.job.spec.clean_policy, state.states)
    timers = () if rest.limit is None else (SetTimer(DRAIN, rest.limit),)
    drained = _drain(state, at)
    return evolve(drained, actions=(*drained.actions, *timers))


def _drain(state: State, at: float) -> Step:
    if not living(state.states):
        return _end(state, at)
    return _ask(state, policy.after_success(state.job.framework, state.job.spec.clean_policy, state.states).stop)


def _fail(state: State, at: float, outcome: Outcome = Outcome.FAILED) -> Step:
    state = evolve(state, stage=Stage.STOPPING, outcome=outcome)
    asked = _ask(state, living(state.states))
    return asked if asked.actions else _settle(state, at)


def _halt(state: State, reason: StopReason, at: float) -> Step:
    asked = frozenset(living(state.states))
    halted = evolve(
        state, stage=Stage.STOPPING, outcome=Outcome.STOPPED, reason=reason, stops=state.stops + 1, asked=asked
    )
    return Step(halted, (), (StopReplicas(None),))


def _ask(state: State, replicas: tuple[Replica, ...]) -> Step:
    """Tell those to stop that were not told yet."""
    new = tuple(replica for replica in replicas if replica not in state.asked)
    if not new:
        return Step(state)
    return Step(evolve(state, asked=state.asked.union(new)), (), (StopReplicas(new),))


def _settle(state: State, at: float) -> Step:
    """All that were to stop have: the end, or another attempt."""
    if living(state.states):
        return Step(state)
    state = _overtime(state)
    job, again = state.job, state.attempt + 1
    by_itself = state.outcome is Outcome.FAILED and state.stops == 0 and not state.expired
    excused = not state.excused and any(state.states[each].exit_reason in EXCUSED for each in failures(state.states))
    allowed = job.spec.retries + state.excused + excused
    if not (by_itself and job.leads and state.attempt <= allowed):
        return _end(state, at)
    why = diagnosis.diagnose(_facts(state), state.message)
    retrying = Retrying(again, allowed + 1, why)
    state = evolve(state, stage=Stage.RETRYING, excused=state.excused or excused)
    return Step(state, (retrying,), (Resubmit(again),))


def _overtime(state: State) -> State:
    """The deadline in the pods, which passed when no kernel was awake to see it."""
    failed = failures(state.states)
    if state.outcome is Outcome.FAILED and failed and state.states[failed[0]].exit_reason == OVERTIME:
        return evolve(state, outcome=Outcome.STOPPED, reason=StopReason.DEADLINE)
    return state


def _end(state: State, at: float) -> Step:
    over = at if state.over is None else state.over
    outcome = state.outcome or Outcome.FAILED
    ended = Ended(
        handle=state.handle,
        outcome=outcome,
        seconds=max(0.0, over - state.began),
        at=over,
        diagnosis=_diagnosis(state, outcome, over),
        stop_reason=state.reason,
    )
    removes = state.job.leads and state.over is None and state.job.spec.clean_policy is CleanPolicy.ALL
    return Step(evolve(state, stage=Stage.ENDED, outcome=outcome), (ended,), (Remove(),) if removes else ())


def _diagnosis(state: State, outcome: Outcome, at: float) -> Diagnosis | None:
    if outcome is Outcome.SUCCEEDED:
        return diagnosis.blemish(_facts(state))
    if outcome is Outcome.STOPPED:
        return diagnosis.stopped(_facts(state), state.reason, at)
    return diagnosis.diagnose(_facts(state), state.message)


def _facts(state: State) -> Facts:
    return Facts(spec=state.job.spec, where=state.job.where, began=state.began, states=state.states)


def _waiting(spec: JobSpec, at: float) -> States:
    return {replica: ReplicaState(Phase.WAITING, at) for replica in spec.replicas}


# -- the table ------------------------------------------------------------------------------------------

_RANK = {Phase.WAITING: 0, Phase.RUNNING: 1, Phase.SUCCEEDED: 2, Phase.FAILED: 2}

_STREAM: Mapping[type, Callable[[State, Any], Step]] = {LogChunk: _pass, LogTrouble: _pass, JobGone: _gone}

TABLE: Mapping[Stage, Mapping[type, Callable[[State, Any], Step]]] = {
    Stage.ACTIVE: {
        **_STREAM,
        ReplicaSeen: _seen_active,
        TroubleSeen: _trouble,
        OutcomeSeen: _outcome,
        StopRequested: _stop,
        TimerFired: _timer_active,
    },
    Stage.DRAINING: {
        **_STREAM,
        ReplicaSeen: _seen_draining,
        StopRequested: _stop_draining,
        TimerFired: _timer_draining,
    },
    Stage.STOPPING: {
        **_STREAM,
        ReplicaSeen: _seen_stopping,
        StopRequested: _stop_again,
        TimerFired: _timer_stopping,
    },
    Stage.RETRYING: {StopRequested: _stop_retrying, TimerFired: _timer_retrying},
    Stage.REPLAYING: {**_STREAM, ReplicaSeen: _seen_replaying, StopRequested: _stop_replaying},
    Stage.ENDED: {},
    Stage.LEFT: {},
}
