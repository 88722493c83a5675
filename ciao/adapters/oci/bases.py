"""The image that another is made on: resolved to one manifest, whose config and layers are known.

What a digest names never changes, so it is fetched once and kept on disk; a tag is asked for with each build, by a
HEAD, which registries do not count against anybody's limit.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from attrs import evolve, field, frozen

from ciao.adapters.oci.media import Descriptor, Json, Manifest
from ciao.adapters.oci.reference import Reference


@frozen(kw_only=True)
class Base:
    """``reference`` is as this machine reaches it, pinned by the digest of the manifest for one ``platform``; ``name``
    as the user wrote it. ``config`` is the image's (``{"config": {"Env": …}, "rootfs": …}``).
    """

    reference: Reference
    name: str
    manifest: Manifest = field(repr=False)
    config: Json = field(repr=False)
    platform: str

    @property
    def digest(self) -> str:
        """Of the manifest for the platform."""
        return self.manifest.digest

    @property
    def layers(self) -> tuple[Descriptor, ...]:
        """From the lowest."""
        return tuple(Descriptor.of(each) for each in self.manifest.document["layers"])

    @property
    def user(self) -> str:
        """Whom its processes run as; "": root."""
        return str((self.config.get("config") or {}).get("User") or "")


Platform = Callable[[], Awaitable[str]]
__all__ = ["Base", "Platform", "evolve"]
