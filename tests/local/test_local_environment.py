"""What a replica finds around it: the operator's variables, free ports, the user's environment and directory."""

from __future__ import annotations

import json
import os
import socket
import sys
from pathlib import Path

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from ciao.adapters.local import environment, leases
from ciao.adapters.local.machine import Options
from ciao.adapters.system import RandomNames
from ciao.core.errors import PreflightError, UserError
from ciao.core.model import EnvVar, Image, JobSpec, Placement, Replica, Role, SecretRef, Volume
from ciao.core.ports import Severity

from .localbench import MASTER, PYTHON, WORKER, Local, ends, finished, job, machine, watched

SHOW = "import json, os\nprint(json.dumps(dict(os.environ)))\n"


def shown(local: Local, spec: JobSpec, replica: Replica = MASTER) -> dict[str, str]:
    """The environment of a replica that ran."""
    handle, _ = finished(local.run(SHOW, spec))
    found: dict[str, str] = json.loads(local.log(handle, replica))
    return found


def test_pytorch_has_the_operators_variables_on_this_machine(tmp_path: Path) -> None:
    """MASTER_ADDR is this machine, the port is in the range and the same for all, ranks and sizes as in a cluster."""
    local = Local(tmp_path)
    handle, _ = finished(local.run(SHOW, job(worker=2)))
    found = [json.loads(local.log(handle, each)) for each in job(worker=2).replicas]
    assert [each["RANK"] for each in found] == ["0", "1", "2"]
    assert {each["WORLD_SIZE"] for each in found} == {"3"}
    assert {each["MASTER_ADDR"] for each in found} == {"127.0.0.1"}
    (port,) = {int(each["MASTER_PORT"]) for each in found}
    assert 20000 <= port <= 29999
    assert {each["PET_NPROC_PER_NODE"] for each in found} == {"1"}
    assert [each["CIAO_REPLICA"] for each in found] == ["master-0", "worker-0", "worker-1"]


def test_tensorflow_has_a_port_per_task(tmp_path: Path) -> None:
    """All tasks share one host, so TF_CONFIG needs distinct ports; every replica sees the same cluster."""
    roles = (Role("chief", 1), Role("worker", 2))
    spec = JobSpec(name="tf", framework="tensorflow", target="local", roles=roles)
    local = Local(tmp_path)
    handle, _ = finished(local.run(SHOW, spec))
    configs = [json.loads(json.loads(local.log(handle, each))["TF_CONFIG"]) for each in spec.replicas]
    assert all(each["cluster"] == configs[0]["cluster"] for each in configs)
    hosts = [host for task in configs[0]["cluster"].values() for host in task]
    assert len({host.split(":")[1] for host in hosts}) == len(hosts) == 3
    assert {host.split(":")[0] for host in hosts} == {"127.0.0.1"}


def test_the_kernels_environment_is_inherited_without_what_ties_to_it(tmp_path: Path) -> None:
    """What the user set before Jupyter is there; Jupyter's own connection and the inline backend are not."""
    kernel = {
        **os.environ, "MINE": "1", "JPY_PARENT_PID": "1", "MPLBACKEND": "module://matplotlib_inline.backend_inline",
        "PYDEVD_USE_FRAME_EVAL": "NO", "CIAO_REPORT": "elsewhere",
    }  # fmt: skip
    found = shown(Local(tmp_path, machine=machine(environ=kernel)), job())
    assert found["MINE"] == "1"
    assert not {"JPY_PARENT_PID", "MPLBACKEND", "PYDEVD_USE_FRAME_EVAL", "CIAO_RANKS"} & set(found)
    assert found["CIAO_REPORT"].endswith("reports/master-0.json")
    assert found["PYTHONUNBUFFERED"] == "1"


def test_later_ones_win(tmp_path: Path) -> None:
    """The job's over the kernel's, the role's over the job's, the operator's over all."""
    role = Role("master", 1, env=(EnvVar("B", "role"), EnvVar("RANK", "9")))
    spec = job(master=role, env=(EnvVar("A", "job"), EnvVar("B", "job"), EnvVar("C", "$(A)-$(B) $$(A) $(NO)")))
    found = shown(Local(tmp_path, machine=machine(environ={**os.environ, "A": "kernel"})), spec)
    assert (found["A"], found["B"], found["RANK"]) == ("job", "role", "0")
    assert found["C"] == "job-job $(A) $(NO)"


@pytest.mark.parametrize(
    ("value", "result"),
    [
        ("$(A)", "x"),
        ("$$(A)", "$(A)"),
        ("$$$(A)", "$x"),
        ("$(A", "$(A"),
        ("$A $", "$A $"),
        ("$(B)", "$(B)"),
        ("$()", "$()"),
    ],
)
def test_references_are_expanded_as_kubernetes_does(value: str, result: str) -> None:
    """Row by row of its own expansion."""
    assert environment.expanded([("A", "x"), ("R", value), ("B", "late")])["R"] == result


@given(st.text(alphabet="$()AB x", max_size=20))
def test_expansion_never_fails_and_leaves_plain_text(value: str) -> None:
    """Without a dollar nothing changes; with one it ends."""
    found = environment.expanded([("A", "y"), ("R", value)])["R"]
    assert "$" in value or found == value


def test_threads_are_shared_among_replicas(tmp_path: Path) -> None:
    """Cores // processes, at least 1; not for one process, and never over the user's word."""
    many = evolve(
        machine(), cores=8, environ={key: value for key, value in os.environ.items() if key != "OMP_NUM_THREADS"}
    )
    assert shown(Local(tmp_path, machine=many), job("a", worker=2))["OMP_NUM_THREADS"] == "2"
    assert "OMP_NUM_THREADS" not in shown(Local(tmp_path, machine=many), job("b"))
    assert dict(environment.shared_threads(job(nproc=16), {}, 8)) == {"OMP_NUM_THREADS": "1"}
    assert environment.shared_threads(job(worker=2), {"OMP_NUM_THREADS": "5"}, 8) == ()


def test_arguments_arrive_as_they_are(tmp_path: Path) -> None:
    """No shell is in between."""
    local = Local(tmp_path)
    spec = job(args=("--lr", "0.1", "a b", "$HOME", "'\"", "*"))
    handle, _ = finished(local.run("import sys\nprint(sys.argv[1:])\n", spec))
    assert local.log(handle) == repr(list(spec.args)) + "\n"


def test_replicas_run_where_the_notebook_is(tmp_path: Path) -> None:
    """Relative paths and local modules work as in the notebook; stdin is empty."""
    (tmp_path / "helper.py").write_text("VALUE = 7")
    (tmp_path / "data.txt").write_text("data")
    local = Local(tmp_path)
    code = "import helper, sys\nprint(helper.VALUE, open('data.txt').read(), repr(sys.stdin.read()))\n"
    handle, _ = finished(local.run(code))
    assert local.log(handle) == "7 data ''\n"


# -- ports ----------------------------------------------------------------------------------------


def test_a_port_in_use_is_not_given(tmp_path: Path) -> None:
    """By whomever, on whichever address."""
    with socket.socket() as busy:
        busy.bind(("127.0.0.1", 0))
        busy.listen()
        port = busy.getsockname()[1]
        assert not leases.can_bind(port)
        with pytest.raises(PreflightError, match=f"local.ports = {port}-{port} has 0"):
            leases.take(tmp_path, "x", (port, port), ports=1)


def test_exhausted_ports_are_said_before_anything_starts(tmp_path: Path) -> None:
    """How many are needed, how many there are, and how to widen the range."""
    local = Local(tmp_path, options=Options(ports=(29000, 29001)))
    with pytest.raises(PreflightError, match=r"needs 3 free ports, and local.ports = 29000-29001 has [012]. Widen it"):
        finished(local.backend().submit(job(worker=2), local.artifact("")))
    assert not (tmp_path / "local" / "t").exists()


def test_jobs_at_the_same_time_have_their_own_ports(tmp_path: Path) -> None:
    """Even before anybody listens."""

    async def main() -> None:
        local = Local(tmp_path)
        backend = local.backend()
        code = "import os, time\nprint(os.environ['MASTER_PORT'], flush=True)\ntime.sleep(600)\n"
        for n in range(4):
            await backend.submit(job(f"p{n}", worker=3), local.artifact(code))
        held = leases.held(local.machine.runtime_directory() / "leases").ports
        assert len(held) >= 16
        await backend.close()

    finished(main())


# -- what is refused ------------------------------------------------------------------------------


def refusals(local: Local, spec: JobSpec) -> list[str]:
    """What ``check`` refuses."""
    return [each.message for each in finished(local.backend().check(spec)) if each.severity is Severity.REFUSAL]


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        (job(python="/no/such/python"), "no interpreter /no/such/python that can be run"),
        (job(python="python9.99"), "no interpreter python9.99 on PATH"),
        (job(master=Role("master", 1, image="pytorch/pytorch")), "leave %image out"),
        (job(builder="kaniko"), "%s2i=kaniko builds an image"),
        (job(secrets=("token",)), "no Secret token on this machine"),
        (job(env=(EnvVar("A", SecretRef("s", "k")),)), "no Secret s on this machine"),
        (job(master=Role("master", 1, env=(EnvVar("A", SecretRef("r", "k")),))), "no Secret r on this machine"),
    ],
)
def test_what_cannot_be_done_here_is_refused(tmp_path: Path, spec: JobSpec, said: str) -> None:
    """One sentence with the remedy, before anything exists."""
    (message,) = refusals(Local(tmp_path), spec)
    assert said in message
    assert list(tmp_path.iterdir()) == []


def test_a_plain_job_has_no_findings_and_costs_nothing(tmp_path: Path) -> None:
    """Less than 5 ms."""
    import time

    backend = Local(tmp_path).backend()
    began = time.perf_counter()
    assert finished(backend.check(job(worker=8))) == ()
    assert time.perf_counter() - began < 0.05


def test_what_only_a_cluster_understands_is_said_once(tmp_path: Path) -> None:
    """By its magics' names."""
    spec = job(placement=Placement(queue="q", node_selector=(("a", "b"),)), volumes=(Volume("c", "/d"),))
    (finding,) = finished(Local(tmp_path).backend().check(spec))
    assert finding.severity is Severity.NOTICE
    assert finding.message == "%queue, %nodeSelector and %volume mean nothing on this machine and are ignored."


def test_windows_is_refused_in_one_sentence(tmp_path: Path) -> None:
    """With what to do instead."""
    (message,) = refusals(Local(tmp_path, machine=machine(platform="win32")), job())
    assert "WSL" in message


def test_a_program_that_is_no_python_is_refused(tmp_path: Path) -> None:
    """It would end every cell, with success even, and run none."""
    (message,) = refusals(Local(tmp_path), job(python="/bin/true"))
    assert message == "/bin/true is not a Python 3 interpreter: correct %python (or the setting local.python)."


def test_nproc_without_torch_is_refused(tmp_path: Path) -> None:
    """With the command that installs it, for the interpreter that lacks it."""
    python = tmp_path / "python"
    python.write_text('#!/bin/sh\ncase "$2" in *version_info*) echo 3;; *) exit 1;; esac\n')
    python.chmod(0o700)
    (message,) = refusals(Local(tmp_path), job(nproc=2, python=str(python)))
    assert f"{python} -m pip install torch" in message


def test_an_image_is_the_users_mistake(tmp_path: Path) -> None:
    """And nothing is made."""
    with pytest.raises(UserError, match="cannot run an image"):
        finished(Local(tmp_path).backend().submit(job(), Image("x", "sha256:0")))


def test_another_interpreter_runs_the_cell(tmp_path: Path) -> None:
    """``%python=`` by path."""
    link = tmp_path / "mypython"
    link.write_text(f'#!/bin/sh\nMARK=yes exec {PYTHON} "$@"\n')
    link.chmod(0o700)
    assert shown(Local(tmp_path), job(python=str(link)))["MARK"] == "yes"


def test_what_cannot_be_executed_is_a_start_error(tmp_path: Path) -> None:
    """Found out only when it starts (a broken first line): the message says what and why."""
    broken = tmp_path / "broken"
    broken.write_text("#!/no/such/thing\n")
    broken.chmod(0o700)
    _, found = finished(Local(tmp_path).run("", job(python=str(broken), worker=1)))
    for replica in (MASTER, WORKER):
        end = found[replica]
        assert (end.code, end.reason) == (127, "StartError")
        assert end.message == f"cannot run {broken}: No such file or directory"


def test_a_directory_that_is_gone_is_a_start_error(tmp_path: Path) -> None:
    """The notebook's directory was deleted meanwhile."""

    async def main() -> None:
        local = Local(tmp_path)
        backend = local.backend()
        artifact = evolve(local.artifact(""), directory=str(tmp_path / "gone"))
        handle = await backend.submit(job(), artifact)
        end = ends(await watched(backend, handle))[MASTER]
        assert (end.reason, "cannot enter" in end.message) == ("StartError", True)
        await backend.close()

    finished(main())


def test_render_shows_the_processes(tmp_path: Path) -> None:
    """Command and added environment of each, without touching ports or the disk."""
    local = Local(tmp_path)
    first, second = local.backend().render(job(worker=1), local.artifact(""))
    assert (first.kind, first.name, second.name) == ("process", "t-master-0", "t-worker-0")
    shown = json.loads(first.text)
    assert shown["argv"][:2] == [sys.executable, "-u"]
    assert shown["environment"]["MASTER_ADDR"] == "127.0.0.1"
    assert not (tmp_path / "local").exists()


def test_render_hides_what_the_user_put_in_the_environment(tmp_path: Path) -> None:
    """Notebooks are saved and shared: the name is shown, the value is not."""
    local = Local(tmp_path)
    role = Role("master", 1, env=(EnvVar("B", "hunter2"),))
    (document,) = local.backend().render(job(master=role, env=(EnvVar("A", "hunter2"),)), local.artifact(""))
    assert "hunter2" not in document.text
    assert set(json.loads(document.text)["environment"]) >= {"A", "B"}


def test_looking_makes_no_directory(tmp_path: Path) -> None:
    """Neither ``check`` nor ``render`` makes the private directory."""
    local = Local(tmp_path, machine=machine(runtime=tmp_path / "run"))
    finished(local.backend().check(job()))
    local.backend().render(job(), local.artifact(""))
    assert list(tmp_path.iterdir()) == []


def test_uids_differ() -> None:
    """Two jobs of one name are told apart."""
    assert RandomNames().uid() != RandomNames().uid()
