"""Blobs and their uploads, as distribution's handlers do it."""

from __future__ import annotations

import re

from .messages import VERSION, Answer, Error, Request, refused
from .store import Store, Traits, digest_of

_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_RANGE = re.compile(r"bytes=(\d+)-(\d*)")
_UNKNOWN = Error("BLOB_UPLOAD_UNKNOWN", "blob upload unknown to registry")
_UNFIT = Error("DIGEST_INVALID", "provided digest did not match uploaded content")


def blob(request: Request, store: Store, traits: Traits, name: str, digest: str) -> Answer:
    """GET (with Range) and HEAD; DELETE is not what anybody here asks for."""
    if request.method not in ("GET", "HEAD"):
        return refused(405, Error("UNSUPPORTED", "The operation is unsupported."))
    if not _DIGEST.fullmatch(digest):
        return refused(400, _UNFIT)
    found = store.known(name)
    if found is None or digest not in found.blobs or digest not in store.blobs:
        return refused(404, Error("BLOB_UNKNOWN", "blob unknown to registry", digest))
    content = store.blobs[digest]
    told = {"Content-Type": "application/octet-stream", "Accept-Ranges": "bytes", **VERSION}
    if traits.digests:
        told["Docker-Content-Digest"] = digest
    part = _RANGE.fullmatch(request.headers.get("range", ""))
    if part is None:
        return Answer(200, told, content)
    first, last = int(part[1]), int(part[2] or len(content) - 1)
    if first >= len(content):
        return Answer(416, {**told, "Content-Range": f"bytes */{len(content)}"})
    piece = content[first : last + 1]
    told["Content-Range"] = f"bytes {first}-{first + len(piece) - 1}/{len(content)}"
    return Answer(206, told, piece)


def begin(request: Request, store: Store, traits: Traits, name: str) -> Answer:
    """POST: a blob of another repository is taken over (201), else an upload begins (202), whatever was wrong."""
    digest, source = request.asked("mount"), request.asked("from")
    origin = store.known(source) if source else None
    if traits.mounts and origin is not None and digest in origin.blobs and digest in store.blobs:
        store.repository(name).blobs.add(digest)
        return _created(request, traits, name, digest)
    return _under_way(request, traits, name, store.begin(name), 0)


def upload(request: Request, store: Store, traits: Traits, name: str, session: str) -> Answer:
    """GET, PATCH, PUT and DELETE of an upload that has begun."""
    known = store.known(name)
    data = known.uploads.get(session) if known else None
    if known is None or data is None:
        return refused(404, _UNKNOWN)
    if not traits.resumes and request.asked("_state") != str(len(data)):
        if request.method != "GET":
            known.uploads.pop(session, None)  # what is known of it and what is there differ
        return refused(404, Error("BLOB_UPLOAD_INVALID", "blob upload invalid"))
    if request.method == "GET":
        return _under_way(request, traits, name, session, len(data), 204)
    if request.method == "DELETE":
        known.uploads.pop(session, None)
        return Answer(204, VERSION)
    if request.method == "PATCH":
        return _chunk(request, traits, name, session, data)
    if request.method == "PUT":
        return _complete(request, store, traits, name, session, data)
    return refused(405, Error("UNSUPPORTED", "The operation is unsupported."))


def _chunk(request: Request, traits: Traits, name: str, session: str, data: bytearray) -> Answer:
    if not traits.patches:
        return refused(405, Error("UNSUPPORTED", "The operation is unsupported."))
    begin = request.headers.get("content-range", "").partition("-")[0]
    if traits.resumes and begin and int(begin) != len(data):
        return _under_way(request, traits, name, session, len(data), 416)
    for piece in request.pieces():
        data += piece
    return _under_way(request, traits, name, session, len(data))


def _complete(request: Request, store: Store, traits: Traits, name: str, session: str, data: bytearray) -> Answer:
    digest = request.asked("digest")
    if not digest:
        return refused(400, Error("DIGEST_INVALID", "provided digest did not match uploaded content", "digest missing"))
    for piece in request.pieces():
        data += piece
    if store.repository(name).uploads.pop(session, None) is None:
        return refused(404, _UNKNOWN)  # it was given up meanwhile
    if digest_of(data) != digest:
        return refused(400, _UNFIT)
    store.add(name, bytes(data))
    return _created(request, traits, name, digest)


def _created(request: Request, traits: Traits, name: str, digest: str) -> Answer:
    told = {"Location": _location(request, traits, f"/v2/{name}/blobs/{digest}"), **VERSION}
    if traits.digests:
        told["Docker-Content-Digest"] = digest
    return Answer(201, told)


def _under_way(request: Request, traits: Traits, name: str, session: str, offset: int, status: int = 202) -> Answer:
    where = _location(request, traits, f"/v2/{name}/blobs/uploads/{session}?_state={offset}")
    told = {"Location": where, "Range": f"0-{max(0, offset - 1)}", "Docker-Upload-UUID": session}
    return Answer(status, {**told, **VERSION})


def _location(request: Request, traits: Traits, path: str) -> str:
    return path if traits.relative else f"{request.base}{path}"
