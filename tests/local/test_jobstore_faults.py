"""The log and the store when the disk or a process fails."""

from __future__ import annotations

import errno
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from ciao.adapters.jobstore.lock import JobLock
from ciao.adapters.jobstore.logfile import ATTEMPT, LogFileWriter
from ciao.adapters.jobstore.marks import SLOT, MarkFile
from ciao.adapters.jobstore.reader import LogFileReader
from ciao.adapters.jobstore.store import DiskJobStore
from ciao.adapters.system import SystemClock
from ciao.core.errors import StoreError
from ciao.core.model import Replica
from ciao.testing.jobstore import a_record

LINE = b"x" * 99 + b"\n"
NO_LIMIT = 1 << 40
LOGFILE = Path(__file__).parents[2] / "ciao/adapters/jobstore/logfile.py"


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 256 KiB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", disk], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("a small file system can only be mounted by root")
    yield disk
    subprocess.run(["umount", "-l", disk], check=True)


def store_in(root: Path) -> DiskJobStore:
    return DiskJobStore(root, size=2**40, age=1e12, log_size=NO_LIMIT, clock=SystemClock())


def test_a_full_disk_stops_the_log_with_a_notice(small_disk: Path) -> None:
    """The log ends with its last whole line, says why, also to those who read it later, and never raises."""
    writer = LogFileWriter(small_disk, "w-0", NO_LIMIT)
    chunks = [writer.append(LINE * 100, 1.0) for _ in range(50)]
    written = [chunk for chunk in chunks if chunk is not None]
    assert chunks == [*written, *[None] * (len(chunks) - len(written))]
    assert "the disk is full" in writer.trouble
    reader = LogFileReader(small_disk, "w-0")
    assert reader.size == written[-1][3]
    assert reader.read(0, NO_LIMIT) == LINE * (reader.size // len(LINE))
    assert reader.trouble() == writer.trouble


def test_a_disk_with_room_for_nothing_still_says_why(small_disk: Path) -> None:
    """Not even 32 bytes for a mark: the notice goes into the place that the index has already."""
    writer = LogFileWriter(small_disk, "w-0", NO_LIMIT)
    for number in range(128):  # the index fills its page to the last byte
        writer.append(b"%d\n" % number, 1.0)
    with (small_disk / "ballast").open("wb", buffering=0) as ballast, pytest.raises(OSError, match="No space"):
        while ballast.write(b"x" * 4096):
            pass
    while writer.append(LINE, 2.0):
        pass
    reader = LogFileReader(small_disk, "w-0")
    assert (reader.trouble(), (small_disk / "w-0.idx").stat().st_size) == (writer.trouble, 4096)
    assert reader.lines == reader.read(0, NO_LIMIT).count(b"\n")


def test_the_next_attempt_writes_again_when_there_is_room(small_disk: Path) -> None:
    """What is missing between stays said."""
    ballast = small_disk / "ballast"
    ballast.write_bytes(b"x" * 200_000)
    writer = LogFileWriter(small_disk, "w-0", NO_LIMIT)
    while writer.append(LINE * 10, 1.0):
        pass
    writer.close()
    ballast.unlink()
    writer = LogFileWriter(small_disk, "w-0", NO_LIMIT)
    writer.mark(ATTEMPT, 2.0)
    assert writer.append(LINE, 2.0) is not None
    reader = LogFileReader(small_disk, "w-0")
    assert "the disk is full" in reader.trouble()
    assert reader.read(reader.offset_of(reader.lines - 1), 999) == LINE


def test_a_store_on_a_full_disk_says_where_and_what_to_do(small_disk: Path) -> None:
    """Nothing half-made is left, and the message names the path and the setting."""
    (small_disk / "ballast").write_bytes(b"x" * 262_144)
    with pytest.raises(StoreError, match=r"(?s)disk/jobs cannot be written: No space left.*store.path=") as caught:
        store_in(small_disk / "jobs").create(a_record())
    assert isinstance(caught.value.__cause__, OSError)
    assert not [path for path in small_disk.rglob("*") if path.name.startswith(".new-")]


def test_a_directory_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    """A file where the store should be (which stops root too)."""
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match=r"(?s)file/jobs cannot be written: Not a directory.*store\.path"):
        store_in(tmp_path / "file/jobs").create(a_record())


def test_a_log_that_cannot_be_opened_is_trouble_not_an_error(tmp_path: Path) -> None:
    """A supervisor goes on with its job whatever the disk does."""
    writer = LogFileWriter(tmp_path / "never-was", "w-0", NO_LIMIT)
    assert writer.append(LINE, 1.0) is None
    assert os.strerror(errno.ENOENT) in writer.trouble
    writer.close()


def limited_files() -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000))


def test_a_file_size_limit_ends_the_log_at_a_whole_line(tmp_path: Path) -> None:
    """``ulimit -f``: what the system cut in the middle of a line is mended, and the notice says what happened."""
    program = f"""
import sys; sys.path.insert(0, {str(LOGFILE.parent)!r})
from logfile import LogFileWriter
writer = LogFileWriter({str(tmp_path)!r}, "w-0", 1 << 40)
while writer.append(b"x" * 66 + b"\\n", 1.0): pass
print(writer.trouble)
"""
    command = [sys.executable, "-B", "-I", "-S", "-c", program]  # -B: the limit would cut Python's own files too
    said = subprocess.run(command, preexec_fn=limited_files, check=True, capture_output=True, text=True).stdout
    assert os.strerror(errno.EFBIG) in said
    reader = LogFileReader(tmp_path, "w-0")
    assert (reader.size, reader.lines) == (10_000 // 67 * 67, 10_000 // 67)
    assert reader.trouble() == said.strip()


WRITER = f"""
import os, sys; sys.path.insert(0, {str(LOGFILE.parent)!r})
from lock import JobLock
from logfile import LogFileWriter
assert JobLock(sys.argv[1]).take()
writer = LogFileWriter(sys.argv[1], "w-0", 1 << 40)
print("ready", flush=True)
number = writer._line
while True:
    data = b"".join(b"%d\\n" % (number + each) for each in range(1000))
    writer.append(data, float(number))
    number += 1000
"""


def test_a_writer_that_is_killed_loses_nothing_that_was_written(tmp_path: Path) -> None:
    """SIGKILL at any instant: the lock is free, no line is torn inside, and the next writer counts on."""
    for _ in range(5):
        process = subprocess.Popen([sys.executable, "-I", "-S", "-c", WRITER, tmp_path], stdout=subprocess.PIPE)
        assert process.stdout is not None
        process.stdout.readline()
        assert JobLock(tmp_path).held()
        time.sleep(0.03)
        process.send_signal(signal.SIGKILL)
        process.wait()
        process.stdout.close()
        assert not JobLock(tmp_path).held()
        writer, reader = LogFileWriter(tmp_path, "w-0", NO_LIMIT), LogFileReader(tmp_path, "w-0")
        data = reader.read(0, NO_LIMIT)
        whole = data.count(b"\n")
        assert whole > 0
        if not data.endswith(b"\n"):
            # The next writer of this test begins on a fresh line: end the torn one as its own would have ended.
            writer.append(str(whole).encode()[len(data) - data.rfind(b"\n") - 1 :] + b"\n", 1e9)
            data = reader.read(0, NO_LIMIT)
        writer.close()
        assert data.split(b"\n")[:-1] == [b"%d" % number for number in range(reader.lines)]


KEEPER = """
import sys; sys.path.insert(0, sys.argv[1])
from ciao.adapters.jobstore.marks import MarkFile
marks = MarkFile(sys.argv[2], "w-0")
number = int(marks.kept[0].partition(" ")[0] or 0)
print("ready", flush=True)
while True:
    number += 1
    marks.keep(f"{number} " + str(number) * (number * 7919 % 5000), number)
"""


def test_a_mark_survives_its_writer(tmp_path: Path) -> None:
    """SIGKILL at any instant: the old mark or the new one, never a torn one, and the next writer goes on."""
    last = 0
    for _ in range(8):
        command = [sys.executable, "-c", KEEPER, Path(__file__).parents[2], tmp_path]
        process = subprocess.Popen(command, stdout=subprocess.PIPE)
        assert process.stdout is not None
        process.stdout.readline()
        time.sleep(0.02)
        process.kill()
        process.communicate()
        mark, number = MarkFile(tmp_path, "w-0").kept
        assert mark == f"{number} " + str(number) * (number * 7919 % 5000)
        assert number > last
        last = number


@pytest.mark.parametrize("damage", [b"", b"\x00" * 200_000, b"x" * 200_000, b"\x01" * 30])
def test_a_damaged_mark_is_none(tmp_path: Path, damage: bytes) -> None:
    """Whatever the file holds; then it is written anew."""
    (tmp_path / "w-0.mark").write_bytes(damage)
    marks = MarkFile(tmp_path, "w-0")
    assert marks.kept == ("", 0)
    marks.keep("here", 5)
    assert MarkFile(tmp_path, "w-0").kept == ("here", 5)


def test_a_torn_mark_leaves_the_one_before(tmp_path: Path) -> None:
    """As a write that was cut short at any byte leaves it."""
    marks = MarkFile(tmp_path, "w-0")
    marks.keep("old", 5)
    before = (tmp_path / "w-0.mark").read_bytes().ljust(2 * SLOT, b"\x00")
    marks.keep("new one", 7)
    after = (tmp_path / "w-0.mark").read_bytes().ljust(2 * SLOT, b"\x00")
    for slot in (0, SLOT):
        for cut in range(slot, slot + 40):
            (tmp_path / "w-0.mark").write_bytes(before[:slot] + after[slot:cut] + before[cut:])
            assert MarkFile(tmp_path, "w-0").kept in (("old", 5), ("new one", 7))


def test_a_mark_that_cannot_be_written_leaves_the_one_before(small_disk: Path) -> None:
    """A full disk: nothing is raised, and when there is room again, marks are kept again."""
    marks = MarkFile(small_disk, "w-0")
    marks.keep("old", 5)
    marks.keep("older", 6)
    with (small_disk / "ballast").open("wb", buffering=0) as ballast, pytest.raises(OSError, match="No space"):
        while ballast.write(b"x" * 4096):
            pass
    marks.keep("n" * 50_000, 7)
    assert marks.kept == MarkFile(small_disk, "w-0").kept == ("older", 6)
    (small_disk / "ballast").unlink()
    marks.keep("new", 8)
    assert marks.kept == MarkFile(small_disk, "w-0").kept == ("new", 8)


def test_a_mark_is_short(tmp_path: Path) -> None:
    """Longer than a slot is an error of the caller's."""
    with pytest.raises(ValueError, match="60,001 bytes"):
        MarkFile(tmp_path, "w-0").keep("x" * 60_001, 0)


def test_a_reader_is_right_at_every_moment_of_a_flood(tmp_path: Path) -> None:
    """While another process appends as fast as it can, what is asked is answered of one moment, without a tear."""
    process = subprocess.Popen([sys.executable, "-I", "-S", "-c", WRITER, tmp_path], stdout=subprocess.PIPE)
    try:
        assert process.stdout is not None
        process.stdout.readline()
        reader, lines = LogFileReader(tmp_path, "w-0"), 0
        while lines < 100_000:  # the test's own time limit ends it if the log does not grow
            lines, before = reader.lines, lines
            assert lines >= before
            last = reader.read(reader.offset_of(lines - 1), 20).partition(b"\n")[0]
            if lines > 1:
                assert reader.read(reader.offset_of(lines - 2), 20).partition(b"\n")[0] == b"%d" % (lines - 2)
                assert (b"%d" % (lines - 1)).startswith(last)
                assert reader.stamps(lines - 2, 1) == (float((lines - 2) // 1000 * 1000),)
                assert reader.line_at(reader.offset_of(lines - 2)) == lines - 2
    finally:
        process.kill()
        process.communicate()


def test_there_is_one_writer_over_processes(tmp_path: Path) -> None:
    """The second is told who holds the log; when the first is killed, the log is free."""
    store = store_in(tmp_path)
    store.create(a_record())
    job = store.directory(a_record().handle)
    process = subprocess.Popen([sys.executable, "-I", "-S", "-c", WRITER, job], stdout=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.readline()
    with pytest.raises(StoreError, match=f"being written by process {process.pid} on "):
        store.writer(a_record().handle)
    process.kill()
    process.wait()
    process.stdout.close()
    with closing(store.writer(a_record().handle)) as writer:
        assert writer.append(Replica("worker", 9), b"mine\n", 1.0) == (0, 1, 0, 5)


def test_probing_a_lock_does_not_keep_it_from_its_taker(tmp_path: Path) -> None:
    """``held`` from many processes at once never makes ``take`` fail."""
    probe = f"import sys; sys.path.insert(0, {str(LOGFILE.parent)!r})\nfrom lock import JobLock\nprint(flush=True)\n"
    probe += f"while True: JobLock({str(tmp_path)!r}).held()"
    lock = JobLock(tmp_path)
    probers = [subprocess.Popen([sys.executable, "-c", probe], stdout=subprocess.PIPE) for _ in range(2)]
    try:
        for each in probers:
            assert each.stdout is not None
            each.stdout.readline()
        for _ in range(50):
            assert lock.take()
            lock.release()
    finally:
        for each in probers:
            each.kill()
            each.communicate()
