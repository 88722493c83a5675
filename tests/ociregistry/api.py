"""The distribution API: which path is what, and which right each request needs."""

from __future__ import annotations

import re

from . import manifests, uploads
from .messages import JSON, VERSION, Answer, Error, Request, refused, said
from .store import Store, Traits

_NAME = r"(?P<name>[a-z0-9]+(?:[._-]+[a-z0-9]+)*(?:/[a-z0-9]+(?:[._-]+[a-z0-9]+)*)*)"
_BEGIN = re.compile(rf"/v2/{_NAME}/blobs/uploads/")
_UPLOAD = re.compile(rf"/v2/{_NAME}/blobs/uploads/(?P<session>[^/]+)")
_BLOB = re.compile(rf"/v2/{_NAME}/blobs/(?P<digest>[^/]+)")
_MANIFEST = re.compile(rf"/v2/{_NAME}/manifests/(?P<reference>[^/]+)")
_TAGS = re.compile(rf"/v2/{_NAME}/tags/list")
_PULL, _PUSH, _DELETE = frozenset({"pull"}), frozenset({"pull", "push"}), frozenset({"delete"})
Needs = dict[str, frozenset[str]]


def needs(request: Request) -> Needs:
    """The rights that a request takes, by repository; none for the one that asks whether this is a registry."""
    found = re.match(rf"/v2/{_NAME}/(?:blobs|manifests|tags)/", request.path)
    if found is None:
        return {}
    if request.method in ("GET", "HEAD"):
        return {found["name"]: _PULL}
    if request.method == "DELETE":
        return {found["name"]: _DELETE}
    wanted: Needs = {found["name"]: _PUSH}
    source = request.asked("from")
    if request.method == "POST" and source and source != found["name"]:
        wanted[source] = _PULL
    return wanted


def answer(request: Request, store: Store, traits: Traits) -> Answer:
    """To a request that may be made."""
    if traits.largest and (request.length or 0) > traits.largest:
        return Answer(413, {"Content-Type": "text/html"}, b"<html><h1>413 Request Entity Too Large</h1></html>")
    if request.path == "/v2/":
        return Answer(200, {"Content-Type": JSON, **VERSION}, b"{}")
    if (found := _BEGIN.fullmatch(request.path)) and request.method == "POST":
        return uploads.begin(request, store, traits, found["name"])
    if found := _UPLOAD.fullmatch(request.path):
        return uploads.upload(request, store, traits, **found.groupdict())
    if found := _BLOB.fullmatch(request.path):
        return uploads.blob(request, store, traits, **found.groupdict())
    if found := _MANIFEST.fullmatch(request.path):
        if request.method not in ("GET", "HEAD", "PUT", "DELETE"):
            return refused(405, Error("UNSUPPORTED", "The operation is unsupported."))
        return manifests.manifest(request, store, traits, **found.groupdict())
    if found := _TAGS.fullmatch(request.path):
        return manifests.tags(request, store, traits, found["name"])
    return said(404, "404 page not found")
