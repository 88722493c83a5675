"""What is found before anything is created: asked at once, nothing twice, every refusal with its remedy."""

from __future__ import annotations

import asyncio

import pytest

from ciao.adapters.kube.apierrors import Unreachable
from ciao.core.errors import TargetError
from ciao.core.ports import Finding, Severity

from .kubeapi import NS, Api, fault
from .kubechecks import JOBS, ME, REVIEW, RULES, Checked, found, notice, refusal, without
from .kubejobs import made


def test_a_job_that_can_run_has_no_findings() -> None:
    """In a cluster where all is well."""
    assert found({}, "%worker=2;%cpu=1") == []


def test_the_first_cell_asks_all_at_once() -> None:
    """One round trip, with at most 14 requests also for a job that names much."""
    lines = ["%worker=2;%cpu=1", "%volume=d:/d", "%volume=e:/e", "%secret=s", "%serviceAccount=a", "%priority=p"]
    there = [f"{NS}/persistentvolumeclaims/d", f"{NS}/persistentvolumeclaims/e", f"{NS}/secrets/s"]
    there += [f"{NS}/serviceaccounts/a", "/apis/scheduling.k8s.io/v1/priorityclasses/p"]

    async def story() -> None:
        checked = Checked(Api({path: {} for path in there}))
        assert await checked.cell(*lines) == ()
        assert checked.api.rounds == 1
        assert len(checked.api.sent) == 14

    asyncio.run(story())


def test_a_warm_cell_asks_only_for_what_may_have_changed() -> None:
    """The trial of job and source, and what is used of the quotas; the job's name changes nothing."""

    async def story() -> None:
        checked = Checked(Api({f"{NS}/secrets/s": {}}))
        await checked.cell("%worker=2", "%secret=s")
        await checked.cell("%worker=2", "%secret=s", job=made("%worker=2", "%secret=s", name="other"))
        assert sorted(checked.api.asked()) == sorted([f"{NS}/resourcequotas", f"POST {NS}/configmaps", JOBS])

    asyncio.run(story())


def test_another_job_is_tried_anew() -> None:
    """Its pods are others; rights, nodes and limits are the same."""

    async def story() -> None:
        checked = Checked(Api())
        await checked.cell("%worker=2")
        await checked.cell("%worker=2;%cpu=1")
        assert checked.api.asked().count(f"POST {NS}/pods") == 1
        assert len(checked.api.sent) == 4

    asyncio.run(story())


def test_nodes_limits_and_names_are_asked_again_after_a_minute() -> None:
    """Rights and kinds are not: they hold for the session."""

    async def story() -> None:
        checked = Checked(Api({f"{NS}/secrets/s": {}}))
        await checked.cell("%secret=s")
        checked.clock.advance(61.0)
        await checked.cell("%secret=s")
        asked = checked.api.asked()
        assert {"/api/v1/nodes", f"{NS}/limitranges", f"{NS}/secrets/s", f"POST {NS}/pods"} <= set(asked)
        assert not {RULES, "/apis/kubeflow.org/v1"} & set(asked)

    asyncio.run(story())


def test_whoever_has_mended_it_is_believed_at_once() -> None:
    """An answer that led to a refusal is not kept."""

    async def story() -> None:
        api = Api()
        checked = Checked(api)
        assert "the largest node" in (await checked.cell("%cpu=9"))[0].message
        api.answers["/api/v1/nodes"] = {
            "items": [{"metadata": {"name": "n"}, "status": {"allocatable": {"cpu": "16"}}}]
        }
        assert await checked.cell("%cpu=9") == ()

    asyncio.run(story())


def test_refusals_come_first() -> None:
    """What has to be mended before what is worth knowing."""
    severities = [each.severity for each in found({}, "%cpu=9", "%ttl=5")]
    assert severities == [Severity.REFUSAL, Severity.NOTICE]


def test_of_a_job_that_is_refused_it_is_not_told_what_could_not_be_checked() -> None:
    """It matters when the job can run, and then it is told."""

    async def story() -> None:
        checked = Checked(Api({f"{NS}/limitranges": fault(403)}))
        assert [each.severity for each in await checked.cell("%cpu=9")] == [Severity.REFUSAL]
        assert [each.severity for each in await checked.cell("%cpu=1")] == [Severity.NOTICE]

    asyncio.run(story())


def test_whoever_may_not_read_something_is_not_asked_each_time() -> None:
    """Nodes and limits for a minute; the events for the session."""

    async def story() -> None:
        answers = {f"{NS}/limitranges": fault(403), "/api/v1/nodes": fault(403)}
        checked = Checked(Api({**answers, **without(("list", "events"), ("watch", "events"))}))
        assert len(await checked.cell()) == 2
        assert await checked.cell() == ()
        assert len(checked.api.sent) == 3

    asyncio.run(story())


def test_what_could_not_be_checked_is_told_once_in_a_session() -> None:
    """With every cell it would only be noise."""

    async def story() -> None:
        checked = Checked(Api({f"{NS}/resourcequotas": fault(403)}))
        (first,) = await checked.cell()
        assert first == Finding(Severity.NOTICE, "Ciao may not read the quotas of team, so it could not check them.")
        assert await checked.cell() == ()

    asyncio.run(story())


def test_a_cluster_that_does_not_answer_is_none_of_the_findings() -> None:
    """The client's error passes through, and no request is left behind."""

    async def story() -> None:
        checked = Checked(Api({JOBS: Unreachable("The cluster lab does not answer.", sent=True)}))
        with pytest.raises(TargetError, match="does not answer"):
            await checked.cell("%worker=2")
        assert len(asyncio.all_tasks()) == 1

    asyncio.run(story())


def test_a_single_answer_that_does_not_come_is_gone_without() -> None:
    """Unless it is the one that matters."""
    silent = Unreachable("no answer", sent=True)
    assert (
        found(
            {f"{NS}/limitranges": silent, "/api/v1/nodes": silent, RULES: silent, REVIEW: silent, ME: silent}, "%gpu=1"
        )
        == []
    )


def test_nobody_waits_long_for_a_courtesy() -> None:
    """Webhooks may take half a minute over a pod: then none is tried again in this session."""

    async def story() -> None:
        checked = Checked(Api(), patience=0.0)
        assert await checked.cell("%cpu=9") == ()
        assert await checked.cell("%cpu=9") == ()
        assert f"POST {NS}/pods" not in checked.api.asked()
        assert JOBS in checked.api.asked()

    asyncio.run(story())


def test_a_fault_of_the_cluster_is_raised() -> None:
    """The user cannot mend it."""
    error = 'Internal error: failed calling webhook "validator.pytorchjob.training-operator.kubeflow.org": refused'
    with pytest.raises(TargetError, match="training operator is not answering"):
        found({JOBS: fault(500, error, "InternalError")})


def test_a_fault_in_what_is_only_a_courtesy_is_not() -> None:
    """The job can be created without knowing quotas, nodes or what pods would meet."""
    answers = {f"{NS}/resourcequotas": fault(500), "/api/v1/nodes": fault(503), f"POST {NS}/pods": fault(500)}
    assert found(answers, "%gpu=1") == []


def test_a_job_that_goes_at_once_is_noticed() -> None:
    """Its logs go with it."""
    assert "deletes this job 5 s after its end (%ttl)" in notice({}, "%ttl=5")


# -- the operator -------------------------------------------------------------------------------------


def test_a_cluster_without_the_operator_is_told_how_to_get_it() -> None:
    """With the command, and not also by the trial that finds no such path."""
    said = refusal({"/apis/kubeflow.org/v1": fault(404), JOBS: fault(404, "could not find the requested resource")})
    assert said.startswith("This cluster has no training operator, which runs PyTorchJobs.")
    assert 'kubectl apply --server-side -k "github.com/kubeflow/training-operator.git' in said


def test_an_operator_without_the_kind_is_told() -> None:
    """A cluster may serve some of the kinds."""
    answers = {"/apis/kubeflow.org/v1": {"resources": [{"name": "tfjobs"}]}, JOBS: fault(404)}
    assert refusal(answers).startswith("The training operator of this cluster does not know PyTorchJobs.")


def test_an_operator_that_went_after_the_first_cell() -> None:
    """Then the trial says it."""

    async def story() -> None:
        api = Api()
        checked = Checked(api)
        await checked.cell()
        api.answers[JOBS] = fault(404, "the server could not find the requested resource")
        (one,) = await checked.cell()
        assert "training operator is not installed" in one.message

    asyncio.run(story())


def test_the_kinds_are_told_apart() -> None:
    """A TFJob's path and rights are its own."""

    async def story() -> None:
        checked = Checked(Api(plural="tfjobs"))
        assert await checked.cell(framework="tensorflow") == ()
        assert "POST /apis/kubeflow.org/v1/namespaces/team/tfjobs" in checked.api.asked()

    asyncio.run(story())
