"""One pool of connections to an apiserver. A request is sent once, with what it is given, and every wait has an end.

- No limit of connections: a job has three watches and a log for each replica, all of which last as long as it does.
- Another certificate, another CA or another server is another key of the same pool: who is being answered goes on, and
  connections that nobody uses end by themselves.
- A connection that died without a word (a laptop slept, a NAT forgot it) is found by the system's keep-alive within
  about a minute, also while a quiet log is followed.
- Redirects are not followed, cookies not kept, ``~/.netrc`` and proxies of the environment not read by aiohttp.
"""

from __future__ import annotations

import asyncio
import re
import socket
import ssl
from collections.abc import Mapping
from io import BytesIO
from typing import Any
from urllib.parse import quote, urlencode

import aiohttp
from attrs import field, frozen
from yarl import URL

from ciao.adapters.kube.keeper import Pass
from ciao.adapters.kube.login import Endpoint, Pair
from ciao.adapters.kube.outages import LOST, broken, unreachable
from ciao.adapters.kube.patience import Timeouts
from ciao.adapters.kube.tls import ssl_context

_WHOLE = 4  # times ``answer``: an answer that drips for longer than that is none
_IDLE = 30.0  # seconds that an unused connection is kept
_BUFFER = 1 << 20  # bytes read ahead of a stream's reader
_HEADER = 1 << 16
_LARGE = 1 << 20
_SAFE = "/%:@!$&'()*+,;=~"  # what is left as it is in a path
_DOTS = re.compile(r"(?<=/)\.\.?(?=/|$)")
_ERROR = 1 << 20  # bytes of a refusal
_ALIVE = (("TCP_KEEPIDLE", 30), ("TCP_KEEPALIVE", 30), ("TCP_KEEPINTVL", 10), ("TCP_KEEPCNT", 3))


@frozen
class Request:
    """Names in ``path`` are quoted already, ``params`` are not."""

    verb: str
    path: str
    params: Mapping[str, str] = field(factory=dict)
    body: bytes | None = field(default=None, repr=False)
    content: str = "application/json"
    accept: str = "application/json"


@frozen
class Answer:
    """Whatever was answered, in whole."""

    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)


class Pieces:
    """A stream's bytes as they come, in pieces of any size, until its end. Raises Broken where it breaks off.

    Who has it must call ``close``, which ends the connection, wherever the stream is.
    """

    def __init__(self, response: aiohttp.ClientResponse, used: Pass, idle: float | None) -> None:
        self._response, self._used, self._idle = response, used, idle
        self._read = response.content.readany
        connection = response.connection  # None: all has arrived already
        self._lost = connection.protocol.closed if connection is not None and connection.protocol is not None else None
        if self._lost is not None:
            self._lost.add_done_callback(self._lose)

    def close(self) -> None:
        """End the connection, unless the stream came to its end; at once, since TLS's farewell would be in vain."""
        if self._lost is not None:
            self._lost.remove_done_callback(self._lose)
            self._lost.add_done_callback(_heard)
        connection = self._response.connection
        if connection is not None and connection.transport is not None:
            connection.transport.abort()
        self._response.close()

    def __aiter__(self) -> Pieces:
        return self

    async def __anext__(self) -> bytes:
        try:
            piece = await self._read()
        except LOST as error:
            raise broken(error, self._used.login, self._idle) from error
        if not piece:
            raise StopAsyncIteration
        return piece

    def _lose(self, lost: asyncio.Future[None]) -> None:
        """A reader hears from aiohttp nothing of a connection that it closed itself, and would wait for ever."""
        why, content = lost.exception(), self._response.content
        if not content.is_eof() and content.exception() is None:
            content.set_exception(why or aiohttp.ClientPayloadError("it was closed"))


class Wire:
    """Made and used on one event loop. Raises Unreachable; an answer of any status is an answer."""

    def __init__(self, timeouts: Timeouts, agent: str) -> None:
        self._timeouts = timeouts
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=_IDLE, socket_factory=_socket),
            cookie_jar=aiohttp.DummyCookieJar(),
            headers={"User-Agent": agent},
            max_line_size=_HEADER,
            max_field_size=_HEADER,
        )
        self._secure: tuple[tuple[Endpoint, Pair | None], ssl.SSLContext | None] | None = None

    async def ask(self, request: Request, used: Pass) -> Answer:
        """The whole answer."""
        limits, whole = self._timeouts, self._timeouts.connect + _WHOLE * self._timeouts.answer
        try:
            async with asyncio.timeout(whole):
                response = await self._begin(request, used, limits.answer, _encoding(used.login.endpoint))
                try:
                    return Answer(response.status, response.headers, await response.read())
                finally:
                    response.close()
        except LOST as error:
            raise unreachable(error, used.login, limits) from error

    async def open(self, request: Request, used: Pass, idle: float | None) -> Pieces | Answer:
        """The pieces of a success; the whole answer if it is none. ``idle``: seconds without a byte."""
        limits = self._timeouts
        try:
            async with asyncio.timeout(limits.connect + limits.answer):
                response = await self._begin(request, used, idle, "identity")
                if response.status == 200:
                    return Pieces(response, used, idle)
                try:
                    return Answer(response.status, response.headers, await response.content.read(_ERROR))
                finally:
                    response.close()
        except LOST as error:
            raise unreachable(error, used.login, limits) from error

    async def close(self) -> None:
        """Close all connections; who waits for an answer is told."""
        await self._session.close()
        await asyncio.sleep(0)  # sockets are closed in the loop's next turn, and this may be its last

    # -- inside ----------------------------------------------------------------------------------

    async def _begin(
        self, request: Request, used: Pass, silence: float | None, encoding: str
    ) -> aiohttp.ClientResponse:
        endpoint = used.login.endpoint
        query = f"?{urlencode(request.params, quote_via=quote)}" if request.params else ""
        secure = self._secured(used)
        return await self._session.request(
            request.verb,
            URL(f"{endpoint.server}{_quoted(request.path)}{query}", encoded=True),
            data=_sent(request.body),
            headers=[*_headers(request, used), ("Accept-Encoding", encoding)],
            ssl=True if secure is None else secure,
            server_hostname=endpoint.server_name or None,
            proxy=URL(endpoint.proxy) if endpoint.proxy else None,
            allow_redirects=False,
            timeout=aiohttp.ClientTimeout(connect=self._timeouts.connect, sock_read=silence),
            read_bufsize=_BUFFER,
        )

    def _secured(self, used: Pass) -> ssl.SSLContext | None:
        """The same object for the same keys: connections are pooled by it."""
        key = (used.login.endpoint, used.credential.pair)
        if self._secure is None or self._secure[0] != key:
            self._secure = key, ssl_context(*key)
        return self._secure[1]


def _quoted(path: str) -> str:
    """Without what would lead elsewhere: a namespace is ``..`` as soon as somebody types it."""
    return _DOTS.sub(lambda found: found[0].replace(".", "%2E"), quote(path, safe=_SAFE))


def _sent(body: bytes | None) -> bytes | BytesIO | None:
    """In pieces when it is large, so that the loop goes on meanwhile."""
    return BytesIO(body) if body is not None and len(body) > _LARGE else body


def _heard(lost: asyncio.Future[None]) -> None:
    """Somebody has seen the exception, so that asyncio does not log it."""
    if not lost.cancelled():
        lost.exception()


def _headers(request: Request, used: Pass) -> list[tuple[str, str]]:
    found = [("Accept", request.accept), *used.login.user.headers]
    if used.credential.header:
        found.append(("Authorization", used.credential.header))
    if request.body is not None:
        found.append(("Content-Type", request.content))
    return found


def _encoding(endpoint: Endpoint) -> str:
    return "gzip" if endpoint.compress else "identity"


def _socket(address: tuple[Any, ...]) -> socket.socket:
    family, kind, protocol, *_ = address
    made = socket.socket(family, kind, protocol)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in _ALIVE:
        option = getattr(socket, name, None)
        if option is not None:
            made.setsockopt(socket.IPPROTO_TCP, option, value)
    return made
