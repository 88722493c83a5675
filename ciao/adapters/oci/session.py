"""What adapters ask of registries: ports of this room, so that who builds images can be tested without any."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from typing import Protocol

from ciao.adapters.oci.media import Manifest


class Blob(Protocol):
    """Bytes whose digest and size are known. ``pieces``: ``count`` of them from ``offset`` on, as often as asked."""

    @property
    def digest(self) -> str: ...

    @property
    def size(self) -> int: ...

    def pieces(self, offset: int, count: int) -> AbstractAsyncContextManager[AsyncIterator[bytes]]: ...


class Repository(Protocol):
    """One repository (``host/path``), as this machine reaches it.

    Every method raises RegistryError (a TargetError that names host, reference and remedy) for faults, and for what
    may not be done. References are tags or digests.

    - ``digest``: of the manifest that a tag or digest names, by a HEAD; None when there is none.
    - ``manifest``: with its bytes; RegistryError when there is none. Of a digest, the bytes are checked.
    - ``put``: the commit of a push; idempotent. MissingBlobs lists the digests that the registry says it lacks.
    - ``delete``: by digest, with all its tags; False when there was none.
    - ``has``: whether a blob is there. ``fetch``: a small one, checked. ``stream``: one in pieces, checked at its end.
    - ``mount``: take a blob over from another repository of the same registry; False when the registry did not.
    - ``upload``: a blob; its bytes are asked for anew by each attempt. ``sent`` hears how many of them are there.
    - ``tags``: all of them.
    """

    @property
    def name(self) -> str: ...

    async def digest(self, reference: str) -> str | None: ...

    async def manifest(self, reference: str) -> Manifest: ...

    async def put(self, reference: str, body: bytes, media_type: str) -> None: ...

    async def delete(self, digest: str) -> bool: ...

    async def has(self, digest: str) -> bool: ...

    async def fetch(self, digest: str, size: int) -> bytes: ...

    def stream(self, digest: str) -> AbstractAsyncContextManager[AsyncIterator[bytes]]: ...

    async def mount(self, digest: str, source: str) -> bool: ...

    async def upload(self, blob: Blob, sent: Callable[[int], None] | None = None) -> None: ...

    async def tags(self) -> tuple[str, ...]: ...


class Registries(Protocol):
    """All registries of a session; lives on one event loop. ``close`` may be called twice."""

    def repository(self, name: str) -> Repository: ...

    async def close(self) -> None: ...
