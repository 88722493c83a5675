"""Ciao on a cluster without a notebook: the same job, the same output, and a job that outlives who started it.

    python examples/05-library-cluster.py [worker-count]

It needs a kubeconfig whose current context is a cluster with Kubeflow's training operator (README, "On a cluster").
Where jobs go and in which image they run is settings: ``ciao config set kubeflow.namespace team-a``,
``ciao config set image.pytorch registry.example/pytorch:2.13``.
"""

import sys

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


def run_to_the_end(workers: int) -> None:
    """The output appears while the pods run; it is kept here, also when they are gone."""
    result = ciao.run(PI, framework="pytorch", worker=workers, target="kubeflow", timeout="10m")
    (answer,) = [line for line in result.logs("master-0") if "together" in line]
    print(f"{result.name} took {result.seconds:.1f} s; once more: {answer}\n")


def start_and_stop() -> None:
    """A job is a handle: this process may go, and another one attach to it by name."""
    job = ciao.launch("import time; time.sleep(3600)", framework="pytorch", target="kubeflow")
    print(f"{job.name} runs; now it is stopped")
    job.stop()
    try:
        job.wait()
    except ciao.JobStoppedError as stopped:
        print(stopped, "\n")


def see_a_failure() -> None:
    """The root cause is found among all pods, with the line of the code."""
    try:
        ciao.run(WRONG, framework="pytorch", worker=1, target="kubeflow", output=False)
    except ciao.JobFailedError as error:
        print(error)
    else:
        raise AssertionError("that job should have failed")


if __name__ == "__main__":
    run_to_the_end(int(sys.argv[1]) if len(sys.argv) > 1 else 2)
    start_and_stop()
    see_a_failure()
