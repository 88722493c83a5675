"""Registries elsewhere, by name: through a proxy, with a private CA, or among the insecure ones; as settings say it."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve

from ciao.core.errors import TargetError
from ciao.core.model import Image, Source

from ..ociregistry import Account, Bearer, Registry, images, reading, serving
from ..ociregistry.builder import Session, job
from ..ociregistry.client import push, registries, run
from ..ociregistry.docker import Docker
from ..ociregistry.proxy import Proxy, proxying
from ..ociregistry.tls import Authority

HOST, TEAM = "registry.test", "team/app"


@pytest.fixture
def ca(tmp_path: Path) -> Authority:
    return Authority.at(tmp_path)


@pytest.fixture
def registry(ca: Authority) -> Iterator[Registry]:
    with serving(Bearer({"ann": Account("secret")}), tls=ca.server(HOST)) as made:
        images.platforms(made.store, "base/python", "3")
        yield made


@pytest.fixture
def proxy(registry: Registry) -> Iterator[Proxy]:
    with proxying(registry_test=registry.port) as made:
        yield made


def session(tmp_path: Path, environ: dict[str, str], **more: str) -> Session:
    docker = Docker.at(tmp_path)
    docker.login(HOST, "ann", "secret")
    settings = {key.replace("_", "."): value for key, value in more.items()}
    return Session(push=f"{HOST}/{TEAM}", home=tmp_path / "home", docker=docker, environ=environ, more=settings)


def built(made: Session, base: str = f"{HOST}/base/python:3") -> Image:
    async def main() -> Any:
        client = made.client()
        try:
            return await client.source_to_image(Source(code="x = 1"), job(base), lambda _: None)
        finally:
            await client.close()

    found = run(main())
    assert isinstance(found, Image)
    return found


def test_a_private_authority_and_a_proxy(tmp_path, registry, proxy, ca):
    """``registry.ca`` and HTTPS_PROXY; the image has the name that was set."""
    image = built(session(tmp_path, proxy.environ, registry_ca=str(ca.pem)))
    assert image.reference.startswith(f"{HOST}/{TEAM}:ciao-")
    assert not reading.stumbled(registry.store, TEAM, image.digest)
    assert set(proxy.asked) == {f"{HOST}:443"}


def test_an_authority_that_is_not_trusted(tmp_path, registry, proxy):
    """One sentence with the settings that mend it; nothing was sent."""
    with pytest.raises(TargetError, match=r"registry\.test cannot be reached .* is not trusted .* registry\.ca"):
        built(session(tmp_path, proxy.environ))
    assert not registry.seen


def test_among_the_insecure(tmp_path, registry, proxy):
    """Any certificate will do."""
    image = built(session(tmp_path, proxy.environ, registry_insecure=HOST))
    assert not reading.stumbled(registry.store, TEAM, image.digest)


def test_among_the_insecure_without_tls(tmp_path):
    """Plain HTTP, through a proxy, too."""
    with serving() as plain, proxying(registry_test=plain.port) as proxy:
        images.platforms(plain.store, "base/python", "3")
        environ = {**proxy.environ, "HTTP_PROXY": plain.url}
        image = built(session(tmp_path, environ, registry_insecure=HOST))
        assert not reading.stumbled(plain.store, TEAM, image.digest)


def test_a_file_of_authorities_that_is_none(tmp_path, registry, proxy):
    """One sentence that names the file and the setting."""
    for name, content in (("gone.pem", None), ("empty.pem", b""), ("junk.pem", b"-----BEGIN CERTIFICATE-----\nx")):
        path = tmp_path / name
        if content is not None:
            path.write_bytes(content)
        with pytest.raises(TargetError, match=f"{path}, a file of certificates .* registry\\.ca"):
            built(session(tmp_path, proxy.environ, registry_ca=str(path)))


def test_a_proxy_that_does_not_help(tmp_path, ca):
    """One sentence that says that it is the proxy."""
    with proxying() as proxy, pytest.raises(TargetError, match=rf"{HOST} cannot be reached .*proxy.*NO_PROXY"):
        built(session(tmp_path, proxy.environ, registry_ca=str(ca.pem)))
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        environ = {"HTTPS_PROXY": f"http://127.0.0.1:{taken.getsockname()[1]}"}
        with pytest.raises(TargetError, match=rf"{HOST} cannot be reached .*proxy.*HTTPS_PROXY"):
            built(session(tmp_path, environ, registry_ca=str(ca.pem)))


@pytest.mark.parametrize("url", ["socks5://127.0.0.1:1", "http://", "http://[x"])
def test_a_proxy_of_another_kind(tmp_path, url):
    """One sentence that names the variable, and nothing of a cluster: it is a registry that is asked for."""
    with pytest.raises(TargetError, match="HTTPS_PROXY") as error:
        built(session(tmp_path, {"HTTPS_PROXY": url}))
    assert "cluster" not in str(error.value)


def test_a_registry_that_was_down_at_first(ca):
    """Which way it speaks is found out when it answers, not guessed for good."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]

    async def main() -> None:
        async with registries() as client:
            repository = client.repository(f"127.0.0.1:{port}/{TEAM}")
            with pytest.raises(TargetError, match="Connection refused"):
                await push(repository)
            with serving(tls=ca.server(), port=port) as registry:
                await push(repository)
                assert registry.store.tags(TEAM) == ("v1",)

    asyncio.run(asyncio.wait_for(main(), 60))


def test_push_and_pull_by_different_names(tmp_path, registry, proxy, ca):
    """The base by the cluster's name of the registry is asked for where this machine reaches it."""
    made = session(tmp_path, proxy.environ, registry_ca=str(ca.pem))
    image = built(evolve(made, pull="inside.test:5000/team/app"), base="inside.test:5000/base/python:3")
    assert image.reference.startswith("inside.test:5000/team/app:ciao-")
    assert not reading.stumbled(registry.store, TEAM, image.digest)
