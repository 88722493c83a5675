"""Which jobs there are."""

from __future__ import annotations

import pytest

from ciao.adapters.kube.apierrors import Unreachable
from ciao.core.errors import CiaoError
from ciao.core.model import JobHandle
from ciao.core.ports import Query

from .apiserver import JOBS
from .kubebackend import OTHERS, Scene, forbidden, going_on, run
from .kubejobs import made


def test_jobs_are_found_where_they_may_be() -> None:
    """In the default namespace, and where the store has jobs that have not ended; only those that Ciao made."""

    async def story(scene: Scene) -> None:
        scene.foreign()
        scene.api.put(JOBS, {**made(name="kubectls"), "metadata": {"name": "kubectls", "labels": {}}})
        there = made(name="there")
        other = scene.api.put(OTHERS, {**there, "metadata": {**there["metadata"], "namespace": "others"}})
        assert [each.handle.name for each in await scene.backend.find(Query())] == ["demo"]
        scene.record(JobHandle("kubeflow", "lab", "others", "PyTorchJob", "there", other["metadata"]["uid"]))
        scene.record(JobHandle("local", "", "", "LocalJob", "here", "7"))
        scene.record(JobHandle("kubeflow", "", "", "PyTorchJob", "not-yet", ""))
        found = await scene.backend.find(Query())
        assert {each.handle.name: each.handle.namespace for each in found} == {"demo": "team", "there": "others"}
        assert scene.attempts == 1

    run(story)


def test_jobs_of_a_cluster_that_cannot_be_asked_are_as_the_store_has_them() -> None:
    """A context that was removed does not hide the others' jobs, and its own are not taken for lost."""

    async def story(scene: Scene) -> None:
        scene.foreign()
        gone = JobHandle("kubeflow", "removed", "others", "PyTorchJob", "there", "uid-9")
        scene.record(gone)
        found = {each.handle.name: each for each in await scene.backend.find(Query())}
        assert set(found) == {"demo", "there"}
        assert (found["there"].handle, found["there"].outcome) == (gone, None)
        assert await scene.backend.find(Query(name="none")) == ()

    run(story)


def test_jobs_are_found_by_name_and_uid() -> None:
    """Both have to be so; and none is no error, as a kind is that the operator does not serve."""

    async def story(scene: Scene) -> None:
        handle = scene.foreign()
        scene.foreign("other")
        for query in (Query(name="demo"), Query(uid=handle.uid), Query(name="demo", uid=handle.uid)):
            assert [each.handle for each in await scene.backend.find(query)] == [handle]
        assert await scene.backend.find(Query(name="other", uid=handle.uid)) == ()
        assert await scene.backend.find(Query(name="none")) == ()

    run(story)


@pytest.mark.parametrize(
    ("error", "said"), [(forbidden("pytorchjobs"), "pytorchjobs"), (Unreachable("no answer", sent=True), "no answer")]
)
def test_where_jobs_cannot_be_listed_it_is_an_error(error: Exception, said: str) -> None:
    """Else they would be taken for lost. Nothing goes on asking."""

    async def story(scene: Scene) -> None:
        scene.api.faults[f"GET {JOBS}"] = error
        with pytest.raises(CiaoError, match=said):
            await scene.backend.find(Query())
        assert going_on() == set()

    run(story)
