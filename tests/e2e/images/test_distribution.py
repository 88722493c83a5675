"""A real registry (distribution): the one of the tests does what it does, and the builder ``registry`` does with it."""

from __future__ import annotations

import json
import os
import tempfile
import time
import uuid
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

import pytest

from ciao.adapters.oci import media
from ciao.core.model import Image, JobSpec
from ciao.core.ports import S2IClient
from ciao.testing import S2IClientContract

from ...ociregistry import reading
from ...ociregistry.builder import Session, job, written
from ...ociregistry.client import push as push_small
from ...ociregistry.client import registries, run
from ...ociregistry.contract import DistributionContract
from ...ociregistry.docker import Docker
from ...ociregistry.store import Store
from ..commands import call
from ..registry import free_port
from ..wanted import wanted


@pytest.fixture(scope="module")
def host() -> Iterator[str]:
    """An empty one that deletes, in a container."""
    name, port = f"ciao-e2e-distribution-{uuid.uuid4().hex[:8]}", free_port()
    call(
        "docker", "run", "--detach", "--name", name, "--publish", f"127.0.0.1:{port}:5000",
        "--env", "REGISTRY_STORAGE_DELETE_ENABLED=true", wanted(os.environ).registry_image,
    )  # fmt: skip
    try:
        _answers(f"127.0.0.1:{port}")
        yield f"127.0.0.1:{port}"
    finally:
        call("docker", "rm", "--force", "--volumes", name)


class _Asked(DistributionContract):
    """Asked without Ciao's client, from wherever."""

    def __init__(self, host: str) -> None:
        self._host = host

    @property
    def url(self) -> str:
        return f"http://{self._host}"


def _answers(host: str) -> None:
    for _ in range(100):
        try:
            assert _Asked(host).ask("GET", "/v2/").status == 200
            return
        except OSError:
            time.sleep(0.1)
    raise AssertionError(f"the registry at {host} does not answer")


class TestDistribution(DistributionContract):
    @pytest.fixture(autouse=True)
    def _served(self, host: str) -> None:
        self._url = f"http://{host}"

    @property
    def url(self) -> str:
        return self._url


class TestRegistryBuilder(S2IClientContract):
    """Over a real registry; nobody counts what it receives."""

    @pytest.fixture(autouse=True)
    def _served(self, host: str, tmp_path: Path) -> None:
        self.host, self.root, self.path = host, tmp_path, f"team/{uuid.uuid4().hex[:12]}"

        async def base() -> None:
            async with registries() as client:
                await push_small(client.repository(f"{host}/base"))

        run(base())

    def tree(self, files: Mapping[str, bytes], executable: Collection[str] = ()) -> tuple[S2IClient, str]:
        root = Path(tempfile.mkdtemp(dir=self.root))
        session = Session(push=f"{self.host}/{self.path}", home=root / "home", docker=Docker.at(self.root))
        return session.client(), str(written(root / "files", files, executable))

    def spec(self) -> JobSpec:
        return job(f"{self.host}/base:v1")

    def files_in(self, image: Image) -> Mapping[str, bytes]:
        store = run(self._copied(image.digest))
        assert not reading.stumbled(store, self.path, image.digest)
        found = reading.files(store, self.path, image.digest, image.source)
        return {path: each.content for path, each in found.items()}

    def tags(self) -> Collection[str]:
        answer = _Asked(self.host).ask("GET", f"/v2/{self.path}/tags/list")
        return json.loads(answer.body)["tags"] or () if answer.status == 200 else ()

    async def _copied(self, digest: str) -> Store:
        store = Store()
        async with registries() as client:
            repository = client.repository(f"{self.host}/{self.path}")
            manifest = await repository.manifest(digest)
            store.publish(self.path, "", manifest.media_type, manifest.body)
            for each in (manifest.document["config"], *manifest.document["layers"]):
                found = media.Descriptor.of(each)
                store.add(self.path, await repository.fetch(found.digest, found.size))
        return store
