"""Limits of memory, CPU and GPUs on this machine, by control groups where they can be made and without."""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path

import pytest

from ciao.adapters.local import devices, leases
from ciao.adapters.local.supervisor import cgroups, processes
from ciao.core.errors import PreflightError
from ciao.core.model import Resources, Role
from ciao.core.ports import Severity, Stop
from ciao.core.quantity import Quantity

from .localbench import MASTER, WORKER, Local, ends, finished, job, machine, until, watched

LINUX = pytest.mark.skipif(sys.platform != "linux", reason="memory is measured in /proc")
HUNGRY = "kept = []\nfor _ in range(100):\n    kept.append(bytearray(10 << 20))\n    print(len(kept), flush=True)\n"


def limited(memory: str | None = None, cpu: str | None = None, gpu: int | None = None, replicas: int = 1) -> Role:
    read = Quantity.parse
    return Role("master", replicas, Resources(read(cpu) if cpu else None, read(memory) if memory else None, gpu))


@LINUX
@pytest.mark.skipif(cgroups.find("memory") is None, reason="no control group can be made here")
def test_a_control_group_ends_what_uses_too_much(tmp_path: Path) -> None:
    """The kernel kills it: OOMKilled, 137; the group is gone afterwards."""
    handle, found = finished(Local(tmp_path).run(HUNGRY, job(master=limited("100Mi"))))
    assert (found[MASTER].code, found[MASTER].reason) == (137, "OOMKilled")
    place = cgroups.find("memory")
    assert place is not None
    assert not list(Path(place.path).glob(f"*{handle.uid}*"))


@LINUX
def test_without_control_groups_the_supervisor_measures(tmp_path: Path) -> None:
    """The sum over the replica's processes counts, those that it forked and left behind too."""
    forks = (
        "import os, time\n"
        "for _ in range(3):\n"
        "    if os.fork() == 0:\n"
        "        kept = bytearray(40 << 20)\n"
        "        time.sleep(600)\n"
        "print('ready')\ntime.sleep(600)\n"
    )
    local = Local(tmp_path, machine=machine(group=lambda _controller: None))

    async def main() -> None:
        for code in (HUNGRY, forks):
            began = time.monotonic()
            _, found = await local.run(code, job(master=limited("100Mi")))
            assert (found[MASTER].code, found[MASTER].reason) == (137, "OOMKilled")
            assert "104,857,600 bytes" in found[MASTER].message
            assert time.monotonic() - began < 10

    finished(main())


@LINUX
def test_shared_memory_is_not_counted_twice(tmp_path: Path) -> None:
    """Four processes that share 60 MiB stay below 150 MiB: resident sizes alone would say 240."""
    code = (
        "import os, time\nkept = bytearray(60 << 20)\n"
        "pids = [os.fork() for _ in range(1)]\n"
        "if pids[0] == 0:\n    [os.fork() for _ in range(2)]\n"
        "time.sleep(0.7)\n"
    )
    local = Local(tmp_path, machine=machine(group=lambda _controller: None))

    async def main() -> None:
        _, found = await local.run(code, job(master=limited("150Mi")))
        assert found[MASTER].reason == "Completed"

    finished(main())


@LINUX
@pytest.mark.skipif(cgroups.find("cpu") is None, reason="no control group can be made here")
def test_a_cpu_limit_holds(tmp_path: Path) -> None:
    """A tenth of a core does a tenth of a core's work."""
    code = "import time\nend = time.monotonic() + 1.5\nwhile time.monotonic() < end: pass\nprint(time.process_time())\n"

    async def main() -> None:
        local = Local(tmp_path)
        handle, _ = await local.run(code, job(master=limited(cpu="100m")))
        assert float(local.log(handle)) < 0.6

    finished(main())


@pytest.mark.parametrize(
    ("role", "platform", "said"),
    [
        (limited(memory="1Gi"), "darwin", "%memory is not enforced"),
        (limited(cpu="1"), "linux", "%cpu is not enforced"),
    ],
)
def test_what_cannot_be_enforced_is_said(tmp_path: Path, role: Role, platform: str, said: str) -> None:
    """As a notice: the job runs."""
    backend = Local(tmp_path, machine=machine(platform=platform, group=lambda _controller: None)).backend()
    (finding,) = finished(backend.check(job(master=role)))
    assert (finding.severity, said in finding.message) == (Severity.NOTICE, True)


# -- control groups as files ----------------------------------------------------------------------


def cgroup_tree(tmp: Path, version: int, controllers: str) -> Path:
    """A /proc and a hierarchy as a user session or a container has them; returns the /proc."""
    proc, root = tmp / "proc", tmp / "cgroup"
    own = root / "session" / "kernel.scope"
    own.mkdir(parents=True)
    (proc / "self").mkdir(parents=True)
    for path in (own, own.parent):
        (path / "cgroup.procs").touch()
        (path / "cgroup.subtree_control").write_text(controllers if path == own.parent else "")
    kind = "cgroup2 cgroup2 rw" if version == 2 else f"cgroup cgroup rw,{controllers}"
    (proc / "self" / "mountinfo").write_text(f"30 24 0:26 / {root} rw,nosuid shared:4 - {kind}\n")
    prefix = "0::" if version == 2 else f"4:{controllers}:"
    (proc / "self" / "cgroup").write_text(f"{prefix}/session/kernel.scope\n")
    return proc


def test_a_delegated_subtree_is_used_beside_the_own_group(tmp_path: Path) -> None:
    """Version 2: a group that holds processes cannot have limited ones below it, its parent can."""
    proc = cgroup_tree(tmp_path, 2, "cpu memory pids")
    place = cgroups.find("memory", str(proc))
    assert place == cgroups.Place(str(tmp_path / "cgroup" / "session"), 2)
    assert cgroups.find("io", str(proc)) is None


def test_version_1_groups_are_made_below_the_own_one(tmp_path: Path) -> None:
    """Each controller has its hierarchy."""
    proc = cgroup_tree(tmp_path, 1, "memory")
    assert cgroups.find("memory", str(proc)) == cgroups.Place(str(tmp_path / "cgroup/session/kernel.scope"), 1)
    assert cgroups.find("cpu", str(proc)) is None


def test_a_group_that_cannot_be_limited_is_not_made(tmp_path: Path) -> None:
    """No limit file (nothing mounted there after all): the supervisor measures instead, and nothing is left."""
    place = cgroups.Place(str(tmp_path), 2)
    assert cgroups.make("x", memory=(place, 1)) is None
    assert list(tmp_path.iterdir()) == []


# -- GPUs -----------------------------------------------------------------------------------------

SEEN = "import os\nprint(os.environ.get('CUDA_VISIBLE_DEVICES', 'unset'))\n"


def with_gpus(tmp_path: Path, *names: str) -> Local:
    return Local(tmp_path, machine=machine(gpus=lambda _environ: names, runtime=_private(tmp_path)))


def _private(tmp_path: Path) -> Path:
    path = tmp_path / "run"
    path.mkdir(mode=0o700, exist_ok=True)
    return path


def test_gpus_are_shared_out(tmp_path: Path) -> None:
    """Each replica gets its own devices; one that asks for none gets none."""
    local = with_gpus(tmp_path, "0", "1", "2", "3")

    async def main() -> None:
        spec = job(master=limited(), worker=Role("worker", 2, Resources(gpu=2)))
        handle, _ = await local.run(SEEN, spec)
        assert local.log(handle) == "\n"
        assert [local.log(handle, each) for each in spec.replicas[1:]] == ["0,1\n", "2,3\n"]

    finished(main())


def test_nobody_asks_and_nothing_changes(tmp_path: Path) -> None:
    """Without %gpu the variable stays as the user has it."""
    environ = {**os.environ, "CUDA_VISIBLE_DEVICES": "7"}
    local = Local(tmp_path, machine=machine(environ=environ))
    handle, _ = finished(local.run(SEEN))
    assert local.log(handle) == "7\n"


def test_two_jobs_never_share_a_gpu(tmp_path: Path) -> None:
    """What one holds the other does not get, until the first has ended, however it ended."""
    local = with_gpus(tmp_path, "0", "1")
    stay = SEEN + "import time\ntime.sleep(600)\n"

    async def main() -> None:
        backend = local.backend()
        first = await backend.submit(job("a", master=limited(gpu=1)), local.artifact(stay))
        second = await local.backend().submit(job("b", master=limited(gpu=1)), local.artifact(stay))
        for handle in (first, second):
            await until(backend, handle, lambda _, handle=handle: local.log(handle).endswith("\n"))
        assert {local.log(first), local.log(second)} == {"0\n", "1\n"}
        third = job("c", master=limited(gpu=1))
        (finding,) = await backend.check(third)
        assert (finding.severity, "of this machine's 2, 0 are free" in finding.message) == (Severity.REFUSAL, True)
        with pytest.raises(PreflightError, match="asks for 1 GPU"):
            await backend.submit(third, local.artifact(SEEN))
        await backend.stop(first, Stop(grace=0.0))
        assert ends(await watched(backend, first))[MASTER].code == 137
        handle, _ = await local.run(SEEN, third)
        assert local.log(handle) == local.log(first)
        await backend.stop(second, Stop())
        await watched(backend, second)
        await backend.close()

    finished(main())


def test_too_many_gpus_are_refused(tmp_path: Path) -> None:
    """How many there are is said."""
    backend = with_gpus(tmp_path, "0").backend()
    (finding,) = finished(backend.check(job(master=limited(gpu=4))))
    assert "asks for 4 GPUs; this machine has 1 GPU that CUDA may use" in finding.message


@pytest.mark.parametrize(
    ("value", "names"),
    [("", ()), ("-1", ()), ("0,2", ("0", "2")), ("GPU-abc, MIG-1", ("GPU-abc", "MIG-1")), ("1,-1,2", ("1",))],
)
def test_the_users_choice_of_devices_holds(value: str, names: tuple[str, ...]) -> None:
    """Read as CUDA reads it."""
    assert devices.visible({"CUDA_VISIBLE_DEVICES": value}) == names


def test_devices_are_counted_by_nvidia_smi(tmp_path: Path) -> None:
    """As it lists them, MIG slices left out; one that fails counts none."""
    tool = tmp_path / "nvidia-smi"
    tool.write_text(
        "#!/bin/sh\nprintf 'GPU 0: A100 (UUID: x)\\n  MIG 1g Device 0: (UUID: y)\\nGPU 1: A100 (UUID: z)\\n'\n"
    )
    tool.chmod(0o700)
    assert devices.visible({"PATH": f"{tmp_path}:/bin"}) == ("0", "1")
    tool.write_text("#!/bin/sh\nexit 9\n")
    assert devices.visible({"PATH": f"{tmp_path}:/bin"}) == ()


# -- leases ---------------------------------------------------------------------------------------


def test_a_lease_ends_with_its_descriptor(tmp_path: Path) -> None:
    """A file that nobody locks any more is no lease and goes away; one that is damaged holds nothing."""
    tmp_path = tmp_path / "leases"
    first = leases.take(tmp_path, "a", (20000, 20009), ports=2, gpus=("0",), wanted_gpus=1)
    second = leases.take(tmp_path, "b", (20000, 20009), ports=2)
    assert not set(first.ports) & set(second.ports)
    assert leases.held(tmp_path) == leases.Held(frozenset(first.ports + second.ports), frozenset({"0"}))
    (tmp_path.parent / "a.sock").touch()
    first.close()
    (tmp_path / "odd").write_text(json.dumps([]))
    assert leases.held(tmp_path) == leases.Held(frozenset(second.ports), frozenset())
    assert sorted(path.name for path in tmp_path.iterdir()) == [".lock", "b"]
    assert not (tmp_path.parent / "a.sock").exists(), "what a killed supervisor left goes with its lease"
    second.drop()
    assert leases.held(tmp_path) == leases.Held(frozenset(), frozenset())


def test_marks_survive_a_fork_and_are_hidden_from_nobody(tmp_path: Path) -> None:
    """A replica's processes are known by their environment."""
    code = "import os, time\nos.fork()\nprint('x', flush=True)\ntime.sleep(600)\n"

    async def main() -> None:
        local = Local(tmp_path)
        backend = local.backend()
        handle = await backend.submit(job(worker=1), local.artifact(code))
        await until(
            backend, handle, lambda _: local.log(handle).count("x") == local.log(handle, WORKER).count("x") == 2
        )
        found = [processes.marks(pid) for pid in processes.of_job(handle.uid)]
        assert sorted(found) == sorted([(handle.uid, "master-0"), (handle.uid, "worker-0")] * 2)
        await backend.close()

    finished(main())
