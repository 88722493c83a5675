"""The command ``ciao`` as a shell runs it: real processes, a job store of its own, exit codes and signals."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

HELLO = "import os\nprint('hello from', os.environ['RANK'], flush=True)\n"
WAITS = "import os, time\nprint('pid', os.getpid(), flush=True)\ntime.sleep(600)\n"
STUBBORN = "import signal\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n" + WAITS
TWO = ("-f", "pytorch", "-w", "1")


@pytest.fixture
def shell(tmp_path):
    return Shell(tmp_path)


class Shell:
    """A working directory, a home and a store; what runs in it is ended with the test."""

    def __init__(self, directory):
        self.directory = directory
        (directory / "home").mkdir()
        self.environ = {
            **{name: value for name, value in os.environ.items() if not name.startswith("CIAO_")},
            "HOME": str(directory / "home"), "CIAO_STORE_PATH": str(directory / "jobs"), "OMP_NUM_THREADS": "1",
        }  # fmt: skip

    def file(self, text, name="train.py"):
        (self.directory / name).write_text(text)
        return name

    def start(self, *words, **keywords):
        streams = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        return subprocess.Popen(
            [sys.executable, "-m", "ciao.cli", *words], cwd=self.directory, env=self.environ, text=True,
            **{**streams, **keywords},
        )  # fmt: skip

    def run(self, *words, given=None):
        with self.start(*words, stdin=subprocess.PIPE) as process:
            out, err = process.communicate(given or "", timeout=60)
        return process.returncode, out, err


def pids(process, count):
    """The replicas' process ids, as soon as all have printed theirs."""
    found = []
    while len(found) < count:
        line = process.stdout.readline()
        assert line, process.stderr.read()
        if "] pid " in line:
            found.append(int(line.rpartition(" ")[2]))
    return found


def alive(found):
    return [pid for pid in found if Path(f"/proc/{pid}").exists()]


def test_a_job_that_succeeds_exits_with_0(shell):
    """Output on stdout, Ciao's words on stderr, no ANSI in a pipe."""
    code, out, err = shell.run("run", shell.file(HELLO), *TWO, "--name", "j")
    assert (code, sorted(out.splitlines())) == (0, ["[master-0] hello from 0", "[worker-0] hello from 1"]), err
    head, *_, foot = err.splitlines()
    assert head == "j · master 1, worker 1 · this machine"
    assert foot.startswith("✓ j succeeded in ")
    assert foot.endswith("ciao logs j")
    assert "\x1b" not in out + err


def test_a_failed_job_exits_with_its_root_causes_code(shell):
    """Here worker-0's; the others were only stopped. Nobody sees a traceback of Ciao's."""
    text = "import os, sys, time\nif os.environ['RANK'] == '1':\n    sys.exit(3)\ntime.sleep(600)\n"
    code, _, err = shell.run("run", shell.file(text), *TWO)
    assert code == 3, err
    assert "JobFailed: worker-0 failed first" in err
    assert "Traceback" not in err


def test_an_exceptions_line_is_the_files(shell):
    """The file's name and line, as under plain python, and in the message."""
    code, out, err = shell.run("run", shell.file("x = 0\n1 / x\n"), "-f", "pytorch")
    assert code == 1, err
    assert 'File "train.py", line 2' in out
    assert "ZeroDivisionError at line 2 of train.py" in err


def test_the_programs_arguments_arrive(shell):
    """With blanks and quotes, through no shell."""
    code, out, err = shell.run(
        "run", shell.file("import sys\nprint(sys.argv[1:])\n"), "-f", "pytorch", "--", "a b", "$X"
    )
    assert (code, out) == (0, "[master-0] ['a b', '$X']\n"), err


def test_standard_input_can_be_the_source(shell):
    """``echo … | ciao run -``; the replicas' own standard input is empty."""
    code, out, err = shell.run("run", "-", "-f", "pytorch", given="print(1 + 1)\n")
    assert (code, out) == (0, "[master-0] 2\n"), err


def test_a_notebooks_cell_runs_with_its_magics_and_the_names_above_it(shell):
    """In the notebook's directory, as in Jupyter; nothing else of the notebook runs."""
    cells = [
        "lr = 0.5\n",
        "raise SystemExit('not me')\n",
        "%framework=pytorch\n%var=lr\nimport os\nprint(lr, os.getcwd())",
    ]
    code_cells = [
        {"cell_type": "code", "metadata": {}, "outputs": [], "execution_count": None, "source": text} for text in cells
    ]
    (shell.directory / "below").mkdir()
    shell.file(json.dumps({"nbformat": 4, "nbformat_minor": 4, "metadata": {}, "cells": code_cells}), "below/n.ipynb")
    code, out, err = shell.run("run", "below/n.ipynb#3")
    assert (code, out) == (0, f"[master-0] 0.5 {shell.directory / 'below'}\n"), err


def test_ctrl_c_stops_the_job_and_exits_with_130(shell):
    """Every replica is gone by then."""
    with shell.start("run", shell.file(WAITS), *TWO) as process:
        found = pids(process, 2)
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 130, process.stderr.read()
        assert alive(found) == []
        assert "JobStopped" in process.stderr.read()


def test_a_second_ctrl_c_does_not_wait_for_the_grace(shell):
    """Replicas that ignore SIGTERM are killed at once."""
    shell.environ["CIAO_LOCAL_GRACE"] = "60"
    with shell.start("run", shell.file(STUBBORN), *TWO) as process:
        found = pids(process, 2)
        process.send_signal(signal.SIGINT)
        time.sleep(0.5)
        assert process.poll() is None
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 130, process.stderr.read()
        assert alive(found) == []


def test_sigterm_stops_the_job_and_exits_with_143(shell):
    """A supervisor, a CI runner or `timeout` ends Ciao as it ends anything."""
    with shell.start("run", shell.file(WAITS), *TWO) as process:
        found = pids(process, 2)
        process.terminate()
        assert process.wait(30) == 143, process.stderr.read()
        assert alive(found) == []


def test_a_job_that_another_terminal_stops_exits_with_143(shell):
    """``ciao stop`` works on a job that another process follows."""
    with shell.start("run", shell.file(WAITS), *TWO, "--name", "j") as process:
        found = pids(process, 2)
        code, out, err = shell.run("stop", "j")
        assert (code, out) == (0, "j was asked to stop.\n"), err
        assert process.wait(30) == 143, process.stderr.read()
        assert alive(found) == []


def test_the_deadline_exits_with_124(shell):
    """As timeout(1)."""
    code, _, err = shell.run("run", shell.file(WAITS), "-f", "pytorch", "--timeout", "1")
    assert code == 124, err


def test_a_reader_that_has_enough_ends_the_job_quietly(shell):
    """``ciao run … | head -1``: as a program that writes into a closed pipe; nothing runs on unseen."""
    text = "import os\nprint('pid', os.getpid(), flush=True)\nwhile True:\n    print('x' * 99)\n"
    with shell.start("run", shell.file(text), "-f", "pytorch") as process:
        found = pids(process, 1)
        process.stdout.close()
        assert process.wait(30) == 141
        assert "Traceback" not in process.stderr.read()
        assert alive(found) == []


def test_logs_into_head_end_quietly(shell):
    """No traceback, no message: a broken pipe is no error of anybody's."""
    shell.run("run", shell.file("for n in range(200_000):\n    print(n)\n"), "-f", "pytorch", "--name", "j")
    with shell.start("logs", "j") as process:
        assert process.stdout.readline() == "[master-0] 0\n"
        process.stdout.close()
        assert process.wait(30) == 141
        assert process.stderr.read() == ""


def test_logs_come_from_the_store_when_the_job_is_over(shell):
    """Tail, pattern, one replica, times."""
    shell.run("run", shell.file("for n in range(100):\n    print('line', n)\n"), *TWO, "--name", "j")
    assert shell.run("logs", "j", "worker-0", "--tail", "1")[1] == "[worker-0] line 99\n"
    assert len(shell.run("logs", "last", "--grep", "line 1.$")[1].splitlines()) == 20
    stamped = shell.run("logs", "j", "master-0", "--tail", "1", "--timestamps")[1]
    assert stamped.split(" ", 1)[0].endswith("Z")


def test_logs_can_be_followed_to_the_jobs_end(shell):
    """``-f`` shows what is there, what comes, no line in halves, and ends with the job."""
    text = (
        "import sys, time\nfor n in range(6):\n"
        "    sys.stdout.write(f'be{n}'); sys.stdout.flush(); time.sleep(0.15); print('gin')\n"
    )
    with shell.start("run", shell.file(text), "-f", "pytorch", "--name", "j", stdout=subprocess.DEVNULL) as process:
        process.stderr.readline()  # the header: it exists
        code, out, err = shell.run("logs", "j", "-f")
        assert (code, out.splitlines()) == (0, [f"[master-0] be{n}gin" for n in range(6)]), err
        assert process.wait(30) == 0


def test_json_tells_events_and_lines_one_object_each(shell):
    """For scripts; the values of variables are in none of them."""
    code, out, err = shell.run("run", shell.file("print('hi')\n"), "-f", "pytorch", "--env", "TOKEN=hunter2", "--json")
    forms = [json.loads(line) for line in out.splitlines()]
    assert code == 0, err
    assert {"submitted", "replica", "log", "ended"} <= {form["event"] for form in forms}
    assert [form["text"] for form in forms if form["event"] == "log"] == ["hi"]
    assert forms[-1]["outcome"] == "succeeded"
    assert "hunter2" not in out


def test_jobs_and_describe_tell_scripts_what_ran(shell):
    """Newest first; outcome, roles, source, and how much was printed."""
    shell.run("run", shell.file("print('hi')\n"), *TWO, "--name", "a")
    shell.run("run", shell.file("raise SystemExit(2)\n"), "-f", "pytorch", "--name", "b")
    listed = json.loads(shell.run("jobs", "--json")[1])
    assert [(job["job"], job["outcome"]) for job in listed] == [("b", "failed"), ("a", "succeeded")]
    described = json.loads(shell.run("describe", "a", "--json")[1])
    assert described["roles"] == {"master": 1, "worker": 1}
    assert described["logs"]["worker-0"]["lines"] == 1
    assert described["source"] == "print('hi')\n"


def test_a_job_that_is_over_can_be_attached_to(shell):
    """Its output, how it ended, and its exit code, again."""
    shell.run("run", shell.file("print('hi')\nraise SystemExit(7)\n"), "-f", "pytorch", "--name", "j")
    code, out, err = shell.run("attach", "j")
    assert (code, out) == (7, "[master-0] hi\n"), err


def test_leaving_an_attached_job_does_not_stop_it(shell):
    """Ctrl-C in the second terminal ends the watching; the first one goes on."""
    with shell.start("run", shell.file(WAITS), "-f", "pytorch", "--name", "j") as process:
        found = pids(process, 1)
        with shell.start("attach", "j") as onlooker:
            assert pids(onlooker, 1) == found
            onlooker.send_signal(signal.SIGINT)
            assert onlooker.wait(30) == 130, onlooker.stderr.read()
        assert alive(found) == found
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 130


def test_render_creates_nothing(shell):
    """What would run, and no job afterwards."""
    code, out, err = shell.run("render", shell.file(HELLO), *TWO)
    assert (code, "master-0" in out, "worker-0" in out) == (0, True, True), err
    assert json.loads(shell.run("render", "train.py", *TWO, "--json")[1])
    assert shell.run("jobs")[2] == "no jobs\n"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["train.py", "-f", "pytroch"], "pytorch"),
        (["train.py", "-f", "pytorch", "--ps", "1"], "ps"),
        (["train.py", "-f", "pytorch", "--cpu", "lots"], "--cpu"),
        (["train.py", "-f", "pytorch", "--detach"], "cannot be detached"),
        (["train.py", "-f", "pytorch", "--wroker", "1"], "--worker"),
        (["gone.py", "-f", "pytorch"], "no file gone.py"),
        (["broken.py", "-f", "pytorch"], "line 2"),
        (["latin.py", "-f", "pytorch"], "not UTF-8"),
    ],
)
def test_the_users_mistake_exits_with_2_and_one_message(shell, words, said):
    """Nothing was started; no traceback, no usage dump."""
    shell.file("pass\n")
    shell.file("x = 1\nif x\n", "broken.py")
    (shell.directory / "latin.py").write_bytes(b"# \xe9t\xe9\n")
    code, out, err = shell.run("run", *words)
    assert (code, out) == (2, ""), err
    assert said in err
    assert "Traceback" not in err and "usage:" not in err
    assert shell.run("jobs", "--json")[1] == "[]\n"


def test_settings_are_written_where_they_are_read(shell):
    """``set`` keeps the file's other lines, and ``show`` names the line that holds."""
    shell.file("# ours\n[local]\ngrace = 3 # calm\n", "ciao.toml")
    assert shell.run("config", "set", "local.grace", "5", "--project")[0] == 0
    assert (shell.directory / "ciao.toml").read_text() == "# ours\n[local]\ngrace = 5 # calm\n"
    assert shell.run("config", "set", "store.size", "1Gi")[0] == 0
    assert (shell.directory / "home" / ".ciao" / "config.toml").read_text() == '[store]\nsize = "1Gi"\n'
    shown = json.loads(shell.run("config", "show", "--json")[1])
    assert (shown["local.grace"]["value"], shown["store.size"]["value"]) == ("5", "1Gi")
    assert "ciao.toml, line 3" in shown["local.grace"]["origin"]


def test_a_wrong_setting_is_not_written(shell):
    """Neither an unknown key nor a bad value."""
    for words in (("store.sise", "1Gi"), ("store.size", "lots")):
        assert shell.run("config", "set", *words)[0] == 2
    assert not (shell.directory / "home" / ".ciao" / "config.toml").exists()


def test_a_setting_that_the_environment_beats_is_said(shell):
    """Otherwise the next run would seem to ignore the file."""
    _, _, err = shell.run("config", "set", "store.path", "/data/jobs")
    assert "CIAO_STORE_PATH" in err


@pytest.mark.parametrize("words", [["--version"], ["--help"], ["jobs"], ["config"]])
def test_a_short_answer_imports_nothing_heavy(shell, words):
    """Front ends and clients of clusters would cost more than the answer."""
    code = (
        "import sys\nfrom ciao.cli import main\nmain(sys.argv[1:])\n"
        "heavy = {'IPython', 'ipykernel', 'kubernetes', 'docker', 'rich', 'torch', 'zmq'} & set(sys.modules)\n"
        "sys.exit(f'imported: {heavy}' if heavy else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code, *words], cwd=shell.directory, env=shell.environ,
                          capture_output=True, text=True, timeout=60)  # fmt: skip
    assert done.returncode == 0, done.stderr
