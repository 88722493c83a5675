"""The user's mistakes in a real kernel: the whole text that is shown, and that nothing is left afterwards."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jupyter_client.jsonutil import json_default

from ..unit.test_bad_input import SEEN
from .test_jobs import alive, gone

P = "%framework=pytorch\n"


def told(kernel: Any, cell: str) -> str:
    """The error that a cell ends in, as it is shown; nothing else may be shown, least of all Ciao's own frames."""
    answer = kernel.run(cell, 20, store_history=True)
    assert answer.status == "error", answer.text
    assert answer.text == "" and not answer.of("display_data")
    assert "Traceback" not in answer.error and not re.search(r"\.py\b", answer.error)
    title, _, text = answer.error.partition(": ")
    assert re.fullmatch(r"(Magic|Source|User|Settings|Store)Error|UnknownJob|NameInUse|Preflight", title)
    return str(text.replace(f"Cell In [{answer.reply['execution_count']}]", "Cell In [3]"))


def worked(kernel: Any, cell: str) -> str:
    """What a cell that succeeds shows."""
    answer = kernel.run(cell, store_history=True)
    assert answer.status == "ok", answer.error
    return str(answer.text)


def left(home: Path) -> list[str]:
    """Jobs that the store has, and processes of jobs."""
    return [each.name for each in home.glob("jobs/local/*") if each.is_dir()] + alive(home)


@pytest.mark.parametrize("mistake", [each for each in SEEN if each not in ("not UTF-8", "too large")])
def test_a_mistake_in_a_cell_is_shown_as_it_is_worded(kernel: Any, mistake: str) -> None:
    """What the interpreter says arrives whole, with title, place and caret; no job has begun."""
    before = left(kernel.home)
    cell, seen = SEEN[mistake]
    text = told(kernel, cell)
    assert text.startswith(seen) if mistake.startswith("two values of one variable") else text == seen
    assert left(kernel.home) == before


def test_a_cell_of_more_than_50_mib_is_refused(kernel: Any) -> None:
    """How large it is, what the limit is, and where data belongs."""
    # ipykernel would hash the cell in Python for 20 seconds, for a file's name that this variable says.
    worked(kernel, "import os; os.environ['IPYKERNEL_CELL_NAME'] = 'cell.txt'")
    try:
        assert told(kernel, SEEN["too large"][0]) == SEEN["too large"][1]
    finally:
        worked(kernel, "del os.environ['IPYKERNEL_CELL_NAME']")
    assert not left(kernel.home)


def test_a_cell_that_is_no_text_is_refused(kernel: Any) -> None:
    """A front-end can send half a surrogate pair, as JSON's escapes allow; the kernel says where it stands."""
    session = kernel.client.session
    usual, session.pack = session.pack, lambda message: json.dumps(message, default=json_default).encode()
    try:
        assert told(kernel, P + "x = 1\ny = '\udce9'\n") == SEEN["not UTF-8"][1].replace("Cell In [3]", "this cell")
    finally:
        session.pack = usual
    assert not left(kernel.home)


@pytest.mark.parametrize(
    ("python", "seen"),
    [
        ("/no/such/python", "There is no interpreter /no/such/python that can be run"),
        ("python9.9", "There is no interpreter python9.9 on PATH"),
    ],
)
def test_a_missing_interpreter_is_told_before_anything_starts(kernel: Any, python: str, seen: str) -> None:
    """Which one was looked for, and which of two names says it."""
    assert told(kernel, f"{P}%python={python}\nprint(1)") == f"{seen}: correct %python (or the setting local.python)."
    assert not left(kernel.home)


@pytest.mark.parametrize("command", ["attach", "logs", "stop", "describe", "ciao rerun"])
def test_a_job_that_never_was_is_unknown(kernel: Any, command: str) -> None:
    """Whatever is asked of it; no empty answer."""
    assert told(kernel, f"%{command} never") == "There is no job named never.\n  %jobs lists them all."


def test_exhausted_ports_are_told_and_the_remedy_works(kernel: Any) -> None:
    """How many are needed and free in which range; the cell that is advised makes the job run."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        worked(kernel, f"%ciao config local.ports={port}-{port}")
        text = told(kernel, P + "%worker=2\nprint(1)")
    remedy = "%ciao config local.ports=20000-29999"
    assert text.rstrip(".") == f"The job needs 3 free ports, and local.ports = {port}-{port} has 0. Widen it: {remedy}"
    assert not left(kernel.home)
    worked(kernel, remedy)
    assert "✓" in worked(kernel, P + "print(1)")


def test_a_store_that_cannot_be_written_is_told_and_the_remedy_works(kernel: Any) -> None:
    """The directory, why, and a cell that chooses another."""
    (kernel.home / "file").touch()
    where = kernel.home / "file" / "jobs"
    worked(kernel, f"%ciao config store.path={where}")
    assert told(kernel, P + "print(1)") == (
        f"The job store {where} cannot be written: Not a directory.\n"
        "Make room or permit writing there, or choose another directory: %ciao config store.path=DIRECTORY"
    )
    assert not alive(kernel.home)
    worked(kernel, f"%ciao config store.path={kernel.home / 'jobs'}")
    assert "✓" in worked(kernel, P + "print(1)")


@pytest.fixture
def tiny(kernel: Any) -> Iterator[Path]:
    """A file system of 256 KiB that holds the kernel's job store meanwhile."""
    if os.geteuid() != 0:
        pytest.skip("only root can mount a file system that fills up")
    where = kernel.home / "tiny"
    where.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(where)], check=False).returncode:
        pytest.skip("this container may not mount")
    worked(kernel, f"%ciao config store.path={where}")
    try:
        yield where
    finally:
        worked(kernel, f"%ciao config store.path={kernel.home / 'jobs'}")
        subprocess.run(["umount", "-l", str(where)], check=True)
        where.rmdir()


def test_a_full_disk_refuses_a_job(kernel: Any, tiny: Path) -> None:
    """There is no room for its record or its source: said before anything starts, and nothing is left."""
    (tiny / "ballast").write_bytes(bytes(256 * 1024 - 4096))
    text = told(kernel, P + "print(1)")
    assert "No space left on device" in text and "%ciao config store.path=DIRECTORY" in text
    (tiny / "ballast").unlink()
    assert not list(tiny.glob("local/[a-z]*")) and not alive(kernel.home)
    assert "✓" in worked(kernel, P + "print(1)")


def test_a_disk_that_fills_up_stops_the_log_not_the_job(kernel: Any, tiny: Path) -> None:
    """The job goes on to its end; the cell and ``%logs`` say that lines are missing, and why."""
    shown = worked(kernel, P + "%name=full\nfor n in range(5_000):\n    print(n, 'x' * 90)\nopen('ended', 'w').close()")
    assert (kernel.home / "ended").exists()
    assert "✓ full succeeded" in shown
    why = "the log of master-0 ends here: the disk is full (make room, or set store.path to another disk)."
    assert f"! master-0: {why} The job goes on.\n" in shown
    assert why in worked(kernel, "%logs full --tail 1")


def test_the_name_of_a_job_that_runs_is_refused_and_the_remedy_works(kernel: Any) -> None:
    """Three ways out; after the first of them the name is free."""
    worked(kernel, P + "%name=busy;%detach\nimport time; time.sleep(300)")
    assert told(kernel, P + "%name=busy\nprint(1)") == (
        "A job named busy still runs.\n  Stop it (%stop busy), watch it (%attach busy), or choose another %name."
    )
    assert worked(kernel, "%stop busy") == "busy was asked to stop.\n"
    assert gone(kernel.home)
    assert "✓ busy succeeded" in worked(kernel, P + "%name=busy\nprint(1)")
