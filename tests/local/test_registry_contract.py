"""The builder ``registry`` keeps what every builder promises, over every login, connection and kind of registry."""

from __future__ import annotations

import tempfile
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from ciao.core.model import Image, JobSpec
from ciao.core.ports import S2IClient
from ciao.testing import S2IClientContract

from ..ociregistry import Account, Basic, Bearer, Registry, Traits, images, reading, serving
from ..ociregistry.builder import Session, job, written
from ..ociregistry.docker import Docker


class RegistryContract(S2IClientContract):
    """A base in the same registry; ``options`` are those of ``serving``."""

    docker_base = False

    def options(self) -> dict[str, Any]:
        return {}

    @pytest.fixture(autouse=True)
    def _served(self, tmp_path: Path) -> Iterator[None]:
        self.root, self.docker = tmp_path, Docker.at(tmp_path)
        with serving(**self.options()) as self.registry:
            images.platforms(self.registry.store, "base/python", "3", docker=self.docker_base)
            self.docker.login(self.registry.host, "ann", "secret")
            yield
            self.judge(self.registry)

    def judge(self, registry: Registry) -> None:
        """Whatever has a tag can be pulled and run, and no upload lies around."""
        for tag in registry.store.tags("team/app"):
            assert not reading.stumbled(registry.store, "team/app", tag)
        assert not [name for name, each in registry.store.repositories.items() if each.uploads]

    def tree(self, files: Mapping[str, bytes], executable: Collection[str] = ()) -> tuple[S2IClient, str]:
        root = Path(tempfile.mkdtemp(dir=self.root))
        session = Session(push=f"{self.registry.host}/team/app", home=root / "home", docker=self.docker)
        return session.client(), str(written(root / "files", files, executable))

    def spec(self) -> JobSpec:
        return job(f"{self.registry.host}/base/python:3")

    def files_in(self, image: Image) -> Mapping[str, bytes]:
        found = reading.files(self.registry.store, "team/app", image.digest, image.source)
        return {path: each.content for path, each in found.items()}

    def tags(self) -> Collection[str]:
        return self.registry.store.tags("team/app")

    def uploaded(self) -> int:
        return self.registry.uploaded


class TestRegistry(RegistryContract):
    pass


class TestDockerBase(RegistryContract):
    """A base with Docker's media types."""

    docker_base = True


class TestWithTokens(RegistryContract):
    def options(self) -> dict[str, Any]:
        return {"guard": Bearer({"ann": Account("secret")})}


class TestWithPasswords(RegistryContract):
    def options(self) -> dict[str, Any]:
        return {"guard": Basic({"ann": Account("secret")})}


class TestPlainestRegistry(RegistryContract):
    """A registry that does as little as it may."""

    def options(self) -> dict[str, Any]:
        traits = Traits(mounts=False, patches=False, digests=False, deletes=False, lists_missing=False, relative=True)
        return {"traits": traits}
