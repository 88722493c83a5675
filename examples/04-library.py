"""Ciao without a notebook: run a job, watch its events, see what a failure says.

    python examples/04-library.py

Arguments are the magics' own words: ``%worker=2`` is ``worker=2``, ``%env=A=1`` is ``env={"A": 1}``.
"""

import asyncio

import ciao

PI = """
import torch
import torch.distributed as dist

dist.init_process_group("gloo")
torch.manual_seed(dist.get_rank())
inside = (torch.rand(1_000_000, 2).square().sum(1) < 1).float().mean()
print(f"alone I say {4 * inside:.4f}")

dist.all_reduce(inside)
if dist.get_rank() == 0:
    print(f"together we say {4 * inside / dist.get_world_size():.4f}")
dist.destroy_process_group()
"""

WRONG = """
import os

print(1 / int(os.environ["RANK"]))
"""


def run_to_the_end() -> None:
    """The output appears while the job runs; it can be read again afterwards."""
    result = ciao.run(PI, framework="pytorch", worker=2)
    (answer,) = [line for line in result.logs("master-0") if "together" in line]
    print(f"{result.name} took {result.seconds:.1f} s; once more: {answer}\n")


async def watch_events() -> None:
    """A job in an event loop: each thing that happens is a value."""
    job = ciao.launch(PI, framework="pytorch", worker=2)
    async for event in job:
        print(f"  {type(event).__name__}")
    print((await job).outcome, "\n")


def see_a_failure() -> None:
    """A job that fails is an exception, with the root cause in its message."""
    try:
        ciao.run(WRONG, framework="pytorch", worker=2, output=False)
    except ciao.JobFailedError as error:
        print(error)
    else:
        raise AssertionError("that job should have failed")


if __name__ == "__main__":
    run_to_the_end()
    asyncio.run(watch_events())
    see_a_failure()
