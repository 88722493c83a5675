"""Every builder keeps what builders promise, with a real registry; what is in an image is what Docker finds in it."""

from __future__ import annotations

import io
import json
import tarfile
import tempfile
import urllib.error
import urllib.request
import uuid
from collections.abc import Collection, Mapping
from importlib.metadata import entry_points
from pathlib import Path

import pytest

from ciao.adapters.kube.access import Access
from ciao.adapters.kube.connections import Connections
from ciao.adapters.s2i.destination import PREFIX
from ciao.core.model import Image, JobSpec
from ciao.core.ports import S2IClient
from ciao.testing import S2IClientContract

from ..cluster import Cluster
from ..commands import call, has
from ..nodeimages import docker
from ..tenant import Tenant
from .conftest import Bases
from .index import PACKAGE, Index
from .wired import spec, wiring


class BuilderContract(S2IClientContract):
    """``builder`` is what %s2i says."""

    builder = ""
    requirements: tuple[str, ...] = (PACKAGE,)

    @pytest.fixture(autouse=True)
    def _place(self, cluster: Cluster, builders_tenant: Tenant, bases: Bases, index: Index, tmp_path: Path) -> None:
        self.cluster, self.tenant, self.root, self.index = cluster, builders_tenant, tmp_path, index.url
        self.base, self.path = bases.of(self.builder), f"{uuid.uuid4().hex}/ciao"

    def tree(self, files: Mapping[str, bytes], executable: Collection[str] = ()) -> tuple[S2IClient, str]:
        root = Path(tempfile.mkdtemp(dir=self.root))
        for path, content in files.items():
            file = root / "files" / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content)
            file.chmod(0o755 if path in executable else 0o644)
        settings = {
            "registry.push": f"{self.cluster.registry}/{self.path}",
            "registry.pods": f"{self.cluster.pods_registry}/{self.path}",
            "registry.insecure": self.cluster.pods_registry,
            "registry.path": str(root / "known"),
            "s2i.limit": str(self.limit),
            "pip.index": self.index,
            "kubeflow.namespace": self.tenant.namespace,
        }
        connections = Connections(Access(kubeconfig=str(self.tenant.kubeconfig), context=None, environ={}))
        (entry,) = entry_points(group="ciao.builders", name=self.builder)
        client: S2IClient = entry.load()(wiring(settings, connections=connections))
        return client, str(root / "files")

    def spec(self) -> JobSpec:
        return spec(self.base)

    def files_in(self, image: Image) -> Mapping[str, bytes]:
        reference = f"{image.reference.rpartition(':')[0]}@{image.digest}"
        client = docker()
        call("docker", "pull", "--quiet", reference)
        container = client.api.create_container(reference, ["none"])["Id"]
        try:
            stream, _ = client.api.get_archive(container, image.source)
            with tarfile.open(fileobj=io.BytesIO(b"".join(stream))) as archive:
                return {each.name.partition("/")[2]: _content(archive, each) for each in archive if each.isfile()}
        finally:
            client.api.remove_container(container)
            call("docker", "rmi", "--force", reference)

    def tags(self) -> Collection[str]:
        url = f"http://{self.cluster.registry}/v2/{self.path}/tags/list"
        try:
            with urllib.request.urlopen(url, timeout=10) as answer:
                found = json.load(answer)["tags"] or []
        except urllib.error.HTTPError:  # there is no such repository yet
            return ()
        return [tag for tag in found if tag.startswith(PREFIX)]


def _content(archive: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    file = archive.extractfile(member)
    assert file is not None
    return file.read()


class TestRegistry(BuilderContract):
    """Packages are others' part, see test_jobs."""

    builder = "registry"
    requirements = ()


class TestDocker(BuilderContract):
    builder = "docker"


@pytest.mark.skipif(not has("s2i"), reason="the tool s2i is not on PATH")
class TestSourceToImage(BuilderContract):
    builder = "s2i"


class TestKaniko(BuilderContract):
    builder = "kaniko"


class TestTekton(BuilderContract):
    """Its steps are Kaniko's, pip's among them."""

    builder = "tekton"
    requirements = ()

    @pytest.fixture(autouse=True)
    def _there(self, cluster: Cluster) -> None:
        if not cluster.tekton:
            pytest.skip("this cluster has no Tekton")
