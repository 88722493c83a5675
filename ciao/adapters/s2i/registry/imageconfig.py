"""Config and manifest of an image that has layers on top of a base: the base's, with what is new (image-spec). Pure.

Both stay in the base's own family of media types, OCI's or Docker's, since some tools refuse a mixture. Nothing in them
depends on the time or on who builds: the same layers on the same base are the same image.
"""

from __future__ import annotations

import copy
from typing import Any

from attrs import frozen

from ciao.adapters.oci.bases import Base
from ciao.adapters.oci.media import OCI_MANIFEST, Descriptor, encoded, layer_type
from ciao.core.errors import SourceError

Json = dict[str, Any]
_EPOCH = "1970-01-01T00:00:00Z"
_MOST = 125  # Docker: "failed to register layer: max depth exceeded" beyond
_OBSOLETE = ("container", "container_config", "docker_version", "id", "parent", "throwaway")


@frozen(kw_only=True)
class Top:
    """One layer that is put on a base. ``note`` says in the image's history what it is."""

    diff_id: str
    digest: str
    size: int
    note: str


@frozen(kw_only=True)
class Changes:
    """What the image says besides its layers. ``directory``: where it runs; "": as the base says."""

    command: tuple[str, ...]
    env: tuple[tuple[str, str], ...] = ()
    labels: tuple[tuple[str, str], ...] = ()
    directory: str = ""


def config(base: Base, tops: tuple[Top, ...], changes: Changes) -> bytes:
    """The image's config. SourceError for a base that has as many layers as there may be."""
    if len(base.layers) + len(tops) > _MOST:
        raise SourceError(
            f"The image {base.name} has {len(base.layers)} layers already, and {_MOST} are the most that Docker takes.",
            hint="Flatten it, or build it from fewer steps.",
        )
    found = {key: value for key, value in copy.deepcopy(base.config).items() if key not in _OBSOLETE}
    created = str(found.get("created") or _EPOCH)
    found["created"] = created
    found["config"] = _running(found.get("config") or {}, changes)
    found["rootfs"] = {"type": "layers", "diff_ids": [*found["rootfs"]["diff_ids"], *(top.diff_id for top in tops)]}
    new = [{"created": created, "created_by": f"ciao: {top.note}", "comment": "ciao"} for top in tops]
    found["history"] = [*(found.get("history") or [{"created": created}] * len(base.layers)), *new]
    return encoded(found)


def manifest(base: Base, tops: tuple[Top, ...], described: Descriptor) -> bytes:
    """The image's manifest; ``described`` is its config."""
    kind = base.manifest.media_type
    layers = list(base.manifest.document["layers"])
    layers += [Descriptor(layer_type(kind), top.digest, top.size).json() for top in tops]
    found: Json = {"schemaVersion": 2, "mediaType": kind, "config": described.json(), "layers": layers}
    if kind == OCI_MANIFEST:
        found["annotations"] = {
            "org.opencontainers.image.base.name": base.reference.repository,
            "org.opencontainers.image.base.digest": base.digest,
        }
    return encoded(found)


def _running(base: Json, changes: Changes) -> Json:
    """``Cmd`` alone runs the cell: an entry point of the base would take it for its arguments."""
    names = {name for name, _ in changes.env}
    env = [each for each in base.get("Env") or [] if each.partition("=")[0] not in names]
    running = {
        **{key: value for key, value in base.items() if key != "Image"},
        "Entrypoint": None,
        "Cmd": list(changes.command),
        "Env": [*env, *(f"{name}={value}" for name, value in changes.env)],
        "WorkingDir": changes.directory or base.get("WorkingDir"),
        "Labels": {**(base.get("Labels") or {}), **dict(changes.labels)},
    }
    return {key: value for key, value in running.items() if value is not None}
