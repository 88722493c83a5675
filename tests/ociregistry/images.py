"""Synthetic images of a few KB, put straight into a registry's store: good ones, and those that nobody can build on."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import tarfile
from collections.abc import Mapping
from typing import Any

from attrs import frozen

from ciao.adapters.oci import media

from .store import Store

OCI_CONFIG, DOCKER_CONFIG = (
    "application/vnd.oci.image.config.v1+json",
    "application/vnd.docker.container.image.v1+json",
)
OCI_LAYER, DOCKER_LAYER = (
    "application/vnd.oci.image.layer.v1.tar+gzip",
    "application/vnd.docker.image.rootfs.diff.tar.gzip",
)
OCI_ZSTD, OCI_PLAIN = "application/vnd.oci.image.layer.v1.tar+zstd", "application/vnd.oci.image.layer.v1.tar"
DOCKER_FOREIGN = "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip"
OCI_FOREIGN = "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip"
_HELM_CONFIG, _HELM_LAYER = (
    "application/vnd.cncf.helm.config.v1+json",
    "application/vnd.cncf.helm.chart.content.v1.tar+gzip",
)
_SCHEMA_1 = "application/vnd.docker.distribution.manifest.v1+prettyjws"
FILES = {"etc/os-release": b'NAME="Synthetic"\n', "usr/bin/python": b"#!/bin/false\n"}


@frozen
class Layer:
    """A layer: its bytes as the registry has them, and the digest of what they are uncompressed."""

    media_type: str
    content: bytes
    diff_id: str

    @classmethod
    def of(cls, files: Mapping[str, bytes], media_type: str = OCI_LAYER) -> Layer:
        """Compressed as its media type says."""
        plain = tarred(files)
        content = plain
        if media_type.endswith("gzip"):
            content = gzip.compress(plain, mtime=0)
        elif media_type.endswith("zstd"):
            content = zstd(plain)
        return cls(media_type, content, f"sha256:{hashlib.sha256(plain).hexdigest()}")


def tarred(files: Mapping[str, bytes]) -> bytes:
    """A tar of files; the same each time."""
    whole = io.BytesIO()
    with tarfile.open(fileobj=whole, mode="w") as tar:
        for path, content in files.items():
            entry = tarfile.TarInfo(path)
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    return whole.getvalue()


def zstd(content: bytes) -> bytes:
    """A zstd frame of stored blocks (RFC 8878): nobody here can compress so, and any reader can read it."""
    parts = [content[at : at + 0x10000] for at in range(0, len(content), 0x10000)] or [b""]
    blocks = [(len(each) << 3 | (at == len(parts) - 1)).to_bytes(3, "little") + each for at, each in enumerate(parts)]
    return b"\x28\xb5\x2f\xfd\xa0" + len(content).to_bytes(4, "little") + b"".join(blocks)


def image(
    store: Store,
    name: str,
    tag: str = "latest",
    *,
    docker: bool = False,
    architecture: str = "amd64",
    layers: tuple[Layer, ...] | None = None,
    config: Mapping[str, Any] | None = None,
    types: bool = True,
) -> str:
    """An image; its digest. ``config``: the part that says how it is run. ``types`` False: its manifest does not say
    of which type it is, as OCI allows.
    """
    kind = DOCKER_LAYER if docker else OCI_LAYER
    layers = (Layer.of({**FILES, "etc/arch": architecture.encode()}, kind),) if layers is None else layers
    described = {
        "architecture": architecture,
        "os": "linux",
        "created": "2026-01-01T00:00:00Z",
        "config": {"Env": ["PATH=/usr/bin:/bin"], "Cmd": ["python"], **(config or {})},
        "rootfs": {"type": "layers", "diff_ids": [each.diff_id for each in layers]},
        "history": [{"created_by": f"layer {at}"} for at in range(len(layers))],
    }
    document: dict[str, Any] = {"schemaVersion": 2}
    media_type = media.DOCKER_MANIFEST if docker else media.OCI_MANIFEST
    if types:
        document["mediaType"] = media_type
    document["config"] = _blob(store, name, DOCKER_CONFIG if docker else OCI_CONFIG, json.dumps(described).encode())
    document["layers"] = [_layer(store, name, each) for each in layers]
    return store.publish(name, tag, media_type, json.dumps(document).encode())


def index(
    store: Store, name: str, tag: str = "latest", *, docker: bool = False, attested: bool = True, **children: str
) -> str:
    """An index of images by architecture (``amd64=digest, arm64=digest``); its digest. ``attested``: it lists what
    BuildKit says of how the first was made, too.
    """
    found = store.repository(name).manifests
    listed = [
        {
            "mediaType": found[digest][0],
            "digest": digest,
            "size": len(found[digest][1]),
            "platform": {"os": "linux", "architecture": architecture},
        }
        for architecture, digest in children.items()
    ]
    if attested:
        listed.append(_attestation(store, name, next(iter(children.values()))))
    kind = media.DOCKER_INDEX if docker else media.OCI_INDEX
    document = {"schemaVersion": 2, "mediaType": kind, "manifests": listed}
    return store.publish(name, tag, kind, json.dumps(document).encode())


def platforms(store: Store, name: str, tag: str = "latest", *, docker: bool = False, attested: bool = True) -> str:
    """An index with an image for linux/amd64 and one for linux/arm64."""
    children = {each: image(store, name, "", docker=docker, architecture=each) for each in ("amd64", "arm64")}
    return index(store, name, tag, docker=docker, attested=attested, **children)


def foreign(store: Store, name: str, tag: str = "latest", *, docker: bool = True) -> str:
    """An image whose lowest layer no registry has."""
    kind = DOCKER_FOREIGN if docker else OCI_FOREIGN
    own = Layer.of(FILES, DOCKER_LAYER if docker else OCI_LAYER)
    lowest = Layer.of({"windows/system32": b"not for us"}, kind)
    digest = image(store, name, tag, docker=docker, layers=(lowest, own))
    _lose(store, name, f"sha256:{hashlib.sha256(lowest.content).hexdigest()}")
    return digest


def zstandard(store: Store, name: str, tag: str = "latest") -> str:
    """An image with a layer that is compressed with zstd."""
    return image(store, name, tag, layers=(Layer.of(FILES, OCI_ZSTD), Layer.of({"etc/x": b"x"})))


def incomplete(store: Store, name: str, tag: str = "latest") -> str:
    """An image of two layers, of which the registry has lost the second."""
    lost = Layer.of({"etc/lost": b"lost"})
    digest = image(store, name, tag, layers=(Layer.of(FILES), lost))
    _lose(store, name, f"sha256:{hashlib.sha256(lost.content).hexdigest()}")
    return digest


def chart(store: Store, name: str, tag: str = "latest") -> str:
    """A Helm chart: an artifact that is no image."""
    document = {
        "schemaVersion": 2,
        "config": _blob(store, name, _HELM_CONFIG, b'{"name":"chart","version":"1.0.0","apiVersion":"v2"}'),
        "layers": [_layer(store, name, Layer.of({"chart/Chart.yaml": b"name: chart\n"}, _HELM_LAYER))],
    }
    return store.publish(name, tag, media.OCI_MANIFEST, json.dumps(document).encode())


def schema1(store: Store, name: str, tag: str = "latest") -> str:
    """An image as Docker had them until 2017."""
    document = {
        "schemaVersion": 1,
        "name": name,
        "tag": tag,
        "architecture": "amd64",
        "fsLayers": [{"blobSum": store.add(name, Layer.of(FILES).content)}],
        "history": [{"v1Compatibility": '{"id":"0"}'}],
        "signatures": [],
    }
    return store.publish(name, tag, _SCHEMA_1, json.dumps(document).encode())


def _blob(store: Store, name: str, media_type: str, content: bytes) -> dict[str, Any]:
    return {"mediaType": media_type, "digest": store.add(name, content), "size": len(content)}


def _layer(store: Store, name: str, layer: Layer) -> dict[str, Any]:
    found = _blob(store, name, layer.media_type, layer.content)
    if layer.media_type in (DOCKER_FOREIGN, OCI_FOREIGN):
        found["urls"] = ["https://elsewhere.test/layer"]
    return found


def _attestation(store: Store, name: str, subject: str) -> dict[str, Any]:
    provenance = Layer("application/vnd.in-toto+json", b'{"_type":"https://in-toto.io/Statement/v0.1"}', "sha256:0")
    digest = image(store, name, "", architecture="unknown", layers=(provenance,))
    return {
        "mediaType": media.OCI_MANIFEST,
        "digest": digest,
        "size": len(store.repository(name).manifests[digest][1]),
        "platform": {"os": "unknown", "architecture": "unknown"},
        "annotations": {"vnd.docker.reference.type": "attestation-manifest", "vnd.docker.reference.digest": subject},
    }


def _lose(store: Store, name: str, digest: str) -> None:
    store.repository(name).blobs.discard(digest)
    store.blobs.pop(digest, None)
