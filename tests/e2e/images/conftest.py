"""What cases that build images find: bases in the run's registry, a registry that wants a login, a package index."""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from attrs import frozen

from ..cluster import Cluster
from ..commands import call, has
from ..notebook import Notebook
from ..registry import free_port, push
from ..tenant import DEPLOY, Tenant, granted, settle
from ..wanted import wanted
from .index import Index
from .secured import Secured
from .sources import builder_image

BUILDERS = ("registry", "docker", "s2i", "kaniko", "tekton")
BUILDS = DEPLOY / "rbac-builds.yaml"


@frozen
class Bases:
    """Images in the run's registry, by the name that this machine and nodes have for it."""

    python: str
    builder: str

    def of(self, builder: str) -> str:
        """What a job's %image is: source-to-image wants a builder image."""
        return self.builder if builder == "s2i" else self.python


@pytest.fixture(scope="session")
def bases(cluster: Cluster, worker_id: str) -> Iterator[Bases]:
    """Pushed once for each of the run's processes, under names of their own: Docker's tags are not for sharing."""
    if not cluster.registry:
        pytest.fail("these cases need a registry that this machine and the cluster know: CIAO_E2E_REGISTRY")
    made = builder_image(cluster.python, f"{cluster.run}-{worker_id}")
    try:
        python = push(cluster.python, cluster.registry, f"base/python-{worker_id}:latest")
        builder = push(made, cluster.registry, f"base/s2i-{worker_id}:latest")
        yield Bases(python, builder)
        call("docker", "rmi", "--force", builder)
    finally:
        call("docker", "rmi", "--force", made)


@pytest.fixture
def builds(tenant: Tenant) -> Tenant:
    """A tenant who may build in the cluster."""
    tenant.kubectl.apply(*granted(BUILDS, tenant.namespace, tenant.namespace))
    return tenant


@pytest.fixture(scope="session")
def builders_tenant(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tenant]:
    """One for all cases of a process that only build: a namespace takes as long as a build."""
    found = settle(cluster, tmp_path_factory.mktemp("tenant"))
    found.kubectl.apply(*granted(BUILDS, found.namespace, found.namespace))
    yield found
    found.kubectl("delete", "namespace", found.namespace, "--wait=false")


@pytest.fixture
def pushing(cluster: Cluster, builds: Tenant) -> dict[str, str]:
    """Settings of a session that pushes to a repository of the case's own."""
    path = f"{builds.namespace}/ciao"
    return {
        "CIAO_REGISTRY_PUSH": f"{cluster.registry}/{path}",
        "CIAO_REGISTRY_PODS": f"{cluster.pods_registry}/{path}",
        "CIAO_REGISTRY_INSECURE": cluster.pods_registry,
    }


@pytest.fixture
def open_builder(
    open_notebook: Callable[..., Notebook], pushing: dict[str, str], tmp_path: Path
) -> Callable[..., Notebook]:
    """A notebook with files beside it: ``open_builder({"words.txt": b"…"})``; further settings as keywords."""

    def begin(files: dict[str, bytes] | None = None, **env: str) -> Notebook:
        home = tmp_path / "home"
        home.mkdir(exist_ok=True)
        for path, content in (files or {}).items():
            (home / path).parent.mkdir(parents=True, exist_ok=True)
            (home / path).write_bytes(content)
        known = {"CIAO_REGISTRY_PATH": str(home / "images"), "PATH": _path()}
        return open_notebook(home=home, **{**pushing, **known, **env})

    return begin


@frozen
class Host:
    """A registry of this machine alone."""

    host: str


@pytest.fixture(scope="session")
def registry(cluster: Cluster, worker_id: str) -> Iterator[Host]:
    """Empty at first, for cases that need no cluster."""
    name, port = f"{cluster.run}-plain-{worker_id}", free_port()
    image = wanted(os.environ).registry_image
    call("docker", "run", "--detach", "--name", name, "--publish", f"127.0.0.1:{port}:5000", image)
    yield Host(f"localhost:{port}")
    call("docker", "rm", "--force", "--volumes", name)


@pytest.fixture(scope="session")
def secured(cluster: Cluster, worker_id: str) -> Iterator[Secured]:
    """A registry that wants a name and a password of everybody."""
    if not cluster.node:
        pytest.skip("this registry is made for a cluster of this run's own")
    found = Secured(cluster, f"{cluster.run}-secured-{worker_id}")
    yield found
    found.stop()


@pytest.fixture
def login(secured: Secured, tmp_path: Path) -> Path:
    """A directory with Docker's configuration that has the login to it: DOCKER_CONFIG."""
    folder = tmp_path / "docker"
    folder.mkdir()
    pair = base64.b64encode(f"{secured.name}:{secured.password}".encode()).decode()
    (folder / "config.json").write_text(json.dumps({"auths": {secured.host: {"auth": pair}}}))
    return folder


@pytest.fixture(scope="session")
def index() -> Iterator[Index]:
    """A package index with one small package, which containers of this machine reach."""
    found = Index()
    yield found
    found.stop()


@pytest.fixture(params=BUILDERS)
def builder(request: pytest.FixtureRequest, cluster: Cluster) -> str:
    """Each of them, where it is there."""
    name = str(request.param)
    if name == "s2i" and not has("s2i"):
        pytest.skip("the tool s2i is not on PATH (https://github.com/openshift/source-to-image)")
    if name == "tekton" and not cluster.tekton:
        pytest.skip("this cluster has no Tekton")
    return name


def _path() -> str:
    return os.environ.get("PATH", "")
