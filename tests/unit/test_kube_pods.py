"""The pod of a role: who it runs as, what it may write to, and that no word of the user's is read by anybody else."""

from __future__ import annotations

import re

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from ciao.adapters.kubeflow.objects.options import Options
from ciao.adapters.kubeflow.objects.pods import literal, resources, toleration
from ciao.core.errors import UserError
from ciao.core.model import Resources, Volume
from ciao.core.quantity import Quantity

from .kubejobs import Json, container, env, made, mounted, object_of, pod, spec_of


def mounts(job: Json) -> dict[str, Json]:
    """The container's mounts by path."""
    return {each["mountPath"]: each for each in container(job)["volumeMounts"]}


def volumes(job: Json) -> dict[str, Json]:
    """The pod's volumes by name."""
    return {each["name"]: each for each in pod(job)["volumes"]}


# -- the command --------------------------------------------------------------------------------------


def test_the_cell_runs_under_its_runner() -> None:
    """Unbuffered, so that a line is seen when it is printed."""
    assert container(made())["command"] == ["python", "-u", "/ciao/ciao_replica.py", "/ciao/cell.py"]


def test_several_processes_run_under_torchrun() -> None:
    """Which finds its peers by what the operator adds (PET_*)."""
    command = container(made("%nproc=4", "%args=--lr 0.1"))["command"]
    assert command == [
        "python", "-u", "-m", "torch.distributed.run", "--nproc-per-node=4",
        "/ciao/ciao_replica.py", "/ciao/cell.py", "--lr", "0.1",
    ]  # fmt: skip


def test_the_interpreter_is_the_cells_else_the_settings() -> None:
    """An image may have it elsewhere."""
    options = Options(python="python3.12")
    assert container(made(options=options))["command"][0] == "python3.12"
    assert container(made("%python=/opt/py", options=options))["command"][0] == "/opt/py"


def test_the_kubelet_expands_nothing_in_arguments() -> None:
    """``%args`` arrive as they are written: on this machine nobody expands them either."""
    command = container(made("%args='$(HOME)' '$$' '$x'"))["command"]
    assert command[-3:] == ["$$(HOME)", "$$$$", "$$x"]


def expanded(word: str, known: dict[str, str]) -> str:
    """As the kubelet does it (Kubernetes ``third_party/forked/golang/expansion``)."""

    def one(found: re.Match[str]) -> str:
        return "$" if found[0] == "$$" else known.get(found[1], found[0])

    return re.sub(r"\$\$|\$\(([^)]*)\)", one, word)


@given(st.text("$()A b", max_size=12))
def test_a_word_survives_the_kubelet(word: str) -> None:
    """Whatever is in it."""
    assert expanded(literal(word), {"A": "!", "": "?"}) == word


# -- resources ----------------------------------------------------------------------------------------


def test_requests_equal_limits() -> None:
    """Of every resource that was asked for, in the user's own words."""
    found = container(made("%cpu=0.5", "%memory=2Gi", "%gpu=1", "%resource=rdma/hca=2"))["resources"]
    assert found["limits"] == {"cpu": "0.5", "memory": "2Gi", "nvidia.com/gpu": "1", "rdma/hca": "2"}
    assert found["requests"] == found["limits"]


def test_nothing_is_asked_for_that_was_not_said() -> None:
    """No empty fields, and ``%gpu=0`` is none."""
    assert "resources" not in container(made())
    assert "resources" not in container(made("%gpu=0"))


def test_gpu_counts_what_the_setting_says() -> None:
    """``%gpu=1`` on a cluster with other devices."""
    assert resources(Resources(gpu=1), "amd.com/gpu")["limits"] == {"amd.com/gpu": "1"}


def test_a_resource_by_its_full_name_wins_over_gpu() -> None:
    """When both name the same, it was said more exactly."""
    asked = Resources(cpu=Quantity.parse("1"), gpu=1, extended=(("nvidia.com/gpu", 2),))
    assert resources(asked, "nvidia.com/gpu")["limits"] == {"cpu": "1", "nvidia.com/gpu": "2"}


# -- who it runs as -----------------------------------------------------------------------------------


def test_a_pod_is_nobody_special() -> None:
    """What the policy ``restricted`` asks for: a number that is not root, no privileges, seccomp."""
    job = made()
    assert pod(job)["securityContext"] == {
        "runAsNonRoot": True, "runAsUser": 1000, "runAsGroup": 100, "fsGroup": 100,
        "fsGroupChangePolicy": "OnRootMismatch", "seccompProfile": {"type": "RuntimeDefault"},
    }  # fmt: skip
    assert container(job)["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
    }


def test_it_has_a_home_to_write_to() -> None:
    """The working directory: where a notebook's files would be."""
    job = made()
    assert container(job)["workingDir"] == "/home/ciao"
    assert {name: env(job)[name] for name in ("HOME", "USER")} == {"HOME": "/home/ciao", "USER": "ciao"}
    assert volumes(job)[mounts(job)["/home/ciao"]["name"]] == {"name": "ciao-home", "emptyDir": {}}


def test_user_image_leaves_it_to_the_image() -> None:
    """User, home and working directory are whatever it says, by the cell or by the setting."""
    for job in (made("%user=image"), made(options=Options(user=None))):
        assert "securityContext" not in pod(job)
        assert not {"securityContext", "workingDir"} & set(container(job))
        assert not {"HOME", "USER"} & set(env(job))
        assert "/home/ciao" not in mounts(job)


def test_the_cells_user_wins_over_the_setting() -> None:
    """A number where the setting leaves it to the image."""
    assert pod(made("%user=1001", options=Options(user=None)))["securityContext"]["runAsUser"] == 1001


def test_root_is_root_when_it_is_said() -> None:
    """With a home all the same, and the privileges that containers have."""
    job = made("%user=0")
    assert pod(job)["securityContext"] == {"runAsUser": 0}
    assert "securityContext" not in container(job)
    assert env(job)["USER"] == "root"


def test_a_user_that_no_system_has_is_refused() -> None:
    """The apiserver would say so only of the pods, after the job was made."""
    with pytest.raises(UserError, match="there is no such user"):
        made("%user=2147483648")


def test_a_pod_gets_no_token_unless_an_account_is_named() -> None:
    """Nothing in it needs the API."""
    assert pod(made())["automountServiceAccountToken"] is False
    assert "automountServiceAccountToken" not in pod(made("%serviceAccount=trainer"))


def test_other_services_are_no_variables_of_it() -> None:
    """In a namespace with many they would be thousands."""
    assert pod(made())["enableServiceLinks"] is False


# -- its end ------------------------------------------------------------------------------------------


def test_a_replica_has_its_grace_and_its_last_words() -> None:
    """Five seconds after SIGTERM, and the end of its log where it left no report."""
    job = made()
    assert pod(job)["terminationGracePeriodSeconds"] == 5
    assert container(job)["terminationMessagePolicy"] == "FallbackToLogsOnError"


# -- volumes ------------------------------------------------------------------------------------------


def test_shared_memory_is_as_large_as_the_memory_allows() -> None:
    """Docker's 64 MiB end data loaders with a bus error."""
    job = made()
    assert volumes(job)[mounts(job)["/dev/shm"]["name"]]["emptyDir"] == {"medium": "Memory"}


def test_the_source_is_mounted_read_only() -> None:
    """With sub-directories as the user has them: keys have no slash."""
    job = object_of(spec_of(), mounted(data__train__csv=b"1"))
    assert mounts(job)["/ciao"] == {"name": "ciao-source", "mountPath": "/ciao", "readOnly": True}
    assert volumes(job)["ciao-source"]["configMap"] == {
        "name": "demo-5f0c5f0c",
        "items": [
            {"key": "cell.py", "path": "cell.py"},
            {"key": "ciao_replica.py", "path": "ciao_replica.py"},
            {"key": "file-2", "path": "data/train/csv"},
        ],
    }


def test_volumes_are_mounted_as_they_are_said() -> None:
    """Read-only where that was said; a claim that is mounted twice is one volume."""
    job = made("%volume=datasets:/data:ro", "%volume=out:/out", "%volume=datasets:/more")
    assert mounts(job)["/data"] == {"name": "volume-0", "mountPath": "/data", "readOnly": True}
    assert mounts(job)["/out"] == {"name": "volume-1", "mountPath": "/out"}
    assert mounts(job)["/more"] == {"name": "volume-0", "mountPath": "/more"}
    claims = {name: each.get("persistentVolumeClaim") for name, each in volumes(job).items() if "volume" in name}
    assert claims == {"volume-0": {"claimName": "datasets"}, "volume-1": {"claimName": "out"}}


@pytest.mark.parametrize(("path", "own"), [("/home/ciao", "ciao-home"), ("/dev/shm/", "ciao-shm")])
def test_a_volume_of_the_users_takes_the_place_of_ciaos(path: str, own: str) -> None:
    """A home that is kept, or shared memory of another kind."""
    job = object_of(evolve(spec_of(), volumes=(Volume("mine", path),)))
    assert own not in volumes(job)
    assert mounts(job)[path]["name"] == "volume-0"


# -- where it runs ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("gpu", {"key": "gpu", "operator": "Exists"}),
        ("gpu:NoExecute", {"key": "gpu", "operator": "Exists", "effect": "NoExecute"}),
        ("gpu=yes", {"key": "gpu", "operator": "Equal", "value": "yes"}),
        ("gpu=", {"key": "gpu", "operator": "Equal", "value": ""}),
        (":NoSchedule", {"operator": "Exists", "effect": "NoSchedule"}),
    ],
)
def test_a_toleration_is_read_as_kubectl_writes_taints(text: str, found: Json) -> None:
    """core/v1 Toleration: without a value any will do, without a key any taint."""
    assert toleration(text) == found


def test_a_value_without_a_key_is_no_toleration() -> None:
    """The apiserver would refuse the pods."""
    with pytest.raises(UserError, match="a value without a key"):
        toleration("=yes")
