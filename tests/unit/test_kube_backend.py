"""The port ``Backend`` of a cluster, before apiservers in memory on virtual time; the contract itself is e2e's."""

from __future__ import annotations

import asyncio

import pytest

from ciao.adapters.kube.apierrors import Unreachable
from ciao.adapters.kubeflow.backend import Place
from ciao.core.errors import CiaoError, StoreError
from ciao.core.events import JobGone, OutcomeSeen
from ciao.core.model import JobHandle
from ciao.core.ports import Severity, Stop

from .apiserver import JOBS, PODS
from .kubeapi import Api
from .kubebackend import OTHERS, Scene, begun, forbidden, going_on, run
from .kubejobs import mounted, spec_of


def test_what_a_cluster_is() -> None:
    """Its operator decides how a job went, and its replicas have images."""

    async def story(scene: Scene) -> None:
        assert scene.backend.target == "kubeflow"
        assert scene.backend.decides
        assert scene.backend.accepts_images

    run(story)


# -- before there is a job ------------------------------------------------------------------------------


def test_what_an_overlay_does_wrong_is_a_finding() -> None:
    """The user can mend it, and nothing was asked of the cluster."""

    async def story(scene: Scene) -> None:
        (found,) = await scene.backend.check(spec_of("%overlay=nowhere.yaml"))
        assert found.severity is Severity.REFUSAL
        assert found.message.startswith("%overlay=nowhere.yaml cannot be read: No such file or directory.")
        assert scene.api.requests == []

    run(story)


def test_a_check_asks_where_the_job_would_go() -> None:
    """What seldom changes once for each namespace, whichever way it is named."""

    async def story(scene: Scene) -> None:
        healthy = Api().answers
        api = scene.apis["lab"] = Api({path.replace("/team", "/others"): each for path, each in healthy.items()})
        for lines in ([], ["%namespace=team"], ["%context=lab"]):
            assert await scene.backend.check(spec_of(*lines)) == ()
        assert api.asked().count("/api/v1/namespaces/team/limitranges") == 1
        assert await scene.backend.check(spec_of("%namespace=others")) == ()
        assert api.asked().count("/api/v1/namespaces/others/limitranges") == 1

    run(story)


def test_what_is_shown_has_no_value_of_a_variable() -> None:
    """Notebooks are saved and shared; nothing is asked of the cluster, not even where it is."""

    async def story(scene: Scene) -> None:
        job, source = scene.backend.render(spec_of("%master=1", "%env=TOKEN=hunter2"), mounted(data=b"x"))
        assert (job.kind, source.kind) == ("PyTorchJob", "ConfigMap")
        assert "TOKEN" in job.text
        assert "hunter2" not in job.text + source.text
        assert scene.attempts == 0

    run(story)


# -- submit ---------------------------------------------------------------------------------------------


def test_a_job_is_followed_whether_anybody_watches_or_not() -> None:
    """It ends while nobody does, and who watches then is told how."""

    async def story(scene: Scene) -> None:
        handle = await scene.submitted()
        assert handle == scene.handle()
        await asyncio.sleep(1.0)
        scene.end()
        await asyncio.sleep(60.0)
        scene.api.take(JOBS, "demo")
        assert [each.succeeded for each in await scene.watched(handle) if isinstance(each, OutcomeSeen)] == [True]

    run(story)


def test_a_job_goes_where_its_cell_says() -> None:
    """Else where the settings say, else where the kubeconfig says."""

    async def story(scene: Scene) -> None:
        scene.record(JobHandle("kubeflow", "", "", "PyTorchJob", "demo", ""))
        handle = await scene.backend.submit(spec_of("%master=1", "%context=lab"), mounted())
        assert (handle.context, handle.namespace) == ("lab", "others")
        assert scene.api.at(OTHERS, "demo")["metadata"]["uid"] == handle.uid

    run(story, Place(context="far", namespace="others"))


def test_a_job_that_cannot_be_followed_is_not_left() -> None:
    """The store does not know it: it is deleted, and nothing follows it."""

    async def story(scene: Scene) -> None:
        with pytest.raises(StoreError):
            await scene.submit()
        assert scene.left == []
        assert going_on() == set()

    run(story)


def test_that_it_cannot_be_deleted_does_not_hide_why() -> None:
    """The first error is what the user hears."""

    async def story(scene: Scene) -> None:
        scene.api.faults[f"DELETE {JOBS}/demo"] = Unreachable("no answer", sent=False)
        with pytest.raises(StoreError):
            await scene.submit()

    run(story)


@pytest.mark.parametrize("times", [1, 2])
@pytest.mark.parametrize("turns", range(1, 18))
def test_submit_that_is_cancelled_leaves_all_or_nothing(turns: int, times: int) -> None:
    """At any moment, and by who is impatient as well: no job, or one that is followed."""

    async def story(scene: Scene) -> None:
        await scene.backend.warm_up()
        submitting = asyncio.ensure_future(scene.submitted())
        for _ in range(turns):
            await asyncio.sleep(0)
        for _ in range(times):
            submitting.cancel()
            await asyncio.sleep(0)
        await asyncio.gather(submitting, return_exceptions=True)
        await asyncio.sleep(1.0)
        if submitting.cancelled():
            assert scene.left == []
            assert going_on() == set()
        else:
            assert len(scene.left) == 2

    run(story)


@pytest.mark.parametrize("turns", range(1, 9))
def test_a_job_that_is_watched_while_it_is_submitted_is_followed_once(turns: int) -> None:
    """Who finds it in the cluster may be there before it is all there."""

    async def story(scene: Scene) -> None:
        await scene.backend.warm_up()
        submitting = asyncio.ensure_future(scene.submitted())
        for _ in range(4 + turns):  # after four of them the job exists
            await asyncio.sleep(0)
        watching = await begun(scene.watched(scene.handle()), 1.0)
        await submitting
        assert scene.listed(PODS) == 1
        scene.end()
        assert any(isinstance(each, OutcomeSeen) for each in await watching)

    run(story)


# -- stop -------------------------------------------------------------------------------------------


def test_a_job_of_an_unknown_kind_is_not_stopped() -> None:
    """Nothing is asked, and it is no error."""

    async def story(scene: Scene) -> None:
        await scene.backend.stop(scene.handle(uid="none", kind="MXJob"), Stop())
        assert (scene.attempts, scene.api.requests) == (0, [])

    run(story)


def test_a_job_that_is_asked_to_stop_is_marked() -> None:
    """In the cluster that it is in."""

    async def story(scene: Scene) -> None:
        handle = scene.foreign()
        await scene.backend.stop(handle, Stop(grace=0.0))
        assert scene.left == []

    run(story)


def test_that_a_job_may_not_be_stopped_is_told_in_words() -> None:
    """Whichever of the requests is refused."""

    async def story(scene: Scene) -> None:
        handle = scene.foreign()
        for path in (f"GET {JOBS}/demo", f"PATCH {JOBS}/demo", f"GET {PODS}"):
            scene.api.faults = {path: forbidden("pods")}
            with pytest.raises(CiaoError, match="pods"):
                await scene.backend.stop(handle, Stop())

    run(story)


# -- close ----------------------------------------------------------------------------------------------


def test_close_leaves_nothing_here_and_everything_there() -> None:
    """No task and no connection; the jobs go on."""

    async def story(scene: Scene) -> None:
        await scene.submitted()
        watching = await begun(scene.watched(scene.foreign("other")), 1.0)
        await scene.backend.stop(scene.handle(uid="none", context="far"), Stop())
        assert scene.open == ["lab", "far"]
        await scene.backend.close()
        assert not [each for each in await watching if isinstance(each, JobGone)]
        assert scene.open == []
        assert [name in scene.left for name in ("demo", "other")] == [True, True]

    run(story)
