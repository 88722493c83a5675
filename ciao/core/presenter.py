"""What people are told, word for word: one place, so that notebook, terminal and library never differ.

Events become lines, the end of a job becomes an error or a footer, records become tables. Pure: the same
values give the same text. Log lines are not here (``core.view``), nor is why a job failed (``core.diagnosis``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import assert_never

from ciao.core.errors import JobError, JobFailedError, JobStoppedError
from ciao.core.events import (
    Diagnosis,
    Ended,
    Event,
    Hint,
    LogChunk,
    LogTrouble,
    Note,
    Outcome,
    Progress,
    ReplicaChanged,
    Retrying,
    Submitted,
)
from ciao.core.measures import Table, ago, duration, size
from ciao.core.model import JobHandle, JobSpec, Replica
from ciao.core.ports import Document, JobRecord
from ciao.core.voice import LIBRARY, NOTEBOOK, TERMINAL, Voice

__all__ = [
    "LIBRARY",
    "NOTEBOOK",
    "TERMINAL",
    "Voice",
    "describe",
    "documents",
    "event_lines",
    "header",
    "job_error",
    "jobs_table",
    "where",
]


def where(handle: JobHandle) -> str:
    """Where a job runs, in the user's words: ``this machine``, ``gke-prod · team-a``."""
    if handle.target == "local":
        return "this machine"
    return " · ".join(part for part in (handle.context or handle.target, handle.namespace) if part)


def header(spec: JobSpec, place: str) -> str:
    """``pytorch-k3f9x · master 1, worker 2 · this machine``."""
    roles = ", ".join(f"{role.name} {role.replicas}" for role in spec.roles)
    each = f" · {spec.nproc} processes each" if spec.nproc else ""
    return f"{spec.name} · {roles}{each} · {place}"


def event_lines(event: Event, voice: Voice = NOTEBOOK) -> tuple[str, ...]:
    """The lines in which an event is told; none for what the board or the log shows better.

    A job that did not end well is told by its error (``job_error``), not here.
    """
    match event:
        case Note():
            return tuple(voice.said(event.text).splitlines())
        case Progress():
            return (_progress(event),)
        case Submitted():
            return (header(event.spec, where(event.handle)),) if event.attempt == 1 else ()
        case LogTrouble():
            return (f"! {event.replica}: {event.message}",)
        case Hint():
            return (f"… {event.replica}: {event.text}" if event.replica else f"… {event.text}",)
        case Retrying():
            return (f"✗ {event.diagnosis.headline}", f"↻ attempt {event.attempt} of {event.of}")
        case Ended():
            return _footer(event, voice) if event.outcome is Outcome.SUCCEEDED else ()
        case ReplicaChanged() | LogChunk():
            return ()
        case _:
            assert_never(event)


def job_error(ended: Ended, voice: Voice = NOTEBOOK) -> JobError | None:
    """The error in which a cell or a call ends; None for a job that succeeded."""
    if ended.outcome is Outcome.SUCCEEDED:
        return None
    kind = JobFailedError if ended.outcome is Outcome.FAILED else JobStoppedError
    why = ended.diagnosis or Diagnosis(
        headline=f"{ended.handle.name} {ended.outcome.value} after {duration(ended.seconds)}."
    )
    output = f"{voice.logs(ended.handle.name, why.replica)}   shows all of its output."
    second = f"{why.consequences}   {output}".lstrip()
    return kind(ended.handle.name, "\n".join([why.headline, second, *voice.said(why.remedy).splitlines()]))


def jobs_table(records: Sequence[JobRecord], now: float) -> Table:
    """The list of jobs, in the order given; ``now`` in seconds since the epoch."""
    return Table(
        ("job", "state", "replicas", "started", "took", "where", "source"),
        tuple(
            (
                record.handle.name, _state(record), _roles(record), ago(now - record.created),
                duration((record.ended or now) - record.created), where(record.handle), record.label,
            )
            for record in records
        ),
    )  # fmt: skip


def describe(
    record: JobRecord, now: float, *, lines: Mapping[Replica, int] | None = None, voice: Voice = NOTEBOOK
) -> str:
    """All that is known of a job; ``lines`` says how much each replica has written."""
    facts = [
        ("job", record.handle.name),
        ("state", _state(record)),
        ("summary", record.summary),
        ("framework", record.framework),
        ("replicas", _roles(record)),
        ("where", where(record.handle)),
        ("started", ago(now - record.created)),
        ("took", duration((record.ended or now) - record.created)),
        ("attempts", str(record.attempts) if record.attempts > 1 else ""),
        ("source", f"{record.label} ({record.digest})"),
        *((str(replica), f"{count:,} line{'' if count == 1 else 's'}") for replica, count in (lines or {}).items()),
        ("output", voice.logs(record.handle.name)),
    ]
    width = max(len(name) for name, _ in facts)
    shown = [_fact(name, value, width) for name, value in facts if value]
    return "\n".join([*shown, "", *("    " + line for line in record.source.splitlines())]).rstrip()


def documents(rendered: Sequence[Document]) -> str:
    """What would be created, as one text: documents separated as in YAML, each under its kind and name."""
    return "\n---\n".join(f"# {each.kind} {each.name}\n{each.text.rstrip()}" for each in rendered)


# -- how jobs end -----------------------------------------------------------------------------------


def _footer(ended: Ended, voice: Voice) -> tuple[str, ...]:
    name, why = ended.handle.name, ended.diagnosis
    but = () if why is None else (f"! {why.headline} {why.consequences}".rstrip(),)
    return (*but, f"✓ {name} succeeded in {duration(ended.seconds)} · all output: {voice.logs(name)}")


def _progress(event: Progress) -> str:
    if not event.total:
        return f"… {event.what} {size(event.done)}" if event.done else f"… {event.what}"
    return f"… {event.what} {size(event.done)} of {size(event.total)}"


# -- records ------------------------------------------------------------------------------------------


def _state(record: JobRecord) -> str:
    return record.outcome.value if record.outcome else "running" if record.ended is None else "lost"


def _roles(record: JobRecord) -> str:
    return ", ".join(f"{role} {count}" for role, count in record.roles)


def _fact(name: str, value: str, width: int) -> str:
    first, *rest = value.splitlines()
    return "\n".join([f"{name:<{width}}  {first}", *(" " * (width + 2) + line for line in rest)])
