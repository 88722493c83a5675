"""The end-to-end suite's judge of a log: a line that came twice, or is missing without a mark, does not escape it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from ciao.adapters.jobstore.logfile import GAP, LogFileWriter

from ..e2e.numbered import Received, printing, received


def lines(first: int, last: int) -> bytes:
    """As the cell prints them, ``last`` not included."""
    done = subprocess.run([sys.executable, "-c", printing(last)], check=True, capture_output=True)
    return b"".join(done.stdout.splitlines(keepends=True)[first:])


@pytest.fixture
def log(tmp_path: Path):
    folder = tmp_path / "jobs" / "kubeflow" / "j" / "logs"
    folder.mkdir(parents=True)
    writer = LogFileWriter(folder, "master-0", 1 << 20)
    yield writer
    writer.close()


def judged(tmp_path: Path) -> Received:
    return received(tmp_path, "j", "master-0", 100)


def test_all_lines(log: LogFileWriter, tmp_path: Path) -> None:
    """In as many writes as it takes."""
    log.append(lines(0, 50), 1.0)
    log.append(lines(50, 100), 2.0)
    assert judged(tmp_path) == Received(100, 0, 0, 0, (), ())


def test_a_line_twice(log: LogFileWriter, tmp_path: Path) -> None:
    """Its number is told."""
    log.append(lines(0, 51), 1.0)
    log.append(lines(50, 100), 2.0)
    assert judged(tmp_path).twice == (50,)


@pytest.mark.parametrize("marked", [True, False])
def test_lines_that_are_missing(log: LogFileWriter, tmp_path: Path, marked: bool) -> None:
    """Only a mark in their place accounts for them; a half line before it is nobody's."""
    log.append(lines(0, 50) + b"line 50 xx", 1.0)
    if marked:
        log.mark(GAP, 2.0)
    else:
        log.append(b"\n", 2.0)
    log.append(lines(60, 100), 3.0)
    found = judged(tmp_path)
    assert (found.lines, found.missing, found.marked) == (90, 10, 10 if marked else 0)
    assert found.other == (b"line 50 xx\n",)


def test_a_mark_elsewhere_does_not_count(log: LogFileWriter, tmp_path: Path) -> None:
    """It has to stand where the lines are missing."""
    log.append(lines(0, 20), 1.0)
    log.mark(GAP, 1.0)
    log.append(lines(20, 50), 1.0)
    log.append(lines(60, 100), 2.0)
    found = judged(tmp_path)
    assert (found.missing, found.marked, found.gaps) == (10, 0, 1)


def test_an_end_that_is_missing(log: LogFileWriter, tmp_path: Path) -> None:
    """A pod that was deleted took its last lines along: marked at the end."""
    log.append(lines(0, 90), 1.0)
    log.mark(GAP, 2.0)
    found = judged(tmp_path)
    assert (found.lines, found.missing, found.marked) == (90, 10, 10)
