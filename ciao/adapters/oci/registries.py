"""The client: ``Registries`` and ``Repository`` over HTTP (distribution-spec 1.1, "API")."""

from __future__ import annotations

import hashlib
import json
import random
import re
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from urllib.parse import quote, urljoin, urlsplit

from attrs import frozen

from ciao.adapters.oci.asking import Asking
from ciao.adapters.oci.blobs import sha256
from ciao.adapters.oci.dockerconfig import DockerConfig
from ciao.adapters.oci.errors import RegistryError, not_a_registry, wrong_digest
from ciao.adapters.oci.farewell import begun, quickly
from ciao.adapters.oci.hosts import Trust
from ciao.adapters.oci.media import ACCEPT, Manifest, understood
from ciao.adapters.oci.patience import Patience
from ciao.adapters.oci.session import Blob, Registries
from ciao.adapters.oci.tokens import Logins, Scopes
from ciao.adapters.oci.uploading import Upload
from ciao.adapters.oci.wire import Answer, Ask, Limits, Wire
from ciao.core import settings as keys
from ciao.core.settings import Settings

_LARGEST_MANIFEST = 8 << 20
_PIECE = 1 << 20
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_NEXT = re.compile(r'<([^>]*)>\s*;\s*rel="?next"?')


class HttpRegistries:
    """Implements ``session.Registries``. Made on the loop that it is used on."""

    def __init__(
        self,
        *,
        trust: Trust,
        config: DockerConfig,
        limits: Limits | None = None,
        patience: Patience | None = None,
        now: Callable[[], float] = time.monotonic,
        chance: Callable[[], float] = random.random,
        agent: str = "ciao",
    ) -> None:
        self._wire = Wire(trust, limits or Limits(), agent)
        logins = Logins(self._wire, config, now)
        self._asking = Asking(wire=self._wire, logins=logins, patience=patience or Patience(), chance=chance)
        self._whole: set[str] = set()

    def repository(self, name: str) -> HttpRepository:
        """``host/path``."""
        host, _, path = name.partition("/")
        return HttpRepository(host, path, self._asking, self._whole)

    async def close(self) -> None:
        """Close all connections."""
        await self._wire.close()


@frozen
class HttpRepository:
    """Implements ``session.Repository``. ``whole``: hosts that take no upload in chunks."""

    host: str
    path: str
    asking: Asking
    whole: set[str]

    @property
    def name(self) -> str:
        """``host/path``."""
        return f"{self.host}/{self.path}"

    # -- manifests -------------------------------------------------------------------------------

    async def digest(self, reference: str) -> str | None:
        """By a HEAD; by the manifest itself at a registry that says no digest in a HEAD, or does not answer it."""
        what = self._called(reference)
        ask = Ask(verb="HEAD", host=self.host, url=self._manifest(reference), what=what, headers={"Accept": ACCEPT})
        answer = await self.asking.ask(ask, self._pull, (200, 404, 405))
        if answer.status == 404:
            return None
        found = answer.headers.get("Docker-Content-Digest", "")
        if answer.status == 200 and _DIGEST.fullmatch(found):
            return found
        try:
            return (await self.manifest(reference)).digest
        except RegistryError as error:
            if error.status == 404:
                return None
            raise

    async def manifest(self, reference: str) -> Manifest:
        """With its bytes, whose digest is reckoned here."""
        what = self._called(reference)
        ask = Ask(verb="GET", host=self.host, url=self._manifest(reference), what=what, headers={"Accept": ACCEPT})
        answer = await self.asking.ask(ask, self._pull, (200,))
        body, kind = answer.body, answer.headers.get("Content-Type", "")
        if "html" in kind or len(body) > _LARGEST_MANIFEST:
            raise not_a_registry(self.host, what, kind or f"{len(body)} bytes")
        digest = sha256(body)
        said = answer.headers.get("Docker-Content-Digest", digest)
        if digest != (reference if _DIGEST.fullmatch(reference) else said):
            raise wrong_digest(self.host, what)
        return understood(body, kind, digest, what)

    async def put(self, reference: str, body: bytes, media_type: str) -> None:
        """MissingBlobs when the registry lacks some."""
        what = f"the push of {self._called(reference)}"
        ask = Ask(
            verb="PUT", host=self.host, url=self._manifest(reference), what=what, headers={"Content-Type": media_type},
            body=body, patient=True,
        )  # fmt: skip
        answer = await self.asking.ask(ask, self._push, (201, 200, 202))
        said = answer.headers.get("Docker-Content-Digest", "")
        if said.startswith("sha256:") and said != sha256(body):
            raise wrong_digest(self.host, what)

    async def delete(self, digest: str) -> bool:
        """With all its tags."""
        what = f"the removal of {self._called(digest)}"
        ask = Ask(verb="DELETE", host=self.host, url=self._manifest(digest), what=what)
        scopes = frozenset({f"repository:{self.path}:delete,pull"})
        return (await self.asking.ask(ask, scopes, (200, 202, 204, 404))).status != 404

    async def tags(self) -> tuple[str, ...]:
        """Page by page; none for a repository that does not exist yet."""
        found: list[str] = []
        url, what = f"/v2/{self.path}/tags/list", f"the tags of {self.name}"
        while url:
            ask = Ask(verb="GET", host=self.host, url=url, what=what)
            answer = await self.asking.ask(ask, self._pull, (200, 404))
            if answer.status == 404:
                break
            found += self._listed(answer, what)
            following = _NEXT.search(answer.headers.get("Link", ""))
            url = _here(answer.url, following[1]) if following else ""
        return tuple(dict.fromkeys(found))

    # -- blobs -----------------------------------------------------------------------------------

    async def has(self, digest: str) -> bool:
        """By a HEAD."""
        ask = Ask(verb="HEAD", host=self.host, url=self._blob(digest), what=self._called(digest))
        return (await self.asking.ask(ask, self._pull, (200, 404))).status == 200

    async def fetch(self, digest: str, size: int) -> bytes:
        """In memory: for configs."""

        async def attempt() -> bytes:
            async with self.stream(digest) as pieces:
                found = bytearray()
                async for piece in pieces:
                    found += piece
                    if len(found) > size:
                        raise wrong_digest(self.host, self._called(digest))
                return bytes(found)

        return await self.asking.patiently(attempt)

    @asynccontextmanager
    async def stream(self, digest: str) -> AsyncIterator[AsyncIterator[bytes]]:
        """RegistryError at the end when the bytes are others than the digest says."""
        ask = Ask(verb="GET", host=self.host, url=self._blob(digest), what=self._called(digest))
        async with self.asking.open(ask, self._pull, (200,)) as response:

            async def pieces() -> AsyncIterator[bytes]:
                whole = hashlib.sha256()
                try:
                    async for piece in response.content.iter_chunked(_PIECE):
                        whole.update(piece)
                        yield piece
                except Exception as error:
                    raise self.asking.wire.lost(ask, error) or error from error
                if f"sha256:{whole.hexdigest()}" != digest:
                    raise wrong_digest(self.host, ask.what)

            yield pieces()

    async def mount(self, digest: str, source: str) -> bool:
        """``source`` is ``host/path``. An upload that the registry begins instead is given up."""
        host, _, path = source.partition("/")
        if host != self.host:
            return False
        url = f"/v2/{self.path}/blobs/uploads/?mount={digest}&from={quote(path, safe='')}"
        ask = Ask(verb="POST", host=self.host, url=url, what=f"the mount of {self._called(digest)}", body=b"", size=0)
        scopes = self._push | {f"repository:{path}:pull"}
        try:
            answer = await begun(self.asking.ask(ask, scopes, (201, 202)), self._drop)
        except RegistryError as error:
            if error.status in (400, 401, 403, 404, 405):
                return False
            raise
        await quickly(self._drop(answer))
        return answer.status == 201

    async def upload(self, blob: Blob, sent: Callable[[int], None] | None = None) -> None:
        """As the port says."""
        upload = Upload(
            asking=self.asking, host=self.host, path=self.path, scopes=self._push, whole=self.whole,
            sent=sent or (lambda _: None),
        )  # fmt: skip
        await upload.run(blob)

    # -- inside ----------------------------------------------------------------------------------

    @property
    def _pull(self) -> Scopes:
        return frozenset({f"repository:{self.path}:pull"})

    @property
    def _push(self) -> Scopes:
        return frozenset({f"repository:{self.path}:pull,push"})

    def _manifest(self, reference: str) -> str:
        return f"/v2/{self.path}/manifests/{reference}"

    def _blob(self, digest: str) -> str:
        return f"/v2/{self.path}/blobs/{digest}"

    def _called(self, reference: str) -> str:
        return f"{self.name}{'@' if ':' in reference else ':'}{reference}"

    def _listed(self, answer: Answer, what: str) -> list[str]:
        try:
            tags = json.loads(answer.body)["tags"] or []
        except (ValueError, KeyError, TypeError) as error:
            raise not_a_registry(self.host, what, "no list of tags") from error
        return [str(each) for each in tags]

    async def _drop(self, answer: Answer) -> None:
        """The upload that was begun instead of a mount."""
        location = answer.headers.get("Location")
        if answer.status == 202 and location:
            ask = Ask(verb="DELETE", host=self.host, url=urljoin(answer.url, location), what="an upload")
            await self.asking.once(ask, self._push, (204, 202, 200))


def open_registries(settings: Settings, environ: Mapping[str, str]) -> Registries:
    """With what the settings ``registry.*`` and Docker's configuration say. On the loop that it is used on."""
    trust = Trust(insecure=settings[keys.REGISTRY_INSECURE], ca=settings[keys.REGISTRY_CA], environ=environ)
    return HttpRegistries(trust=trust, config=DockerConfig(environ))


def _here(url: str, link: str) -> str:
    """The path of the next page."""
    parts = urlsplit(urljoin(url, link))
    return f"{parts.path}?{parts.query}" if parts.query else parts.path


__all__ = ["HttpRegistries", "HttpRepository", "open_registries"]
