"""What the apiserver says of a job, its source and its pods before any of them exists (dryRun=All)."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from ciao.core.ports import Finding, Severity

from .kubeapi import NS, Api, fault, missing, names, no_right
from .kubechecks import JOBS, Checked, found, notice, refusal
from .kubejobs import Json


def test_the_trial_creates_nothing() -> None:
    """dryRun=All, everywhere; and a field that nobody knows is told (fieldValidation=Strict)."""

    async def story() -> None:
        checked = Checked(Api())
        await checked.cell("%worker=1")
        tried = {
            what: how for what, how in checked.api.sent if what in (JOBS, f"POST {NS}/configmaps", f"POST {NS}/pods")
        }
        assert len(tried) == 3
        assert {how["dryRun"] for how in tried.values()} == {"All"}
        assert tried[JOBS]["fieldValidation"] == "Strict"

    asyncio.run(story())


def test_the_source_is_tried_without_its_contents() -> None:
    """A megabyte need not travel twice; keys are what may be wrong."""

    async def story() -> None:
        checked = Checked(Api())
        await checked.cell()
        (body,) = [how["body"] for what, how in checked.api.sent if what == f"POST {NS}/configmaps"]
        assert body["data"] == {"cell.py": "", "ciao_replica.py": ""}

    asyncio.run(story())


def test_a_name_that_is_taken_is_no_refusal_here() -> None:
    """Whether the job may replace it is decided when it is submitted."""
    taken = fault(409, "already exists", "AlreadyExists")
    assert found({JOBS: taken, f"POST {NS}/configmaps": taken, f"POST {NS}/pods": taken}) == []


def test_what_the_operator_says_is_said() -> None:
    """Its webhook judges the job."""
    why = "spec.pytorchReplicaSpecs[Master].replicas: Invalid value: 2: must be 1"
    text = f'admission webhook "validator.pytorchjob.training-operator.kubeflow.org" denied the request: {why}'
    assert f"The training operator refuses the job: {why}" in refusal({JOBS: fault(403, text)})


def test_a_field_that_nobody_knows_is_the_overlays_mistake() -> None:
    """Without this the apiserver would drop it without a word."""
    text = 'cannot be handled as a PyTorchJob: strict decoding error: unknown field "spec.x", unknown field "spec.y"'
    assert refusal({JOBS: fault(400, text)}, "%overlay=gpu.yaml") == (
        "PyTorchJobs have no field spec.x or spec.y: correct gpu.yaml (%overlay)."
    )


def test_an_operator_that_is_too_old_for_a_field_of_ciaos_is_noticed() -> None:
    """It runs the job without."""
    text = 'cannot be handled as a PyTorchJob: strict decoding error: unknown field "spec.nprocPerNode"'
    assert "too old to know spec.nprocPerNode" in notice({JOBS: fault(400, text)})


def test_a_source_that_is_refused_is_told() -> None:
    """A quota of ConfigMaps, or a policy."""
    text = (
        'configmaps "demo-5f0c5f0c" is forbidden: exceeded quota: q, requested: count/configmaps=1, '
        "used: count/configmaps=5, limited: count/configmaps=5"
    )
    assert "the quota q is used up" in refusal({f"POST {NS}/configmaps": fault(403, text)})


def test_a_webhook_that_cannot_be_tried_is_noticed() -> None:
    """Then nothing can be said before."""
    text = 'admission webhook "x.y" does not support dry run'
    assert "cannot try this job without creating it" in notice({JOBS: fault(400, text)})
    assert found({f"POST {NS}/pods": fault(400, text)}) == []


def test_a_namespace_that_is_not_there_is_all_that_is_said() -> None:
    """With the nearest one; the claims in it are missing too, but that is no news."""
    gone = missing("namespaces", "team")
    answers = {
        JOBS: gone, f"POST {NS}/configmaps": gone, f"POST {NS}/pods": gone,
        "/api/v1/namespaces": names("teams", "kube"),
        f"{NS}/persistentvolumeclaims/d": missing("persistentvolumeclaims", "d"),
        f"{NS}/persistentvolumeclaims": names(),
    }  # fmt: skip
    said = "There is no namespace team in this cluster."
    assert refusal(answers, "%volume=d:/d") == f"{said} Did you mean teams?"
    answers["/api/v1/namespaces"] = fault(403)
    assert refusal(answers, "%volume=d:/d") == f"{said} Correct %namespace."


# -- pods ---------------------------------------------------------------------------------------------


def pods_refused(text: str, *lines: str, status: int = 403, **answers: Any) -> list[Finding]:
    """What is found when each pod is refused with these words."""
    return found({f"POST {NS}/pods": fault(status, text), **answers}, *lines)


def test_a_pod_is_tried_as_the_operator_would_make_it() -> None:
    """Of each role the first; a worker beside a master with the operator's init container."""

    async def story() -> None:
        checked = Checked(Api())
        await checked.cell("%worker=2;%cpu=1")
        bodies = [how["body"] for what, how in checked.api.sent if what == f"POST {NS}/pods"]
        assert [each["metadata"]["name"] for each in bodies] == ["demo-master-0", "demo-worker-0"]
        assert all(each["spec"]["restartPolicy"] == "Never" for each in bodies)
        assert all(each["metadata"]["labels"]["ciao.dev/framework"] == "pytorch" for each in bodies)
        init = [[one["name"] for one in each["spec"].get("initContainers", ())] for each in bodies]
        assert init == [[], ["init-pytorch"]]

    asyncio.run(story())


def test_whoever_may_not_create_pods_is_not_asked_again() -> None:
    """It is a courtesy, and no right that Ciao needs."""

    async def story() -> None:
        checked = Checked(Api({f"POST {NS}/pods": no_right("create", "pods")}))
        assert await checked.cell() == ()
        assert await checked.cell("%cpu=1") == ()
        assert f"POST {NS}/pods" not in checked.api.asked()

    asyncio.run(story())


def test_a_policy_that_forbids_the_pods_is_told_before() -> None:
    """Once, with the roles that it concerns and what can be done."""
    text = (
        'pods "demo-master-0" is forbidden: violates PodSecurity "restricted:latest": '
        'runAsNonRoot != true (pod or container "pytorch" must set securityContext.runAsNonRoot=true)'
    )
    (one,) = pods_refused(text, "%user=0", "%worker=1")
    assert one.severity is Severity.REFUSAL
    assert one.message.startswith(
        "The pods of master and worker would be refused: the namespace's policy restricted forbids"
    )
    assert "%user=1000" in one.message


def test_a_policy_that_forbids_only_the_operators_container_is_noticed() -> None:
    """An administrator may have changed it, and this is a guess at what it looks like."""
    text = (
        'pods "demo-worker-0" is forbidden: violates PodSecurity "restricted:latest": '
        'allowPrivilegeEscalation != false (container "init-pytorch" must set '
        "securityContext.allowPrivilegeEscalation=false)"
    )

    def only_workers(how: Json) -> Any:
        return fault(403, text) if "worker" in how["body"]["metadata"]["name"] else {}

    said = notice({f"POST {NS}/pods": only_workers}, "%worker=1")
    assert said.startswith("The pods of worker may never be made: ")


def test_a_field_of_a_pod_that_is_wrong_is_told() -> None:
    """Nobody looks into a template before: the job would be accepted and never run."""
    causes = [{"field": "spec.containers[0].env[3].name", "message": 'Invalid value: "a b": no blanks'}]
    wrong = fault(422, "is invalid", "Invalid")
    wrong.details["causes"] = causes
    said = refusal({f"POST {NS}/pods": wrong})
    assert "spec.containers[0].env[3].name: no blanks" in said


def test_pods_are_not_spoken_of_when_the_job_is_wrong() -> None:
    """It would be the same mistake twice."""
    wrong = fault(422, "PyTorchJob is invalid: spec: bad", "Invalid")
    assert "PyTorchJob is invalid" in refusal({JOBS: wrong, f"POST {NS}/pods": wrong})


_QUOTA = "is forbidden: exceeded quota: q, requested: cpu=2, used: cpu=3, limited: cpu=4"


@pytest.mark.parametrize(
    "text",
    [
        _QUOTA,
        "is forbidden: failed quota: q: must specify limits.cpu",
        "is forbidden: [maximum memory usage per Container is 1Gi, but limit is 2Gi]",
        'is forbidden: error looking up service account team/a: serviceaccount "a" not found',
        "is forbidden: no PriorityClass with name p was found",
    ],
)
def test_what_other_checks_say_better_is_left_to_them(text: str) -> None:
    """With the numbers of the whole job, or the nearest name."""
    assert pods_refused(f'pods "demo-master-0" {text}') == []


def test_where_quotas_may_not_be_read_the_trial_says_what_it_saw() -> None:
    """Better than nothing; it waits, so it is a notice."""
    answers = {f"{NS}/resourcequotas": fault(403)}
    said = [each.message for each in pods_refused(f'pods "x" {_QUOTA}', **answers)]
    assert any(each.startswith("The pods of master will wait: the quota q is used up") for each in said)
