"""HTTP to registries: one pool of connections, every wait with an end, aiohttp's exceptions translated.

Redirects are followed by hand, without credentials to another host: blobs often lie in an object store that answers a
request with two credentials by 400. Which scheme a host without checked TLS speaks is found out by the first request,
TLS first, so that nothing is sent in the clear where it need not be.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from urllib.parse import urljoin, urlsplit

import aiohttp
from attrs import evolve, field, frozen
from yarl import URL

from ciao.adapters.oci.errors import RegistryError, not_a_registry
from ciao.adapters.oci.hosts import Trust, api_host
from ciao.adapters.oci.outages import LOST, lost
from ciao.core.errors import CiaoError

Body = Callable[[], AsyncIterator[bytes]]
_REDIRECTS = (301, 302, 303, 307, 308)
_HOPS = 5
_IDLE = 60.0  # seconds that an unused connection is kept


@frozen(kw_only=True)
class Limits:
    """Seconds. ``connect``: until there is a connection; ``answer``: without a byte of an answer; ``commit``: the same
    after an upload, which registries move to their storage first.
    """

    connect: float = 10.0
    answer: float = 30.0
    commit: float = 300.0


@frozen(kw_only=True)
class Ask:
    """One request. ``url`` is a path (``/v2/…``) at ``host``, or whole. ``what``: for errors."""

    verb: str
    host: str
    url: str
    what: str
    headers: Mapping[str, str] = field(factory=dict)
    body: bytes | Body | None = field(default=None, repr=False)
    size: int | None = None
    patient: bool = False


@frozen
class Answer:
    """Whatever was answered, in whole; ``url`` is where it came from."""

    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)
    url: str
    challenges: tuple[str, ...] = ()


class Wire:
    """Made and used on one event loop. Raises RegistryError when no answer comes."""

    def __init__(self, trust: Trust, limits: Limits, agent: str) -> None:
        self.trust, self._limits = trust, limits
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=_IDLE),
            cookie_jar=aiohttp.DummyCookieJar(),
            headers={"User-Agent": agent},
            auto_decompress=False,
        )
        self._schemes: dict[str, str] = {}
        self._finding: dict[str, asyncio.Lock] = {}
        self._contexts: dict[str, ssl.SSLContext] = {}

    async def ask(self, ask: Ask) -> Answer:
        """The whole answer, redirects followed."""
        async with self.open(ask) as response:
            try:
                body = await response.read()
            except LOST as error:
                raise self._unavailable(ask, error) from error
            return Answer(
                response.status, response.headers, body, str(response.url),
                tuple(response.headers.getall("WWW-Authenticate", ())),
            )  # fmt: skip

    @asynccontextmanager
    async def open(self, ask: Ask) -> AsyncIterator[aiohttp.ClientResponse]:
        """The answer's beginning; its body is the caller's. The connection is let go at the end."""
        url = await self._located(ask)
        for _ in range(_HOPS):
            response = await self._sent(ask, url)
            try:
                location = response.headers.get("Location")
                if response.status not in _REDIRECTS or location is None or ask.verb not in ("GET", "HEAD"):
                    yield response
                    return
            finally:
                response.release()
            there = urljoin(url, location)
            ask = ask if _same_host(url, there) else evolve(ask, headers=_public(ask.headers))
            url = there
        raise not_a_registry(ask.host, ask.what, "it redirects in circles")

    def lost(self, ask: Ask, error: BaseException) -> RegistryError | None:
        """The RegistryError for an exception while a body is read; None: it is none of the connection's."""
        return self._unavailable(ask, error) if isinstance(error, LOST) else None

    async def close(self) -> None:
        """Close all connections."""
        await self._session.close()
        await asyncio.sleep(0)  # sockets are closed in the loop's next turn, and this may be its last

    # -- inside ----------------------------------------------------------------------------------

    async def _located(self, ask: Ask) -> str:
        """The whole URL; for a path, with the scheme that the host speaks."""
        if "://" in ask.url:
            return ask.url
        return f"{await self._scheme(ask)}://{api_host(ask.host)}{ask.url}"

    async def _scheme(self, ask: Ask) -> str:
        host = ask.host
        if not self.trust.is_insecure(host):
            return "https"
        async with self._finding.setdefault(host, asyncio.Lock()):
            if host not in self._schemes:
                self._schemes[host] = await self._found(ask)
        return self._schemes[host]

    async def _found(self, ask: Ask) -> str:
        """TLS, unless what answers speaks none. Where nobody answers nothing is found out."""
        probe = Ask(verb="GET", host=ask.host, url=f"https://{ask.host}/v2/", what=ask.what)
        try:
            response = await self._request(probe, probe.url)
        except (aiohttp.ClientSSLError, ssl.SSLError):
            return "http"
        except aiohttp.ClientConnectorError as error:
            raise self._unavailable(probe, error) from error
        except (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError):
            return "http"
        except LOST as error:
            raise self._unavailable(probe, error) from error
        response.release()
        return "https"

    async def _sent(self, ask: Ask, url: str) -> aiohttp.ClientResponse:
        try:
            return await self._request(ask, url)
        except LOST as error:
            raise _own(error) or self._unavailable(ask, error) from error

    async def _request(self, ask: Ask, url: str) -> aiohttp.ClientResponse:
        """A body that is not read to its end is closed: a file or another connection may hang on it."""
        body = ask.body() if callable(ask.body) else ask.body
        try:
            return await self._begun(ask, url, body)
        except BaseException:
            if isinstance(body, AsyncGenerator):
                with suppress(RuntimeError):  # it is being read just now, and ends with who reads it
                    await body.aclose()
            raise

    async def _begun(self, ask: Ask, url: str, body: bytes | AsyncIterator[bytes] | None) -> aiohttp.ClientResponse:
        limits, parts = self._limits, urlsplit(url)
        headers = {**ask.headers, "Accept-Encoding": "identity"}
        if ask.size is not None:
            headers["Content-Length"] = str(ask.size)
        secure = parts.scheme == "https"
        proxy = self.trust.proxy(url)
        return await self._session.request(
            ask.verb,
            URL(url, encoded=True),
            data=body,
            headers=headers,
            ssl=self._context(parts.netloc) if secure else True,
            proxy=URL(proxy) if proxy else None,
            allow_redirects=False,
            timeout=aiohttp.ClientTimeout(
                total=None, connect=limits.connect, sock_read=limits.commit if ask.patient else limits.answer
            ),
        )

    def _context(self, host: str) -> ssl.SSLContext:
        """The same object for the same host: connections are pooled by it."""
        if host not in self._contexts:
            self._contexts[host] = self.trust.context(host)
        return self._contexts[host]

    def _unavailable(self, ask: Ask, error: BaseException) -> RegistryError:
        limits = self._limits
        return lost(
            error, ask.host, ask.what, connect=limits.connect, answer=limits.commit if ask.patient else limits.answer
        )


def _own(error: BaseException | None) -> CiaoError | None:
    """What went wrong with the bytes that were to be sent, which aiohttp takes for a fault of the connection."""
    while error is not None and not isinstance(error, CiaoError):
        error = error.__cause__
    return error


def _same_host(one: str, other: str) -> bool:
    return urlsplit(one).netloc == urlsplit(other).netloc


def _public(headers: Mapping[str, str]) -> Mapping[str, str]:
    return {name: value for name, value in headers.items() if name != "Authorization"}
