"""The store on disk, beyond the port's contract: whose job a name is, what is kept how long, and whose eyes see it."""

from __future__ import annotations

import json
import os
import time
from contextlib import closing
from pathlib import Path

import pytest
from attrs import evolve, frozen

from ciao.adapters.jobstore.lock import JobLock
from ciao.adapters.jobstore.store import DiskJobStore
from ciao.adapters.jobstore.writer import DiskLogWriter
from ciao.core.errors import NameInUseError, StoreError
from ciao.core.model import JobHandle, Replica
from ciao.core.ports import JobRecord
from ciao.testing.jobstore import a_record, over

WORKER = Replica("worker", 0)
DAY = 86_400.0


@frozen
class At:
    """A clock that stands."""

    moment: float

    def now(self) -> float:
        return self.moment

    def monotonic(self) -> float:
        return self.moment


def store_at(root: Path, now: float | None = None, *, size: int = 2**40, age: float = 1e12) -> DiskJobStore:
    """A store whose clock says ``now``."""
    return DiskJobStore(root, size=size, age=age, log_size=2**30, clock=At(time.time() if now is None else now))


def local(name: str, kind: str = "LocalJob", created: float = 1000.0, uid: str = "uid-1") -> JobRecord:
    """A job that runs, says its record."""
    return evolve(a_record(name, created), handle=JobHandle("local", "", "", kind, name, uid))


def finished(store: DiskJobStore, name: str, ended: float, size: int = 0) -> None:
    """A job that ended, with so many bytes of log."""
    record = local(name, created=ended - 1)
    store.create(record)
    with closing(store.writer(record.handle)) as writer:
        writer.append(WORKER, b"x" * size, ended)
    store.update(evolve(over(record), ended=ended))


def names(store: DiskJobStore) -> set[str]:
    """Of all jobs."""
    return {each.handle.name for each in store.list()}


# -- whose a name is ---------------------------------------------------------------------------------


def test_a_job_whose_writer_lives_keeps_its_name(tmp_path: Path) -> None:
    """However old its record is."""
    store = store_at(tmp_path, time.time() + DAY)
    store.create(local("train"))
    with closing(store.writer(local("train").handle)):
        assert store.alive(local("train").handle)
        with pytest.raises(NameInUseError, match="A job named train still runs") as caught:
            store.create(local("train", created=2000.0))
    assert "%stop train" in str(caught.value)


def test_a_job_that_crashed_gives_its_name_back(tmp_path: Path) -> None:
    """Its record says that it runs, but nobody holds its lock: the machine went down, or its kernel was killed."""
    store = store_at(tmp_path, time.time() + 60)
    store.create(local("train"))
    store.writer(local("train").handle).close()
    assert not store.alive(local("train").handle)
    new = local("train", created=2000.0, uid="uid-2")
    store.create(new)
    assert store.list() == (new,)


def test_a_job_that_is_being_born_keeps_its_name(tmp_path: Path) -> None:
    """Between ``create`` and the first lock of its supervisor nobody else may take the name."""
    store = store_at(tmp_path)
    store.create(local("train", kind="", uid=""))
    with pytest.raises(NameInUseError):
        store_at(tmp_path).create(local("train", created=2000.0))


def test_only_its_target_knows_whether_a_cluster_job_runs(tmp_path: Path) -> None:
    """No lock is held while no kernel follows it, and still it may run."""
    store = store_at(tmp_path, time.time() + DAY)
    store.create(local("train", kind="PyTorchJob"))
    with pytest.raises(NameInUseError):
        store.create(local("train", created=2000.0))


def test_a_job_of_another_machine_is_not_taken_for_crashed(tmp_path: Path) -> None:
    """On a home directory that machines share, a lock may not be visible from here."""
    store = store_at(tmp_path, time.time() + DAY)
    store.create(local("train"))
    (store.directory(local("train").handle) / "lock").write_text("17 another-machine\n")
    with pytest.raises(NameInUseError):
        store.create(local("train", created=2000.0))


def test_an_ended_job_that_is_still_being_cleaned_up_is_waited_for(tmp_path: Path) -> None:
    """A supervisor that has not let go would write into the new job's place: refused, with what to do."""
    store = store_at(tmp_path)
    store.create(local("train"))
    store.update(over(local("train")))
    lock = JobLock(store.directory(local("train").handle))
    assert lock.take()
    with pytest.raises(NameInUseError, match=r"(?s)being cleaned up.*Try again"):
        store.create(local("train", created=2000.0))
    lock.release()
    store.create(local("train", created=2000.0))


def test_a_late_update_does_not_touch_the_job_that_came_after(tmp_path: Path) -> None:
    """A process that still has the old record must not write it over the new one."""
    store = store_at(tmp_path)
    store.create(local("train"))
    store.update(over(local("train")))
    new = local("train", created=2000.0, uid="uid-2")
    store.create(new)
    store.update(over(local("train")))
    assert store.list() == (new,)


def test_a_reader_of_a_replaced_job_goes_on_reading_it(tmp_path: Path) -> None:
    """A view that shows the old job's log never sees the new one's bytes."""
    store = store_at(tmp_path)
    finished(store, "train", 5000.0, size=7)
    reader = store.reader(local("train").handle, WORKER)
    assert reader.size == 7
    store.create(local("train", created=6000.0))
    assert reader.read(0, 99) == b"x" * 7
    reader.close()


def test_a_writer_marks_gaps_and_attempts(tmp_path: Path) -> None:
    """A target that lost bytes says so, and an attempt does not continue the last one's line."""
    store = store_at(tmp_path)
    store.create(local("train"))
    with closing(store.reader(local("train").handle, WORKER)) as reader:
        with closing(store.writer(local("train").handle)) as writer:
            assert isinstance(writer, DiskLogWriter)
            writer.append(WORKER, b"half", 1.0)
            writer.attempt(WORKER, 2.0)
            writer.append(WORKER, b"again\n", 2.0)
            assert reader.trouble() == ""
            writer.gap(WORKER, 3.0)
        assert reader.read(0, 99) == b"half\nagain\n"
        assert "after line 2" in reader.trouble()
        writer.append(Replica("worker", 7), b"late\n", 4.0)
        assert "closed" in writer.trouble(Replica("worker", 7))


def test_a_log_that_cannot_be_read_is_a_fault_of_the_store(tmp_path: Path) -> None:
    """And names the file."""
    store = store_at(tmp_path)
    store.create(local("train"))
    (store.directory(local("train").handle) / "logs/worker-0.log").mkdir()
    with (
        closing(store.reader(local("train").handle, WORKER)) as reader,
        pytest.raises(StoreError, match=r"worker-0\.log"),
    ):
        assert reader.size
        reader.read(0, 10)


def test_there_is_no_writer_for_a_job_that_never_was(tmp_path: Path) -> None:
    """Nor does asking for one make a directory."""
    with pytest.raises(StoreError, match="has no job train"):
        store_at(tmp_path / "jobs").writer(local("train").handle)
    assert not (tmp_path / "jobs").exists()


# -- names and eyes ------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["../escape", "a/b", "", ".", "..", ".hidden", "a\0b", "x" * 200, "ä"])
def test_no_name_leads_out_of_the_store(tmp_path: Path, name: str) -> None:
    """Of a job or a target: refused where it would be written, unknown where it is looked up."""
    store = store_at(tmp_path / "jobs")
    for handle in (JobHandle("local", "", "", "LocalJob", name, ""), JobHandle(name, "", "", "LocalJob", "job", "")):
        with pytest.raises(StoreError, match="cannot be a name"):
            store.create(evolve(local("train"), handle=handle))
        assert store.get(handle.target, handle.name) is None
    assert list(tmp_path.iterdir()) == []


def test_only_the_user_can_read_it(tmp_path: Path) -> None:
    """Directories 0700, files 0600, whatever the umask."""
    before = os.umask(0)
    try:
        store = store_at(tmp_path / "jobs")
        finished(store, "train", 5000.0, size=7)
    finally:
        os.umask(before)
    for path in (tmp_path / "jobs", *(tmp_path / "jobs").rglob("*")):
        assert path.stat().st_mode & 0o777 == (0o700 if path.is_dir() else 0o600), path


def test_nothing_is_written_by_looking(tmp_path: Path) -> None:
    """``%jobs`` on a fresh machine makes no directory."""
    store = store_at(tmp_path / "jobs")
    assert (store.list(), store.get("local", "x")) == ((), None)
    store.remove(local("x").handle)
    store.update(local("x"))
    assert not (tmp_path / "jobs").exists()


@pytest.mark.parametrize("damage", [b"", b"{", b"[]", b"\xff\xfe", b'{"format": 1}', b'{"format": 99}', b"[" * 100_000])
def test_a_damaged_record_is_left_out(tmp_path: Path, damage: bytes) -> None:
    """One bad file hides one job, not all; and its name can be used again."""
    store = store_at(tmp_path, time.time() + 60)
    store.create(local("good"))
    store.create(local("bad"))
    (tmp_path / "local/bad/record.json").write_bytes(damage)
    assert names(store) == {"good"}
    assert store.get("local", "bad") is None
    store.create(local("bad"))
    assert names(store) == {"good", "bad"}


def test_a_record_of_a_newer_ciao_is_read(tmp_path: Path) -> None:
    """What is not known is passed over; what is known is there."""
    store = store_at(tmp_path)
    store.create(local("train"))
    path = tmp_path / "local/train/record.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "colour": "blue"}))
    assert store.list() == (local("train"),)


def test_any_text_survives_in_a_record(tmp_path: Path) -> None:
    """A cell may hold whatever a notebook's JSON holds, lone surrogates too."""
    store, record = store_at(tmp_path), evolve(local("train"), source="\ud800 \x00 é 日本\n")
    store.create(record)
    assert store.list() == (record,)


# -- bounds --------------------------------------------------------------------------------------------


def test_the_oldest_ended_jobs_make_room(tmp_path: Path) -> None:
    """Past ``size`` bytes, ended jobs are deleted when a job is created, the oldest first, until the rest is within."""
    store = store_at(tmp_path, 10_000.0, size=250_000)
    for number, ended in enumerate((3000.0, 1000.0, 2000.0)):
        finished(store, f"job-{number}", ended, size=100_000)
    store.create(local("new", created=9000.0))
    assert names(store) == {"job-0", "job-2", "new"}


def test_old_jobs_go(tmp_path: Path) -> None:
    """``age`` counts from a job's end."""
    store = store_at(tmp_path, 40 * DAY, age=30 * DAY)
    finished(store, "old", 9 * DAY)
    finished(store, "young", 11 * DAY)
    store.create(local("new", created=40 * DAY))
    assert names(store) == {"young", "new"}


def test_a_job_that_has_not_ended_is_never_deleted(tmp_path: Path) -> None:
    """Neither size nor age take a running job's logs from under it."""
    store = store_at(tmp_path, time.time() + 400 * DAY, size=0, age=0.0)
    store.create(local("runs"))
    with closing(store.writer(local("runs").handle)) as writer:
        writer.append(WORKER, b"x" * 100_000, 1.0)
        store.create(local("far-away", kind="PyTorchJob"))
        store.create(local("new"))
        assert names(store) == {"runs", "far-away", "new"}
    store.create(local("newer"))
    assert names(store) == {"far-away", "newer"}, "and when it crashed it counts as ended"


def test_deleting_takes_all_of_a_job(tmp_path: Path) -> None:
    """Nothing of it stays on the disk, and what a killed process left half-deleted goes too."""
    store = store_at(tmp_path, time.time() + DAY, age=0.0)
    finished(store, "old", 1000.0, size=10)
    (tmp_path / "local/.old-crashed-1234").mkdir()
    store.create(local("new"))
    assert sorted(path.name for path in (tmp_path / "local").iterdir()) == [".lock", "new"]


def test_what_is_not_a_job_is_never_deleted(tmp_path: Path) -> None:
    """A store that was put where other things lie leaves them alone."""
    (tmp_path / "photos/1998").mkdir(parents=True)
    (tmp_path / "photos/1998/beach.jpg").write_text("x")
    store = store_at(tmp_path, time.time() + 400 * DAY, size=0, age=0.0)
    store.create(local("new"))
    store.create(local("newer"))
    assert (tmp_path / "photos/1998/beach.jpg").exists()


def test_creating_looks_at_each_ended_job_once(tmp_path: Path) -> None:
    """The size of an ended job is remembered, so that a full store does not slow the next job down."""
    store = store_at(tmp_path, 10_000.0)
    finished(store, "old", 1000.0, size=100_000)
    (tmp_path / "local/old/size").write_text("1000.0 300000\n")
    store_at(tmp_path, 10_000.0, size=250_000).create(local("new"))
    assert names(store) == {"new"}, "what is remembered is believed"
