"""What people are told, word for word."""

from __future__ import annotations

import pytest
from attrs import evolve

from ciao.core.errors import JobFailedError, JobStoppedError
from ciao.core.events import (
    Diagnosis,
    Ended,
    Hint,
    LogChunk,
    LogTrouble,
    Note,
    Outcome,
    Phase,
    Progress,
    ReplicaChanged,
    Retrying,
    StopReason,
    Submitted,
)
from ciao.core.measures import Table, ago, duration, size
from ciao.core.model import JobHandle, JobSpec, Replica, Role
from ciao.core.ports import Document, JobRecord
from ciao.core.presenter import (
    LIBRARY,
    NOTEBOOK,
    TERMINAL,
    describe,
    documents,
    event_lines,
    header,
    job_error,
    jobs_table,
    where,
)

HANDLE = JobHandle("local", "", "", "LocalJob", "pytorch-k3f9x", "u1")
CLUSTER = JobHandle("kubeflow", "gke-prod", "team-a", "PyTorchJob", "pytorch-k3f9x", "u2")
SPEC = JobSpec(
    name="pytorch-k3f9x", framework="pytorch", target="local", roles=(Role("master", 1), Role("worker", 2))
)  # fmt: skip
W1 = Replica("worker", 1)
FAILURE = Diagnosis(
    headline="worker-1 failed first, 2.1 s after the start: ZeroDivisionError at line 14 of this cell (exit code 1).",
    replica=W1,
    consequences="master-0 and worker-0 were then stopped.",
)
DONE = Ended(handle=HANDLE, outcome=Outcome.SUCCEEDED, seconds=8.23, at=100.0)
FAILED = evolve(DONE, outcome=Outcome.FAILED, diagnosis=FAILURE)
RECORD = JobRecord(
    handle=HANDLE, framework="pytorch", roles=(("master", 1), ("worker", 2)), created=1000.0,
    source="%framework=pytorch\nprint(1)", label="Cell In [3]", digest="sha256:ab", ended=1192.0,
    outcome=Outcome.FAILED, summary=FAILURE.headline,
)  # fmt: skip


def test_the_header_names_the_job_its_replicas_and_the_place():
    assert event_lines(Submitted(SPEC, HANDLE, 1.0)) == ("pytorch-k3f9x · master 1, worker 2 · this machine",)


def test_the_header_says_how_many_processes_each_replica_has():
    assert header(evolve(SPEC, nproc=4), "here") == "pytorch-k3f9x · master 1, worker 2 · 4 processes each · here"


def test_a_cluster_is_named_by_its_context_and_namespace():
    assert where(CLUSTER) == "gke-prod · team-a"


@pytest.mark.parametrize(
    ("voice", "command"),
    [
        (NOTEBOOK, "%logs pytorch-k3f9x"),
        (TERMINAL, "ciao logs pytorch-k3f9x"),
        (LIBRARY, 'ciao.logs("pytorch-k3f9x")'),
    ],
)
def test_the_footer_says_how_long_it_took_and_where_all_output_is(voice, command):
    assert event_lines(DONE, voice) == (f"✓ pytorch-k3f9x succeeded in 8.2 s · all output: {command}",)


def test_a_success_in_spite_of_a_failure_says_both():
    """Nobody misses that a worker died because the master did well."""
    why = Diagnosis(headline="worker-1 failed all the same, 0.4 s after the start: exit code 7.")
    lines = event_lines(evolve(DONE, diagnosis=why))
    assert lines[0] == "! worker-1 failed all the same, 0.4 s after the start: exit code 7."
    assert lines[1].startswith("✓ pytorch-k3f9x succeeded")
    assert job_error(evolve(DONE, diagnosis=why)) is None


def test_a_job_that_succeeded_has_no_error():
    assert job_error(DONE) is None


def test_a_failure_names_the_root_cause_first_then_what_it_did_and_where_to_look():
    error = job_error(FAILED)
    assert isinstance(error, JobFailedError)
    assert error.lines() == (
        "worker-1 failed first, 2.1 s after the start: ZeroDivisionError at line 14 of this cell (exit code 1).",
        "master-0 and worker-0 were then stopped.   %logs pytorch-k3f9x worker-1   shows all of its output.",
    )
    assert error._render_traceback_()[1].startswith(" " * len("JobFailed: ") + "master-0")


def test_a_failure_of_a_single_replica_has_no_consequences_to_tell():
    error = job_error(evolve(FAILED, diagnosis=evolve(FAILURE, consequences="")), TERMINAL)
    assert error.lines()[1] == "ciao logs pytorch-k3f9x worker-1   shows all of its output."


@pytest.mark.parametrize(
    ("voice", "said"),
    [
        (NOTEBOOK, "Give it more with %memory, or name it with %pip=numpy."),
        (TERMINAL, "Give it more with --memory, or name it with --pip numpy."),
        (LIBRARY, 'Give it more with memory=, or name it with pip="numpy".'),
    ],
)
def test_a_remedy_is_told_in_the_words_of_the_place_where_it_is_read(voice, said):
    why = evolve(FAILURE, remedy="Give it more with %memory, or name it with %pip=numpy.")
    assert job_error(evolve(FAILED, diagnosis=why), voice).lines()[-1] == said


def test_a_stopped_job_ends_in_an_error_that_says_so():
    why = Diagnosis(headline="pytorch-k3f9x was stopped on request, 3.0 s after its submission.")
    error = job_error(evolve(DONE, outcome=Outcome.STOPPED, stop_reason=StopReason.USER, diagnosis=why))
    assert isinstance(error, JobStoppedError)
    assert error.lines() == (why.headline, "%logs pytorch-k3f9x   shows all of its output.")


def test_an_end_without_a_diagnosis_still_says_what_is_known():
    assert job_error(evolve(FAILED, diagnosis=None)).lines()[0] == "pytorch-k3f9x failed after 8.2 s."


@pytest.mark.parametrize(
    ("event", "lines"),
    [
        (Note("a\nb"), ("a", "b")),
        (Progress("pushing", 512 * 1024, 2 * 1024 * 1024), ("… pushing 512.0 KiB of 2.0 MiB",)),
        (Progress("asking the registry"), ("… asking the registry",)),
        (Progress("packing", 100), ("… packing 100 B",)),
        (Submitted(SPEC, HANDLE, 1.0, attempt=2), ()),
        (LogTrouble(W1, "the disk is full", 1.0), ("! worker-1: the disk is full",)),
        (Hint(W1, "waits for a GPU."), ("… worker-1: waits for a GPU.",)),
        (Hint(None, "no quota."), ("… no quota.",)),
        (Retrying(2, 4, FAILURE), (f"✗ {FAILURE.headline}", "↻ attempt 2 of 4")),
        (ReplicaChanged(W1, Phase.RUNNING, 1.0), ()),
        (LogChunk(W1, 0, 1, 0, 5), ()),
        (FAILED, ()),
    ],
)
def test_an_event_is_told_in_its_lines(event, lines):
    assert event_lines(event) == lines


def test_the_list_of_jobs_is_aligned_and_says_state_age_and_length():
    running = evolve(RECORD, handle=CLUSTER, ended=None, outcome=None, created=1195.0, label="train.py")
    lost = evolve(RECORD, outcome=None)
    assert jobs_table([RECORD, running, lost], now=1200.0).text.split("\n") == [
        "job            state    replicas            started    took        where              source",
        "pytorch-k3f9x  failed   master 1, worker 2  3 min ago  3 min 12 s  this machine       Cell In [3]",
        "pytorch-k3f9x  running  master 1, worker 2  5 s ago    5.0 s       gke-prod · team-a  train.py",
        "pytorch-k3f9x  lost     master 1, worker 2  3 min ago  3 min 12 s  this machine       Cell In [3]",
    ]


def test_a_job_is_described_with_what_it_ran():
    text = describe(RECORD, 1200.0, lines={W1: 81204}, voice=TERMINAL)
    assert "state      failed\nsummary    worker-1 failed first" in text
    assert "worker-1   81,204 lines\n" in text
    assert "output     ciao logs pytorch-k3f9x\n" in text
    assert text.endswith("\n\n    %framework=pytorch\n    print(1)")


def test_rendered_documents_stand_under_their_kind_and_name():
    text = documents([Document("PyTorchJob", "a", "x: 1\n"), Document("ConfigMap", "b", "y: 2")])
    assert text == "# PyTorchJob a\nx: 1\n---\n# ConfigMap b\ny: 2"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-1, "0.0 s"), (0, "0.0 s"), (8.24, "8.2 s"), (59.94, "59.9 s"), (59.96, "1 min 00 s"), (192, "3 min 12 s"),
        (3599.6, "1 h 00 min"), (3840, "1 h 04 min"), (86_390, "1 d 00 h"), (97_200, "1 d 03 h"),
    ],
)  # fmt: skip
def test_durations_read_well_at_every_length(seconds, text):
    assert duration(seconds) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.2, "just now"), (59, "59 s ago"), (60, "1 min ago"), (7300, "2 h ago"), (200_000, "2 d ago")],
)
def test_ages_are_rounded_down_to_one_unit(seconds, text):
    assert ago(seconds) == text


@pytest.mark.parametrize(
    ("count", "text"),
    [(0, "0 B"), (1023, "1023 B"), (1024, "1.0 KiB"), (1024**2 - 1, "1.0 MiB"), (5 * 1024**5, "5120.0 TiB")],
)
def test_sizes_read_well_at_every_scale(count, text):
    assert size(count) == text


def test_a_table_aligns_wide_characters_and_escapes_html():
    table = Table(("名", "b"), (("x", "<i>"), ("é́", "2")))
    assert table.text == "名  b\nx   <i>\né́   2"
    assert "&lt;i&gt;" in table.html and "<i>" not in table.html
