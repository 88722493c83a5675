"""What ``ciao doctor`` finds, on directories and programs made for the purpose."""

import json
import os
import socket
import sys

import pytest

from ciao import doctor
from ciao.adapters.local.supervisor import cgroups
from ciao.doctor import Check


def test_every_check_that_fails_has_a_remedy(tmp_path):
    """A doctor who only complains is none."""
    settings = {"local.python": "/no/such/python", "local.ports": "20000", "store.path": "/proc/jobs"}
    settings |= {"target": "local", "kubeflow.kubeconfig": "", "kubeflow.context": "", "kubeflow.namespace": ""}
    found = list(doctor.examine(settings.__getitem__, {}))
    failed = {each.name for each in found if each.good is False}
    assert {"python", "ports", "job store"} <= failed
    assert all(each.remedy for each in found if each.good is False)


def test_a_package_is_looked_up_without_importing_it():
    """Importing torch would take seconds and memory."""
    before = "torch" in sys.modules
    assert doctor.package("PyTorch", "torch", "pip install torch").good is not False
    assert ("torch" in sys.modules) == before


def kernelspec(directory, text):
    (directory / "ciao").mkdir(parents=True)
    (directory / "ciao" / "kernel.json").write_text(text)
    return [directory]


@pytest.mark.parametrize(
    ("text", "good"),
    [
        (json.dumps({"argv": [sys.executable]}), True),
        (json.dumps({"argv": ["python"]}), True),
        (json.dumps({"argv": ["/gone/python"]}), False),
        (json.dumps({"argv": []}), False),
        ("{", False),
    ],
)
def test_the_kernelspec_is_good_when_its_interpreter_exists(tmp_path, text, good):
    """An environment that was deleted leaves a kernelspec that cannot start; a damaged one is said to be damaged."""
    assert doctor.kernelspec(kernelspec(tmp_path, text)).good is good


def test_no_kernelspec_is_a_fault_with_the_command_that_mends_it(tmp_path):
    """The first thing that somebody misses."""
    found = doctor.kernelspec([tmp_path])
    assert not found.good
    assert "ciao install" in found.remedy


def test_gpus_are_those_that_the_driver_lists(tmp_path):
    """With what CUDA_VISIBLE_DEVICES leaves of them."""
    tool = tmp_path / "nvidia-smi"
    tool.write_text("#!/bin/sh\necho 'GPU 0: NVIDIA H200 (UUID: GPU-1)'\necho 'GPU 1: NVIDIA H200 (UUID: GPU-2)'\n")
    tool.chmod(0o755)
    found = doctor.gpus({"CUDA_VISIBLE_DEVICES": "1"}, which=lambda _: str(tool))
    assert (found.good, found.text) == (True, "GPU 0: NVIDIA H200; GPU 1: NVIDIA H200; CUDA_VISIBLE_DEVICES=1")


def test_a_driver_that_does_not_answer_is_a_fault(tmp_path):
    """No exception reaches the user."""
    tool = tmp_path / "nvidia-smi"
    tool.write_text("#!/bin/sh\nexit 9\n")
    tool.chmod(0o755)
    assert doctor.gpus({}, which=lambda _: str(tool)).good is False


def test_limits_are_said_as_the_local_target_enforces_them():
    """What the system cannot enforce is said, with what happens instead and what would help."""
    place = cgroups.Place("/sys/fs/cgroup/user", 2)
    memory, cpu = doctor.limits(lambda controller: place if controller == "memory" else None)
    assert (memory.name, memory.good) == ("%memory", True)
    assert (cpu.name, cpu.good) == ("%cpu", None)
    assert cpu.remedy


def test_ports_that_are_all_taken_are_a_fault():
    """A range of one port that somebody listens on."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        assert doctor.ports(f"{port}-{port}").good is False
    assert doctor.ports(f"{port}-{port}").good is True


def test_the_store_says_what_it_holds(tmp_path):
    """Jobs, bytes on disk, room left; a store that is not there yet is made with the first job."""
    (tmp_path / "jobs" / "local" / "a" / "logs").mkdir(parents=True)
    (tmp_path / "jobs" / "local" / "a" / "record.json").write_text("{}")
    (tmp_path / "jobs" / "local" / "a" / "logs" / "master-0.log").write_bytes(b"x" * 100_000)
    found = doctor.store(tmp_path / "jobs")
    assert found.good is not None
    assert "1 job, 1" in found.text  # 100 KiB and more, in whole blocks
    assert "0 jobs, 0 bytes used" in doctor.store(tmp_path / "later" / "jobs").text


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_store_that_cannot_be_written_is_a_fault(tmp_path):
    """With the setting that moves it."""
    tmp_path.chmod(0o500)
    found = doctor.store(tmp_path / "jobs")
    assert not found.good
    assert "store.path" in found.remedy


def cluster(environ: dict[str, str], **said: str) -> list[Check]:
    """What is said of the cluster."""
    settings = {"target": "local", "kubeflow.kubeconfig": "", "kubeflow.context": "", "kubeflow.namespace": ""} | said
    return list(doctor.cluster(settings.__getitem__, environ))


def test_no_cluster_is_a_fault_only_where_jobs_are_to_run_there(tmp_path):
    """On a laptop without a kubeconfig it is worth knowing; with target = kubeflow it is what is missing."""
    (found,) = cluster({"HOME": str(tmp_path)})
    assert (found.good, found.text.startswith("No cluster is known")) == (None, True)
    (wanted,) = cluster({"HOME": str(tmp_path)}, target="kubeflow")
    assert wanted.good is False
    assert "kubeconfig" in wanted.remedy


def test_a_cluster_that_does_not_answer_is_said(tmp_path):
    """With the server that was asked, and quickly."""
    config = tmp_path / "config"
    config.write_text(
        "apiVersion: v1\nkind: Config\ncurrent-context: gone\n"
        "contexts: [{name: gone, context: {cluster: gone, user: me}}]\n"
        "clusters: [{name: gone, cluster: {server: 'http://127.0.0.1:9'}}]\n"
        "users: [{name: me, user: {token: x}}]\n"
    )
    (found,) = cluster({"KUBECONFIG": str(config)}, target="kubeflow")
    assert found.good is False
    assert "127.0.0.1:9" in found.text
