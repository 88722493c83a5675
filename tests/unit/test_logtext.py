"""Raw log bytes as people see them."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ciao.core.logtext import clean_line, one_line, show
from ciao.core.model import Origin, Replica

WORKER = Replica("worker", 1)
LABEL = "Cell In [3]"
COLOUR = re.compile(r"\x1b\[[0-9;:]*m")
PIECES = st.lists(
    st.one_of(
        st.binary(max_size=8),
        st.sampled_from(
            (
                b"plain",
                b"\r",
                b"\x08",
                b"\x1b[31m",
                b"\x1b[0m",
                b"\x1b[2K",
                b"\x1b[1A",
                b"\x1b]0;t\x07",
                b"\x1e2\x1e",
                b'File "/x/source/cell.py", line 3, in f',
                "é€😀".encode(),
                b"\n",
            )
        ),
    ),
    max_size=12,
).map(b"".join)


@pytest.mark.parametrize(
    ("raw", "seen"),
    [
        (b"epoch 1\tloss 0.4", "epoch 1\tloss 0.4"),
        (b"10%\r50%\r100%", "100%"),
        (b"100%\r5", "500%"),
        (b"windows\r", "windows"),
        (b"50%\r", "50%"),
        (b"abc\x08\x08X", "aXc"),
        (b"downloading\r\x1b[Kdone", "done"),
        (b"caf\xc3\xa9 \xff", "café \ufffd"),
        (b"a\x00b\x07c\x7f", "a␀b␇c␡"),
        ("a\x9b31mb\u2028c".encode(), "a\ufffd31mb␤c"),
    ],
)
def test_a_line_is_what_a_terminal_would_finally_show(raw, seen):
    assert clean_line(raw, LABEL) == seen


@pytest.mark.parametrize(
    ("raw", "seen"),
    [
        (b"\x1b[31mred\x1b[0m plain", "\x1b[31mred\x1b[0m plain"),
        (b"\x1b[31mred", "\x1b[31mred\x1b[0m"),
        (b"\x1b[1A\x1b[2Kup", "up"),
        (b"\x1b]0;title\x07\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\", "link"),
        (b"\x1b[32m10%\x1b[0m\r\x1b[33m99%", "\x1b[33m99%\x1b[0m"),
        (b"\x1b[1m\x1b[31mab\x1b[0m\rx", "x\x1b[1m\x1b[31mb\x1b[0m"),
        (b"\x1bcreset", "reset"),
    ],
)
def test_colours_stay_within_their_line_and_nothing_else_acts(raw, seen):
    assert clean_line(raw, LABEL) == seen


@pytest.mark.parametrize(
    ("raw", "seen"),
    [
        ('  File "/home/u/.ciao/jobs/local/j/source/cell.py", line 14, in <module>', "  Cell In [3], line 14"),
        ('  File "/home/u/.ciao/jobs/local/j/source/cell.py", line 14, in f', "  Cell In [3], line 14, in f"),
        ('  File "/ciao/cell.py", line 2', "  Cell In [3], line 2"),
        ('[rank0]:   File "/x/source/cell.py", line 1, in f', "[rank0]:   Cell In [3], line 1, in f"),
        (
            '  File \x1b[35m"/x/source/cell.py"\x1b[0m, line \x1b[35m7\x1b[0m, in \x1b[35mf\x1b[0m',
            "  Cell In [3], line 7, in \x1b[35mf\x1b[0m",
        ),
        ('  File "/lib/site-packages/rnn/cell.py", line 3, in f', None),
        ('  File "/x/source/rnn_cell.py", line 3, in f', None),
        ('  File "/x/source/ciao_names.py", line 90, in f', None),
    ],
)
def test_a_frame_of_the_cell_is_named_as_the_user_knows_it(raw, seen):
    assert clean_line(raw.encode(), LABEL) == (raw if seen is None else seen)


def test_a_file_that_was_run_stays_a_file():
    raw = b'  File "/x/source/cell.py", line 14, in <module>'
    assert clean_line(raw, "train.py") == '  File "train.py", line 14, in <module>'


def test_a_frame_of_an_included_function_is_named_where_it_was_written():
    origins = [Origin(4, 6, "Cell In [1]", 2), Origin(9, 20, "Cell In [2]", 5)]
    raw = b'  File "/x/source/ciao_names.py", line 11, in helper'
    assert clean_line(raw, LABEL, origins) == "  Cell In [2], line 7, in helper"


def test_the_prefix_names_the_replica_and_under_torchrun_its_local_rank():
    assert show(WORKER, b"a\n\x1e3\x1eb\nc", LABEL) == "[worker-1] a\n[worker-1:3] b\n[worker-1] c\n"


def test_an_empty_line_is_a_line():
    assert show(WORKER, b"\n", LABEL) == "[worker-1] \n"
    assert show(WORKER, b"", LABEL) == ""


@given(PIECES)
def test_any_bytes_become_one_line_without_a_control_that_acts(raw):
    line = clean_line(raw, LABEL)
    assert len(line.splitlines()) <= 1
    assert not [each for each in COLOUR.sub("", line) if each != "\t" and (each < " " or "\x7f" <= each < "\xa0")]


@given(PIECES)
def test_a_colour_never_runs_on_into_the_next_line(raw):
    codes = COLOUR.findall(clean_line(raw, LABEL))
    assert not codes or codes[-1] in ("\x1b[0m", "\x1b[m")


@given(PIECES)
def test_a_chunk_is_shown_as_its_lines_one_by_one(chunk):
    """The quick path for plain chunks and the careful one for each line never differ."""
    lines = chunk.removesuffix(b"\n").split(b"\n") if chunk else []
    assert show(WORKER, chunk, LABEL) == "".join(one_line(WORKER, line, LABEL) for line in lines)


def test_a_line_of_many_colours_costs_no_square_of_its_length():
    """A line that opens a colour per character and never resets stays small in memory and quick."""
    assert len(clean_line(b"\x1b[1mx\r" * 20_000, LABEL)) < 200
