"""What backends saw (observations), what a job is told (inputs), what people are told (events).

All are values of sum types: a consumer matches on the class. Times are seconds since the epoch, UTC.
Log *lines* are never here: adapters write bytes into the job's log, and ``LogChunk`` only says
that a log grew; views read from the job store.
"""

from __future__ import annotations

import enum

from attrs import frozen

from ciao.core.model import JobHandle, JobSpec, Replica


class Phase(enum.Enum):
    """Where one replica is. Ends: SUCCEEDED (exit code 0), FAILED (anything else)."""

    WAITING = "waiting"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"

    @property
    def ended(self) -> bool:
        """True for the two ends."""
        return self in (Phase.SUCCEEDED, Phase.FAILED)


@frozen
class Frame:
    """One frame of a traceback; ``file`` is ``cell.py`` for the user's cell, else a path."""

    file: str
    line: int
    function: str
    text: str = ""


@frozen(kw_only=True)
class Report:
    """What ``ciao_replica`` wrote when the cell raised: the last error of the innermost process.

    ``at`` is when it was raised, so the earliest of several is the root cause. ``rank`` is the
    local rank under torchrun, or None.
    """

    type: str
    message: str
    at: float
    frames: tuple[Frame, ...] = ()
    rank: int | None = None


@frozen(kw_only=True)
class Exit:
    """How a replica ended. ``code`` is a container's: 0-255, 128 + signal for a signal.

    ``reason`` is a container's word: ``Completed``, ``Error``, ``OOMKilled``, ``Evicted``, ``StartError``;
    ``Stopped`` when it ended because Ciao stopped it, ``DeadlineExceeded`` when its target ended it because the job's
    deadline had passed, ``MasterLate`` when it gave up waiting for a master that was still being prepared.
    """

    code: int
    reason: str
    at: float
    message: str = ""
    report: Report | None = None


# -- what a backend saw ---------------------------------------------------------------------------


@frozen
class ReplicaSeen:
    """A replica is in ``phase`` since ``at``; ``exit`` is there exactly when the phase has ended."""

    replica: Replica
    phase: Phase
    at: float
    exit: Exit | None = None
    detail: str = ""


@frozen
class LogChunk:
    """``count`` whole or partial lines were appended to the replica's log.

    ``first_line`` counts from 0 and ``offset`` is in bytes, both of the chunk's beginning;
    the chunk ends at byte ``end``. Chunks of one replica are contiguous.
    """

    replica: Replica
    first_line: int
    count: int
    offset: int
    end: int


def joined(earlier: LogChunk, later: LogChunk) -> LogChunk:
    """Two contiguous chunks as one; a line that goes on in the later one counts once."""
    lines = later.first_line + later.count - earlier.first_line
    return LogChunk(earlier.replica, earlier.first_line, lines, earlier.offset, later.end)


@frozen
class LogTrouble:
    """A replica's log is incomplete from here on (disk full, limit reached) or has a gap; said once."""

    replica: Replica
    message: str
    at: float


@frozen
class TroubleSeen:
    """Something keeps the job from going on; it may pass. ``replica`` None: the job as a whole."""

    replica: Replica | None
    reason: str
    message: str
    at: float


@frozen
class OutcomeSeen:
    """An operator has decided; Ciao only explains. Never sent by targets without an operator.

    ``reason`` is the operator's word; ``Stopped`` when it calls failed what Ciao stopped, from wherever.
    """

    succeeded: bool
    reason: str
    message: str
    at: float


@frozen
class JobGone:
    """The job does not exist any more: deleted by hand, or its supervisor was killed."""

    message: str
    at: float


Observation = ReplicaSeen | LogChunk | LogTrouble | TroubleSeen | OutcomeSeen | JobGone


# -- what a job is told from outside --------------------------------------------------------------


class StopReason(enum.Enum):
    """Why somebody wants a job to end."""

    USER = "user"
    DEADLINE = "deadline"
    KERNEL = "kernel"


@frozen
class StopRequested:
    """The first one stops the job; the second (``StopReason.USER``) stops waiting for its grace."""

    reason: StopReason
    at: float


@frozen
class TimerFired:
    """A timer that an action of the lifecycle had set; ``name`` is the lifecycle's own word."""

    name: str
    at: float


Input = Observation | StopRequested | TimerFired


# -- what people are told --------------------------------------------------------------------------


class Outcome(enum.Enum):
    """How a job ended."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    STOPPED = "stopped"


@frozen(kw_only=True)
class Diagnosis:
    """What went wrong and what to do.

    ``headline`` is one sentence ("worker-1 failed first, 2.1 s after the start: ZeroDivisionError at
    line 14 of this cell (exit code 1)."), ``remedy`` what to do about it, if anything is known.
    ``replica`` is the root cause; ``consequences`` what happened to the others, one sentence.
    """

    headline: str
    replica: Replica | None = None
    exit: Exit | None = None
    consequences: str = ""
    remedy: str = ""


@frozen
class Note:
    """Something worth knowing: a limit that cannot be enforced, what travels with the cell."""

    text: str


@frozen
class Progress:
    """A builder or a slow step is at work; ``done`` and ``total`` in bytes, total 0 when unknown."""

    what: str
    done: int = 0
    total: int = 0


@frozen
class Submitted:
    """The job exists. ``attempt`` counts from 1 (``%retries``)."""

    spec: JobSpec
    handle: JobHandle
    at: float
    attempt: int = 1


@frozen
class ReplicaChanged:
    """A replica moved to another phase."""

    replica: Replica
    phase: Phase
    at: float
    exit: Exit | None = None
    detail: str = ""


@frozen
class Hint:
    """Why it does not go on, while that lasts; said once, and again only when it changes.

    What holds up several replicas is said of the first of them.
    """

    replica: Replica | None
    text: str


@frozen
class Retrying:
    """The whole job is submitted again."""

    attempt: int
    of: int
    diagnosis: Diagnosis


@frozen(kw_only=True)
class Ended:
    """The last event of every job. ``seconds`` since its first submission.

    A job that succeeded has a diagnosis only when a replica failed that does not decide its outcome.
    """

    handle: JobHandle
    outcome: Outcome
    seconds: float
    at: float
    diagnosis: Diagnosis | None = None
    stop_reason: StopReason | None = None


Event = Note | Progress | Submitted | ReplicaChanged | LogChunk | LogTrouble | Hint | Retrying | Ended
