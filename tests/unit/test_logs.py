"""What ``%logs`` prints, from logs of any size."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import pytest
from attrs import define, evolve
from hypothesis import given
from hypothesis import strategies as st

from ciao.adapters.memory.jobstore import MemoryLog
from ciao.core.errors import UserError
from ciao.core.logs import log_text
from ciao.core.logtext import one_line
from ciao.core.measures import iso_time
from ciao.core.model import Replica
from ciao.core.requests import Logs

ALL = Logs(name="pytorch-aaaaa")
WORKERS = (Replica("worker", 0), Replica("worker", 1))
LABEL = "Cell In [3]"


@define
class Counted(MemoryLog):
    """A log that counts the bytes that are read from it."""

    def __attrs_pre_init__(self) -> None:
        super().__init__()

    bytes_read: int = 0

    def read(self, offset: int, limit: int) -> bytes:
        data = super().read(offset, limit)
        self.bytes_read += len(data)
        return data


def logs(*pieces: tuple[int, bytes, float]) -> dict[Replica, MemoryLog]:
    """Two workers' logs; a piece is (which, bytes, time)."""
    found = {replica: MemoryLog() for replica in WORKERS}
    for which, data, at in pieces:
        found[WORKERS[which]].append(data, at)
    return found


def printed(readers: dict[Replica, MemoryLog], asked: Logs = ALL, now: float = 1000.0) -> str:
    return "".join(log_text(readers, asked, now=now, label=LABEL))


TWO = ((0, b"a\nb\n", 10.0), (1, b"c\n", 5.0), (1, b"d\n", 10.0), (0, b"e\n", 20.0), (1, b"f", 15.0))


def test_replicas_are_merged_by_time() -> None:
    """Earlier lines first; what came at one time goes by replica."""
    assert printed(logs(*TWO)).splitlines() == [
        "[worker-1] c", "[worker-0] a", "[worker-0] b", "[worker-1] d", "[worker-1] f", "[worker-0] e",
    ]  # fmt: skip


def test_one_replica_alone_has_its_lines_only() -> None:
    """``%logs JOB worker-1``, with the last line though it has no end."""
    assert printed({WORKERS[1]: logs(*TWO)[WORKERS[1]]}) == "[worker-1] c\n[worker-1] d\n[worker-1] f\n"


def test_tail_is_of_each_replica() -> None:
    """``--tail 1``: the last line of each."""
    assert printed(logs(*TWO), evolve(ALL, tail=1)) == "[worker-1] f\n[worker-0] e\n"
    assert printed(logs(*TWO), evolve(ALL, tail=0)) == ""
    assert printed(logs(*TWO), evolve(ALL, tail=99)) == printed(logs(*TWO))


def test_since_counts_back_from_now() -> None:
    """``--since 10``: lines of the last ten seconds."""
    assert printed(logs(*TWO), evolve(ALL, since=10.0), now=25.0) == "[worker-1] f\n[worker-0] e\n"


def test_since_and_tail_both_hold() -> None:
    """The last lines, but none that is older."""
    assert printed(logs(*TWO), evolve(ALL, since=10.0, tail=2), now=25.0) == "[worker-1] f\n[worker-0] e\n"


def test_grep_looks_at_what_is_shown() -> None:
    """Neither the prefix nor colours are part of a line; of a progress bar its last state is."""
    readers = logs((0, b"loss \x1b[31m0.5\x1b[0m\nworker\n10%\r100%\n", 1.0))
    assert printed(readers, evolve(ALL, grep="worker")) == "[worker-0] worker\n"
    assert printed(readers, evolve(ALL, grep="^loss 0.5$")) == "[worker-0] loss \x1b[31m0.5\x1b[0m\n"
    assert printed(readers, evolve(ALL, grep="10%")) == ""


def test_tail_of_grep_is_the_last_lines_that_match() -> None:
    """As ``grep | tail``, however far back they are."""
    readers = logs((0, b"".join(b"line %d\n" % number for number in range(5000)), 1.0))
    assert printed(readers, evolve(ALL, grep="7.$", tail=2)) == "[worker-0] line 4978\n[worker-0] line 4979\n"
    assert printed(readers, evolve(ALL, grep="^line 3$", tail=9)) == "[worker-0] line 3\n"


@pytest.mark.parametrize("pattern", ["(", "[a", "*", "a{99999999999999999999}"])
def test_a_bad_pattern_is_the_users_mistake(pattern: str) -> None:
    """Said before anything is read, with the pattern and a caret."""
    with pytest.raises(UserError, match=r"(?s)^not a regular expression: .*--grep.*" + re.escape(pattern) + r".*\^"):
        log_text({}, evolve(ALL, grep=pattern), now=0.0, label=LABEL)


def test_timestamps_are_in_front() -> None:
    """RFC 3339, UTC, before the prefix, on every line."""
    readers = logs((0, b"a\nb\n", 1763887771.25))
    time = "2025-11-23T08:49:31.250Z"
    assert printed(readers, evolve(ALL, timestamps=True)) == f"{time} [worker-0] a\n{time} [worker-0] b\n"


def test_tracebacks_name_the_cell() -> None:
    """The frames of the cell read as in the live view."""
    readers = logs((0, b'  File "/jobs/x/source/cell.py", line 14, in <module>\n', 1.0))
    assert printed(readers) == "[worker-0]   Cell In [3], line 14\n"
    assert printed(readers, evolve(ALL, timestamps=True)).endswith("[worker-0]   Cell In [3], line 14\n")


def test_what_makes_a_log_incomplete_is_said_at_the_end() -> None:
    """A reader of the log must not take it for all there was."""
    readers = logs(*TWO)
    readers[WORKERS[1]].why = "the log of worker-1 ends here: the disk is full"
    assert printed(readers, evolve(ALL, tail=0)) == "[worker-1] -- the log of worker-1 ends here: the disk is full --\n"


def test_the_tail_of_a_long_log_reads_little_of_it() -> None:
    """``--tail`` does not read a log of many megabytes; with ``--grep`` it reads back until it has enough."""
    log = Counted()
    log.append(b"0123456789\n" * 500_000, 1.0)
    assert printed({WORKERS[0]: log}, evolve(ALL, tail=10)).count("\n") == 10
    assert log.bytes_read == 110
    assert printed({WORKERS[0]: log}, evolve(ALL, tail=10, grep="9$")).count("\n") == 10
    assert log.bytes_read < 10_000


def test_output_comes_in_pieces() -> None:
    """A long log is never in memory at once: the first piece comes when little was read."""
    log = Counted()
    log.append(b"0123456789\n" * 500_000, 1.0)
    pieces = log_text({WORKERS[0]: log}, ALL, now=0.0, label=LABEL)
    next(pieces)
    assert log.bytes_read < 1_000_000
    assert max(map(len, pieces)) < 2_000_000


def test_an_endless_line_is_cut_with_a_word_on_the_rest() -> None:
    """A program that prints a gigabyte without a newline does not fill the reader's memory."""
    readers = logs((0, b"x" * 1_000_000 + b"\nnext\n", 1.0))
    first, second = printed(readers).splitlines()
    assert first.startswith("[worker-0] xxx")
    assert first.endswith(f"... {1_000_000 + 1 - (1 << 18)} more bytes of this line")
    assert second == "[worker-0] next"


def test_a_log_that_was_cut_meanwhile_ends_where_it_ends() -> None:
    """A disk that filled up may take back a line that was just counted: no endless reading."""
    cut = Counted()
    cut.append(b"a\nb\n", 1.0)
    cut.read = lambda offset, limit: b""  # type: ignore[method-assign]  # a fake of one answer
    assert printed({WORKERS[0]: cut}) == ""


@given(st.floats(0, 4e9))
def test_times_read_as_the_calendar_says(at: float) -> None:
    """The same as the standard library's, which the core may not use."""
    milliseconds = int(at * 1000)
    expected = datetime.fromtimestamp(milliseconds // 1000, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    assert iso_time(at) == f"{expected}.{milliseconds % 1000:03}Z"


LINES = st.lists(st.sampled_from([b"a", b"bb", b"", b"a\rb", b"\xff"]), max_size=4).map(
    lambda each: b"\n".join([*each, b""])
)


@given(
    st.lists(st.tuples(st.integers(0, 1), LINES, st.integers(0, 5)), max_size=12),
    st.none() | st.integers(0, 5),
    st.none() | st.integers(0, 10),
    st.none() | st.sampled_from(["a", "b", "^$"]),
)
def test_it_is_what_sorting_all_lines_gives(
    pieces: list[tuple[int, bytes, int]], tail: int | None, since: int | None, grep: str | None
) -> None:
    """Any logs, any question: lines of each, filtered, the last of them, then sorted by time."""
    at, all_lines = 100.0, []
    readers = logs()
    for which, data, pause in pieces:
        at += pause
        if data:
            readers[WORKERS[which]].append(data, at)
            all_lines += [(at, which, raw) for raw in data.split(b"\n")[:-1]]
    expected = []
    for which, replica in enumerate(WORKERS):
        lines = [(time, place, one_line(replica, raw, LABEL)) for time, place, raw in all_lines if place == which]
        lines = [each for each in lines if since is None or each[0] >= at - since]
        lines = [
            each for each in lines if grep is None or re.search(grep, each[2].removesuffix("\n")[len("[worker-0] ") :])
        ]
        expected += lines[len(lines) - min(tail, len(lines)) :] if tail is not None else lines
    expected.sort(key=lambda each: each[:2])
    asked = evolve(ALL, tail=tail, since=None if since is None else float(since), grep=grep)
    assert printed(readers, asked, now=at) == "".join(text for _, _, text in expected)
