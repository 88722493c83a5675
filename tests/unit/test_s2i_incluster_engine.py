"""Port Engine in the cluster: what is there before, while and after it builds."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from ciao.adapters.kube.apierrors import ApiError, Unreachable
from ciao.adapters.oci.reference import Reference
from ciao.adapters.s2i.content import Content
from ciao.adapters.s2i.engine import Build
from ciao.adapters.s2i.incluster.engine import InCluster
from ciao.adapters.s2i.incluster.kinds import KANIKO, TASK_RUN, Kind
from ciao.adapters.s2i.incluster.plan import DEADLINE
from ciao.core.errors import CiaoError, Place, SettingsError, SourceError, TargetError
from ciao.core.settings import Entry, Settings, resolve

from .apiserver import CONFIGMAPS, PODS, Apiserver
from .incluster import DIGEST, JOBS, RUNS, content, placed, when
from .jobs import job
from .kubeapi import Api
from .virtualtime import VirtualClock

REVIEW = "POST /apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
_NEW_YEAR = "2026-01-01T00:00:00Z"
LARGE = f"reg.lan/team/ciao@sha256:{'c' * 64}"


def settings(**more: str) -> Settings:
    """``registry_push="…"`` for registry.push."""
    said = {"registry_push": "localhost:5000/team/ciao", "registry_pods": "10.0.0.3:5000/team/ciao"}
    said |= {"kubeflow_namespace": "team", **more}
    entries = (Entry(key.replace("_", ".", 1), text, Place("test")) for key, text in said.items() if text)
    return resolve((tuple(entries),), (), "/home/u")


class One:
    """The session's connections: all to one apiserver."""

    def __init__(self, api: Any) -> None:
        self.api = api
        self.asked: list[str] = []

    async def to(self, context: str) -> Any:
        self.asked.append(context)
        return self.api


class Cluster(Apiserver):
    """With controllers: whatever is created ends well at once, unless ``holds``."""

    def __init__(self, kind: Kind = KANIKO) -> None:
        super().__init__()
        self.kind, self.holds, self.tekton = kind, False, False
        self.asked, self.begun = asyncio.Event(), asyncio.Event()
        self.objects |= {JOBS: {}, RUNS: {}, CONFIGMAPS: {}, PODS: {}}
        self.made: list[dict[str, Any]] = []

    async def get(self, path: str, *, metadata_only: bool = False, **params: str) -> dict[str, Any]:
        if path == "/apis/tekton.dev/v1" and self.tekton:
            return {"kind": "APIResourceList"}
        return await super().get(path, metadata_only=metadata_only, **params)

    async def post(self, path: str, body: dict[str, Any], **params: str) -> dict[str, Any]:
        self.asked.set()
        return await super().post(path, body, **params)

    def put(self, collection: str, thing: dict[str, Any]) -> dict[str, Any]:
        found = super().put(collection, thing)
        if collection == CONFIGMAPS:
            self.made.append(found)
            self.begun.set()
            if not self.holds:
                asyncio.get_running_loop().call_soon(self._end, found["metadata"])
        return found

    def _end(self, files: dict[str, Any]) -> None:
        said = {
            "exitCode": 0,
            "message": DIGEST,
            "startedAt": "2026-01-01T00:00:00Z",
            "finishedAt": "2026-01-01T00:00:01Z",
        }
        name = self.kind.container
        status = {"phase": "Succeeded", "containerStatuses": [{"name": name, "state": {"terminated": said}}]}
        metadata = {"name": "p", "labels": files["labels"], "ownerReferences": files["ownerReferences"]}
        super().put(PODS, {"metadata": metadata, "spec": {"containers": [{"name": name}]}, "status": status})

    @property
    def left(self) -> list[str]:
        """Names of all that exists."""
        return sorted(name for things in self.objects.values() for name in things)


def engine(api: Any, kind: Kind = KANIKO, pushed: list[Content] | None = None, **more: str) -> InCluster:
    """On this apiserver."""

    async def push(files: Content, spec: object, report: object) -> str:
        assert pushed is not None
        pushed.append(files)
        return LARGE

    found = settings(**more)
    return InCluster(
        kind, settings=lambda: found, clusters=lambda: One(api),  # type: ignore[arg-type, return-value]
        clock=VirtualClock(), uid=lambda: "0123abcd4567", push=push,
    )  # fmt: skip


def build(**files: bytes) -> Build:
    """A Dockerfile with these files."""
    return Build(dockerfile="FROM x\n", context=content(**files), tag="t1")


def run(story: Callable[[], Awaitable[None]]) -> None:
    """In a few seconds at most."""

    async def main() -> None:
        async with asyncio.timeout(20.0):
            await story()

    asyncio.run(main())


def test_a_build_leaves_an_image_and_nothing_else() -> None:
    """Owner, ConfigMap and pod are gone."""

    async def story() -> None:
        api = Cluster()
        assert await engine(api).build(build(a=b"1"), job(), lambda _: None) == DIGEST
        assert api.left == []
        assert list(api.made[0]["binaryData"]) == ["context.tar.gz"]

    run(story)


def test_a_large_context_goes_by_way_of_the_registry() -> None:
    """The ConfigMap has the Dockerfile alone."""

    async def story() -> None:
        api, pushed = Cluster(), list[Content]()
        large = build(a=bytes(9 << 20))
        assert await engine(api, pushed=pushed).build(large, job(), lambda _: None) == DIGEST
        assert pushed == [large.context]
        assert api.made[0]["data"] == {"Dockerfile": "FROM x\n"}
        assert "binaryData" not in api.made[0]

    run(story)


@pytest.mark.parametrize("turns", range(0, 40, 3))
def test_cancelled_at_any_moment_nothing_is_left(turns: int) -> None:
    """Whatever request was on its way."""

    async def story() -> None:
        api = Cluster()
        api.holds = True
        building = asyncio.ensure_future(engine(api).build(build(), job(), lambda _: None))
        if turns:
            await api.asked.wait()
        for _ in range(turns):
            await asyncio.sleep(0)
        building.cancel()
        with pytest.raises(asyncio.CancelledError):
            await building
        assert api.left == []

    run(story)


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (ApiError(403, "Forbidden", 'User "eve" cannot create resource "jobs" in API group "batch"'), SourceError),
        (ApiError(500, "InternalError", "etcd is full"), TargetError),
        (Unreachable("no answer", sent=False), Unreachable),
    ],
    ids=["forbidden", "broken", "unreachable"],
)
@pytest.mark.parametrize("request_", [f"POST {JOBS}", f"POST {CONFIGMAPS}"], ids=["owner", "files"])
def test_what_cannot_be_created_leaves_nothing(request_: str, fault: Exception, error: type[CiaoError]) -> None:
    """And no foreign exception leaves."""

    async def story() -> None:
        api = Cluster()
        api.faults[request_] = fault
        with pytest.raises(error):
            await engine(api).build(build(), job(), lambda _: None)
        assert api.left == []

    run(story)


def test_an_answer_that_was_lost_is_found_again() -> None:
    """The name is of this act alone."""

    async def story() -> None:
        api = Cluster()
        api.faults[f"POST {JOBS} done"] = api.faults[f"POST {CONFIGMAPS} done"] = Unreachable("no answer", sent=True)
        assert await engine(api).build(build(), job(), lambda _: None) == DIGEST
        assert api.left == []

    run(story)


def test_a_cluster_without_tekton_is_told_before_anything_is_made() -> None:
    """With two ways out."""

    async def story() -> None:
        api = Cluster(TASK_RUN)
        with pytest.raises(SourceError, match=r"no Tekton Pipelines.*\n.*%s2i=kaniko.*install"):
            await engine(api, TASK_RUN).build(build(), job(), lambda _: None)
        assert api.made == []

    run(story)


def test_what_killed_processes_left_is_swept_where_the_cluster_does_not() -> None:
    """TaskRuns stay for ever; only those that no build can still be waiting for go, and only Ciao's."""

    async def story() -> None:
        api = Cluster(TASK_RUN)
        api.tekton = True
        mine = {"app.kubernetes.io/managed-by": "ciao", "ciao.dev/builder": "tekton"}
        old = {"creationTimestamp": "2025-01-01T00:00:00Z"}
        api.put(RUNS, {"metadata": {"name": "old", "namespace": "team", "labels": mine, **old}})
        api.put(RUNS, {"metadata": {"name": "theirs", "namespace": "team", "labels": {}, **old}})
        lately = when(asyncio.get_running_loop().time() - DEADLINE)
        api.put(RUNS, {"metadata": {"name": "new", "namespace": "team", "labels": mine, "creationTimestamp": lately}})
        api.holds = True
        building = asyncio.ensure_future(engine(api, TASK_RUN).build(build(), job(), lambda _: None))
        await api.begun.wait()
        for _ in range(20):  # it is followed by then
            await asyncio.sleep(0)
        building.cancel()
        with pytest.raises(asyncio.CancelledError):
            await building
        assert sorted(api.objects[RUNS]) == ["new", "theirs"]

    run(story)


def test_images_have_the_names_that_pods_know() -> None:
    """Those of the same registry; all others have theirs."""
    found = engine(Cluster())
    assert str(found.reached(Reference("localhost:5000", "python", "3"))) == "10.0.0.3:5000/python:3"
    assert str(found.reached(Reference("docker.io", "library/python", "3"))) == "docker.io/library/python:3"


def test_settings_say_the_rest() -> None:
    """Secret, registries that are not checked, the image of Kaniko, and who is trusted."""

    async def story() -> None:
        api = Cluster()
        api.holds = True
        found = engine(api, registry_secret="reg-login", registry_insecure="10.0.0.3:5000", kaniko_image="k:2")
        building = asyncio.ensure_future(found.build(build(), placed(pull_secret="pull"), lambda _: None))
        await api.begun.wait()
        pod = next(iter(api.objects[JOBS].values()))["spec"]["template"]["spec"]
        assert pod["volumes"][1]["secret"]["secretName"] == "reg-login"
        assert pod["containers"][0]["image"] == "k:2"
        assert "--destination=10.0.0.3:5000/team/ciao:t1" in pod["containers"][0]["args"]
        assert "--insecure-registry=10.0.0.3:5000" in pod["containers"][0]["args"]
        building.cancel()
        await asyncio.wait((building,))

    run(story)


def test_a_file_of_authorities_that_cannot_be_read_is_a_setting_s_fault() -> None:
    """Its place is said."""

    async def story() -> None:
        with pytest.raises(SettingsError, match=r"registry.ca: /nowhere/ca.pem cannot be read"):
            await engine(Cluster(), registry_ca="/nowhere/ca.pem").build(build(), job(), lambda _: None)

    run(story)


def test_the_cell_says_where() -> None:
    """Its context and its namespace come before the settings'."""

    async def story() -> None:
        connections = One(Api({REVIEW: {"status": {"allowed": True}}}))
        found = settings(kubeflow_context="of-settings")
        mine = InCluster(
            KANIKO, settings=lambda: found, clusters=lambda: connections,  # type: ignore[arg-type, return-value]
            clock=VirtualClock(), uid=lambda: "u", push=None,  # type: ignore[arg-type]
        )  # fmt: skip
        await mine.why_not(job())
        await mine.why_not(placed(context="of-cell", namespace="theirs"))
        assert connections.asked == ["of-settings", "of-cell"]
        (_, first), (_, second) = connections.api.sent
        spaces = [each["body"]["spec"]["resourceAttributes"]["namespace"] for each in (first, second)]
        assert spaces == ["team", "theirs"]

    run(story)


@pytest.mark.parametrize(
    ("answers", "more", "said"),
    [
        ({REVIEW: {"status": {"allowed": True}}}, {}, ""),
        ({REVIEW: {"status": {"allowed": False}}}, {}, "may not create jobs.batch in the namespace team.*rbac-builds"),
        ({REVIEW: Unreachable("The cluster cannot be reached.", sent=False)}, {}, "The cluster cannot be reached."),
        ({REVIEW: ApiError(503, "ServiceUnavailable", "")}, {}, "too busy"),
        ({}, {"registry_push": ""}, "%s2i=kaniko needs a registry"),
    ],
    ids=["allowed", "denied", "unreachable", "busy", "no registry"],
)
def test_why_it_cannot_be_used_is_one_sentence(answers: dict[str, Any], more: dict[str, str], said: str) -> None:
    """And asking changes nothing."""

    async def story() -> None:
        found = await engine(Api(answers), **more).why_not(job())
        assert "\n" not in found
        assert re.search(said, found) if said else found == ""

    run(story)
