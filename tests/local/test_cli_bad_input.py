"""The mistakes of a command line: the whole text that a shell's user sees, its exit code, and that nothing is left."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

F = ("run", "ok.py", "-f", "pytorch")
FILES = {
    "ok.py": b"print('hi')\n",
    "empty.py": b"\n# nothing\n",
    "magics.py": b"%framework=pytorch\n%worker=2\n",
    "norole.py": b"%worker=2\nprint()\n",
    "broken.py": b"x = 1\nif x\n    pass\n",
    "latin.py": b"# \xe9t\xe9\n",
    "notes.ipynb": b'{"cells": [], "nbformat": 4, "nbformat_minor": 5, "metadata": {}}',
}

SEEN = {
    "no command": (("runn",), "UserError: ciao has no command 'runn'.\n  Did you mean ciao run?"),
    "no file": (("run",), """\
UserError: the following arguments are required: FILE.
  ciao run --help shows what there is"""),
    "an option that is none": ((*F, "--wroker", "2"), """\
UserError: `ciao run` has no option --wroker.
  Did you mean --worker?"""),
    "an unknown framework": (("run", "ok.py", "-f", "pytroch"), """\
UserError: There is no framework 'pytroch'.
  --framework, column 1
    pytroch
    ^^^^^^^
  Did you mean pytorch?"""),
    "no framework": (("run", "ok.py"), """\
UserError: Which framework is this job of?
  Add --framework pytorch or --framework tensorflow"""),
    "a role without a framework": (("run", "ok.py", "-w", "2"), """\
UserError: --worker is a role, and this job has no framework.
  --worker, column 1
    2
    ^
  Add --framework pytorch or --framework tensorflow"""),
    "a file's own role without a framework": (("run", "norole.py"), """\
MagicError: %worker is a role, and this job has no framework.
  norole.py, line 1, column 2
    %worker=2
     ^^^^^^^^
  Add %framework=pytorch or %framework=tensorflow"""),
    "a role of another framework": ((*F, "--ps", "1"), """\
UserError: pytorch has no role 'ps'.
  --ps, column 1
    1
    ^
  It has --master and --worker."""),
    "no master": ((*F, "--master", "0"), """\
UserError: --master 0: pytorch jobs have exactly 1 master.
  --master, column 1
    0
    ^
  Leave it out: Ciao adds the master. --worker says how many others there are."""),
    "two masters": ((*F, "--master", "2"), """\
UserError: --master 2: pytorch jobs have exactly 1 master.
  --master, column 1
    2
    ^
  Leave it out: Ciao adds the master. --worker says how many others there are."""),
    "a quantity that is none": ((*F, "--cpu", "lots"), """\
UserError: --cpu: 'lots' is not a quantity (a number with an optional suffix: 500m, 2, 1.5Gi).
  --cpu, column 1
    lots
    ^^^^
  For example: --worker '2;cpu=1'"""),
    "a quantity without a number": ((*F, "--memory", "Gi"), """\
UserError: --memory: 'Gi' is not a quantity (a number with an optional suffix: 500m, 2, 1.5Gi).
  --memory, column 1
    Gi
    ^^
  For example: --memory 2Gi"""),
    "an option twice with different values": ((*F, "--timeout", "5m", "--timeout", "6m"), """\
UserError: --timeout is there twice with different values.
  --timeout, column 1
    6m
    ^^
  Keep one of them."""),
    "no code": (("run", "empty.py", "-f", "pytorch"), "SourceError: There is no code to run.\n  empty.py"),
    "only magics": (("run", "magics.py"), """\
SourceError: There is no code to run, only magics.
  magics.py, line 1, column 1
    %framework=pytorch
    ^^^^^^^^^^^^^^^^^^
  Write the program below them."""),
    "not UTF-8": (("run", "latin.py", "-f", "pytorch"),
                  "SourceError: latin.py is not UTF-8 text: invalid continuation byte at byte 2."),
    "too large": (("run", "large.py", "-f", "pytorch"), """\
SourceError: large.py is larger than 50 MiB.
  Code travels; data does not: let the code read it from a file (--file PATTERN)."""),
    "code that does not compile": (("run", "broken.py", "-f", "pytorch"), """\
SourceError: This is not Python: expected ':'.
  broken.py, line 2, column 5
    if x
        ^"""),
    "a file that is not there": (("run", "gone.py", "-f", "pytorch"), "SourceError: There is no file gone.py."),
    "a notebook without a cell's number": (("run", "notes.ipynb"), """\
SourceError: notes.ipynb is a notebook: which of its cells?
  ciao run 'notes.ipynb#3' runs code cell number 3"""),
    "a missing interpreter": ((*F, "--python", "/no/such"), """\
Preflight: There is no interpreter /no/such that can be run: correct --python (or the setting local.python)."""),
    "a target that does not exist yet": ((*F, "--target", "docker"), """\
UserError: There is no target 'docker'.
  --target, column 1
    docker
    ^^^^^^
  This Ciao has kubeflow and local."""),
    "the jobs of a target that does not exist": (("jobs", "--target", "docker"), """\
UserError: There is no target 'docker'.
  This Ciao has kubeflow and local."""),
    "attach to a job that never was": (("attach", "never"), """\
UnknownJob: There is no job named never.
  ciao jobs lists them all."""),
    "the logs of a job that never was": (("logs", "never"), """\
UnknownJob: There is no job named never.
  ciao jobs lists them all."""),
    "an unknown setting": (("config", "set", "zzz", "5"), """\
SettingsError: There is no setting 'zzz'.
  ciao config set
  ciao config lists them all."""),
}  # fmt: skip


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A working directory with the files of the mistakes."""
    where = tmp_path_factory.mktemp("place")
    for name, content in FILES.items():
        (where / name).write_bytes(content)
    with (where / "large.py").open("wb") as large:
        large.truncate(50 * 2**20 + 1)
    return where


def shell(place: Path, *words: str, **env: str) -> subprocess.Popen[str]:
    environ = {name: value for name, value in os.environ.items() if not name.startswith("CIAO_")}
    return subprocess.Popen(
        [sys.executable, "-m", "ciao.cli", *words], cwd=place, env={**environ, "HOME": str(place / "home"), **env},
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def ran(place: Path, *words: str, **env: str) -> tuple[int, str, str]:
    """Exit code, output, and what Ciao said."""
    with shell(place, *words, **env) as process:
        out, err = process.communicate(timeout=60)
    return process.returncode, out, err


def jobs(place: Path) -> list[str]:
    return [each.name for each in place.glob("home/.ciao/jobs/local/*") if each.is_dir()]


@pytest.mark.parametrize("mistake", SEEN)
def test_a_mistake_is_told_in_a_shells_words(place: Path, mistake: str) -> None:
    """One message, in options where options were written; exit code 2, nothing on stdout, no job."""
    words, seen = SEEN[mistake]
    assert ran(place, *words) == (2, "", seen + "\n")
    assert jobs(place) == []


def test_exhausted_ports_are_told_and_the_remedy_works(place: Path) -> None:
    """The command that is advised, typed as it stands, makes the job run."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        assert ran(place, "config", "set", "local.ports", f"{port}-{port}")[0] == 0
        code, _, err = ran(place, *F, "--worker", "2")
    told, _, remedy = err.strip().rstrip(".").partition(". Widen it: ")
    assert (code, told) == (2, f"Preflight: The job needs 3 free ports, and local.ports = {port}-{port} has 0")
    assert jobs(place) == []
    assert ran(place, *remedy.split()[1:])[0] == 0
    code, out, err = ran(place, *F)
    assert (code, out) == (0, "[master-0] hi\n"), err


def test_a_store_that_cannot_be_written_is_not_the_users_mistake(place: Path) -> None:
    """Exit code 1; the directory, why, and the command that chooses another."""
    (place / "file").touch()
    where = place / "file" / "jobs"
    assert ran(place, *F, CIAO_STORE_PATH=str(where)) == (1, "", (
        f"StoreError: The job store {where} cannot be written: Not a directory.\n"
        "Make room or permit writing there, or choose another directory: ciao config set store.path DIRECTORY\n"
    ))  # fmt: skip


@pytest.fixture
def busy(place: Path) -> Iterator[str]:
    """The name of a job that runs in another shell."""
    (place / "busy.py").write_text("import time\nprint('up', flush=True)\ntime.sleep(300)\n")
    with shell(place, "run", "busy.py", "-f", "pytorch", "--name", "busy") as process:
        assert process.stdout is not None and process.stdout.readline() == "[master-0] up\n"
        yield "busy"
        process.terminate()


def test_the_name_of_a_job_that_runs_is_refused_and_the_remedy_works(place: Path, busy: str) -> None:
    """After the first of the three ways out the name is free."""
    assert ran(place, *F, "--name", busy) == (2, "", (
        "NameInUse: A job named busy still runs.\n"
        "  Stop it (ciao stop busy), watch it (ciao attach busy), or choose another --name.\n"
    ))  # fmt: skip
    assert ran(place, "stop", busy) == (0, "busy was asked to stop.\n", "")
    deadline = time.monotonic() + 10
    while "running" in ran(place, "jobs")[1] and time.monotonic() < deadline:
        pass
    code, out, err = ran(place, *F, "--name", busy)
    assert (code, out) == (0, "[master-0] hi\n"), err
