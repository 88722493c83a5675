"""What ``--json`` prints: plain objects whose keys are part of the command line's contract.

Values of environment variables and secrets are never in them.
"""

from __future__ import annotations

import json
from typing import Any

import attrs

from ciao.core.events import Diagnosis, Ended, Event, Exit, LogChunk, ReplicaChanged, Retrying, Submitted
from ciao.core.model import JobHandle, Replica
from ciao.core.ports import Document, JobRecord
from ciao.core.session import Description

Form = dict[str, Any]


def line(form: Any) -> str:
    """One object on one line."""
    return json.dumps(form, ensure_ascii=False, separators=(",", ":"))


def block(form: Any) -> str:
    """A whole answer, to be read by people too."""
    return json.dumps(form, ensure_ascii=False, indent=2)


def event_form(event: Event) -> Form:
    """``{"event": "submitted", …}``; the name is the event's class in lower case with underscores."""
    match event:
        case Submitted():
            return {
                "event": "submitted",
                **_job(event.handle),
                "framework": event.spec.framework,
                "roles": {role.name: role.replicas for role in event.spec.roles},
                "at": event.at,
                "attempt": event.attempt,
            }
        case ReplicaChanged():
            exit_ = None if event.exit is None else exit_form(event.exit)
            return {"event": "replica", "replica": str(event.replica), "phase": event.phase.value, "at": event.at,
                    "exit": exit_, "detail": event.detail}  # fmt: skip
        case Retrying():
            why = diagnosis_form(event.diagnosis)
            return {"event": "retrying", "attempt": event.attempt, "of": event.of, "diagnosis": why}
        case Ended():
            return {
                "event": "ended",
                **_job(event.handle),
                "outcome": event.outcome.value,
                "seconds": event.seconds,
                "at": event.at,
                "stop_reason": event.stop_reason and event.stop_reason.value,
                "diagnosis": event.diagnosis and diagnosis_form(event.diagnosis),
            }
        case LogChunk():
            raise TypeError("log chunks become one object per line")
        case _:
            return {"event": _snake(type(event).__name__), **_plain(event)}


def log_form(replica: Replica, number: int, at: float, text: str) -> Form:
    """One line of output; ``line`` counts from 1."""
    return {"event": "log", "replica": str(replica), "line": number, "at": at, "text": text}


def diagnosis_form(diagnosis: Diagnosis) -> Form:
    """Why a job did not succeed."""
    return {
        "headline": diagnosis.headline,
        "replica": diagnosis.replica and str(diagnosis.replica),
        "exit": diagnosis.exit and exit_form(diagnosis.exit),
        "consequences": diagnosis.consequences,
        "remedy": diagnosis.remedy,
    }


def exit_form(how: Exit) -> Form:
    """How one replica ended, with the exception that it raised if it is known."""
    return _plain(how)


def record_form(record: JobRecord) -> Form:
    """A job as the store knows it."""
    return {
        **_job(record.handle),
        "framework": record.framework,
        "roles": dict(record.roles),
        "label": record.label,
        "created": record.created,
        "ended": record.ended,
        "outcome": record.outcome and record.outcome.value,
        "summary": record.summary,
        "attempts": record.attempts,
        "owner": record.owner,
        "digest": record.digest,
    }


def description_form(found: Description) -> Form:
    """A job with what ran (redacted) and how much each replica wrote."""
    logs = {
        str(replica): {"lines": lines, "bytes": found.sizes[replica], "trouble": found.troubles.get(replica, "")}
        for replica, lines in found.lines.items()
    }
    return {**record_form(found.record), "logs": logs, "source": found.record.source}


def document_form(document: Document) -> Form:
    """What would be created."""
    return {"kind": document.kind, "name": document.name, "text": document.text}


def _job(handle: JobHandle) -> Form:
    place = {"target": handle.target, "context": handle.context, "namespace": handle.namespace}
    return {"job": handle.name, **{key: value for key, value in place.items() if value}, "uid": handle.uid}


def _plain(value: Any) -> Form:
    return {field.name: _simple(getattr(value, field.name)) for field in attrs.fields(type(value))}


def _simple(value: Any) -> Any:
    if isinstance(value, Replica):
        return str(value)
    if attrs.has(type(value)):
        return _plain(value)
    if isinstance(value, tuple):
        return [_simple(each) for each in value]
    return value


def _snake(name: str) -> str:
    return "".join(f"_{c.lower()}" if c.isupper() else c for c in name).lstrip("_")
