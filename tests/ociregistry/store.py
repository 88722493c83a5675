"""What a registry holds: blobs, which repositories have which of them, manifests, tags, uploads that have begun."""

from __future__ import annotations

import hashlib
import json
import threading
import uuid
from typing import Any

from attrs import define, field, frozen


@frozen(kw_only=True)
class Traits:
    """How registries differ; the defaults are distribution's 2.8.

    ``mounts``: blobs are taken over from other repositories. ``patches``: uploads may come in chunks. ``resumes``: an
    upload goes on after a cut, at the place that GET tells; a chunk for another place is refused (416). ``digests``:
    Docker-Content-Digest is sent. ``heads``: HEAD of manifests is answered. ``deletes``: DELETE of manifests, too.
    ``foreign``: manifests may have layers with URLs. ``lists_missing``: each blob that a manifest lacks is named.
    ``relative``: Location without a host. ``page``: so many tags at a time. ``largest``: bytes of a request's body,
    413 for more; 0: any.
    """

    mounts: bool = True
    patches: bool = True
    resumes: bool = False
    digests: bool = True
    heads: bool = True
    deletes: bool = True
    foreign: bool = False
    lists_missing: bool = True
    relative: bool = False
    page: int = 0
    largest: int = 0


@define
class Stored:
    """One repository. ``manifests``: by digest, media type and bytes."""

    blobs: set[str] = field(factory=set)
    manifests: dict[str, tuple[str, bytes]] = field(factory=dict)
    tags: dict[str, str] = field(factory=dict)
    uploads: dict[str, bytearray] = field(factory=dict)


class Store:
    """All repositories. ``lock`` is for who does several things to it at once."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.blobs: dict[str, bytes] = {}
        self.repositories: dict[str, Stored] = {}

    def repository(self, name: str) -> Stored:
        """Begun by its first use."""
        with self.lock:
            return self.repositories.setdefault(name, Stored())

    def known(self, name: str) -> Stored | None:
        """None for one that nothing was ever put into."""
        return self.repositories.get(name)

    def add(self, name: str, content: bytes) -> str:
        """A blob; its digest."""
        digest = digest_of(content)
        with self.lock:
            self.blobs[digest] = content
            self.repository(name).blobs.add(digest)
        return digest

    def publish(self, name: str, tag: str, media_type: str, body: bytes) -> str:
        """A manifest, tagged unless ``tag`` is ""; nothing is checked. Its digest."""
        digest = digest_of(body)
        with self.lock:
            found = self.repository(name)
            found.manifests[digest] = (media_type, body)
            if tag:
                found.tags[tag] = digest
        return digest

    def resolved(self, name: str, reference: str) -> str | None:
        """The digest that a tag or digest names, when there is such a manifest."""
        found = self.known(name)
        if found is None:
            return None
        digest = found.tags.get(reference, reference)
        return digest if digest in found.manifests else None

    def document(self, name: str, reference: str) -> dict[str, Any]:
        """The JSON of a manifest; KeyError for one that is not there."""
        digest = self.resolved(name, reference)
        if digest is None:
            raise KeyError(f"{name}:{reference}")
        found: dict[str, Any] = json.loads(self.repository(name).manifests[digest][1])
        return found

    def tags(self, name: str) -> tuple[str, ...]:
        """Sorted; none for an unknown repository."""
        found = self.known(name)
        return tuple(sorted(found.tags)) if found else ()

    def begin(self, name: str) -> str:
        """The name of a new upload."""
        name_of = str(uuid.uuid4())
        self.repository(name).uploads[name_of] = bytearray()
        return name_of


def digest_of(content: bytes | bytearray) -> str:
    """``sha256:…``."""
    return f"sha256:{hashlib.sha256(content).hexdigest()}"
