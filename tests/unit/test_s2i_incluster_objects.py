"""What is sent to a cluster for a build."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from ciao.adapters.s2i.incluster.kinds import KANIKO, TASK_RUN, Kind
from ciao.adapters.s2i.incluster.objects import files, job, task_run

from .incluster import NAME, placed, plan

IMAGE = f"reg.lan:5000/team/ciao@sha256:{'b' * 64}"


def pod(**more: Any) -> dict[str, Any]:
    """Of a Job."""
    return job(plan(**more))["spec"]["template"]["spec"]


def kaniko(**more: Any) -> dict[str, Any]:
    """The container that builds."""
    return pod(**more)["containers"][0]


def test_a_job_runs_one_pod_once_and_goes_away_by_itself() -> None:
    """Also when nobody is there any more who could end or delete it."""
    made = job(plan())
    assert made["metadata"]["name"] == NAME
    assert made["metadata"]["labels"]["app.kubernetes.io/managed-by"] == "ciao"
    spec = made["spec"]
    assert (spec["backoffLimit"], spec["activeDeadlineSeconds"], spec["ttlSecondsAfterFinished"]) == (0, 3600, 300)
    template = spec["template"]
    assert template["metadata"]["labels"]["ciao.dev/uid"] == "0123abcd4567"
    assert template["metadata"]["annotations"] == {"sidecar.istio.io/inject": "false"}
    assert template["spec"]["restartPolicy"] == "Never"
    assert template["spec"]["automountServiceAccountToken"] is False


def test_kaniko_is_told_where_all_is() -> None:
    """The files, the Dockerfile, the tag, and where the digest is to be written."""
    container = kaniko()
    assert container["command"] == ["/kaniko/executor"]
    assert container["args"][:3] == [
        "--context=tar:///ciao-source/context.tar.gz",
        "--dockerfile=/ciao-source/Dockerfile",
        "--destination=reg.lan:5000/team/ciao:t1",
    ]
    assert container["args"][-1] == "--digest-file=/dev/termination-log"
    assert container["terminationMessagePolicy"] == "FallbackToLogsOnError"


def test_registries_that_are_not_checked_are_named_one_by_one() -> None:
    """No flag that is for all of them."""
    said = kaniko(insecure=("reg.lan:5000",))["args"]
    assert [each for each in said if "insecure" in each or "tls" in each] == [
        "--insecure-registry=reg.lan:5000",
        "--skip-tls-verify-registry=reg.lan:5000",
    ]
    assert not [each for each in kaniko()["args"] if "insecure" in each or "tls" in each]


def test_values_of_build_arguments_are_taken_literally() -> None:
    """The kubelet would expand ``$(NAME)``."""
    assert "--build-arg=A=$$(HOME) x" in kaniko(arguments=(("A", "$(HOME) x"),))["args"]


def test_credentials_come_from_a_secret_or_not_at_all() -> None:
    """Ciao never reads them."""
    given = pod(secret="reg-login")
    assert {"name": "ciao-registry", "mountPath": "/kaniko/.docker", "readOnly": True} in given["containers"][0][
        "volumeMounts"
    ]
    assert given["volumes"][1]["secret"] == {
        "secretName": "reg-login",
        "items": [{"key": ".dockerconfigjson", "path": "config.json"}],
    }
    assert given["imagePullSecrets"] == [{"name": "reg-login"}]
    assert [each["name"] for each in pod()["volumes"]] == ["ciao-source"]
    assert "imagePullSecrets" not in pod()


def test_authorities_are_trusted_besides_the_systems() -> None:
    """A file of its own: Kaniko's directory of certificates stays."""
    assert kaniko(authorities="PEM")["env"] == [{"name": "SSL_CERT_FILE", "value": "/ciao-source/authorities.pem"}]
    owner = {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": NAME, "uid": "u"}}
    assert files(plan(authorities="PEM"), "FROM x", b"", owner)["data"]["authorities.pem"] == "PEM"


def test_steps_run_on_nodes_of_the_images_architecture() -> None:
    """What is built for arm64 is built on arm64."""
    given = pod(platform="linux/arm64")
    assert given["nodeSelector"] == {"kubernetes.io/arch": "arm64"}
    assert "--custom-platform=linux/arm64" in given["containers"][0]["args"]


def test_a_build_may_go_where_the_job_may_but_need_not_go_where_it_must() -> None:
    """A node with GPUs is not there for builds."""
    given = pod(
        spec=placed(
            node_selector=(("gpu", "a100"),),
            tolerations=("gpu",),
            priority="high",
            service_account="pusher",
            pull_secret="pull",
        )
    )
    assert "nodeSelector" not in given
    assert given["tolerations"] == [{"key": "gpu", "operator": "Exists"}]
    assert (given["priorityClassName"], given["serviceAccountName"]) == ("high", "pusher")
    assert "automountServiceAccountToken" not in given  # clouds give registries' credentials by it
    assert given["imagePullSecrets"] == [{"name": "pull"}]


def test_a_large_context_is_copied_out_of_its_image() -> None:
    """Without a shell, into a volume that Kaniko reads."""
    given = pod(context=IMAGE)
    (first,) = given["initContainers"]
    assert first["image"] == IMAGE
    assert first["command"][:2] == ["python", "-c"]
    assert first["volumeMounts"] == [{"name": "ciao-files", "mountPath": "/ciao-files"}]
    assert first["volumeMounts"][0] in given["containers"][0]["volumeMounts"]
    assert given["containers"][0]["args"][0] == "--context=dir:///ciao-files"
    assert {"name": "ciao-files", "emptyDir": {}} in given["volumes"]


def test_the_command_that_copies_is_a_program(tmp_path: Any) -> None:
    """It brings directories and links as they are."""
    source, target = tmp_path / "from", tmp_path / "to"
    (source / "a").mkdir(parents=True)
    (source / "a" / "b").write_text("x")
    target.mkdir()
    code = pod(context=IMAGE)["initContainers"][0]["command"][2]
    exec(code.replace("/ciao-context", str(source)).replace("/ciao-files", str(target)), {})
    assert (target / "a" / "b").read_text() == "x"


def test_a_task_run_has_its_task_in_it() -> None:
    """One step after another in one pod, and the digest as a result."""
    made = task_run(plan(TASK_RUN, context=IMAGE, secret="reg-login"))
    assert (made["apiVersion"], made["kind"]) == ("tekton.dev/v1", "TaskRun")
    spec = made["spec"]
    assert spec["timeout"] == "3600s"
    copying, building = spec["taskSpec"]["steps"]
    assert (copying["image"], building["name"]) == (IMAGE, "build")
    assert building["command"] == ["/kaniko/executor"]  # else Tekton asks the registry for the entry point
    assert building["args"][-1] == "--digest-file=$(results.digest.path)"
    assert spec["taskSpec"]["results"][0]["name"] == "digest"
    assert [each["name"] for each in spec["taskSpec"]["volumes"]] == ["ciao-source", "ciao-registry", "ciao-files"]
    assert spec["podTemplate"]["imagePullSecrets"] == [{"name": "reg-login"}]


@pytest.mark.parametrize("kind", [KANIKO, TASK_RUN], ids=lambda kind: kind.builder)
def test_the_files_belong_to_the_build_from_birth(kind: Kind) -> None:
    """Whatever dies, the cluster collects them."""
    owner = {**kind.made(plan(kind)), "metadata": {"name": NAME, "uid": "u7"}}
    made = files(plan(kind), "FROM x\n", b"archive", owner)
    assert made["metadata"]["ownerReferences"] == [
        {"apiVersion": owner["apiVersion"], "kind": owner["kind"], "name": NAME, "uid": "u7"}
    ]
    assert made["data"] == {"Dockerfile": "FROM x\n"}
    assert base64.b64decode(made["binaryData"]["context.tar.gz"]) == b"archive"
    assert "binaryData" not in files(plan(kind), "FROM x\n", None, owner)


@pytest.mark.parametrize("name", ["a" * 63, "1st-Try", "über"])
def test_any_job_has_a_build_whose_pods_can_be_named(name: str) -> None:
    """63 characters are all that a pod's name may have, and a Job's pods have six more."""
    import re

    from attrs import evolve

    found = plan(spec=evolve(placed(), name=name)).name
    assert re.fullmatch(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?", found)
    assert len(found) <= 57
