"""What ``--json`` prints: a contract with scripts."""

import json
from typing import get_args

import pytest

from ciao.cli import jsonform
from ciao.core.events import (
    Diagnosis,
    Ended,
    Event,
    Exit,
    Frame,
    Hint,
    LogChunk,
    LogTrouble,
    Note,
    Outcome,
    Phase,
    Progress,
    ReplicaChanged,
    Report,
    Retrying,
    StopReason,
    Submitted,
)
from ciao.core.model import EnvVar, JobHandle, JobSpec, Replica, Role

WORKER = Replica("worker", 1)
HANDLE = JobHandle("local", "", "", "LocalJob", "j", "u1")
SPEC = JobSpec(name="j", framework="pytorch", target="local", env=(EnvVar("TOKEN", "hunter2"),),
               roles=(Role("master", 1), Role("worker", 2, env=(EnvVar("KEY", "hunter3"),))))  # fmt: skip
EXIT = Exit(code=1, reason="Error", at=3.0,
            report=Report(type="ValueError", message="no", at=2.0, frames=(Frame("cell.py", 1, "f"),)))  # fmt: skip
WHY = Diagnosis(headline="worker-1 failed first.", replica=WORKER, exit=EXIT)
EVENTS = (
    Note("n"), Progress("p", 1, 2), Submitted(SPEC, HANDLE, 1.0), ReplicaChanged(WORKER, Phase.FAILED, 3.0, EXIT),
    LogTrouble(WORKER, "full", 2.0), Hint(None, "waits"), Retrying(2, 3, WHY),
    Ended(handle=HANDLE, outcome=Outcome.FAILED, seconds=2.0, at=3.0, diagnosis=WHY, stop_reason=StopReason.DEADLINE),
)  # fmt: skip


def test_every_event_but_log_chunks_has_a_form():
    """A new event cannot be forgotten here."""
    assert {type(event) for event in EVENTS} == set(get_args(Event)) - {LogChunk}


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: type(event).__name__)
def test_an_event_is_one_json_object_on_one_line(event):
    """Whatever it holds, and it says which event it is."""
    text = jsonform.line(jsonform.event_form(event))
    assert "\n" not in text
    assert isinstance(json.loads(text)["event"], str)


def test_values_of_variables_are_in_no_form():
    """They may be passwords, and output ends in logs of CI."""
    assert "hunter" not in jsonform.line(jsonform.event_form(Submitted(SPEC, HANDLE, 1.0)))


def test_the_end_says_all_that_a_script_decides_on():
    """Outcome, root cause, exit code, and the exception."""
    form = json.loads(jsonform.line(jsonform.event_form(EVENTS[-1])))
    assert (form["job"], form["outcome"], form["stop_reason"]) == ("j", "failed", "deadline")
    assert form["diagnosis"]["replica"] == "worker-1"
    assert form["diagnosis"]["exit"]["code"] == 1
    assert form["diagnosis"]["exit"]["report"]["type"] == "ValueError"


def test_lines_count_from_one():
    """As editors and people count them."""
    assert jsonform.log_form(WORKER, 1, 2.5, "x") == {
        "event": "log", "replica": "worker-1", "line": 1, "at": 2.5, "text": "x",
    }  # fmt: skip
