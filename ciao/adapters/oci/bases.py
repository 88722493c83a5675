"""The image that another is made on: resolved to one manifest, whose config and layers are known.

What a digest names never changes, so it is fetched once and kept; a tag is asked for with each build, by a HEAD, which
registries do not count against anybody's limit.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Awaitable, Callable
from typing import Any, Protocol

from attrs import evolve, field, frozen

from ciao.adapters.oci import platforms
from ciao.adapters.oci.errors import RegistryError, wrong_digest
from ciao.adapters.oci.media import Descriptor, Json, Manifest, understood
from ciao.adapters.oci.reference import Reference
from ciao.adapters.oci.session import Registries, Repository
from ciao.core.errors import SourceError, TargetError

_LARGEST_CONFIG = 8 << 20
_MANIFEST, _CONFIG, _TAG = "manifest", "config", "base"


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


class Facts(Protocol):
    """Where what is known is kept: JSON by kind and key."""

    def fact(self, kind: str, key: str) -> Any: ...

    def keep_fact(self, kind: str, key: str, value: Any) -> None: ...


Platform = Callable[[], Awaitable[str]]


class Bases:
    """Resolves bases. Where they are known already one HEAD is sent, or nothing for one that is pinned."""

    def __init__(self, registries: Registries, facts: Facts) -> None:
        self._registries, self._facts = registries, facts

    async def resolve(self, reference: Reference, name: str, platform: Platform) -> Base:
        """``platform`` is asked only for an index. RegistryError and SourceError name the image as ``name``."""
        repository = self._registries.repository(reference.repository)
        digest = reference.digest or await self._digest(repository, reference, name)
        self._facts.keep_fact(_TAG, str(reference), digest)
        return await self._of(repository, reference, digest, name, platform)

    async def remembered(self, reference: Reference, name: str, platform: Platform) -> Base | None:
        """What ``resolve`` last gave, without asking; it may have changed since."""
        digest = reference.digest or self._facts.fact(_TAG, str(reference))
        if digest is None or self._facts.fact(_MANIFEST, digest) is None:
            return None
        return await self._of(self._registries.repository(reference.repository), reference, digest, name, platform)

    # -- inside ----------------------------------------------------------------------------------

    async def _digest(self, repository: Repository, reference: Reference, name: str) -> str:
        found = await repository.digest(reference.wanted)
        if found is None:
            raise SourceError(
                f"There is no image {name} (asked for at {reference.host}).",
                hint="Check its name and tag (%image). To strangers many registries say so of what is not public:  "
                f"docker login {reference.host}",
            )
        return found

    async def _of(
        self, repository: Repository, reference: Reference, digest: str, name: str, platform: Platform
    ) -> Base:
        manifest = await self._manifest(repository, digest, name)
        wanted = ""
        if manifest.is_index:
            wanted = await platform() or "linux/amd64"
            child = platforms.chosen(manifest.document, wanted, name)
            manifest = await self._manifest(repository, child, name)
        config = await self._config(repository, manifest, name)
        return Base(
            reference=evolve(reference, tag="", digest=manifest.digest),
            name=name, manifest=manifest, config=config, platform=platforms.of_config(config),
        )  # fmt: skip

    async def _manifest(self, repository: Repository, digest: str, name: str) -> Manifest:
        kept = self._facts.fact(_MANIFEST, digest)
        if kept is not None:
            return understood(base64.b64decode(kept[1]), kept[0], digest, name)
        try:
            found = await repository.manifest(digest)
        except RegistryError as error:
            if error.status == 404:
                raise SourceError(
                    f"A part of the image {name} is missing at {repository.name}: there is no manifest {digest[:19]}….",
                    hint="Push that image anew, or choose another (%image).",
                ) from error
            raise
        except TargetError as error:
            raise SourceError(
                f"Nothing can be put on {name}: {error}", hint="Choose another image (%image)."
            ) from error
        body = base64.b64encode(found.body).decode()
        self._facts.keep_fact(_MANIFEST, digest, (found.media_type, body))
        return found

    async def _config(self, repository: Repository, manifest: Manifest, name: str) -> Json:
        described = Descriptor.of(manifest.document["config"])
        kept = self._facts.fact(_CONFIG, described.digest)
        if kept is None:
            try:
                body = await repository.fetch(described.digest, min(described.size, _LARGEST_CONFIG))
            except RegistryError as error:
                if error.status == 404:
                    raise TargetError(
                        f"The image {name} is damaged: {repository.name} lacks its config. Push it anew, or choose "
                        "another (%image)."
                    ) from error
                raise
            kept = _parsed(body, name, repository)
            self._facts.keep_fact(_CONFIG, described.digest, kept)
        layers, diffs = manifest.document["layers"], (kept.get("rootfs") or {}).get("diff_ids") or []
        if len(layers) != len(diffs):
            raise TargetError(
                f"The image {name} is damaged: it has {len(layers)} layers, and its config names {len(diffs)}. "
                "Push it anew, or choose another (%image)."
            )
        found: Json = kept
        return found


def _parsed(body: bytes, name: str, repository: Repository) -> Json:
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise wrong_digest(repository.name.partition("/")[0], f"the config of {name}")
    return found
