"""Media types and documents of manifests (OCI image-spec 1.1, Docker image manifest v2 schema 2). Pure."""

from __future__ import annotations

import json
from typing import Any

from attrs import frozen

from ciao.core.errors import TargetError

Json = dict[str, Any]
OCI_INDEX, DOCKER_INDEX = (
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
)
OCI_MANIFEST, DOCKER_MANIFEST = (
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.v2+json",
)
INDEXES, MANIFESTS = (OCI_INDEX, DOCKER_INDEX), (OCI_MANIFEST, DOCKER_MANIFEST)
ACCEPT = ", ".join((*MANIFESTS, *INDEXES))
"""All four, always: without an index's type some registries give another document, or say that there is none."""
_LAYERS = {
    OCI_MANIFEST: "application/vnd.oci.image.layer.v1.tar+gzip",
    DOCKER_MANIFEST: "application/vnd.docker.image.rootfs.diff.tar.gzip",
}
_CONFIGS = ("application/vnd.oci.image.config.v1+json", "application/vnd.docker.container.image.v1+json")
_FOREIGN = ("application/vnd.docker.image.rootfs.foreign.diff", "application/vnd.oci.image.layer.nondistributable.v1.")


@frozen
class Manifest:
    """A manifest or an index as a registry gave it: its bytes count, so ``body`` is kept with ``document``."""

    digest: str
    media_type: str
    body: bytes
    document: Json

    @property
    def is_index(self) -> bool:
        """True: it lists manifests, one for each platform."""
        return self.media_type in INDEXES


@frozen
class Descriptor:
    """What a manifest says of one blob. ``size`` in bytes."""

    media_type: str
    digest: str
    size: int

    @property
    def is_foreign(self) -> bool:
        """True for layers that registries do not have: runtimes fetch them from elsewhere."""
        return self.media_type.startswith(_FOREIGN)

    @classmethod
    def of(cls, found: Json) -> Descriptor:
        """From a manifest's JSON."""
        return cls(str(found.get("mediaType", "")), str(found["digest"]), int(found["size"]))

    def json(self) -> Json:
        """As manifests have it."""
        return {"mediaType": self.media_type, "digest": self.digest, "size": self.size}


def understood(body: bytes, content_type: str, digest: str, what: str) -> Manifest:
    """The document of a manifest. TargetError, naming ``what``, for what is none that an image can be made on."""
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        document = None
    if not isinstance(document, dict):
        raise TargetError(f"The manifest of {what} is no JSON: what answered is no registry, or something before it.")
    media_type = str(document.get("mediaType") or content_type.partition(";")[0].strip())
    if media_type not in (*INDEXES, *MANIFESTS) and "manifests" in document:
        media_type = OCI_INDEX
    if document.get("schemaVersion") == 1:
        raise TargetError(f"{what} is an image of the format that Docker gave up in 2017 (schema 1). Push it anew.")
    if media_type not in (*INDEXES, *MANIFESTS):
        raise TargetError(f"{what} is no image: its manifest is {media_type or 'of no known type'}.")
    if media_type in MANIFESTS:
        _check(document, what)
    elif not _is_list(document):
        raise TargetError(f"The index of {what} is damaged: it is no list of manifests.")
    return Manifest(digest, media_type, body, document)


def _check(document: Json, what: str) -> None:
    """An artifact (a chart, a signature) has a manifest, too."""
    try:
        config = Descriptor.of(document["config"])
        layers = [Descriptor.of(each) for each in document["layers"]]
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise TargetError(f"The manifest of {what} is damaged: {type(error).__name__} {error}.") from error
    if config.media_type not in _CONFIGS:
        raise TargetError(f"{what} is no image: it is an artifact of the type {config.media_type}.")
    if any(each.media_type.endswith("+encrypted") for each in layers):
        raise TargetError(f"{what} has encrypted layers, and nothing can be put on top of those.")


def _is_list(index: Json) -> bool:
    listed = index.get("manifests")
    return isinstance(listed, list) and all(
        isinstance(each, dict) and "digest" in each and _says(each) for each in listed
    )


def _says(listed: Json) -> bool:
    """Its platform, in words, or nothing of it."""
    platform = listed.get("platform") or {}
    words = ("os", "architecture", "variant")
    return isinstance(platform, dict) and all(isinstance(platform.get(each, ""), str | None) for each in words)


def layer_type(manifest_type: str) -> str:
    """Of a gzipped layer in a manifest of that type: mixed families are refused by some tools."""
    return _LAYERS[manifest_type]


def encoded(document: Json) -> bytes:
    """JSON with the same bytes each time."""
    return json.dumps(document, separators=(",", ":"), sort_keys=True, ensure_ascii=False).encode()
