"""What of a job's output is shown."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ciao.core.logcursor import LONGEST
from ciao.core.model import Replica
from ciao.core.view import LogView
from ciao.core.voice import TERMINAL

from .growing import GrowingLog

W0, W1 = Replica("worker", 0), Replica("worker", 1)
MARK = re.compile(r"\.\.\. ([\d,]+) lines? of (\S+?)(?:: .*)? \.\.\.$")


class Job:
    """Some logs and a view on them."""

    def __init__(self, *replicas: Replica, budget: int | None = 512_000, **more):
        self.logs = {replica: GrowingLog(replica) for replica in replicas}
        self.view = LogView(self.logs.__getitem__, "Cell In [3]", budget=budget, **more)
        self.clock = 0.0

    def write(self, replica: Replica, data: bytes) -> None:
        self.clock += 1
        self.view.note(self.logs[replica].append(data, self.clock))

    def rounds(self, count: int) -> str:
        return "".join(self.view.take(10_000) for _ in range(count))


def test_lines_appear_in_the_order_of_their_arrival():
    job = Job(W0, W1)
    for n in range(3):
        job.write(W1, b"b%d\n" % n)
        job.write(W0, b"a%d\n" % n)
    assert job.view.take(10_000).split("\n")[:-1] == [
        "[worker-1] b0", "[worker-0] a0", "[worker-1] b1", "[worker-0] a1", "[worker-1] b2", "[worker-0] a2",
    ]  # fmt: skip


def test_nothing_is_pending_once_all_is_shown():
    job = Job(W0)
    assert not job.view.pending()
    job.write(W0, b"x\n")
    assert job.view.pending()
    job.view.take(100)
    assert not job.view.pending()
    assert job.view.take(100) == job.view.finish() == ""


def test_a_replica_that_floods_leaves_the_others_their_turn():
    job = Job(W0, W1)
    job.write(W0, b"flood\n" * 50_000)
    job.write(W1, b"here\n")
    assert "[worker-1] here\n" in job.view.take(20_000)


def test_a_take_keeps_to_its_limit():
    job = Job(*(Replica("worker", n) for n in range(50)))
    for replica in job.logs:
        job.write(replica, b"\xff0123456789\n" * 1000)
    while job.view.pending():
        assert len(job.view.take(5_000).encode()) <= 5_000 + 100


def test_one_line_longer_than_the_limit_is_shown_all_the_same():
    job = Job(W0)
    job.write(W0, b"x" * 500 + b"\n")
    assert job.view.take(100) == f"[worker-0] {'x' * 500}\n"


def test_an_unterminated_line_is_held_back_until_it_is_complete():
    job = Job(W0)
    job.write(W0, b"half")
    assert job.rounds(3) == ""
    job.write(W0, b" whole\n")
    assert job.rounds(1) == "[worker-0] half whole\n"


def test_an_unterminated_line_that_stays_is_shown_and_then_continued():
    job = Job(W0)
    job.write(W0, b"loading ")
    assert job.rounds(20) == "[worker-0] loading \n"
    job.write(W0, b"done\nnext\n")
    assert job.rounds(1) == "[worker-0] …done\n[worker-0] next\n"


def test_an_unterminated_last_line_is_shown_when_the_job_ends():
    job = Job(W0)
    job.write(W0, b"a\nb")
    assert job.rounds(1) + job.view.finish() == "[worker-0] a\n[worker-0] b\n"


def test_a_progress_bar_moves_without_flooding():
    """A bar drawn in every one of 1,000 rounds is shown a few times, each time as it stood, and its end once."""
    job = Job(W0)
    shown = ""
    for n in range(1000):
        job.write(W0, b"\r%3d/1000" % (n + 1))
        shown += job.view.take(10_000)
    shown += job.rounds(200)
    job.write(W0, b"\n")
    shown += job.rounds(1) + job.view.finish()
    lines = shown.split("\n")[:-1]
    assert 5 <= len(lines) <= 20
    assert lines[-1] == "[worker-0] 1000/1000"
    assert len(set(lines)) == len(lines)


def test_a_character_that_has_only_half_arrived_is_not_torn():
    job = Job(W0)
    job.write(W0, "prix 3 €".encode()[:-1])
    assert job.rounds(9) == "[worker-0] prix 3 \n"
    job.write(W0, "€\n".encode()[-2:])
    assert job.rounds(1) == "[worker-0] …€\n"


def test_half_a_character_that_never_ends_does_not_keep_the_view_busy():
    job = Job(W0)
    job.write(W0, b"\xe2")
    assert job.rounds(10) == "[worker-0] \ufffd\n"
    assert not job.view.pending()


def test_the_rank_of_torchrun_stays_with_a_line_that_continues():
    job = Job(W0)
    job.write(W0, b"\x1e3\x1eloading")
    job.rounds(10)
    job.write(W0, b" done\n")
    assert job.rounds(1) == "[worker-0:3] … done\n"


def test_a_very_long_line_is_shown_by_its_beginning_and_its_end():
    job = Job(W0)
    job.write(W0, b"B" + b"x" * 1_000_000 + b"E\nnext\n")
    first, second = (job.rounds(2) + job.view.finish()).split("\n")[:-1]
    assert first.startswith("[worker-0] Bxx") and first.endswith("xxE") and len(first) < LONGEST + 100
    assert "... 990002 bytes ..." in first
    assert second == "[worker-0] next"


def test_a_very_long_line_goes_on_where_its_snapshot_ended():
    job = Job(W0)
    job.write(W0, b"loading")
    job.rounds(10)
    job.write(W0, b"." * 20_000 + b"!\nnext\n")
    first, second = job.rounds(2).split("\n")[:-1]
    assert first.startswith("[worker-0] …....") and first.endswith(".!") and len(first) < LONGEST + 100
    assert second == "[worker-0] next"


def test_a_line_of_which_a_snapshot_was_shown_is_finished_at_the_end():
    job = Job(W0, W1, budget=2_000)
    job.write(W0, b"loading")
    job.rounds(10)
    job.write(W0, b" done\n")
    job.write(W1, b"flood\n" * 10_000)
    assert "[worker-0] … done\n" in job.view.finish()


def test_a_very_long_progress_bar_is_shown_by_what_it_ends_with():
    job = Job(W0)
    job.write(W0, b"".join(b"\r%d" % n for n in range(100_000)) + b"\n")
    assert job.rounds(2) == "[worker-0] 99999\n"


def test_a_flood_is_shown_by_its_beginning_a_mark_and_its_end():
    job = Job(W0, budget=10_000, job="pytorch-k3f9x")
    job.write(W0, b"".join(b"line %d\n" % n for n in range(100_000)))
    text = job.rounds(10)
    assert text.startswith("[worker-0] line 0\n[worker-0] line 1\n")
    assert text.endswith("... the rest is in the log: %logs pytorch-k3f9x; the last lines follow at the end ...\n")
    assert not job.view.pending()
    end = job.view.finish().split("\n")[:-1]
    first = int(end[1].rpartition(" ")[2])
    shown = text.count("[worker-0]")
    assert end[0] == f"... {first - shown:,} lines of worker-0: %logs pytorch-k3f9x worker-0 ..."
    assert end[-1] == "[worker-0] line 99999"


def test_a_mark_names_the_command_of_the_place_where_it_is_read():
    job = Job(W0, budget=1_000, job="j", voice=TERMINAL)
    job.write(W0, b"x\n" * 10_000)
    assert ": ciao logs j worker-0 ..." in job.rounds(5) + job.view.finish()


def test_a_quiet_replica_keeps_its_last_words_beside_a_flood():
    """Room that one replica does not need goes to the others."""
    job = Job(W0, W1, budget=10_000)
    job.write(W0, b"flood\n" * 10_000)
    job.rounds(3)
    job.write(W1, b"ZeroDivisionError\n")
    job.write(W0, b"flood\n" * 10_000)
    end = job.view.finish()
    assert "[worker-1] ZeroDivisionError\n" in end
    assert len(end) > 4_500


def test_two_hundred_flooding_replicas_stay_within_the_budget_and_each_has_its_end():
    replicas = [Replica("worker", n) for n in range(200)]
    job = Job(*replicas, budget=512_000, job="pytorch-k3f9x")
    for replica in replicas:
        job.write(replica, b"".join(b"\xffline %d\n" % n for n in range(1000)))
    text = "".join(job.view.take(64_000) for _ in range(20)) + job.view.finish()
    assert len(text.encode()) <= 512_000
    for replica in replicas:
        assert f"[{replica}] \ufffdline 999\n" in text


def test_when_not_even_the_marks_fit_one_mark_stands_for_all():
    replicas = [Replica("worker", n) for n in range(200)]
    job = Job(*replicas, budget=1_000, job="j")
    for replica in replicas:
        job.write(replica, b"x\n" * 1000)
    text = job.rounds(5)
    end = job.view.finish()
    assert end == f"... {200_000 - text.count('] x'):,} lines of 200 replicas: %logs j ...\n"


def test_without_a_budget_everything_is_shown():
    job = Job(W0, budget=None)
    job.write(W0, b"0123456789" * 10 + b"\n" + b"x\n" * 30_000)
    text = ""
    while job.view.pending():
        text += job.view.take(100_000)
    assert (text + job.view.finish()).count("\n") == 30_001


def test_the_readers_are_closed_at_the_end():
    job = Job(W0)
    job.write(W0, b"x\n")
    job.view.finish()
    assert job.logs[W0].closed


# -- the promise as a whole -------------------------------------------------------------------------

LINE = st.tuples(st.integers(0, 3), st.sampled_from([1, 5, 40, 300]), st.booleans())


def accounted(replica: Replica, text: str) -> tuple[list[str | int], str]:
    """What a reader sees of one replica: lines (snapshots joined to what continues them) and counts of marks."""
    seen: list[str | int] = []
    for line in text.split("\n"):
        mark = MARK.match(line)
        if mark and mark[2] == str(replica):
            seen.append(int(mark[1].replace(",", "")))
        elif line.startswith(f"[{replica}] …"):
            seen[-1] = str(seen[-1]) + line.removeprefix(f"[{replica}] …")
        elif line.startswith(f"[{replica}] "):
            seen.append(line.removeprefix(f"[{replica}] "))
    return seen, text


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.tuples(LINE, st.integers(0, 2), st.integers(20, 4000)), max_size=60),
    st.sampled_from([1_000, 1_700, 4_000, None]),
)
def test_every_line_is_shown_once_or_counted_in_a_mark(steps, budget):
    """Shown lines and marked counts make up all lines, in order, whatever the pieces, takes and budget."""
    replicas = [Replica("worker", n) for n in range(4)]
    job = Job(*replicas, budget=budget, job="j")
    lines: dict[Replica, list[str]] = {replica: [] for replica in replicas}
    text = ""
    for number, ((who, width, torn), takes, limit) in enumerate(steps):
        line = f"{number}:{'x' * width}"
        lines[replicas[who]].append(line)
        pieces = [line[:2], line[2:] + "\n"] if torn else [line + "\n"]
        for piece in pieces:
            job.write(replicas[who], piece.encode())
            text += "".join(job.view.take(limit) for _ in range(takes * 5))
    text += job.view.finish()
    assert budget is None or len(text.encode()) <= budget
    if "lines of 4 replicas" in text or re.search(r"of \d replicas", text):
        return
    for replica in replicas:
        at = 0
        for seen in accounted(replica, text)[0]:
            if isinstance(seen, int):
                at += seen
            elif seen != "..." and lines[replica][at : at + 1] == [seen]:
                at += 1
            else:  # a snapshot whose end stands only in the log, or a line that was shortened to fit
                assert lines[replica][at].startswith(seen) or seen.startswith("... ")
                at += seen.startswith("... ")
        assert at == len(lines[replica])


@settings(max_examples=100, deadline=None)
@given(st.lists(st.binary(max_size=60), max_size=30), st.integers(0, 12))
def test_any_bytes_end_within_the_budget(pieces, takes):
    """Binary output, half characters and half escapes cost no more than the budget and raise nothing."""
    job = Job(W0, budget=1_000)
    text = ""
    for piece in pieces:
        if piece:
            job.write(W0, piece)
        text += job.rounds(takes)
    text += job.view.finish()
    assert len(text.encode()) <= 1_000


@pytest.mark.parametrize("budget", [1_000, 5_000, None])
def test_all_that_fits_is_shown_without_a_mark(budget):
    job = Job(W0, W1, budget=budget)
    job.write(W0, b"a\n" * 10)
    job.write(W1, b"b\n" * 10)
    text = job.view.finish()
    assert text.count("] a\n") == text.count("] b\n") == 10
    assert "..." not in text
