"""The verdict over the states of all replicas, for targets without an operator.

The rules are the training operator's (kubeflow-contracts A.3, with ``restartPolicy: Never``): a
framework's leaders decide that a job has succeeded, any replica that fails before that has failed it.
What an operator decides on a cluster, this decides on a single machine, so that a job means the
same in both places.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from attrs import frozen

from ciao.core.events import Exit, Phase
from ciao.core.frameworks.base import Framework, Success
from ciao.core.model import CleanPolicy, Replica

DRAIN = 5.0  # seconds for the others to end by themselves once the job has succeeded
STOPPED = "Stopped"


@frozen
class ReplicaState:
    """A replica is in ``phase`` since ``at``; ``started`` is when it began to run, if that was seen."""

    phase: Phase
    at: float
    exit: Exit | None = None
    started: float | None = None

    @property
    def exit_reason(self) -> str:
        """The exit's word; empty while there is none."""
        return "" if self.exit is None else self.exit.reason


States = Mapping[Replica, ReplicaState]


@frozen
class StillRunning:
    """Nothing is decided yet."""


@frozen
class Succeeded:
    """Those who decide have succeeded, whatever the others do now."""


@frozen
class Failed:
    """These failed by themselves, the root cause first."""

    replicas: tuple[Replica, ...]


@frozen
class Halted:
    """Every replica has ended and those who decide were stopped, by somebody else than who looks."""


Verdict = StillRunning | Succeeded | Failed | Halted


def verdict(success: Success, states: States) -> Verdict:
    """What the states of all replicas mean for their job."""
    decided = _succeeded_at(success, states)
    failed = tuple(replica for replica in failures(states) if decided is None or states[replica].at < decided)
    if failed:
        return Failed(failed)
    if decided is not None:
        return Succeeded()
    return Halted() if states and not living(states) else StillRunning()


def failures(states: States) -> tuple[Replica, ...]:
    """Those that failed by themselves, the root cause first.

    The cause is who raised (or, without a report, ended) earliest. One that was stopped counts when it had
    raised before the first failure was noticed: its end was only slower than that of those it hurt.
    """
    own = [replica for replica, state in states.items() if _failed_by_itself(state)]
    if not own:
        return ()
    noticed = min(states[replica].at for replica in own)
    slow = [replica for replica, state in states.items() if _had_raised(state, noticed)]
    return tuple(sorted([*own, *slow], key=lambda replica: (cause_at(states[replica]), replica)))


def living(states: States) -> tuple[Replica, ...]:
    """Those that have not ended, in the order of the job."""
    return tuple(replica for replica, state in states.items() if not state.phase.ended)


@frozen
class Rest:
    """What becomes of the others after success: whom to stop now, and how many seconds the rest has.

    ``limit`` None: as long as they want.
    """

    stop: tuple[Replica, ...]
    limit: float | None


def after_success(framework: Framework, clean: CleanPolicy, states: States) -> Rest:
    """Whom to stop when the job has succeeded.

    Who ends by itself gets ``DRAIN`` seconds, or all it wants under ``CleanPolicy.NONE``. Who only serves others
    (parameter servers) is stopped at once, under NONE when there is nobody left to serve.
    """
    serving = tuple(replica for replica in living(states) if not _ends(framework, replica))
    ending = len(living(states)) > len(serving)
    if clean is CleanPolicy.NONE:
        return Rest(() if ending else serving, None)
    return Rest(serving, DRAIN if ending else None)


def _ends(framework: Framework, replica: Replica) -> bool:
    rule = framework.rule(replica.role)
    return rule is None or rule.ends


def _succeeded_at(success: Success, states: States) -> float | None:
    """When the job had succeeded; None when it has not."""
    for role in success.leaders:
        if leaders := _of_role(states, role):
            return _all_succeeded_at(leaders)
    others = _of_role(states, success.otherwise) or list(states.values())
    first = states.get(Replica(success.otherwise, 0))
    if success.first_suffices and first is not None and first.phase is Phase.SUCCEEDED:
        return first.at
    return _all_succeeded_at(others)


def _all_succeeded_at(states: Iterable[ReplicaState]) -> float | None:
    ends = [state.at if state.phase is Phase.SUCCEEDED else None for state in states]
    known = [at for at in ends if at is not None]
    return max(known) if known and len(known) == len(ends) else None


def _of_role(states: States, role: str) -> list[ReplicaState]:
    return [state for replica, state in states.items() if replica.role == role]


def _was_stopped(state: ReplicaState) -> bool:
    return state.exit_reason == STOPPED


def _failed_by_itself(state: ReplicaState) -> bool:
    return state.phase is Phase.FAILED and not _was_stopped(state)


def _had_raised(state: ReplicaState, noticed: float) -> bool:
    raised = _raised_at(state)
    return _was_stopped(state) and raised is not None and raised <= noticed


def _raised_at(state: ReplicaState) -> float | None:
    return state.exit.report.at if state.exit is not None and state.exit.report is not None else None


def cause_at(state: ReplicaState) -> float:
    """When what ended a replica happened: when it raised, else when it ended."""
    raised = _raised_at(state)
    return state.at if raised is None else raised
