"""One blob into one repository (distribution-spec, "Pushing blobs").

- POST, then PUT of all bytes at once. Large ones, and those that something in between finds too large (413), in
  chunks by PATCH, so that after a cut one goes on where the registry says that it has come to.
- A registry that takes no second chunk gets all at once. Whatever fails is begun anew; an upload that is given up is
  deleted, as far as that goes quickly.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from urllib.parse import urljoin, urlsplit

from attrs import define, frozen

from ciao.adapters.oci.asking import Asking
from ciao.adapters.oci.errors import RegistryError, not_a_registry
from ciao.adapters.oci.farewell import begun, quickly
from ciao.adapters.oci.session import Blob
from ciao.adapters.oci.tokens import Scopes
from ciao.adapters.oci.wire import Answer, Ask

_LARGE = 64 << 20
_CHUNK = 32 << 20
_SMALL_CHUNK = 4 << 20


@frozen(kw_only=True)
class Upload:
    """``path`` is the repository's (``team/app``); ``whole``: hosts that take no chunks, to be remembered."""

    asking: Asking
    host: str
    path: str
    scopes: Scopes
    whole: set[str]
    sent: Callable[[int], None]

    async def run(self, blob: Blob) -> None:
        """There when this returns."""

        async def attempt() -> None:
            location = await begun(self._begin(blob), lambda location: self._give_up(_Session(location)))
            session = _Session(location)
            try:
                await self._send(blob, session)
            except BaseException:
                await quickly(self._give_up(session))
                raise

        await self.asking.patiently(attempt)

    # -- inside ----------------------------------------------------------------------------------

    def _what(self, blob: Blob) -> str:
        return f"the upload of {blob.digest[:19]}… to {self.host}/{self.path}"

    async def _begin(self, blob: Blob) -> str:
        url = f"/v2/{self.path}/blobs/uploads/"
        ask = Ask(verb="POST", host=self.host, url=url, what=self._what(blob), body=b"", size=0)
        return self.location(await self.asking.once(ask, self.scopes, (202,)))

    def location(self, answer: Answer) -> str:
        """Where the upload goes on. Behind a proxy that speaks TLS some registries name themselves without."""
        found = answer.headers.get("Location")
        if not found:
            raise not_a_registry(self.host, f"an upload to {self.host}/{self.path}", "it says no place for it")
        there = urlsplit(urljoin(answer.url, found))
        here = urlsplit(answer.url)
        return (there._replace(scheme=here.scheme) if there.netloc == here.netloc else there).geturl()

    async def _send(self, blob: Blob, session: _Session) -> None:
        if blob.size <= _LARGE or self.host in self.whole:
            try:
                return await self._finish(blob, session, 0)
            except RegistryError as error:
                if error.status != 413 or blob.size <= _SMALL_CHUNK:
                    raise
            await quickly(self._give_up(session))
            session.location = await self._begin(blob)
            return await self._chunks(blob, session, _SMALL_CHUNK)
        return await self._chunks(blob, session, _CHUNK)

    async def _chunks(self, blob: Blob, session: _Session, length: int) -> None:
        offset = 0
        while offset < blob.size:
            count = min(length, blob.size - offset)
            try:
                session.location = self.location(await self._patch(blob, session, offset, count))
                offset += count
            except RegistryError as error:
                if 400 <= error.status < 500 and error.status not in (401, 403, 429) and length == _CHUNK:
                    self.whole.add(self.host)
                    session.location = await self._begin(blob)
                    return await self._finish(blob, session, 0)
                if not error.passing:
                    raise
                offset = await self._reached(blob, session, error)
        return await self._finish(blob, session, blob.size)

    async def _patch(self, blob: Blob, session: _Session, offset: int, count: int) -> Answer:
        ask = Ask(
            verb="PATCH", host=self.host, url=session.location, what=self._what(blob), size=count, patient=True,
            headers={"Content-Type": "application/octet-stream", "Content-Range": f"{offset}-{offset + count - 1}"},
            body=lambda: self._pieces(blob, offset, count),
        )  # fmt: skip
        return await self.asking.once(ask, self.scopes, (202, 204))

    async def _reached(self, blob: Blob, session: _Session, error: RegistryError) -> int:
        """How far the registry has come, once it answers again; the error itself when it does not know."""
        ask = Ask(verb="GET", host=self.host, url=session.location, what=self._what(blob))
        try:
            answer = await self.asking.ask(ask, self.scopes, (204,))
        except RegistryError:
            raise error from None
        _, dash, last = answer.headers.get("Range", "").rpartition("-")
        if not dash or not last.isdigit():
            raise error
        session.location = self.location(answer)
        session.resumed += 1
        if session.resumed > self.asking.patience.attempts:
            raise error
        return int(last) + 1 if int(last) else 0

    async def _finish(self, blob: Blob, session: _Session, offset: int) -> None:
        """The PUT that ends it, with the bytes from ``offset`` on."""
        count, glue = blob.size - offset, "&" if urlsplit(session.location).query else "?"
        ask = Ask(
            verb="PUT", host=self.host, url=f"{session.location}{glue}digest={blob.digest}", what=self._what(blob),
            headers={"Content-Type": "application/octet-stream"}, size=count, patient=True,
            body=(lambda: self._pieces(blob, offset, count)) if count else b"",
        )  # fmt: skip
        await self.asking.once(ask, self.scopes, (201, 204))
        session.over = True

    async def _pieces(self, blob: Blob, offset: int, count: int) -> AsyncIterator[bytes]:
        done = offset
        async with blob.pieces(offset, count) as pieces:
            async for piece in pieces:
                yield piece
                done += len(piece)
                self.sent(done)

    async def _give_up(self, session: _Session) -> None:
        if not session.over:
            ask = Ask(verb="DELETE", host=self.host, url=session.location, what="an upload that is given up")
            await self.asking.once(ask, self.scopes, (204, 202, 200))


@define
class _Session:
    """One upload at the registry: ``location`` is another after each step."""

    location: str
    over: bool = False
    resumed: int = 0
