"""A replica that prints numbered lines, and whether each of them was received once or is marked as missing.

Lines are short, so that 200,000 of them stay in one file of the kubelet's: what a rotation does is asked by itself.
"""

from __future__ import annotations

import re
from pathlib import Path

from attrs import frozen

from ciao.adapters.jobstore.logfile import GAP, RECORD, Record

_LINE = re.compile(rb"line (\d+) (x+)\n")
WIDTH = 1


def printing(lines: int, per_second: int = 0, width: int = WIDTH) -> str:
    """A cell's code: so many lines, as fast as it can or so many a second."""
    pace = (
        f"""
        ahead = began + (n + 1) / {per_second} - time.monotonic()
        if ahead > 0:
            time.sleep(ahead)"""
        if per_second
        else ""
    )
    return f"""
import sys, time
began, batch, rest = time.monotonic(), [], "x" * {width}
for n in range({lines}):
    batch.append(f"line {{n}} {{rest}}\\n")
    if len(batch) == 100 or n + 1 == {lines}:
        sys.stdout.write("".join(batch))
        sys.stdout.flush()
        batch.clear(){pace}
"""


@frozen
class Received:
    """``missing`` counts the lines that did not come; ``marked`` of them have a gap's mark in their place."""

    lines: int
    missing: int
    marked: int
    gaps: int
    twice: tuple[int, ...]
    other: tuple[bytes, ...]


def received(home: Path, job: str, replica: str, lines: int, width: int = WIDTH) -> Received:
    """What the store has of the ``lines`` that a replica printed."""
    folder = home / "jobs" / "kubeflow" / job / "logs"
    log, gaps = (folder / f"{replica}.log").read_bytes(), _gaps(folder / f"{replica}.idx")
    expected, missing, marked, twice, other, offset = 0, 0, 0, [], [], 0
    before = 0  # where the last numbered line ended
    for line in log.splitlines(keepends=True):
        begin, offset = offset, offset + len(line)
        found = _LINE.fullmatch(line)
        if found is None or len(found[2]) != width:
            other.append(line)
            continue
        number = int(found[1])
        if number < expected:
            twice.append(number)
        missing += max(0, number - expected)
        marked += max(0, number - expected) if any(before <= gap <= begin for gap in gaps) else 0
        expected, before = max(expected, number + 1), offset
    tail = lines - expected
    return Received(
        lines=expected - missing,
        missing=missing + tail,
        marked=marked + (tail if any(before <= gap for gap in gaps) else 0),
        gaps=len(gaps),
        twice=tuple(twice[:10]),
        other=tuple(other[:10]),
    )


def _gaps(index: Path) -> list[int]:
    """The offsets at which the log is marked incomplete."""
    raw = index.read_bytes()
    records = [Record.unpack(raw[at : at + RECORD]) for at in range(0, len(raw), RECORD)]
    return [each.offset for each in records if each is not None and each.kind & 0xFF == GAP]
