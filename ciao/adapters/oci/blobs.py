"""Bytes that are uploaded: from memory, or straight from another registry."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from attrs import field, frozen

from ciao.adapters.oci.session import Repository


@frozen
class BytesBlob:
    """Implements ``session.Blob``."""

    content: bytes = field(repr=False)

    @property
    def digest(self) -> str:
        """Of the content."""
        return sha256(self.content)

    @property
    def size(self) -> int:
        """In bytes."""
        return len(self.content)

    @asynccontextmanager
    async def pieces(self, offset: int, count: int) -> AsyncIterator[AsyncIterator[bytes]]:
        """One."""
        yield _one(self.content[offset : offset + count])


@frozen
class RemoteBlob:
    """Of another registry; passed on as it comes, never kept. Implements ``session.Blob``."""

    digest: str
    size: int
    source: Repository = field(repr=False)

    @asynccontextmanager
    async def pieces(self, offset: int, count: int) -> AsyncIterator[AsyncIterator[bytes]]:
        """From the beginning each time: what comes before ``offset`` is let go."""
        async with self.source.stream(self.digest) as pieces:
            yield _cut(pieces, offset, count)


async def _one(piece: bytes) -> AsyncIterator[bytes]:
    yield piece


async def _cut(pieces: AsyncIterator[bytes], offset: int, count: int) -> AsyncIterator[bytes]:
    async for piece in pieces:
        wanted = piece[offset : offset + count]
        offset, count = max(0, offset - len(piece)), count - len(wanted)
        if wanted:
            yield wanted


def sha256(content: bytes) -> str:
    """``sha256:…``."""
    return f"sha256:{hashlib.sha256(content).hexdigest()}"
