"""The library on real processes: what a script may rely on."""

import asyncio
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

import ciao
from ciao.core.events import Ended, Outcome, ReplicaChanged, Submitted

HELLO = "import os\nprint('hello from', os.environ['CIAO_REPLICA'])\n"


@pytest.fixture
def client(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with ciao.Client(directory=tmp_path, settings={"store.path": str(tmp_path / "jobs")}) as client:
        yield client


def test_run_prints_every_line_and_says_how_it_ended(client, capfd):
    """A script sees what a cell would show."""
    result = client.run(HELLO, framework="pytorch", worker=1, name="hello")
    assert result.succeeded
    assert result.name == "hello"
    out = capfd.readouterr().out
    assert sorted(out.splitlines()) == ["[master-0] hello from master-0", "[worker-0] hello from worker-0"]


def test_a_failed_job_raises_with_its_root_cause(client):
    """The exception is the diagnosis, in the library's words."""
    with pytest.raises(ciao.JobFailedError, match=r"ZeroDivisionError at line 2 of") as caught:
        client.run("x = 1\nx / 0\n", framework="pytorch", name="bad", output=False)
    assert 'ciao.logs("bad", "master-0")' in str(caught.value)


def test_what_a_program_says_when_it_gives_up_is_the_diagnosis(client):
    """``sys.exit("no data")`` is not just exit code 1."""
    with pytest.raises(ciao.JobFailedError, match=r"it ended itself with sys\.exit: no data in /tmp \(exit code 1\)"):
        client.run("import sys\nsys.exit('no data in /tmp')\n", framework="pytorch", output=False)


def test_every_retry_finds_the_former_attempt_gone(client):
    """The next attempt waits for the supervisor of the one before; each is in the log."""
    with pytest.raises(ciao.JobFailedError, match="exit code 3"):
        client.run("print('try')\nraise SystemExit(3)", framework="pytorch", retries=12, name="again", output=False)
    assert list(client.logs("again")) == ["[master-0] try"] * 13


def test_without_check_a_failure_is_a_result(client):
    """Who wants to look at failures himself is not forced to catch."""
    result = client.run("raise SystemExit(3)", framework="pytorch", check=False, output=False)
    assert result.outcome is Outcome.FAILED
    assert result.diagnosis.exit.code == 3


def test_a_wrong_item_names_the_keyword_and_the_nearest_word(client):
    """Keyword arguments go through the checks of magics, in the words of Python."""
    with pytest.raises(ciao.UserError) as caught:
        client.launch(HELLO, framework="pytorch", workr=2)
    assert "workr=" in str(caught.value)
    assert "worker" in str(caught.value)


def test_a_string_that_looks_like_a_file_is_asked_about(client):
    """Code and file names are both strings: the mistake is named, with the way out."""
    with pytest.raises(ciao.UserError, match=r"pathlib\.Path\('train\.py'\)"):
        client.run("train.py", framework="pytorch")


def test_a_file_runs_with_its_own_name_in_tracebacks(client, tmp_path):
    """``train.py``, line 2: as the user knows it."""
    path = tmp_path / "train.py"
    path.write_text("def f():\n    raise KeyError('k')\nf()\n")
    with pytest.raises(ciao.JobFailedError, match=r"KeyError at line 2 of train\.py"):
        client.run(path, framework="pytorch", output=False)


def test_a_missing_file_is_one_sentence(client, tmp_path):
    """No traceback of Ciao's for a mistyped name."""
    with pytest.raises(ciao.UserError, match="Cannot read"):
        client.run(tmp_path / "none.py", framework="pytorch")


def test_events_can_be_iterated_on_the_callers_own_loop(client):
    """An async program follows a job without a thread of its own."""

    async def follow():
        job = client.launch(HELLO, framework="pytorch", worker=1)
        seen = [event async for event in job]
        return seen, await job

    seen, result = asyncio.run(asyncio.wait_for(follow(), 30))
    assert isinstance(seen[0], Submitted)
    assert isinstance(seen[-1], Ended)
    assert any(isinstance(event, ReplicaChanged) for event in seen)
    assert result.succeeded


def test_a_cancelled_await_stops_the_job(client):
    """A task group that is torn down leaves no training behind."""

    async def give_up():
        task = asyncio.ensure_future(
            client.run_async("import time\ntime.sleep(600)", framework="pytorch", name="slow", on_event=started)
        )
        await running.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    def started(event):
        if isinstance(event, Submitted):
            loop.call_soon_threadsafe(running.set)

    loop, running = asyncio.new_event_loop(), asyncio.Event()
    loop.run_until_complete(asyncio.wait_for(give_up(), 30))
    loop.close()
    assert client.describe("slow").outcome is Outcome.STOPPED


def test_logs_of_an_ended_job_are_lines_of_one_replica_or_all(client):
    """Output outlives the job."""
    client.run(HELLO, framework="pytorch", worker=1, name="hello", output=False)
    assert list(client.logs("hello", "worker-0")) == ["[worker-0] hello from worker-0"]
    assert len(list(client.logs("hello"))) == 2


def test_attach_to_an_ended_job_tells_how_it_went(client):
    """Attaching late is not an error."""
    client.run(HELLO, framework="pytorch", name="hello", output=False)
    assert client.attach("hello").wait(30).succeeded


def test_an_unknown_job_is_answered_with_the_nearest_name(client):
    """A typing error costs one look."""
    client.run(HELLO, framework="pytorch", name="hello", output=False)
    with pytest.raises(ciao.UserError, match="Did you mean hello"):
        client.attach("helo").wait(30)


def test_render_shows_each_process_and_starts_none(client):
    """What would run can be read before it runs."""
    documents = client.render(HELLO, framework="pytorch", worker=2, name="shown")
    assert [document.name for document in documents] == ["shown-master-0", "shown-worker-0", "shown-worker-1"]
    assert client.jobs() == ()


def test_importing_ciao_imports_no_adapter_and_no_heavy_library():
    """A tool that may use Ciao pays for it when it does."""
    code = """
        import sys, ciao
        heavy = ("IPython", "ipykernel", "kubernetes", "docker", "attrs", "cattrs", "asyncio", "rich")
        print([name for name in sys.modules if name.startswith("ciao.") or name.split(".")[0] in heavy])
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_script_that_just_ends_leaves_no_replica(tmp_path):
    """Jobs of this machine end with the process that started them."""
    pid_file = tmp_path / "pid"
    script = f"""
        import ciao, pathlib, time
        code = "import os, time, pathlib\\n"
        code += "pathlib.Path({str(pid_file)!r}).write_text(str(os.getpid()))\\ntime.sleep(600)"
        ciao.launch(code, framework="pytorch").name
        while not pathlib.Path({str(pid_file)!r}).exists():
            time.sleep(0.01)
    """
    environ = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "CIAO_STORE_PATH": str(tmp_path / "jobs")}
    subprocess.run([sys.executable, "-c", textwrap.dedent(script)], check=True, env=environ, cwd=tmp_path, timeout=60)
    replica, deadline = Path(f"/proc/{pid_file.read_text()}"), time.monotonic() + 10
    while replica.exists() and time.monotonic() < deadline:
        time.sleep(0.01)  # it is the supervisor's, which outlives the script by an instant
    assert not replica.exists()
