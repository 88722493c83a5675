"""What went wrong with a job, in sentences: who failed first, why, what to do, and what became of the others.

Why is said by the table of ``core.causes``, what to do about what keeps a job waiting by ``core.remedies``.
"""

from __future__ import annotations

from typing import assert_never

from attrs import frozen

from ciao.core.causes import TABLE, Case
from ciao.core.events import Diagnosis, Exit, StopReason, TroubleSeen
from ciao.core.measures import duration
from ciao.core.model import JobSpec, Replica
from ciao.core.policy import STOPPED, States, cause_at, failures
from ciao.core.remedies import TROUBLES
from ciao.core.words import listed

_MANY = 3  # replicas that a sentence names before it counts


@frozen(kw_only=True)
class Facts:
    """What is known of a job. ``where`` is how its source is called ("this cell", "train.py");
    ``began`` when it was submitted.
    """

    spec: JobSpec
    where: str
    began: float
    states: States


def diagnose(facts: Facts, message: str = "") -> Diagnosis:
    """Why a job failed: the root cause, what it did to the others, and what to do.

    ``message`` speaks when no replica failed by itself (an operator's reason, a supervisor that died).
    """
    failed = failures(facts.states)
    if not failed:
        return Diagnosis(headline=_sentence(message or "the job failed"), consequences=_consequences(facts, ()))
    how = " failed first" if len(facts.states) > 1 else " failed"
    return _explained(facts, failed[0], how, _consequences(facts, failed))


def blemish(facts: Facts) -> Diagnosis | None:
    """What went wrong in a job that succeeded all the same, because those who decide it did; None: nothing."""
    failed = failures(facts.states)
    if not failed:
        return None
    others = f"{_names(failed[1:])} failed too." if failed[1:] else ""
    return _explained(facts, failed[0], " failed all the same", others)


def stopped(facts: Facts, reason: StopReason | None, at: float) -> Diagnosis:
    """Why a job was stopped; ``reason`` None: by somebody whom this process does not know."""
    after = f"{duration(at - facts.began)} after its submission"
    match reason:
        case StopReason.USER:
            return Diagnosis(headline=f"{facts.spec.name} was stopped on request, {after}.")
        case StopReason.DEADLINE:
            limit = "its deadline" if facts.spec.timeout is None else f"its deadline of {duration(facts.spec.timeout)}"
            return Diagnosis(
                headline=f"{facts.spec.name} was stopped because {limit} had passed.",
                remedy="Give it more time with %timeout, or leave %timeout out.",
            )
        case StopReason.KERNEL:
            return Diagnosis(headline=f"{facts.spec.name} was stopped with its kernel, {after}.")
        case None:
            return Diagnosis(headline=f"{facts.spec.name} was stopped from elsewhere, {after}.")
        case _:
            assert_never(reason)


def hint(trouble: TroubleSeen) -> str:
    """Why it does not go on, with the remedy where one is known."""
    remedy = TROUBLES.get(trouble.reason, "")
    return f"{_sentence(trouble.message or trouble.reason)} {remedy}".rstrip()


def _explained(facts: Facts, cause: Replica, how: str, consequences: str) -> Diagnosis:
    """The table's word on one replica; ``how`` completes its name."""
    state = facts.states[cause]
    end = state.exit or Exit(code=1, reason="Error", at=state.at)
    case = Case(end, facts.where, _memory(facts.spec, cause))
    row = next(row for row in TABLE if row.when(case))
    rank = "" if end.report is None or end.report.rank is None else f":{end.report.rank}"
    after = duration(cause_at(state) - _started(facts))
    return Diagnosis(
        headline=f"{cause}{rank}{how}, {after} after the start: {row.what(case)}.",
        replica=cause,
        exit=end,
        consequences=consequences,
        remedy=row.remedy(case),
    )


def _consequences(facts: Facts, failed: tuple[Replica, ...]) -> str:
    """``master-0 and worker-0 were then stopped.``"""
    later = failed[1:]
    halted = [replica for replica, state in facts.states.items() if replica not in failed and _was_halted(state.exit)]
    parts = [f"{_names(later)} failed after it"] if later else []
    if halted:
        parts.append(f"{_names(halted)} {'was' if len(halted) == 1 else 'were'} then stopped")
    return "; ".join(parts) + "." if parts else ""


def _was_halted(end: Exit | None) -> bool:
    return end is not None and end.reason == STOPPED


def _names(replicas: tuple[Replica, ...] | list[Replica]) -> str:
    named = [str(replica) for replica in replicas]
    if len(named) > _MANY + 1:
        named = [*named[:_MANY], f"{len(named) - _MANY} others"]
    return listed(named)


def _memory(spec: JobSpec, replica: Replica) -> str:
    memory = spec.role(replica.role).resources.memory
    return "" if memory is None else str(memory)


def _started(facts: Facts) -> float:
    began = [state.started for state in facts.states.values() if state.started is not None]
    return min(began, default=facts.began)


def _sentence(text: str) -> str:
    return text if text.endswith((".", "!", "?")) else f"{text}."
