"""The port ``Backend`` of a cluster, before apiservers in memory on virtual time; the contract itself is e2e's."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

import pytest

from ciao.adapters.kubeflow import backend, connections
from ciao.adapters.kubeflow.api.access import Access
from ciao.adapters.kubeflow.api.apierrors import AccessError, ApiError, Unreachable
from ciao.adapters.kubeflow.backend import KubeflowBackend, Place
from ciao.adapters.kubeflow.objects.options import Options
from ciao.adapters.memory import MemoryJobStore
from ciao.core.errors import CiaoError, StoreError, UnknownJobError
from ciao.core.events import JobGone, Observation, OutcomeSeen
from ciao.core.model import JobHandle
from ciao.core.ports import Cursor, JobRecord, Query, Severity, Stop

from .apiserver import JOBS, PODS, Apiserver
from .jobs import FRAMEWORKS
from .kubeapi import Api
from .kubejobs import made, mounted, spec_of
from .virtualtime import VirtualClock, play

OTHERS = "/apis/kubeflow.org/v1/namespaces/others/pytorchjobs"
NOBODY = AccessError("There is no context lab.")
GOOD = {"name": "pytorch", "state": {"terminated": {"exitCode": 0, "startedAt": "2026-01-01T00:00:01Z"}}}


def forbidden(resource: str) -> ApiError:
    """Rights do not suffice."""
    message = f'{resource} is forbidden: User "eve" cannot list resource "{resource}" in API group "" in the namespace'
    return ApiError(403, "Forbidden", f'{message} "team"', {}, None)


class Connection:
    """One connection to an apiserver in memory."""

    def __init__(self, context: str, api: Any) -> None:
        self.context, self.namespace, self.closed = context, "team", False
        self._api = api

    def __getattr__(self, name: str) -> Any:
        return getattr(self._api, name)

    async def close(self) -> None:
        await asyncio.sleep(0)
        self.closed = True


class Scene:
    """A backend. ``refusals``: what the next attempts to connect end with; ``takes``: seconds, by the name asked."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, place: Place) -> None:
        self.api, self.store = Apiserver(), MemoryJobStore()
        self.apis: dict[str, Any] = {"lab": self.api, "far": Apiserver()}
        self.connections: list[Connection] = []
        self.attempts, self.refusals, self.takes = 0, list[Exception](), dict[str, float]()
        self.backend = KubeflowBackend(
            access=Access(),
            place=place,
            options=Options(),
            images={},
            frameworks=FRAMEWORKS,
            store=self.store,
            clock=VirtualClock(),
            uid=lambda: f"{self.attempts}f0c" * 8,
        )
        monkeypatch.setattr(connections, "connect", self._connect)

    async def _connect(self, access: Access) -> Connection:
        self.attempts += 1
        refusals = [self.refusals.pop(0)] if self.refusals else []
        await asyncio.sleep(self.takes.get(access.context or "", 0.1))
        for each in refusals:
            raise each
        context = access.context or "lab"
        if context not in self.apis:
            raise AccessError(f"There is no context {context}.")
        self.connections.append(Connection(context, self.apis[context]))
        return self.connections[-1]

    @property
    def open(self) -> list[str]:
        """The contexts of the connections that are open."""
        return [each.context for each in self.connections if not each.closed]

    # -- jobs --------------------------------------------------------------------------------------

    def handle(self, name: str = "demo", uid: str = "", context: str = "lab", kind: str = "PyTorchJob") -> JobHandle:
        """Of a job in the namespace team, the present one of that name."""
        uid = uid or self.api.at(JOBS, name)["metadata"]["uid"]
        return JobHandle("kubeflow", context, "team", kind, name, uid)

    def record(self, handle: JobHandle) -> None:
        """The store knows the job, which has not ended."""
        roles, created = (("master", 1),), 1.0
        self.store.create(
            JobRecord(
                handle=handle,
                framework="pytorch",
                roles=roles,
                created=created,
                source="",
                label="",
                digest="",
                owner="k",
            )
        )

    def foreign(self, name: str = "demo") -> JobHandle:
        """A job that another process has started; the store they share knows it."""
        self.api.put(JOBS, made("%master=1", name=name))
        handle = self.handle(name)
        self.record(handle)
        return handle

    async def submitted(self, name: str = "demo") -> JobHandle:
        """One of this process's own."""
        self.record(JobHandle("kubeflow", "", "", "PyTorchJob", name, ""))
        return await self.submit(name)

    async def submit(self, name: str = "demo") -> JobHandle:
        """The record is there."""
        return await self.backend.submit(spec_of("%master=1", name=name), mounted())

    def end(self, name: str = "demo") -> None:
        """It ends well, and the operator says so."""
        job = self.api.at(JOBS, name)
        labels = {"ciao.dev/uid": job["metadata"]["labels"]["ciao.dev/uid"]}
        labels |= {"training.kubeflow.org/replica-type": "master", "training.kubeflow.org/replica-index": "0"}
        metadata = {"name": f"{name}-master-0", "labels": labels, "ownerReferences": [{"uid": job["metadata"]["uid"]}]}
        status = {"phase": "Succeeded", "containerStatuses": [GOOD]}
        spec = {"containers": [{"name": "pytorch"}]}
        self.api.put(PODS, {"metadata": metadata, "spec": spec, "status": status})
        self.api.put(JOBS, {**job, "status": {"conditions": [{"type": "Succeeded", "status": "True"}]}})

    async def watched(self, handle: JobHandle) -> list[Observation]:
        """All that a watcher hears, to the end."""
        async with self.backend.watch(handle, Cursor({})) as observations:
            return [each async for each in observations]

    def listed(self, path: str) -> int:
        """How often something was listed."""
        return self.api.requests.count(f"GET {path}")

    @property
    def left(self) -> list[str]:
        """The names of all that exists in the cluster."""
        return sorted(name for collection in self.api.objects.values() for name in collection)


Story = Callable[[Scene], Awaitable[None]]
Run = Callable[..., None]


def going_on() -> set[asyncio.Task[Any]]:
    """What runs beside this."""
    return asyncio.all_tasks() - {asyncio.current_task()}  # type: ignore[arg-type]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Run:
    """Plays a story with a backend, and closes that; no task and no connection may be left."""

    async def main(story: Story, place: Place) -> None:
        errors = list[str]()
        asyncio.get_running_loop().set_exception_handler(lambda _, what: errors.append(str(what)))
        scene = Scene(monkeypatch, place)
        await story(scene)
        await scene.backend.close()
        assert going_on() == set()
        assert scene.open == []
        assert errors == []

    return lambda story, place=None: play(main(story, place or Place()))


async def begun(work: Coroutine[Any, Any, Any], seconds: float = 0.05) -> asyncio.Task[Any]:
    """It goes on in a task of its own, for so long already."""
    task = asyncio.ensure_future(work)
    await asyncio.sleep(seconds)
    return task


async def cancelled(task: asyncio.Task[Any]) -> None:
    """And is over."""
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


def test_what_a_cluster_is(run: Run) -> None:
    """Its operator decides how a job went, and its replicas have images."""

    async def story(scene: Scene) -> None:
        assert scene.backend.target == "kubeflow"
        assert scene.backend.decides
        assert scene.backend.accepts_images

    run(story)


# -- connections ----------------------------------------------------------------------------------------


def test_an_attempt_to_connect_that_failed_is_made_again(run: Run) -> None:
    """By the next use; all who waited for it hear why it failed."""

    async def story(scene: Scene) -> None:
        scene.refusals = [NOBODY]
        heard = await asyncio.gather(*(scene.backend.warm_up() for _ in range(2)), return_exceptions=True)
        assert heard == [NOBODY, NOBODY]
        await scene.backend.warm_up()
        assert (scene.attempts, scene.open) == (2, ["lab"])

    run(story)


def test_an_attempt_that_failed_while_nobody_waited_is_made_again(run: Run) -> None:
    """Who had begun it was cancelled; the next hears nothing of it."""

    async def story(scene: Scene) -> None:
        scene.refusals = [NOBODY]
        await cancelled(await begun(scene.backend.warm_up()))
        await asyncio.sleep(1.0)
        await scene.backend.warm_up()
        assert (scene.attempts, scene.open) == (2, ["lab"])

    run(story)


def test_who_tries_again_at_once_does_not_disturb_the_others(run: Run) -> None:
    """Two waited for the attempt that failed; one of them has begun the next when the other hears of it."""

    async def again(scene: Scene) -> None:
        with pytest.raises(AccessError):
            await scene.backend.warm_up()
        await scene.backend.warm_up()

    async def story(scene: Scene) -> None:
        scene.refusals = [NOBODY]
        await asyncio.gather(*(again(scene) for _ in range(3)))
        assert scene.attempts == 2

    run(story)


@pytest.mark.parametrize("takes", [{"": 0.1, "lab": 0.3}, {"": 0.3, "lab": 0.1}], ids=["none first", "its name first"])
def test_a_context_has_one_connection(run: Run, takes: dict[str, float]) -> None:
    """Under its name and, for the current one, under none; also when both are asked for at the same moment."""

    async def story(scene: Scene) -> None:
        scene.takes = takes
        named = scene.handle(uid="none", context="lab")
        await asyncio.gather(scene.backend.warm_up(), scene.backend.stop(named, Stop()))
        await scene.backend.warm_up()
        await scene.backend.stop(named, Stop())
        assert (scene.attempts, scene.open) == (2, ["lab"])

    run(story)


def test_the_current_context_is_known_by_its_name(run: Run) -> None:
    """No second connection is made for that; for another context one is."""

    async def story(scene: Scene) -> None:
        await scene.backend.warm_up()
        await scene.backend.stop(scene.handle(uid="none"), Stop())
        assert scene.attempts == 1
        await scene.backend.stop(scene.handle(uid="none", context="far"), Stop())
        assert scene.open == ["lab", "far"]

    run(story)


def test_a_connection_that_fails_beside_one_that_works_is_no_matter(run: Run) -> None:
    """The same context is asked for under both names, and only one attempt fails: that one's asker hears it."""

    async def story(scene: Scene) -> None:
        scene.takes, scene.refusals = {"": 0.1, "lab": 0.3}, [NOBODY]
        stopping = await begun(scene.backend.stop(scene.handle(uid="none"), Stop()))
        await scene.backend.warm_up()
        with pytest.raises(AccessError):
            await stopping
        await scene.backend.warm_up()
        assert (scene.attempts, scene.open) == (2, ["lab"])

    run(story)


def test_who_is_cancelled_leaves_the_connection_to_the_others(run: Run) -> None:
    """One of two who wait for it does not want it any more, whichever name he asked by."""

    async def story(scene: Scene) -> None:
        scene.takes = {"": 0.1, "lab": 0.3}
        first = await begun(scene.backend.warm_up())
        second = await begun(scene.backend.stop(scene.handle(uid="none"), Stop()))
        third = await begun(scene.backend.warm_up(), 0.1)
        await cancelled(first)
        await cancelled(third)
        await second
        assert scene.open == ["lab"]

    run(story)


def test_who_connects_when_it_is_closed_leaves_nothing(run: Run) -> None:
    """Nobody waits for it any more."""

    async def story(scene: Scene) -> None:
        connecting = await begun(scene.backend.warm_up())
        await scene.backend.close()
        assert going_on() <= {connecting}
        await asyncio.gather(connecting, return_exceptions=True)

    run(story)


# -- before there is a job ------------------------------------------------------------------------------


def test_what_an_overlay_does_wrong_is_a_finding(run: Run) -> None:
    """The user can mend it, and nothing was asked of the cluster."""

    async def story(scene: Scene) -> None:
        (found,) = await scene.backend.check(spec_of("%overlay=nowhere.yaml"))
        assert found.severity is Severity.REFUSAL
        assert found.message.startswith("%overlay=nowhere.yaml cannot be read: No such file or directory.")
        assert scene.api.requests == []

    run(story)


def test_a_check_asks_where_the_job_would_go(run: Run) -> None:
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


def test_what_is_shown_has_no_value_of_a_variable(run: Run) -> None:
    """Notebooks are saved and shared; nothing is asked of the cluster, not even where it is."""

    async def story(scene: Scene) -> None:
        job, source = scene.backend.render(spec_of("%master=1", "%env=TOKEN=hunter2"), mounted(data=b"x"))
        assert (job.kind, source.kind) == ("PyTorchJob", "ConfigMap")
        assert "TOKEN" in job.text
        assert "hunter2" not in job.text + source.text
        assert scene.attempts == 0

    run(story)


# -- submit ---------------------------------------------------------------------------------------------


def test_a_job_is_followed_whether_anybody_watches_or_not(run: Run) -> None:
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


def test_a_job_goes_where_its_cell_says(run: Run) -> None:
    """Else where the settings say, else where the kubeconfig says."""

    async def story(scene: Scene) -> None:
        scene.record(JobHandle("kubeflow", "", "", "PyTorchJob", "demo", ""))
        handle = await scene.backend.submit(spec_of("%master=1", "%context=lab"), mounted())
        assert (handle.context, handle.namespace) == ("lab", "others")
        assert scene.api.at(OTHERS, "demo")["metadata"]["uid"] == handle.uid

    run(story, Place(context="far", namespace="others"))


def test_a_job_that_cannot_be_followed_is_not_left(run: Run) -> None:
    """The store does not know it: it is deleted, and nothing follows it."""

    async def story(scene: Scene) -> None:
        with pytest.raises(StoreError):
            await scene.submit()
        assert scene.left == []
        assert going_on() == set()

    run(story)


def test_that_it_cannot_be_deleted_does_not_hide_why(run: Run) -> None:
    """The first error is what the user hears."""

    async def story(scene: Scene) -> None:
        scene.api.faults[f"DELETE {JOBS}/demo"] = Unreachable("no answer", sent=False)
        with pytest.raises(StoreError):
            await scene.submit()

    run(story)


@pytest.mark.parametrize("times", [1, 2])
@pytest.mark.parametrize("turns", range(1, 18))
def test_submit_that_is_cancelled_leaves_all_or_nothing(run: Run, turns: int, times: int) -> None:
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
def test_a_job_that_is_watched_while_it_is_submitted_is_followed_once(run: Run, turns: int) -> None:
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


# -- watch ----------------------------------------------------------------------------------------------


def test_of_a_job_that_another_one_has_replaced_it_is_told_that_it_is_gone(run: Run) -> None:
    """And nothing of the other."""

    async def story(scene: Scene) -> None:
        handle = scene.foreign()
        scene.api.take(JOBS, "demo")
        scene.api.put(JOBS, made("%master=1"))
        (gone,) = await scene.watched(handle)
        assert isinstance(gone, JobGone)
        assert "another job named demo" in gone.message
        assert going_on() == set()

    run(story)


@pytest.mark.parametrize("kind", ["PyTorchJob", "TFJob", "MXJob"])
def test_a_job_that_is_not_there_is_unknown(run: Run, kind: str) -> None:
    """Nor is one of a kind that Ciao does not know."""

    async def story(scene: Scene) -> None:
        with pytest.raises(UnknownJobError, match="The cluster has no job demo"):
            await scene.watched(scene.handle(uid="none", kind=kind))

    run(story)


def test_a_job_that_may_not_be_looked_at_is_refused(run: Run) -> None:
    """In words, not by the apiserver's own error; the next attempt may do better."""

    async def story(scene: Scene) -> None:
        handle = scene.foreign()
        scene.api.faults[f"GET {JOBS}/demo"] = forbidden("pytorchjobs")
        with pytest.raises(CiaoError, match="pytorchjobs"):
            await scene.watched(handle)
        watching = await begun(scene.watched(handle), 1.0)
        scene.end()
        assert [each.succeeded for each in await watching if isinstance(each, OutcomeSeen)] == [True]

    run(story)


def test_who_leaves_a_job_of_another_kernel_ends_its_follower(run: Run) -> None:
    """Nobody here needs it; the job goes on, and can be watched again."""

    async def story(scene: Scene) -> None:
        handle = scene.foreign()
        for times in (1, 2):
            await cancelled(await begun(scene.watched(handle), 1.0))
            assert going_on() == set()
            assert scene.listed(PODS) == times
        assert scene.left == ["demo"]

    run(story)


def test_who_leaves_an_own_job_does_not(run: Run) -> None:
    """It is followed to its end."""

    async def story(scene: Scene) -> None:
        handle = await scene.submitted()
        for _ in range(2):
            await cancelled(await begun(scene.watched(handle), 1.0))
            assert going_on() != set()
        assert scene.listed(PODS) == 1

    run(story)


def test_a_job_is_followed_once_however_many_watch_it(run: Run) -> None:
    """Also when they come at the same moment; the last who leaves ends it."""

    async def story(scene: Scene) -> None:
        handle = scene.foreign()
        one, other = [asyncio.ensure_future(scene.watched(handle)) for _ in range(2)]
        await asyncio.sleep(1.0)
        assert scene.listed(PODS) == 1
        await cancelled(one)
        assert going_on() > {other}
        await cancelled(other)
        assert going_on() == set()

    run(story)


@pytest.mark.parametrize("turns", range(1, 12))
def test_who_is_cancelled_as_he_begins_leaves_the_job_to_the_other(run: Run, turns: int) -> None:
    """Of two who come at the same moment; the other is told all of it."""

    async def story(scene: Scene) -> None:
        handle = scene.foreign()
        await scene.backend.warm_up()
        one, other = [asyncio.ensure_future(scene.watched(handle)) for _ in range(2)]
        for _ in range(turns):
            await asyncio.sleep(0)
        await cancelled(one)
        await asyncio.sleep(1.0)
        scene.end()
        assert any(isinstance(each, OutcomeSeen) for each in await other)
        assert going_on() == set()

    run(story)


def test_a_job_without_a_record_cannot_be_watched(run: Run) -> None:
    """Whoever tries hears it, each time; nothing is left, and nobody waits for ever."""

    async def story(scene: Scene) -> None:
        handle = scene.foreign()
        scene.store.remove(handle)
        heard = await asyncio.gather(*(scene.watched(handle) for _ in range(2)), return_exceptions=True)
        assert [type(each) for each in heard] == [StoreError, StoreError]
        with pytest.raises(StoreError):
            await scene.watched(handle)
        assert going_on() == set()

    run(story)


def test_what_kept_a_job_from_being_watched_may_be_mended(run: Run) -> None:
    """Also of an own one: the next who watches begins anew."""

    async def story(scene: Scene) -> None:
        scene.api.faults[f"GET {PODS}"] = forbidden("pods")
        handle = await scene.submitted()
        await asyncio.sleep(1.0)
        with pytest.raises(CiaoError, match="pods"):
            await scene.watched(handle)
        watching = await begun(scene.watched(handle), 1.0)
        scene.end()
        assert any(isinstance(each, OutcomeSeen) for each in await watching)

    run(story)


def test_a_fault_of_who_watches_is_no_fault_of_the_job(run: Run) -> None:
    """An own job is followed on, once."""

    async def story(scene: Scene) -> None:
        handle = await scene.submitted()
        with pytest.raises(StoreError):
            async with scene.backend.watch(handle):
                raise StoreError("the disk is full")
        watching = await begun(scene.watched(handle), 1.0)
        scene.end()
        assert any(isinstance(each, OutcomeSeen) for each in await watching)
        assert scene.listed(PODS) == 1

    run(story)


def test_only_so_many_jobs_that_are_over_are_remembered(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """The oldest are forgotten, and asked for in the cluster if anybody wants them."""

    async def story(scene: Scene) -> None:
        monkeypatch.setattr(backend, "_REMEMBERED", 2)
        handles = []
        for name in ("one", "two", "three", "four"):
            handles.append(await scene.submitted(name))
            scene.end(name)
            await asyncio.sleep(60.0)
            scene.api.take(JOBS, name)
        for handle in handles[1:]:
            await scene.watched(handle)
        with pytest.raises(UnknownJobError):
            await scene.watched(handles[0])

    run(story)


# -- find, stop -----------------------------------------------------------------------------------------


def test_jobs_are_found_where_they_may_be(run: Run) -> None:
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


def test_jobs_of_a_cluster_that_cannot_be_asked_are_as_the_store_has_them(run: Run) -> None:
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


def test_jobs_are_found_by_name_and_uid(run: Run) -> None:
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
def test_where_jobs_cannot_be_listed_it_is_an_error(run: Run, error: Exception, said: str) -> None:
    """Else they would be taken for lost. Nothing goes on asking."""

    async def story(scene: Scene) -> None:
        scene.api.faults[f"GET {JOBS}"] = error
        with pytest.raises(CiaoError, match=said):
            await scene.backend.find(Query())
        assert going_on() == set()

    run(story)


def test_a_job_of_an_unknown_kind_is_not_stopped(run: Run) -> None:
    """Nothing is asked, and it is no error."""

    async def story(scene: Scene) -> None:
        await scene.backend.stop(scene.handle(uid="none", kind="MXJob"), Stop())
        assert (scene.attempts, scene.api.requests) == (0, [])

    run(story)


def test_a_job_that_is_asked_to_stop_is_marked(run: Run) -> None:
    """In the cluster that it is in."""

    async def story(scene: Scene) -> None:
        handle = scene.foreign()
        await scene.backend.stop(handle, Stop(grace=0.0))
        assert scene.left == []

    run(story)


def test_that_a_job_may_not_be_stopped_is_told_in_words(run: Run) -> None:
    """Whichever of the requests is refused."""

    async def story(scene: Scene) -> None:
        handle = scene.foreign()
        for path in (f"GET {JOBS}/demo", f"PATCH {JOBS}/demo", f"GET {PODS}"):
            scene.api.faults = {path: forbidden("pods")}
            with pytest.raises(CiaoError, match="pods"):
                await scene.backend.stop(handle, Stop())

    run(story)


# -- close ----------------------------------------------------------------------------------------------


def test_close_leaves_nothing_here_and_everything_there(run: Run) -> None:
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
