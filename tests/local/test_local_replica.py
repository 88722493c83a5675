"""``ciao_replica.py``: a cell behaves as under plain ``python -u cell.py``, and says what went wrong."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import textwrap
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from ciao.adapters.local.supervisor import processes
from ciao.adapters.local.supervisor.journal import earliest_report
from ciao.replica import ciao_replica

RUNNER = Path(ciao_replica.__file__)


def other_pythons() -> list[Any]:
    """The running one, older and newer ones: those on PATH, or in the directories of ``CIAO_TEST_PYTHONS``."""
    places = os.environ.get("CIAO_TEST_PYTHONS", "").split(os.pathsep)
    found = [pytest.param(sys.executable, id="this")]
    for version in ("3.6", "3.8", "3.10", "3.12", "3.13", "3.14"):
        path = shutil.which(f"python{version}", path=os.pathsep.join([*places, os.environ["PATH"]]))
        works = path is not None and subprocess.run([path, "-c", ""], capture_output=True, check=False).returncode == 0
        skip = () if works else (pytest.mark.skip(reason=f"no python{version} on PATH or in CIAO_TEST_PYTHONS"),)
        found.append(pytest.param(path, id=version, marks=skip))
    return found


ALL = pytest.mark.parametrize("python", other_pythons())


class Ran:
    """A cell that has run to its end."""

    def __init__(
        self,
        tmp: Path,
        code: str,
        *args: str,
        python: str = sys.executable,
        plain: bool = False,
        more: Mapping[str, str] | None = None,
        where: str = "",
    ) -> None:
        source = tmp / "source"
        source.mkdir(exist_ok=True)
        shutil.copy(RUNNER, source)
        (source / "cell.py").write_text(textwrap.dedent(code))
        self.reports = tmp / "report.json"
        environ = {name: value for name, value in os.environ.items() if name != "PYTHONSAFEPATH"}
        environ.update(CIAO_REPORT=str(self.reports), PYTHONDONTWRITEBYTECODE="1", **(more or {}))
        runner = [] if plain else [str(source / "ciao_replica.py")]
        command = [python, "-u", *runner, str(source / "cell.py"), *args]
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=60, check=False, cwd=where or tmp, env=environ
        )
        self.out, self.err, self.code = done.stdout, done.stderr, done.returncode

    @property
    def report(self) -> dict[str, Any]:
        found = earliest_report(str(self.reports))
        assert found is not None
        return found


@ALL
def test_the_cell_is_main(tmp_path: Path, python: str) -> None:
    """Name, file, arguments, search path and pickling are those of a script."""
    code = """
        import os, pickle, sys
        class Thing: pass
        assert type(pickle.loads(pickle.dumps(Thing()))) is Thing
        assert sys.modules["__main__"].Thing is Thing and __name__ == "__main__" and __spec__ is None
        assert globals() is sys.modules["__main__"].__dict__
        print(sys.argv[1:], os.path.basename(sys.argv[0]), os.path.basename(__file__))
        print(sys.path[0] == os.getcwd(), sys.path[1] == os.path.dirname(__file__))
        print(sorted(name for name in globals() if not name.startswith("__")))
    """
    ran = Ran(tmp_path, code, "a", "b c", python=python)
    assert (ran.code, ran.err) == (0, "")
    assert ran.out.splitlines() == ["['a', 'b c'] cell.py cell.py", "True True", "['Thing', 'os', 'pickle', 'sys']"]
    assert not ran.reports.exists()


CELLS = {
    "raises": "def f(n):\n    return 1 / n\nf(0)\n",
    "chained": "try:\n    {}['a']\nexcept KeyError as e:\n    raise ValueError('no') from e\n",
    "unhandled in handler": "try:\n    {}['a']\nexcept KeyError:\n    undefined\n",
    "syntax": "x = 1\nif x\n    pass\n",
    "unicode": "print('ä')\nraise ValueError('ö' * 3)\n",
    "exit": "import sys\nsys.exit(3)\n",
    "exit 0": "raise SystemExit\n",
    "exit text": "import sys\nsys.exit('enough')\n",
    "exit odd": "raise SystemExit(2.5)\n",
    "hook": "import sys\nsys.excepthook = lambda t, v, tb: print('mine', t, v, tb.tb_lineno)\nraise ValueError('x')\n",
    "broken hook": "import sys\ndef hook(*a):\n    raise OSError('h')\nsys.excepthook = hook\nraise ValueError('x')\n",
    "atexit": "import atexit\natexit.register(print, 'bye')\n1/0\n",
    "thread": "import threading, time\nthreading.Thread(target=lambda: (time.sleep(.1), print('late'))).start()\n1/0\n",
    "coding": "# -*- coding: latin-1 -*-\nprint('ok')\n",
    "future": "from __future__ import annotations\ndef f(x: Nope): pass\nprint(f.__annotations__)\n",
    "signal": "import os\nos.kill(os.getpid(), 15)\n",
    "abort": "import os\nos.abort()\n",
    "recursion": "def f():\n    f()\nf()\n",
    "group": "raise ExceptionGroup('g', [ValueError('a'), TypeError('b')])\n",
}


@pytest.mark.parametrize("cell", CELLS)
def test_it_ends_as_plain_python_does(tmp_path: Path, cell: str) -> None:
    """Exit code, stdout and stderr, tracebacks too, are the same to the byte."""
    plain, ours = Ran(tmp_path, CELLS[cell], plain=True), Ran(tmp_path, CELLS[cell])
    assert (ours.code, ours.out) == (plain.code, plain.out)
    assert _without_depth(ours.err) == _without_depth(plain.err)


def _without_depth(text: str) -> str:
    """The runner has a few frames of the recursion limit's thousand."""
    return re.sub(r"repeated \d+ more times", "repeated", text)


@ALL
def test_an_exception_is_reported(tmp_path: Path, python: str) -> None:
    """Type, message, frames with the cell as ``cell.py``, and when."""
    ran = Ran(tmp_path, "def f(n):\n    return 1 / n\nf(0)\n", python=python)
    report = ran.report
    assert ran.code == 1
    assert (report["type"], report["message"], report["rank"]) == ("ZeroDivisionError", "division by zero", None)
    assert [(each["file"], each["line"], each["function"]) for each in report["frames"]] == [
        ("cell.py", 3, "<module>"),
        ("cell.py", 2, "f"),
    ]
    assert report["frames"][1]["text"] == "return 1 / n"
    assert report["at"] > 1e9


def test_a_handled_exception_before_an_exit_is_reported(tmp_path: Path) -> None:
    """``except: print_exc(); sys.exit(1)`` still tells what went wrong; a plain ``sys.exit(1)`` tells nothing."""
    assert (
        Ran(tmp_path, "import sys\ntry:\n    1/0\nexcept Exception:\n    sys.exit(4)\n").report["type"]
        == "ZeroDivisionError"
    )
    (tmp_path / "report.json").unlink()
    assert Ran(tmp_path, "import sys\nsys.exit(4)\n").code == 4
    assert not (tmp_path / "report.json").exists()


def test_a_keyboard_interrupt_is_130(tmp_path: Path) -> None:
    """As a container's shell would say."""
    ran = Ran(tmp_path, "raise KeyboardInterrupt\n")
    assert (ran.code, "KeyboardInterrupt" in ran.err) == (130, True)


def test_a_report_stays_small(tmp_path: Path) -> None:
    """Deep stacks and endless messages fit a pod's termination message (4096 bytes); the innermost frames stay."""
    code = "def f(n):\n    if n: f(n - 1)\n    else: raise ValueError('ü' * 100000)\nf(200)\n"
    ran = Ran(tmp_path, code)
    assert ran.reports.stat().st_size < 4096
    assert ran.report["frames"][-1]["line"] == 3


def test_a_type_is_named_as_in_a_traceback(tmp_path: Path) -> None:
    """With its module unless it is built in or the cell's own."""
    assert Ran(tmp_path, "import json\njson.loads('{')\n").report["type"] == "json.decoder.JSONDecodeError"
    (tmp_path / "report.json").unlink()
    assert Ran(tmp_path, "class Mine(Exception): pass\nraise Mine\n").report["type"] == "Mine"


def test_a_failing_str_does_not_hide_the_failure(tmp_path: Path) -> None:
    """The report may fail; the replica ends as it would."""
    ran = Ran(tmp_path, "class E(Exception):\n    def __str__(self): raise OSError\nraise E\n")
    assert (ran.code, "exception str() failed" in ran.err) == (1, True)


CHILDREN = """
    import multiprocessing as mp, sys
    def work(n):
        if n:
            raise ValueError("child %d" % n)
        print("worked")
    if __name__ == "__main__":
        context = mp.get_context(sys.argv[1])
        for n in (0, 7):
            child = context.Process(target=work, args=(n,))
            child.start()
            child.join()
            print(child.exitcode)
        raise RuntimeError("later")
"""


@ALL
@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_children_of_multiprocessing_run_and_report(tmp_path: Path, python: str, method: str) -> None:
    """They find the cell again, end as usual, and their error, which was first, is the one that counts."""
    ran = Ran(tmp_path, CHILDREN, method, python=python)
    assert ran.out.split() == ["worked", "0", "1"]
    assert "ValueError: child 7" in ran.err
    assert "ciao_replica" not in ran.err
    assert (ran.report["type"], ran.report["frames"][-1]["file"]) == ("ValueError", "cell.py")
    kinds = [json.loads(line)["type"] for line in ran.reports.read_text().splitlines()]
    assert kinds == ["ValueError", "RuntimeError"]


@ALL
def test_a_pool_of_spawned_processes_works(tmp_path: Path, python: str) -> None:
    """Functions of the cell are found by name in the children."""
    code = """
        import multiprocessing as mp
        from concurrent.futures import ProcessPoolExecutor
        def square(n): return n * n
        if __name__ == "__main__":
            with mp.get_context("spawn").Pool(2) as pool: print(pool.map(square, range(4)))
            with ProcessPoolExecutor(1) as pool: print(pool.submit(square, 5).result())
    """
    assert Ran(tmp_path, code, python=python).out.split("\n")[:2] == ["[0, 1, 4, 9]", "25"]


def test_plain_code_pays_little(tmp_path: Path) -> None:
    """Neither multiprocessing nor json, traceback or typing is imported for a cell that does not."""
    heavy = "{'json', 'traceback', 'typing', 'multiprocessing', 'subprocess', 'threading'}"
    code = f"import sys\nprint(sorted({heavy} & set(sys.modules)))\n"
    assert Ran(tmp_path, code).out == Ran(tmp_path, code, plain=True).out


def test_modules_beside_the_cell_and_in_the_directory_are_found(tmp_path: Path) -> None:
    """The working directory's first, as in a notebook."""
    (tmp_path / "source").mkdir()
    (tmp_path / "mine.py").write_text("WHO = 'directory'")
    (tmp_path / "source" / "mine.py").write_text("WHO = 'travelled'")
    (tmp_path / "source" / "ciao_names.py").write_text("lr = 0.1")
    assert Ran(tmp_path, "import mine, ciao_names\nprint(mine.WHO, ciao_names.lr)\n").out == "directory 0.1\n"


def _as_init(tmp_path: Path, code: str) -> subprocess.Popen[str]:
    """The cell below a process 1 of its own."""
    shutil.copy(RUNNER, tmp_path)
    (tmp_path / "cell.py").write_text(textwrap.dedent(code))
    command = ["unshare", "--pid", "--fork", "--kill-child", sys.executable, "-u", "ciao_replica.py", "cell.py"]
    return subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, text=True)


def _may_unshare() -> bool:
    tool = shutil.which("unshare")
    return tool is not None and subprocess.run([tool, "--pid", "--fork", "true"], check=False).returncode == 0


@pytest.mark.skipif(not _may_unshare(), reason="may not make a process namespace here")
@pytest.mark.parametrize(
    ("cell", "code"), [("import sys; sys.exit(3)", 3), ("import os; os.kill(os.getpid(), 9)", 137)]
)
def test_as_process_1_it_ends_as_its_cell_does(tmp_path: Path, cell: str, code: int) -> None:
    """The exit code of a container."""
    process = _as_init(tmp_path, cell)
    process.communicate(timeout=30)
    assert process.returncode == code


@pytest.mark.skipif(not _may_unshare(), reason="may not make a process namespace here")
def test_as_process_1_it_obeys_sigterm_and_reaps(tmp_path: Path) -> None:
    """Process 1 ignores a SIGTERM that nobody handles, and orphans are its children: this one does its duties."""
    process = _as_init(
        tmp_path,
        """
        import os, time
        if os.fork() == 0:
            if os.fork() == 0:
                time.sleep(0.1)
                os._exit(0)
            os._exit(0)
        os.wait()
        time.sleep(0.4)
        print(os.getppid(), flush=True)
        time.sleep(600)
        """,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "1\n"
    init = next(pid for pid in processes.children(process.pid))
    cells = processes.children(init)
    assert len(cells) == 1, "the orphan was not reaped"
    os.kill(init, 15)
    process.communicate(timeout=10)
    assert process.returncode == 143


# -- files in a pod -----------------------------------------------------------------------------------


def test_files_that_travelled_are_found_in_the_working_directory(tmp_path: Path) -> None:
    """As in the notebook: what lies in the read-only source is linked, directories can be written to."""
    source = tmp_path / "mounted"
    (source / "..2026" / "data").mkdir(parents=True)
    (source / "..2026" / "data" / "a.csv").write_text("one")
    (source / "..data").symlink_to("..2026")  # as the kubelet lays out a ConfigMap
    (source / "data").symlink_to("..data/data")
    (source / "cell.py").write_text("")
    (tmp_path / "mine.txt").write_text("mine")
    (source / "mine.txt").write_text("theirs")
    code = """
        import os
        print(open("data/a.csv").read(), open("mine.txt").read(), os.path.exists("cell.py"))
        open("data/b.csv", "w").write("two")
    """
    ran = Ran(tmp_path, code, more={"CIAO_SOURCE": str(source)})
    assert (ran.out, ran.err, ran.code) == ("one mine False\n", "", 0)
    assert (tmp_path / "data" / "b.csv").read_text() == "two"


def test_a_working_directory_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    """The cell runs all the same; the line says where the file is."""
    source = tmp_path / "mounted"
    source.mkdir()
    (source / "a.csv").write_text("one")
    ran = Ran(tmp_path, "import os; print(os.path.lexists('a.csv'))", more={"CIAO_SOURCE": str(source)}, where="/proc")
    assert (ran.out, ran.code) == ("False\n", 0)
    assert ran.err.startswith(f"ciao: {source}/a.csv stays where it is (")
