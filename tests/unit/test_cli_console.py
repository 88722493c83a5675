"""A running job in a terminal or a pipe, with a real Ciao thread and a job store in memory."""

import io
import json
import threading

import pytest

from ciao.adapters.memory.jobstore import MemoryJobStore
from ciao.adapters.system import SystemClock
from ciao.cli.follow import JsonLines, exit_code, said
from ciao.console import Console, Feed, watch
from ciao.core.errors import PreflightError
from ciao.core.events import (
    Diagnosis,
    Ended,
    Exit,
    LogChunk,
    Note,
    Outcome,
    Phase,
    ReplicaChanged,
    StopReason,
    Submitted,
)
from ciao.core.model import JobHandle, JobSpec, Role
from ciao.core.ports import JobRecord
from ciao.runtime import Runtime
from ciao.terminal import Terminal, terminal_of

HANDLE = JobHandle("local", "", "", "LocalJob", "j", "u1")
SPEC = JobSpec(name="j", framework="pytorch", target="local", roles=(Role("master", 1), Role("worker", 1)))
MASTER, WORKER = SPEC.replicas
SUBMITTED = Submitted(SPEC, HANDLE, 1.0)


def ended(outcome=Outcome.SUCCEEDED, diagnosis=None, reason=None):
    return Ended(handle=HANDLE, outcome=outcome, seconds=8.2, at=9.0, diagnosis=diagnosis, stop_reason=reason)


@pytest.fixture
def runtime():
    runtime = Runtime(SystemClock())
    yield runtime
    runtime.close()


@pytest.fixture
def store():
    store = MemoryJobStore()
    store.create(
        JobRecord(handle=HANDLE, framework="pytorch", roles=(("master", 1), ("worker", 1)), created=1.0, source="pass",
                  label="train.py", digest="sha256:0")
    )  # fmt: skip
    return store


def script(store, *steps):
    """A use case that tells these events; a pair (replica, bytes) is output of that replica."""

    async def use_case(inbox, emit):
        writer = store.writer(HANDLE)
        for step in steps:
            if isinstance(step, tuple):
                replica, data = step
                emit(LogChunk(replica, *writer.append(replica, data, 2.0)))
            elif isinstance(step, Exception):
                raise step
            else:
                emit(step)
        return steps[-1]

    return use_case


def shown(runtime, store, *steps, display=Console, **terminal):
    """(out, err) of a job that does these steps."""
    out, err = io.StringIO(), io.StringIO()
    where = Terminal(out=out, err=err, **terminal)
    made = Console(where, store, said, monotonic=lambda: 0.0) if display is Console else display(where, store)
    watch(runtime.start(script(store, *steps)), made)
    return out.getvalue(), err.getvalue()


def test_the_jobs_output_goes_to_out_and_ciaos_words_to_err(runtime, store):
    """``ciao run train.py > losses.txt`` keeps the two apart."""
    out, err = shown(runtime, store, SUBMITTED, (MASTER, b"loss 1\n"), (WORKER, b"loss 2\n"), ended())
    assert sorted(out.splitlines()) == ["[master-0] loss 1", "[worker-0] loss 2"]
    assert err.splitlines() == [
        "j · master 1, worker 1 · this machine",
        "✓ j succeeded in 8.2 s · all output: ciao logs j",
    ]


def test_every_line_is_shown_whatever_there_is(runtime, store):
    """There is no budget in a terminal, and an unterminated last line is a line."""
    text = b"".join(b"line %d\n" % n for n in range(50_000)) + b"last"
    out, _ = shown(runtime, store, SUBMITTED, (WORKER, text[:100_001]), (WORKER, text[100_001:]), ended())
    assert out.splitlines() == [f"[worker-0] line {n}" for n in range(50_000)] + ["[worker-0] last"]


def test_nothing_in_a_pipe_is_ansi(runtime, store):
    """What Ciao adds; a replica's own colours are its own."""
    texts = shown(runtime, store, SUBMITTED, ReplicaChanged(WORKER, Phase.RUNNING, 1.0), (WORKER, b"x\n"), ended())
    assert "\x1b" not in "".join(texts)


def test_each_replicas_prefix_has_one_colour_in_a_terminal(runtime, store):
    """The text behind it is untouched."""
    out, _ = shown(
        runtime, store, SUBMITTED, (MASTER, b"[x] a\n"), (WORKER, b"b\n"), (MASTER, b"c\n"), ended(), color_out=True
    )
    lines = sorted(out.splitlines())
    assert lines[0].endswith("\x1b[0m [x] a")
    assert len({line.partition("m")[0] for line in lines if "master-0" in line}) == 1
    assert len({line.partition("m")[0] for line in lines}) == 2


def test_the_status_line_is_erased_before_a_log_line(runtime, store):
    """Otherwise the line would stand behind it."""
    out = io.StringIO()
    console = Console(Terminal(out=out, err=out, live=True, columns=40), store, said, monotonic=lambda: 0.0)
    for event in (SUBMITTED, ReplicaChanged(WORKER, Phase.RUNNING, 1.0)):
        console.show(event)
    console.tick()
    assert out.getvalue().endswith("\r\x1b[2Kj · 1 waiting, 1 running · 0 s")
    console.show(LogChunk(WORKER, *store.writer(HANDLE).append(WORKER, b"x\n", 2.0)))
    console.tick()
    assert "0 s\r\x1b[2K[worker-0] x\n\r\x1b[2Kj · " in out.getvalue()
    console.show(ended())
    assert "\r\x1b[2K✓ j succeeded" in out.getvalue()


def test_the_status_line_never_wraps(runtime, store):
    """A wrapped line could not be erased."""
    err = io.StringIO()
    console = Console(Terminal(out=io.StringIO(), err=err, live=True, columns=12), store, said, monotonic=lambda: 0.0)
    console.show(SUBMITTED)
    console.tick()
    assert len(err.getvalue().rpartition("\x1b[2K")[2]) == 11


def test_a_launch_that_raises_raises_here_after_what_it_told(runtime, store):
    """The words on the way to the error are not lost."""
    out, err = io.StringIO(), io.StringIO()
    console = Console(Terminal(out=out, err=err), store, said)
    with pytest.raises(PreflightError, match="no GPU"):
        watch(runtime.start(script(store, Note("looking"), PreflightError("local", ["no GPU"]))), console)
    assert err.getvalue() == "looking\n"


def test_json_has_every_event_and_every_line_with_number_and_time(runtime, store):
    """One object per line, in the order of each replica's log; pieces of a line are one line."""
    out, _ = shown(runtime, store, SUBMITTED, (WORKER, b"a\nb"), (WORKER, b"c\nlast \xff"), ended(), display=JsonLines)
    forms = [json.loads(line) for line in out.splitlines()]
    assert [form["event"] for form in forms] == ["submitted", "log", "log", "log", "ended"]
    assert [(form["line"], form["text"], form["at"]) for form in forms[1:4]] == [
        (1, "a", 2.0), (2, "bc", 2.0), (3, "last \N{REPLACEMENT CHARACTER}", 2.0),
    ]  # fmt: skip


def test_a_feed_merges_neighbouring_chunks_and_keeps_the_order_of_events():
    """However slow the reader: what waits is bounded by the events, not by the output."""
    feed = Feed()
    for event in (Note("a"), LogChunk(WORKER, 0, 1, 0, 5), LogChunk(WORKER, 0, 2, 5, 9), LogChunk(MASTER, 0, 1, 0, 2),
                  LogChunk(WORKER, 2, 1, 9, 12), Note("b"), LogChunk(WORKER, 3, 1, 12, 20)):  # fmt: skip
        feed.put(event)
    assert feed.take(0) == [
        Note("a"),
        LogChunk(WORKER, 0, 3, 0, 12),
        LogChunk(MASTER, 0, 1, 0, 2),
        Note("b"),
        LogChunk(WORKER, 3, 1, 12, 20),
    ]
    assert feed.take(0) == []


def test_a_feed_wakes_the_reader_at_once():
    """The first line is not held back for a tick."""
    feed = Feed()
    threading.Timer(0.01, lambda: feed.put(Note("x"))).start()
    assert feed.take(60) == [Note("x")]


@pytest.mark.parametrize(
    ("event", "signalled", "code"),
    [
        (ended(), None, 0),
        (ended(Outcome.FAILED, Diagnosis(headline="", exit=Exit(code=137, reason="OOMKilled", at=1.0))), None, 137),
        (ended(Outcome.FAILED, Diagnosis(headline="")), None, 1),
        (ended(Outcome.STOPPED, reason=StopReason.USER), 130, 130),
        (ended(Outcome.STOPPED, reason=StopReason.KERNEL), 143, 143),
        (ended(Outcome.STOPPED, reason=StopReason.DEADLINE), None, 124),
        (ended(Outcome.STOPPED, reason=StopReason.USER), None, 143),
        (ended(), 130, 0),
    ],
)
def test_the_exit_code_is_the_jobs(event, signalled, code):
    """Success, the root cause's own code, the signal that came, the deadline; stopped from elsewhere as by SIGTERM."""
    assert exit_code(event, signalled) == code


class Tty(io.StringIO):
    def isatty(self):
        return True


@pytest.mark.parametrize(
    ("out", "environ", "color", "live"),
    [
        (Tty(), {"TERM": "xterm"}, True, True),
        (Tty(), {"TERM": "xterm", "NO_COLOR": "1"}, False, True),
        (Tty(), {"TERM": "dumb"}, False, False),
        (io.StringIO(), {"TERM": "xterm"}, False, False),
    ],
)
def test_a_terminal_shows_what_it_can(out, environ, color, live):
    """Colours only where they are wanted (no-color.org), a status line only where a line can be redrawn."""
    terminal = terminal_of(out, Tty(), environ)
    assert (terminal.color_out, terminal.live) == (color, live)
