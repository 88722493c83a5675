"""The values of a job's lifecycle: its state, its steps, and the actions that a step asks for."""

from __future__ import annotations

import enum
from collections.abc import Mapping

from attrs import field, frozen

from ciao.core.events import Event, Outcome, StopReason
from ciao.core.frameworks.base import Framework
from ciao.core.model import JobHandle, JobSpec, Replica
from ciao.core.policy import States

# -- actions: what the launcher is to do --------------------------------------------------------------


@frozen
class StopReplicas:
    """Stop these (None: all); ``grace`` in seconds, None: the target's own, 0: by force now."""

    replicas: tuple[Replica, ...] | None
    grace: float | None = None


@frozen
class SetTimer:
    """TimerFired(name) after so many seconds. Timers are not cancelled: one that comes too late has no row."""

    name: str
    seconds: float


@frozen
class Remove:
    """Remove what the job left on its target."""


@frozen
class Resubmit:
    """Submit the whole job again, then call ``resubmitted``."""

    attempt: int


@frozen
class Leave:
    """Follow the job no more; it goes on."""


Action = StopReplicas | SetTimer | Remove | Resubmit | Leave


# -- state --------------------------------------------------------------------------------------------


class Stage(enum.Enum):
    """Where a job is; see the drawing in core.lifecycle."""

    ACTIVE = "active"
    DRAINING = "draining"
    STOPPING = "stopping"
    RETRYING = "retrying"
    REPLAYING = "replaying"
    ENDED = "ended"
    LEFT = "left"


@frozen(kw_only=True)
class Job:
    """What does not change.

    ``where`` is how its source is called in sentences ("this cell"). ``decides``: an operator does.
    ``leads`` False: this process only looks on, another one leads the job: it is not submitted again from
    here, and leaving does not stop it.
    """

    spec: JobSpec
    framework: Framework
    where: str
    decides: bool = False
    leads: bool = True


@frozen(kw_only=True)
class State:
    """All that is known of a job.

    ``began``: its first submission. ``outcome`` is set as soon as it is decided, with what decided it:
    ``message`` (an operator's or the target's words), ``reason`` (of a stop). ``over`` is when a replayed job
    had ended. ``stops`` counts stop requests, ``asked`` are those who were told to stop,
    ``forced``: by SIGKILL; ``expired``: the deadline passed while a failed attempt was stopped. ``interrupted``: a
    user's stop waits for its moment; ``excused``: one attempt more was given, for a failure of nobody's code.
    """

    job: Job
    handle: JobHandle
    stage: Stage
    began: float
    states: States
    attempt: int = 1
    outcome: Outcome | None = None
    reason: StopReason | None = None
    message: str = ""
    over: float | None = None
    stops: int = 0
    forced: bool = False
    expired: bool = False
    interrupted: bool = False
    excused: bool = False
    asked: frozenset[Replica] = frozenset()
    hints: Mapping[Replica | None, str] = field(factory=dict)


@frozen
class Step:
    """The new state, what people are told, and what is to be done, both in order."""

    state: State
    events: tuple[Event, ...] = ()
    actions: tuple[Action, ...] = ()

    def after(self, *events: Event) -> Step:
        """The same step with events that come first."""
        return Step(self.state, (*events, *self.events), self.actions)
