"""Ciao's client, pointed at the registry of a test."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from contextlib import asynccontextmanager
from typing import Any, TypeVar

from attrs import frozen

from ciao.adapters.oci import media
from ciao.adapters.oci.blobs import BytesBlob
from ciao.adapters.oci.dockerconfig import DockerConfig
from ciao.adapters.oci.hosts import Trust
from ciao.adapters.oci.patience import Patience
from ciao.adapters.oci.registries import HttpRegistries
from ciao.adapters.oci.session import Repository
from ciao.adapters.oci.wire import Limits

from . import images
from .docker import Docker
from .server import Registry
from .tls import Authority

T = TypeVar("T")
QUICK = Patience(first=0.001, growth=1.0, longest=5.0)
SHORT = Limits(connect=5.0, answer=0.5, commit=0.5)
"""For what never answers."""


@frozen(kw_only=True)
class Strict(Trust):
    """Trusts no registry just because it is on this machine: so that checks can be tested here."""

    def is_insecure(self, host: str) -> bool:
        return host in self.insecure


def run(work: Coroutine[Any, Any, T]) -> T:
    """On a loop of its own, not for ever."""
    return asyncio.run(asyncio.wait_for(work, 60))


@asynccontextmanager
async def registries(
    docker: Docker | None = None,
    *,
    ca: Authority | None = None,
    trust: Trust | None = None,
    limits: Limits | None = None,
    patience: Patience = QUICK,
    now: Callable[[], float] = time.monotonic,
    environ: Mapping[str, str] | None = None,
) -> AsyncIterator[HttpRegistries]:
    """A client with Docker's configuration (none: without any). ``ca``: what it trusts, strictly."""
    environ = {**(docker.environ if docker else {"HOME": "/nowhere", "DOCKER_CONFIG": "/nowhere"}), **(environ or {})}
    if trust is None:
        trust = Strict(ca=str(ca.pem), environ=environ) if ca else Trust(environ=environ)
    client = HttpRegistries(
        trust=trust, config=DockerConfig(environ), limits=limits, patience=patience, now=now, chance=lambda: 0.0
    )
    try:
        yield client
    finally:
        await client.close()
        await client.close()


def with_repository(
    registry: Registry, story: Callable[[Repository], Coroutine[Any, Any, T]], name: str = "team/app", **options: Any
) -> T:
    """Run a story with a repository of a registry; ``options`` are those of ``registries``."""

    async def main() -> T:
        async with registries(**options) as client:
            return await story(client.repository(f"{registry.host}/{name}"))

    return run(main())


async def push(repository: Repository, tag: str = "v1", content: bytes = b"a layer's bytes") -> str:
    """A small image, blob by blob; its digest."""
    layer = images.Layer.of({"a": content})
    config = json.dumps({"os": "linux", "rootfs": {"type": "layers", "diff_ids": [layer.diff_id]}}).encode()
    described = []
    for kind, each in ((images.OCI_CONFIG, BytesBlob(config)), (layer.media_type, BytesBlob(layer.content))):
        await repository.upload(each)
        described.append(media.Descriptor(kind, each.digest, each.size).json())
    document = {"schemaVersion": 2, "mediaType": media.OCI_MANIFEST, "config": described[0], "layers": described[1:]}
    body = media.encoded(document)
    await repository.put(tag, body, media.OCI_MANIFEST)
    return BytesBlob(body).digest


async def pull(repository: Repository, reference: str = "v1") -> list[bytes]:
    """The layers of an image, each checked."""
    manifest = await repository.manifest(reference)
    found = []
    for each in manifest.document["layers"]:
        async with repository.stream(each["digest"]) as pieces:
            found.append(b"".join([piece async for piece in pieces]))
    return found
