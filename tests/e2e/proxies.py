"""What stands between Ciao and the apiserver in cases about a network or a cluster that misbehaves.

``Between`` speaks HTTP: it sees requests and lines, so it can hide an API group, cut a log in the middle of a line or
tell a watch that it has expired. ``Wire`` only carries bytes, so that TLS stays what it is, and cuts every connection
when it is told to.
"""

from __future__ import annotations

import asyncio
import base64
import json
import socket
import ssl
import threading
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import trustme
from aiohttp import web

from .cluster import Cluster

_NOT_FORWARDED = {"host", "connection", "transfer-encoding", "content-length", "content-encoding", "accept-encoding"}
_EXPIRED = {
    "kind": "Status",
    "apiVersion": "v1",
    "code": 410,
    "reason": "Expired",
    "message": "too old resource version",
}
Change = Callable[[bytes], bytes | None]


def _place(cluster: Cluster) -> dict[str, str]:
    """The cluster's own place in a kubeconfig."""
    shown = cluster.kubectl.json("config", "view", "--raw", "--minify", "--flatten")
    place: dict[str, str] = shown["clusters"][0]["cluster"]
    return place


class _Loop:
    """An event loop on a thread of its own."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()

    def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(30)

    def end(self) -> None:
        self.run(_cancel_others())  # what is still carried
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()


async def _cancel_others() -> None:
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for each in others:
        each.cancel()
    await asyncio.gather(*others, return_exceptions=True)


class Between:
    """A proxy that understands. ``place`` is a kubeconfig's ``cluster``; the account's own token is passed on."""

    def __init__(self, cluster: Cluster) -> None:
        behind = _place(cluster)
        self._server = behind["server"]
        authority = base64.b64decode(behind["certificate-authority-data"]).decode()
        self._tls = ssl.create_default_context(cadata=authority)
        self.requests: list[str] = []
        self._hidden: tuple[str, ...] = ()
        self._change: Callable[[web.Request], Change | None] = lambda _: None
        mine = trustme.CA()
        self._certificate = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        mine.issue_cert("127.0.0.1").configure_cert(self._certificate)
        self._loop = _Loop()
        trusted = base64.b64encode(mine.cert_pem.bytes()).decode()
        self.place = {"server": self._loop.run(self._start()), "certificate-authority-data": trusted}

    def hide(self, *prefixes: str) -> None:
        """Answer 404 for these paths, as an apiserver does for what nobody serves."""
        self._hidden = prefixes

    def cut_logs(self, every: int) -> None:
        """Cut followed logs after so many bytes, and not at the end of a line."""

        def change(request: web.Request) -> Change | None:
            return _cut(every) if request.path.endswith("/log") and "follow" in request.query else None

        self._change = change

    def expire_watches(self, after: int) -> None:
        """Tell each watch after so many events that its resourceVersion is too old, as after a compaction."""

        def change(request: web.Request) -> Change | None:
            return _expire(after) if request.query.get("watch") in ("1", "true", "True") else None

        self._change = change

    def stop(self) -> None:
        self._loop.run(self._end())
        self._loop.end()

    async def _start(self) -> str:
        self._session = aiohttp.ClientSession(auto_decompress=False, timeout=aiohttp.ClientTimeout(total=None))
        app = web.Application(client_max_size=1 << 24)
        app.router.add_route("*", "/{path:.*}", self._pass)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0, ssl_context=self._certificate)
        await site.start()
        return f"https://127.0.0.1:{self._runner.addresses[0][1]}"

    async def _end(self) -> None:
        await self._session.close()
        await self._runner.cleanup()

    async def _pass(self, request: web.Request) -> web.StreamResponse:
        self.requests.append(f"{request.method} {request.path_qs}")
        if request.path.startswith(self._hidden) if self._hidden else False:
            return web.Response(status=404, text="404 page not found\n")
        headers = {key: value for key, value in request.headers.items() if key.lower() not in _NOT_FORWARDED}
        async with self._session.request(
            request.method, self._server + request.raw_path, headers=headers, data=await request.read(), ssl=self._tls
        ) as answer:
            kept = {key: value for key, value in answer.headers.items() if key.lower() not in _NOT_FORWARDED}
            response = web.StreamResponse(status=answer.status, headers=kept)
            await response.prepare(request)
            with suppress(ConnectionError):  # whoever asked has gone
                await self._stream(request, answer, response)
        return response

    async def _stream(self, request: web.Request, answer: aiohttp.ClientResponse, response: web.StreamResponse) -> None:
        change = self._change(request)
        async for piece in answer.content.iter_any():
            given = change(piece) if change else piece
            if given is None:
                assert request.transport is not None
                request.transport.abort()
                return
            await response.write(given)
            if change is not None and given.endswith(_END):
                break
        await response.write_eof()


_END = json.dumps({"type": "ERROR", "object": _EXPIRED}).encode() + b"\n"


def _cut(after: int) -> Change:
    left = after

    def change(piece: bytes) -> bytes | None:
        nonlocal left
        if left <= 0:
            return None
        left -= len(piece)
        if left > 0:
            return piece
        short = piece[: max(1, len(piece) + left)]
        return short[:-1] if short.endswith(b"\n") else short

    return change


def _expire(after: int) -> Change:
    left = after

    def change(piece: bytes) -> bytes:
        nonlocal left
        left -= piece.count(b"\n")
        if left > 0 or not piece.endswith(b"\n"):
            return piece
        return piece + _END

    return change


class Wire:
    """A proxy that carries bytes. ``place`` is a kubeconfig's ``cluster``, with the cluster's own authority."""

    def __init__(self, cluster: Cluster) -> None:
        behind = _place(cluster)
        there = urlsplit(behind["server"])
        self._there = there.hostname, there.port
        self._open: set[asyncio.StreamWriter] = set()
        self._loop = _Loop()
        self.place = {**behind, "server": f"https://127.0.0.1:{self._loop.run(self._start())}"}

    def cut(self) -> int:
        """Reset every connection that is open; how many."""
        return int(self._loop.run(self._reset()))

    def stop(self) -> None:
        self._loop.run(self._end())
        self._loop.end()

    async def _start(self) -> int:
        self._server = await asyncio.start_server(self._carry, "127.0.0.1", 0)
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    async def _end(self) -> None:
        self._server.close()
        await self._reset()

    async def _reset(self) -> int:
        count = len(self._open)
        for writer in list(self._open):
            _reset_on_close(writer)
            writer.transport.abort()
        return count

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection(*self._there)
        self._open.add(writer)
        try:
            await asyncio.gather(_pump(reader, back), _pump(there, writer))
        finally:
            self._open.discard(writer)
            for each in (writer, back):
                each.close()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while piece := await reader.read(1 << 16):
            writer.write(piece)
            await writer.drain()
    writer.close()


def _reset_on_close(writer: asyncio.StreamWriter) -> None:
    """RST instead of FIN, as from a machine in between that has forgotten the connection."""
    sock = writer.get_extra_info("socket")
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
