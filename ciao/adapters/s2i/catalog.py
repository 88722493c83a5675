"""What Ciao pushed: the images in the repository ``registry.push`` that have its labels, and how they go away again.

The registry is asked, since other machines push there, too; what only this machine knows (when, for whom) is added.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from attrs import frozen

from ciao.adapters.oci.bases import Facts
from ciao.adapters.oci.errors import RegistryError
from ciao.adapters.oci.media import Descriptor, Manifest
from ciao.adapters.oci.platforms import of_config
from ciao.adapters.oci.session import Registries, Repository
from ciao.adapters.s2i.destination import BASE_LABEL, BUILDER_LABEL, PIP_PREFIX, PREFIX, Destination
from ciao.adapters.s2i.incluster.pushing import PREFIX as CONTEXT_PREFIX
from ciao.adapters.s2i.known import Known, Push
from ciao.adapters.s2i.project import PREFIX as PROJECT_PREFIX
from ciao.adapters.together import together
from ciao.core.errors import UserError

Json = dict[str, Any]
_OURS = (PREFIX, PIP_PREFIX, PROJECT_PREFIX, CONTEXT_PREFIX)
_AT_ONCE = 8
_LARGEST_CONFIG = 8 << 20
_CONFIG = "config"


@frozen(kw_only=True)
class Pushed:
    """One image. ``size``: bytes of all its layers; ``own``: of those that Ciao put on top; ``push``: what this machine
    knows, None for one that another pushed.
    """

    tag: str
    reference: str
    digest: str
    size: int
    own: int
    builder: str
    base: str
    platform: str
    layers: tuple[Descriptor, ...]
    push: Push | None = None


class Catalog:
    """Of one repository. Raises RegistryError."""

    def __init__(self, registries: Registries, known: Known, destination: Destination) -> None:
        self._registries, self._known = registries, known
        self._repository: Repository = registries.repository(destination.push)

    async def listed(self) -> tuple[Pushed, ...]:
        """The newest first, as far as this machine knows; then those that others pushed, by tag."""
        tags = [tag for tag in await self._repository.tags() if tag.startswith(_OURS)]
        found: list[Pushed | None] = await together(*(self._read(tag) for tag in tags), at_once=_AT_ONCE)
        return tuple(sorted(filter(None, found), key=lambda each: (-(each.push.at if each.push else 0.0), each.tag)))

    async def chosen(self, names: Iterable[str]) -> tuple[Pushed, ...]:
        """Those named by reference, tag, digest, or how one of the last two begins. UserError for none or several."""
        known = await self.listed()
        return tuple(dict.fromkeys(_chosen(name, known) for name in names))

    async def removed(self, images: Iterable[Pushed]) -> tuple[Pushed, ...]:
        """They are gone; those that were so before are left out. Bytes go when the registry collects its garbage."""
        gone = []
        for image in images:
            try:
                there = await self._repository.delete(image.digest)
            except RegistryError as error:
                raise _no_removal(error, image) from error
            self._known.forget_push(image.reference)
            if there:
                gone.append(image)
        return tuple(gone)

    async def close(self) -> None:
        """Close connections."""
        await self._registries.close()
        self._known.close()

    # -- inside ----------------------------------------------------------------------------------

    async def _read(self, tag: str) -> Pushed | None:
        """None: it went away meanwhile, or is none of Ciao's for all its name."""
        try:
            manifest = await self._repository.manifest(tag)
            if manifest.is_index:
                return None
            config = await self._config(manifest)
        except RegistryError as error:
            if error.status == 404:
                return None
            raise
        return self._understood(tag, manifest, config)

    def _understood(self, tag: str, manifest: Manifest, config: Json) -> Pushed:
        reference = f"{self._repository.name}:{tag}"
        labels = (config.get("config") or {}).get("Labels") or {}
        push = next((each for each in self._known.pushes() if each.reference == reference), None)
        layers = tuple(Descriptor.of(each) for each in manifest.document["layers"])
        notes = [each for each in config.get("history") or [] if not each.get("empty_layer")]
        own = sum(
            layer.size
            for layer, note in zip(reversed(layers), reversed(notes), strict=False)
            if note.get("comment") == "ciao"
        )
        return Pushed(
            tag=tag, reference=reference, digest=manifest.digest, size=sum(each.size for each in layers), own=own,
            builder=str(labels.get(BUILDER_LABEL, "")) or (push.builder if push else ""),
            base=push.base if push else str(labels.get(BASE_LABEL, "")),
            platform=of_config(config), layers=layers, push=push,
        )  # fmt: skip

    async def _config(self, manifest: Manifest) -> Json:
        described = Descriptor.of(manifest.document["config"])
        facts: Facts = self._known
        kept = facts.fact(_CONFIG, described.digest)
        if kept is None:
            kept = json.loads(await self._repository.fetch(described.digest, min(described.size, _LARGEST_CONFIG)))
            facts.keep_fact(_CONFIG, described.digest, kept)
        found: Json = kept
        return found


def _chosen(name: str, known: tuple[Pushed, ...]) -> Pushed:
    said = name.rpartition("@")[2].removeprefix("sha256:")
    tag = said.rpartition(":")[2]
    found = [
        each
        for each in known
        if name in (each.reference, each.tag)
        or each.digest.removeprefix("sha256:").startswith(said)
        or any(each.tag.startswith(f"{kind}{tag}") for kind in ("", *_OURS))
    ]
    if len({each.digest for each in found}) == 1:
        return found[0]
    if found:
        shown = ", ".join(each.tag for each in found[:3])
        raise UserError(f"{name!r} is how {len(found)} images begin ({shown}, …).", hint="Say more of the name.")
    raise UserError(f"There is no image {name!r} that Ciao pushed.", hint="ciao image ls lists them all.")


def _no_removal(error: RegistryError, image: Pushed) -> RegistryError:
    if error.status not in (405, 400, 501):
        return error
    host = image.reference.partition("/")[0]
    return RegistryError(
        f"{host} does not let images be removed. Its administrator can allow it (distribution: REGISTRY_STORAGE_DELETE_"
        "ENABLED=true), or remove them in its own way.",
        status=error.status,
    )
