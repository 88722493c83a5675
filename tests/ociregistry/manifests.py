"""Manifests and tags, as distribution's handlers do it: what they check, and what they do not."""

from __future__ import annotations

import json
import re
from typing import Any

from ciao.adapters.oci import media

from .messages import JSON, VERSION, Answer, Error, Request, refused
from .store import Store, Traits, digest_of

_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")
_LARGEST = 4 << 20
_OLD = "application/vnd.docker.distribution.manifest.v1+prettyjws"
_INVALID = "manifest invalid"
_FOREIGN = (
    "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip",
    "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip",
    "application/vnd.oci.image.layer.nondistributable.v1.tar",
)


def manifest(request: Request, store: Store, traits: Traits, name: str, reference: str) -> Answer:
    """HEAD, GET, PUT, DELETE."""
    if request.method == "PUT":
        return _put(request, store, traits, name, reference)
    if request.method == "DELETE":
        return _delete(store, traits, name, reference)
    if request.method == "HEAD" and not traits.heads:
        return refused(405, Error("UNSUPPORTED", "The operation is unsupported."))
    return _get(request, store, traits, name, reference)


def tags(request: Request, store: Store, traits: Traits, name: str) -> Answer:
    """All, or a page of them with a Link to the next."""
    if store.known(name) is None:
        return refused(404, Error("NAME_UNKNOWN", "repository name not known to registry", {"name": name}))
    found = [each for each in store.tags(name) if each > request.asked("last")]
    told = {"Content-Type": JSON, **VERSION}
    size = min(filter(None, (int(request.asked("n") or 0), traits.page)), default=0) if traits.page else 0
    if size and len(found) > size:
        found = found[:size]
        told["Link"] = f'</v2/{name}/tags/list?last={found[-1]}&n={size}>; rel="next"'
    return Answer(200, told, json.dumps({"name": name, "tags": found or None}).encode())


def _unknown(reference: str, message: str = "manifest unknown") -> Answer:
    return refused(404, Error("MANIFEST_UNKNOWN", message, {"Tag": reference}))


def _get(request: Request, store: Store, traits: Traits, name: str, reference: str) -> Answer:
    digest = store.resolved(name, reference)
    if digest is None:
        return _unknown(reference)
    kind, body = store.repository(name).manifests[digest]
    accepted = request.headers.get("accept", "")
    if kind == media.DOCKER_INDEX and kind not in accepted:
        # The image for linux/amd64, for clients of the time before indexes.
        digest = _child(json.loads(body)) or digest
        kind, body = store.repository(name).manifests[digest]
    if kind in (media.OCI_INDEX, media.OCI_MANIFEST) and kind not in accepted:
        what = "OCI index" if kind == media.OCI_INDEX else "OCI manifest"
        return _unknown(reference, f"{what} found, but accept header does not support {what}s")
    if kind == media.DOCKER_MANIFEST and kind not in accepted and not _DIGEST.fullmatch(reference):
        kind, body = _OLD, json.dumps({"schemaVersion": 1, "name": name, "tag": reference}).encode()
        digest = digest_of(body)
    told = {"Content-Type": kind, "Etag": f'"{digest}"', **VERSION}
    if traits.digests:
        told["Docker-Content-Digest"] = digest
    return Answer(200, told, body)


def _child(index: dict[str, Any]) -> str:
    for each in index["manifests"]:
        if each.get("platform", {}).get("architecture") == "amd64":
            return str(each["digest"])
    return ""


def _put(request: Request, store: Store, traits: Traits, name: str, reference: str) -> Answer:
    body = request.body()
    if len(body) > _LARGEST:
        return refused(400, Error("MANIFEST_INVALID", _INVALID, "http: request body too large"))
    kind = request.headers.get("content-type", "").partition(";")[0]
    try:
        document = json.loads(body)
    except ValueError:
        document = {}
    needed = "manifests" if kind in media.INDEXES else "config"
    if (
        kind not in (*media.MANIFESTS, *media.INDEXES)
        or needed not in document
        or document.get("mediaType", kind) != kind
    ):
        return refused(400, Error("MANIFEST_INVALID", _INVALID, {}))
    digest = digest_of(body)
    if _DIGEST.fullmatch(reference):
        if reference != digest:
            return refused(400, Error("DIGEST_INVALID", "provided digest did not match uploaded content"))
    elif not _TAG.fullmatch(reference):
        return refused(400, Error("TAG_INVALID", "manifest tag did not match URI"))
    status, problems = _problems(document, store, traits, name)
    if problems:
        return refused(status, *problems)
    store.publish(name, "" if reference == digest else reference, kind, body)
    told = {"Location": f"{request.base}/v2/{name}/manifests/{digest}", **VERSION}
    if traits.digests:
        told["Docker-Content-Digest"] = digest
    return Answer(201, told)


def _problems(document: dict[str, Any], store: Store, traits: Traits, name: str) -> tuple[int, list[Error]]:
    """What a manifest names and the repository has not. Sizes and diff ids are not looked at."""
    found = store.repository(name)
    if "manifests" in document:
        lacking = [each["digest"] for each in document["manifests"] if each["digest"] not in found.manifests]
        return 400, _missing(lacking, traits)
    blobs = [document["config"], *document["layers"]]
    foreign = [each for each in blobs if each.get("mediaType") in _FOREIGN and each.get("urls")]
    lacking = [each["digest"] for each in blobs if each["digest"] not in found.blobs and each not in foreign]
    if foreign and not traits.foreign:
        # A place that its configuration does not allow. It is no fault of its own, though it says so.
        unknown = [Error("UNKNOWN", "unknown error"), Error("UNKNOWN", "unknown error", {})]
        return 500, [*unknown, *_missing([*(each["digest"] for each in foreign), *lacking], traits)]
    return 400, _missing(lacking, traits)


def _missing(digests: list[str], traits: Traits) -> list[Error]:
    if digests and not traits.lists_missing:
        return [Error("MANIFEST_INVALID", _INVALID)]
    return [Error("MANIFEST_BLOB_UNKNOWN", "blob unknown to registry", each) for each in digests]


def _delete(store: Store, traits: Traits, name: str, reference: str) -> Answer:
    if not traits.deletes:
        return refused(405, Error("UNSUPPORTED", "The operation is unsupported."))
    if not _DIGEST.fullmatch(reference):
        return refused(400, Error("DIGEST_INVALID", "provided digest did not match uploaded content"))
    found = store.known(name)
    if found is None or reference not in found.manifests:
        return refused(404, Error("MANIFEST_UNKNOWN", "manifest unknown"))
    with store.lock:
        del found.manifests[reference]
        for tag in [tag for tag, digest in found.tags.items() if digest == reference]:
            del found.tags[tag]
    return Answer(202, VERSION)
