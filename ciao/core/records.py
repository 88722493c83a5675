"""What the job store is told of a job, at its birth, at its end, and when it was lost in between."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

from attrs import evolve

from ciao.core import include
from ciao.core.events import Ended, LogChunk, Outcome
from ciao.core.measures import duration
from ciao.core.model import JobHandle, JobSpec, Role
from ciao.core.ports import JobRecord, JobStore, JobSummary
from ciao.core.redact import record_text
from ciao.core.requests import Launch

STARTING = 60.0  # seconds in which a job that has no uid yet is thought to be just being submitted
_LOST = "lost: whoever followed it is gone, and so is the job"


def opened(request: Launch, owner: str, now: float) -> JobRecord:
    """The record of a job that is about to be submitted: its handle has no uid yet."""
    spec = request.spec
    return JobRecord(
        handle=JobHandle(spec.target, "", "", "", spec.name, ""),
        framework=spec.framework,
        roles=tuple((role.name, role.replicas) for role in spec.roles),
        created=now,
        source=record_text(request.text, spec),
        label=request.source.label,
        digest=request.source.digest,
        origins=include.origins(request.source),
        owner=owner,
    )


def adopted(summary: JobSummary) -> JobRecord:
    """A job that somebody else started, as its target tells of it; the cell's text is not known."""
    return JobRecord(
        handle=summary.handle,
        framework=summary.framework,
        roles=summary.roles,
        created=summary.created,
        source="",
        label=summary.label,
        digest=summary.digest,
        owner=summary.owner,
    )


def closed(record: JobRecord, ended: Ended) -> JobRecord:
    """The same job, ended."""
    return evolve(record, ended=ended.at, outcome=ended.outcome, summary=summary(ended))


def lost(record: JobRecord, now: float) -> JobRecord:
    """The same job, of which nobody saw the end."""
    return evolve(record, ended=now, outcome=Outcome.STOPPED, summary=_LOST)


def broken(record: JobRecord, error: Exception, now: float) -> JobRecord:
    """The same job, which Ciao could not follow to its end."""
    return evolve(record, ended=now, outcome=Outcome.FAILED, summary=str(error))


def summary(ended: Ended) -> str:
    """One line for ``%jobs``."""
    outcome = f"{ended.outcome.value} in {duration(ended.seconds)}"
    if ended.diagnosis is None:
        return outcome
    return f"{outcome}; {ended.diagnosis.headline}" if ended.outcome is Outcome.SUCCEEDED else ended.diagnosis.headline


def starting(record: JobRecord, now: float) -> bool:
    """True while somebody may be just submitting it."""
    return not record.handle.uid and now - record.created < STARTING


def spec_of(record: JobRecord) -> JobSpec:
    """As much of the spec as is needed to follow the job."""
    return JobSpec(
        name=record.handle.name,
        framework=record.framework,
        target=record.handle.target,
        roles=tuple(Role(name, count) for name, count in record.roles),
    )


def whole_logs(record: JobRecord, store: JobStore) -> Iterator[LogChunk]:
    """One chunk for everything that each replica's log holds."""
    for replica in record.replicas:
        with closing(store.reader(record.handle, replica)) as reader:
            if reader.size:
                yield LogChunk(replica, 0, reader.lines, 0, reader.size)
