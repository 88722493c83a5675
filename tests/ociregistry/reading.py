"""What a runtime would find in an image of the store, and what it would stumble on: registries check neither."""

from __future__ import annotations

import gzip
import io
import json
import tarfile
from typing import Any

from attrs import frozen

from ciao.adapters.oci import media

from . import images
from .store import Store, digest_of

_FAMILIES = {
    media.OCI_MANIFEST: (images.OCI_CONFIG, "application/vnd.oci.image.layer."),
    media.DOCKER_MANIFEST: (images.DOCKER_CONFIG, "application/vnd.docker.image.rootfs."),
}


@frozen
class Found:
    """A file in an image. ``mode``: its permissions; ``owner``: uid and gid."""

    content: bytes
    mode: int
    owner: tuple[int, int]
    mtime: float

    @property
    def executable(self) -> bool:
        return bool(self.mode & 0o111)


def config(store: Store, name: str, reference: str) -> dict[str, Any]:
    """The config of an image."""
    found: dict[str, Any] = json.loads(store.blobs[store.document(name, reference)["config"]["digest"]])
    return found


def layers(store: Store, name: str, reference: str) -> list[bytes]:
    """The tars of an image that can be read here (not zstd), from the lowest."""
    found = []
    for each in store.document(name, reference)["layers"]:
        content = store.blobs.get(each["digest"])
        if content is not None and not each["mediaType"].endswith("zstd"):
            found.append(gzip.decompress(content) if each["mediaType"].endswith("gzip") else content)
    return found


def files(store: Store, name: str, reference: str, below: str = "/ciao") -> dict[str, Found]:
    """The files below a directory of an image, by their paths in it."""
    prefix = below.strip("/") + "/"
    found: dict[str, Found] = {}
    for layer in layers(store, name, reference):
        with tarfile.open(fileobj=io.BytesIO(layer)) as tar:
            for entry in tar:
                path = entry.name.removeprefix("./").lstrip("/")
                if entry.isfile() and path.startswith(prefix):
                    file = tar.extractfile(entry)
                    assert file is not None
                    owner = (entry.uid, entry.gid)
                    found[path.removeprefix(prefix)] = Found(file.read(), entry.mode, owner, entry.mtime)
    return found


def stumbled(store: Store, name: str, reference: str) -> list[str]:
    """Why a runtime could not pull or run an image; none when it could."""
    digest = store.resolved(name, reference)
    if digest is None:
        return [f"there is no {name}:{reference}"]
    kind, body = store.repository(name).manifests[digest]
    if digest_of(body) != digest or kind not in _FAMILIES:
        return [f"{digest} is no manifest of an image ({kind})"]
    document = json.loads(body)
    config_type, layer_type = _FAMILIES[kind]
    found = [
        f"{each['mediaType']} in {kind}" for each in document["layers"] if not each["mediaType"].startswith(layer_type)
    ]
    if document["config"]["mediaType"] != config_type:
        found.append(f"the config is {document['config']['mediaType']} in {kind}")
    for each in (document["config"], *document["layers"]):
        found += _blob(store, name, each)
    return found or _history(store, name, document)


def _blob(store: Store, name: str, described: dict[str, Any]) -> list[str]:
    digest = described["digest"]
    if described.get("urls"):
        return []
    if digest not in store.repository(name).blobs:
        return [f"{name} lacks {digest}"]
    content = store.blobs[digest]
    if digest_of(content) != digest or len(content) != described["size"]:
        return [f"{digest} has other bytes, or another size, than the manifest says"]
    return []


def _history(store: Store, name: str, document: dict[str, Any]) -> list[str]:
    """What Docker and containerd compare: diff ids with layers, and the history with both."""
    described = json.loads(store.blobs[document["config"]["digest"]])
    diff_ids, listed = described["rootfs"]["diff_ids"], document["layers"]
    if len(diff_ids) != len(listed):
        return [f"{len(listed)} layers and {len(diff_ids)} diff ids do not match"]
    made = [each for each in described.get("history") or () if not each.get("empty_layer")]
    found = [f"the history has {len(made)} layers of {len(listed)}"] if made and len(made) != len(listed) else []
    for wanted, each in zip(diff_ids, listed, strict=True):
        content = store.blobs.get(each["digest"])
        if content is not None and each["mediaType"].endswith("gzip"):
            content = gzip.decompress(content)
        if content is not None and not each["mediaType"].endswith("zstd") and digest_of(content) != wanted:
            found.append(f"wrong diff id of {each['digest']}")
    return found
