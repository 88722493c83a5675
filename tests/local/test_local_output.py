"""Lines of several ranks in one log: none lost, none mixed, each marked."""

from __future__ import annotations

import os
import re
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from ciao.adapters.jobstore.logfile import LogFileWriter
from ciao.adapters.local.supervisor.output import PATIENCE, Lines, Output

PIECES = st.lists(st.binary(max_size=8).map(lambda raw: raw.replace(b"\x1e", b"")), max_size=12)


@given(PIECES)
def test_marked_lines_hold_every_byte(pieces: list[bytes]) -> None:
    """However the bytes are cut: without the marks it is what was written, and a newline at the end."""
    lines = Lines(b"\x1e7\x1e")
    out = b"".join(lines.feed(piece, 0.0) for piece in pieces) + lines.flush()
    whole = b"".join(pieces)
    expected = whole if not whole or whole.endswith(b"\n") else whole + b"\n"
    assert out.replace(b"\x1e7\x1e", b"") == expected
    assert all(line.startswith(b"\x1e7\x1e") for line in out.split(b"\n")[:-1])


@given(st.lists(st.tuples(st.integers(0, 2), st.binary(min_size=1, max_size=6)), max_size=20))
def test_no_line_is_of_two_ranks(writes: list[tuple[int, bytes]]) -> None:
    """Whoever writes when, each rank's lines are in the log as it wrote them."""
    ranks = {rank: Lines(b"\x1e%d\x1e" % rank) for rank in range(3)}
    writes = [(rank, data.replace(b"\x1e", b"")) for rank, data in writes]
    log = b"".join(ranks[rank].feed(data, 0.0) for rank, data in writes)
    log += b"".join(lines.flush() for lines in ranks.values())
    for rank in range(3):
        found = re.findall(rb"^\x1e%d\x1e([^\n]*)\n" % rank, log, re.MULTILINE)
        whole = b"".join(data for each, data in writes if each == rank)
        assert found == (whole.removesuffix(b"\n").split(b"\n") if whole else [])


def test_an_unfinished_line_waits_and_then_becomes_one(tmp_path: Path) -> None:
    """A rank's progress without a newline is seen a quarter of a second later, and never glued to another's."""
    (first, first_in), (second, second_in) = os.pipe(), os.pipe()
    seen: list[tuple[int, int, int, int]] = []
    output = Output(LogFileWriter(tmp_path, "w", 10**6), {first: b"", second: b"\x1e0\x1e"}, seen.append, print)
    os.write(second_in, b"50 %")
    output.read(second, 1.0, 100.0)
    assert seen == []
    assert output.flush(1.0, 100.0) == 100.0 + PATIENCE
    assert output.flush(1.0, 100.0 + PATIENCE) is None
    assert (tmp_path / "w.log").read_bytes() == b"\x1e0\x1e50 %\n"
    assert seen == [(0, 1, 0, 8)]
    for pipe in (first, first_in, second, second_in):
        os.close(pipe)
