"""Creating a job on a cluster: all of it or nothing, whatever is lost, refused or cancelled."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from ciao.adapters.kube.apierrors import ApiError, Unreachable
from ciao.adapters.kubeflow.submitting import Objects, create
from ciao.core.errors import CiaoError, NameInUseError, TargetError

from .apiserver import CONFIGMAPS, JOBS, Apiserver
from .kubejobs import made

JOB = made("%master=1")
ENDED = {"status": {"conditions": [{"type": "Succeeded", "status": "True"}]}}
LOST = Unreachable("no answer", sent=True)


def objects(**more: Any) -> Objects:
    """What is created."""

    def source(owner: str) -> dict[str, Any]:
        references = [{"kind": "PyTorchJob", "name": "demo", "uid": owner}]
        return {"kind": "ConfigMap", "metadata": {"name": "demo-source", "ownerReferences": references}}

    return Objects(job={**JOB, **more}, source=source, plural="pytorchjobs")


def run(story: Callable[[Apiserver], Awaitable[None]]) -> None:
    """Before an empty apiserver."""

    async def main() -> None:
        async with asyncio.timeout(5.0):
            await story(Apiserver())

    asyncio.run(main())


def left(api: Apiserver) -> list[str]:
    """The names of all that exists."""
    return sorted(name for collection in api.objects.values() for name in collection)


def test_the_job_comes_first_and_owns_its_source() -> None:
    """Whatever dies in between leaves nothing that the cluster would not collect."""

    async def story(api: Apiserver) -> None:
        job = await create(api, objects())
        assert api.requests == [f"POST {JOBS}", f"POST {CONFIGMAPS}"]
        (owner,) = api.at(CONFIGMAPS, "demo-source")["metadata"]["ownerReferences"]
        assert owner["uid"] == job["metadata"]["uid"]

    run(story)


@pytest.mark.parametrize(
    "error", [ApiError(403, "Forbidden", "exceeded quota", {}, None), Unreachable("no answer", sent=False)]
)
def test_a_source_that_cannot_be_created_takes_the_job_with_it(error: Exception) -> None:
    """Nothing is left, and what is raised is the reason."""

    async def story(api: Apiserver) -> None:
        api.faults[f"POST {CONFIGMAPS}"] = error
        with pytest.raises(CiaoError):
            await create(api, objects())
        assert left(api) == []

    run(story)


def test_an_answer_that_was_lost_is_found_again() -> None:
    """The job exists, with the label of this very act: it is the answer."""

    async def story(api: Apiserver) -> None:
        api.faults[f"POST {JOBS} done"] = LOST
        job = await create(api, objects())
        assert job["metadata"]["uid"] == api.at(JOBS, "demo")["metadata"]["uid"]
        assert left(api) == ["demo", "demo-source"]

    run(story)


def test_a_request_that_never_arrived_is_not_there() -> None:
    """Then nothing exists, and that is said."""

    async def story(api: Apiserver) -> None:
        api.faults[f"POST {JOBS}"] = LOST
        with pytest.raises(TargetError, match="no answer"):
            await create(api, objects())
        assert left(api) == []

    run(story)


def test_a_job_of_that_name_that_has_ended_gives_way() -> None:
    """It is deleted with its pods, and waited for."""

    async def story(api: Apiserver) -> None:
        former = api.put(
            JOBS, {**JOB, **ENDED, "metadata": {**JOB["metadata"], "labels": {**JOB["metadata"]["labels"]}}}
        )
        former["metadata"]["labels"]["ciao.dev/uid"] = "of another act"
        api.put(JOBS, former)
        job = await create(api, objects())
        assert job["metadata"]["uid"] != former["metadata"]["uid"]
        assert f"DELETE {JOBS}/demo" in api.requests

    run(story)


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ({"app.kubernetes.io/managed-by": "ciao", "ciao.dev/uid": "other"}, "A job named demo still runs in team"),
        ({}, "There is a PyTorchJob named demo in team already"),
    ],
)
def test_a_job_that_runs_or_is_not_ciaos_stays(labels: dict[str, str], message: str) -> None:
    """The name is in use; nothing of it is touched."""

    async def story(api: Apiserver) -> None:
        api.put(JOBS, {**JOB, "metadata": {"name": "demo", "namespace": "team", "labels": labels}})
        with pytest.raises(NameInUseError, match=message):
            await create(api, objects())
        assert left(api) == ["demo"]
        assert not [each for each in api.requests if each.startswith("DELETE")]

    run(story)


@pytest.mark.parametrize("turns", range(1, 12))
def test_cancelled_at_any_moment_it_leaves_all_or_nothing(turns: int) -> None:
    """Who cancels finds nothing, unless it was through already."""

    async def story(api: Apiserver) -> None:
        creating = asyncio.ensure_future(create(api, objects()))
        for _ in range(turns):
            await asyncio.sleep(0)
        creating.cancel()
        try:
            await creating
        except asyncio.CancelledError:
            assert left(api) == []
        else:
            assert left(api) == ["demo", "demo-source"]

    run(story)
