"""The builders ``kaniko`` and ``tekton`` with a real cluster and a real registry, for an account that has just the
rights of deploy/rbac.yaml and deploy/rbac-builds.yaml.
"""

from __future__ import annotations

import asyncio
import json
import os
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest
from attrs import evolve

from ciao.adapters.kube.access import Access
from ciao.adapters.kube.connections import Connections
from ciao.adapters.s2i.dockerfilebuilder import DockerfileBuilder
from ciao.adapters.s2i.incluster import create_kaniko, create_tekton
from ciao.core.errors import CiaoError, SourceError
from ciao.core.events import Progress
from ciao.core.model import Image, JobSpec, Source

from ..cluster import Cluster
from ..commands import call
from ..tenant import Tenant
from .conftest import Bases
from .wired import spec, wiring

CREATE = {"kaniko": create_kaniko, "tekton": create_tekton}
FILES = {"data/a.csv": b"1,2", "it's $(a) [b] é.txt": b"odd", "run.sh": b"#!/bin/sh\n"}
CODE = "import os\nprint(*sorted(os.listdir('.')), open('data/a.csv').read(), os.access('run.sh', os.X_OK), sep='|')\n"


class Session:
    """One session's builder; ``told``: what it reported."""

    def __init__(self, builder: str, tenant: Tenant, folder: Path, python: str, **settings: str) -> None:
        self.builder, self.tenant, self.folder, self.told = builder, tenant, folder, list[Progress]()
        registry, pods = tenant.cluster.registry, tenant.cluster.pods_registry
        self.python_in_pods = python.replace(registry, pods)
        self.path = f"{tenant.namespace}/ciao"
        self._settings = {
            "registry.push": f"{registry}/{self.path}", "registry.pods": f"{pods}/{self.path}",
            "registry.insecure": pods, "registry.path": str(folder.parent / "known"), "image.pytorch": python,
            "kubeflow.namespace": tenant.namespace, **{key.replace("_", "."): text for key, text in settings.items()},
        }  # fmt: skip

    def __call__(self, source: Source, job: JobSpec | None = None, cancel: str = "") -> Image:
        """The image of a source; cancelled as soon as a line that begins so is reported."""
        return asyncio.run(self._built(source, job or spec(), cancel))

    def why_not(self) -> str:
        """Why nothing can be built."""

        async def asked() -> str:
            connections = Connections(Access(kubeconfig=str(self.tenant.kubeconfig), environ=os.environ))
            try:
                return await self._made(connections).why_not(spec())
            finally:
                await connections.close()

        return asyncio.run(asked())

    async def _built(self, source: Source, job: JobSpec, cancel: str) -> Image:
        connections = Connections(Access(kubeconfig=str(self.tenant.kubeconfig), environ=os.environ))
        client = self._made(connections)
        source = evolve(source, directory=str(self.folder))
        building = asyncio.ensure_future(client.source_to_image(source, job, lambda each: self._hear(each, cancel)))
        self._cancel = building.cancel
        try:
            return await building
        finally:
            await client.close()
            await connections.close()

    def _made(self, connections: Connections) -> DockerfileBuilder:
        return CREATE[self.builder](evolve(wiring(self._settings), clusters=lambda: connections))

    def _hear(self, progress: Progress, cancel: str) -> None:
        self.told.append(progress)
        if cancel and progress.what.startswith(cancel):
            self._cancel()

    @property
    def left(self) -> list[str]:
        """What there is of builds."""
        kinds = "jobs,pods,configmaps" + (",taskruns" if self.tenant.cluster.tekton else "")
        items = self.tenant.items(kinds, "-l", "ciao.dev/builder")
        return [f"{each['kind']} {each['metadata']['name']}" for each in items]

    @property
    def tags(self) -> list[str]:
        """Of images with a source, in the repository."""
        try:
            with urllib.request.urlopen(f"http://{self.tenant.cluster.registry}/v2/{self.path}/tags/list") as answer:
                found: list[str] = json.load(answer)["tags"] or []
        except urllib.error.HTTPError:
            return []
        return [each for each in found if each.startswith("ciao-")]


@pytest.fixture(params=["kaniko", "tekton"])
def session(
    request: pytest.FixtureRequest, cluster: Cluster, builds: Tenant, bases: Bases, tmp_path: Path
) -> Callable[..., Session]:
    """A session of each builder that is there, with files beside its notebook."""
    if request.param == "tekton" and not cluster.tekton:
        pytest.skip("this cluster has no Tekton")
    folder = tmp_path / "notebook"
    for path, content in FILES.items():
        (folder / path).parent.mkdir(exist_ok=True, parents=True)
        (folder / path).write_bytes(content)
    (folder / "run.sh").chmod(0o755)

    def begin(python: str = bases.python, **settings: str) -> Session:
        return Session(str(request.param), builds, folder, python, **settings)

    return begin


def run(image: Image) -> str:
    """What the image's own command prints, as anybody."""
    reference = f"{image.reference.rpartition(':')[0]}@{image.digest}"
    try:
        return call("docker", "run", "--rm", "--user", "1234", reference).strip()
    finally:
        call("docker", "rmi", reference)


def until(holds: Callable[[], bool], seconds: float = 30) -> None:
    """The cluster collects what belonged to a build, soon."""
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.3)


def test_a_step_that_fails_is_told_with_what_it_printed(session: Callable[..., Session]) -> None:
    """It is the user's Dockerfile; nothing of the build is left, and no tag."""
    build = session()
    step = json.dumps(["python", "-c", "import sys; print('why it fails'); sys.exit(3)"])
    (build.folder / "Dockerfile").write_text(f"FROM {build.python_in_pods}\nRUN {step}\n")
    with pytest.raises(SourceError, match=r"A step of the Dockerfile failed \(exit status 3\): RUN") as error:
        build(Source(code="print(1)\n"))
    assert "why it fails" in str(error.value)
    until(lambda: build.left == [])
    assert build.tags == []


@pytest.mark.parametrize("line", ["Retrieving image", "COPY"])
def test_a_cancelled_build_leaves_nothing(session: Callable[..., Session], line: str) -> None:
    """No pod runs on; there is no tag, unless the image was whole by then."""
    build = session()
    with pytest.raises(asyncio.CancelledError):
        build(Source(code="print(1)\n"), cancel=line)
    until(lambda: build.left == [])
    assert build.tags == [] or line == "COPY"


def test_who_may_not_build_is_told_who_can_grant_it(
    tenant: Tenant, bases: Bases, tmp_path: Path, cluster: Cluster
) -> None:
    """The rights of jobs are not those of builds."""
    build = Session("kaniko", tenant, tmp_path, bases.python)
    assert "rbac-builds.yaml" in build.why_not()
    with pytest.raises(CiaoError, match=r"may not create jobs\.batch"):
        build(Source(code="print(1)\n"))
    assert build.left == []


def test_who_may_build_has_no_reason_not_to(session: Callable[..., Session]) -> None:
    """With just the rights of deploy/."""
    assert session().why_not() == ""
