"""Real training frameworks as they are used: DDP over gloo, torchrun (``%nproc``), torch's own spawn."""

from __future__ import annotations

import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from ciao.adapters.local.supervisor import processes
from ciao.core.model import Replica
from ciao.core.ports import Stop

from .localbench import MASTER, WORKER, Local, alive, ends, finished, job, until, watched

if find_spec("torch") is None:  # not imported: that takes seconds
    pytest.skip("torch is not installed", allow_module_level=True)

DDP = """
import os, torch, torch.distributed as dist
from torch.nn.parallel import DistributedDataParallel
dist.init_process_group("gloo")
rank, world = dist.get_rank(), dist.get_world_size()
torch.manual_seed(0)
model = DistributedDataParallel(torch.nn.Linear(4, 1))
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
torch.manual_seed(rank)
for _ in range(3):
    optimizer.zero_grad()
    model(torch.randn(8, 4)).square().mean().backward()
    optimizer.step()
total = torch.tensor(float(rank))
dist.all_reduce(total)
print("rank", rank, "of", world, "sum", total.item(), "weights", model.module.weight.sum().item())
dist.barrier()
dist.destroy_process_group()
os._exit(0)  # at a process's ordinary end gloo's threads abort it, now and then (pytorch#190489)
"""

RANKS = """
import os
rank, world = os.environ["RANK"], os.environ["WORLD_SIZE"]
print("rank", rank, "of", world, "at", os.environ["MASTER_ADDR"] + ":" + os.environ["MASTER_PORT"])
"""

SPAWN = """
import torch.multiprocessing as mp
def work(rank, printed):
    if rank == 1 and printed.wait(60):
        raise ValueError("rank %d" % rank)
    print("spawned", rank)
    printed.set()
if __name__ == "__main__":
    mp.spawn(work, args=(mp.get_context("spawn").Event(),), nprocs=2)
"""


def test_ddp_trains_over_three_processes(tmp_path: Path) -> None:
    """One master and two workers find each other, and their weights stay equal."""

    async def main() -> None:
        local = Local(tmp_path)
        handle, found = await local.run(DDP, job(worker=2))
        logs = [local.log(handle, replica) for replica in (MASTER, WORKER, Replica("worker", 1))]
        assert {end.code for end in found.values()} == {0}, logs
        assert [log.split(" sum ")[0] for log in logs] == [f"rank {rank} of 3" for rank in range(3)]
        assert {log.split(" sum ")[1] for log in logs} == {logs[0].split(" sum ")[1]}
        assert logs[0].split(" sum ")[1].startswith("3.0 weights")

    finished(main(), 100)


def test_nproc_runs_each_replica_under_torchrun(tmp_path: Path) -> None:
    """Two replicas of two processes are one group of four; every line is marked with its local rank."""

    async def main() -> None:
        local = Local(tmp_path)
        handle, found = await local.run(RANKS, job(worker=1, nproc=2))
        logs = {replica: local.log(handle, replica) for replica in (MASTER, WORKER)}
        assert {end.code for end in found.values()} == {0}, logs
        assert len({at.split("\n")[0] for log in logs.values() for at in log.split(" of 4 at ")[1:]}) == 1
        for replica, first in ((MASTER, 0), (WORKER, 2)):
            lines = [line for line in logs[replica].split("\n") if " of 4 at " in line]
            marked = sorted(line.split(" of ")[0] for line in lines)
            assert marked == [f"\x1e{local_rank}\x1erank {first + local_rank}" for local_rank in range(2)]
        assert processes.of_job(handle.uid) == ()

    finished(main(), 100)


def test_the_rank_that_failed_first_is_reported(tmp_path: Path) -> None:
    """Under torchrun the replica's report is that of the rank, not torchrun's own."""
    code = "import os, time\nif os.environ['LOCAL_RANK'] == '1':\n    {}['lost']\ntime.sleep(60)\n"

    async def main() -> None:
        local = Local(tmp_path)
        handle, found = await local.run(code, job(nproc=2))
        end = found[MASTER]
        assert (end.code, end.reason) == (1, "Error"), local.log(handle)
        assert end.report is not None
        assert (end.report.type, end.report.rank, end.report.frames[-1].line) == ("KeyError", 1, 3)
        assert "\x1e1\x1eKeyError: 'lost'\n" in local.log(handle)

    finished(main(), 100)


def test_torchrun_can_be_stopped(tmp_path: Path) -> None:
    """Its ranks, in sessions of their own and deaf to SIGTERM, are gone with it."""
    code = "import signal, time\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\nprint('ready')\ntime.sleep(600)\n"

    async def main() -> None:
        local = Local(tmp_path)
        backend = local.backend()
        handle = await backend.submit(job(nproc=2), local.artifact(code))
        await until(backend, handle, lambda _: local.log(handle).count("ready") == 2)
        await backend.stop(handle, Stop(grace=0.5))
        assert ends(await watched(backend, handle))[MASTER].reason == "Stopped"
        assert alive(handle.uid) == ()
        await backend.close()

    finished(main(), 100)


@pytest.mark.skipif(sys.platform != "linux", reason="spawn of torch is tested where CI has it")
def test_torch_spawn_works_and_reports_the_child(tmp_path: Path) -> None:
    """Its children find the cell; the error of a child counts, not torch's wrapper around it."""

    async def main() -> None:
        local = Local(tmp_path)
        handle, found = await local.run(SPAWN)
        assert local.log(handle).count("spawned 0") == 1
        report = found[MASTER].report
        assert report is not None
        assert (report.type, report.message, report.frames[-1].line) == ("ValueError", "rank 1", 5)
        assert found[MASTER].code == 1

    finished(main(), 100)
