"""Streams of an apiserver on a real socket: pieces as they come, their end, and how they break."""

from __future__ import annotations

import asyncio
import time
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from aiohttp import web

from ciao.adapters.kube.client import ApiError, Broken, Unreachable
from ciao.adapters.kube.patience import Timeouts

from .kubeserver import PODS, always, answered, connected, good, kubeconfig, run, status

LOG = f"{PODS}/p/log"


@pytest.fixture
def config(tmp_path: Path) -> Path:
    return tmp_path / "config"


def speaking(*pieces: bytes, hold: bool = False):
    """A handler that says the pieces one after another, and then nothing for ever if it is to ``hold``."""

    async def handle(request):
        response = web.StreamResponse()
        response.enable_chunked_encoding()
        await response.prepare(request)
        for piece in pieces:
            await response.write(piece)
        if hold:
            await asyncio.sleep(60)
        return response

    return handle


def test_pieces_are_handed_on_as_they_come(config):
    """The first before the second is written; not one byte is lost or added; unpacked by nobody."""

    async def main():
        more = asyncio.Event()

        async def handle(request):
            response = web.StreamResponse()
            await response.prepare(request)
            await response.write(b"half a li")
            await more.wait()
            await response.write(b"ne\nand \xff no text\n")
            return response

        stream = {"follow": "true", "container": "main"}
        async with answered(config, handle) as (server, cluster), cluster.stream(LOG, **stream) as pieces:
            first = await anext(pieces)
            more.set()
            rest = b"".join([piece async for piece in pieces])
            assert [piece async for piece in pieces] == []
        return first, rest, server.seen[0]

    first, rest, seen = run(main())
    assert (first, rest) == (b"half a li", b"ne\nand \xff no text\n")
    assert seen.query == {"follow": "true", "container": "main"} and seen.headers["Accept-Encoding"] == "identity"


def test_a_large_stream_arrives_whole(config):
    """Faster than it is read, too: memory has a bound, and nothing is dropped."""
    block = bytes(range(256)) * 4096

    async def main():
        async with answered(config, speaking(*[block] * 24)) as (_, cluster):
            size, largest = 0, 0
            async with cluster.stream(LOG) as pieces:
                await asyncio.sleep(0.2)
                async for piece in pieces:
                    assert piece[0] == size % 256
                    size, largest = size + len(piece), max(largest, len(piece))
            return size, largest

    size, largest = run(main())
    assert size == 24 * len(block) and largest <= 4 << 20


def test_a_refusal_is_raised_on_entering(config):
    """ApiError with the server's words; not tried again, since who reads a stream knows what to do."""

    async def main():
        handle = always(lambda: status(500, "InternalError", "container not found"))
        async with answered(config, handle) as (server, cluster):
            with pytest.raises(ApiError, match="container not found"):
                async with cluster.stream(LOG):
                    pass
            return len(server.seen)

    assert run(main()) == 1


def test_no_answer_is_raised_on_entering(config):
    """Headers have their time, however long the stream may last."""

    async def main():
        async def handle(request):
            await asyncio.sleep(60)
            return good()

        limits = Timeouts(connect=0.2, answer=0.2)
        async with answered(config, handle, timeouts=limits) as (server, cluster):
            with pytest.raises(Unreachable, match="no answer"):
                async with cluster.stream(LOG):
                    pass
            await server.until(open=0)

    run(main())


def test_a_stream_may_be_silent_for_longer_than_any_answer(config):
    """The timeouts of requests are not those of streams."""

    async def main():
        async def handle(request):
            response = web.StreamResponse()
            await response.prepare(request)
            await asyncio.sleep(1.0)
            await response.write(b"late")
            return response

        limits = Timeouts(connect=0.1, answer=0.1)
        async with answered(config, handle, timeouts=limits) as (_, cluster), cluster.stream(LOG) as pieces:
            return [piece async for piece in pieces]

    assert run(main()) == [b"late"]


def test_silence_for_idle_seconds_breaks_a_stream(config):
    """Counted from the last byte."""

    async def main():
        handle = speaking(b"one", hold=True)
        async with answered(config, handle) as (server, cluster):
            began = time.monotonic()
            with pytest.raises(Broken, match=r"context here\) broke: nothing came for 0.3 s"):
                async with cluster.stream(PODS, watch="true", idle=0.3) as pieces:
                    async for piece in pieces:
                        assert piece == b"one"
            assert 0.25 < time.monotonic() - began < 5
            await server.until(open=0)

    run(main())


@pytest.mark.parametrize("tail", [b"", b"7\r\nabc", b"nonsense\r\n"])
def test_a_connection_that_breaks_is_no_end(config, tail):
    """Chunked encoding says where the end is: without it, in the middle of a piece, or garbled."""

    async def main():
        async def handle(reader, writer):
            await reader.readuntil(b"\r\n\r\n")
            writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\none\r\n")
            await writer.drain()
            await go.wait()
            writer.write(tail)
            writer.close()

        go = asyncio.Event()
        async with await asyncio.start_server(handle, "127.0.0.1", 0) as made:
            url = f"http://127.0.0.1:{made.sockets[0].getsockname()[1]}"
            async with connected(kubeconfig(config, url)) as cluster, cluster.stream(LOG) as pieces:
                assert await anext(pieces) == b"one"
                go.set()
                with pytest.raises(Broken, match="broke"):
                    assert [piece async for piece in pieces] == ["never"]

    run(main())


def test_leaving_a_stream_closes_its_connection(config):
    """In its middle, by an error of one's own, or cancelled while waiting: the server notices."""

    async def main():
        handle = speaking(b"one", hold=True)
        async with answered(config, handle) as (server, cluster):
            async with cluster.stream(LOG) as pieces:
                await anext(pieces)
            with pytest.raises(KeyError):
                async with cluster.stream(LOG):
                    raise KeyError
            await server.until(open=0)

            async def read():
                async with cluster.stream(LOG) as pieces:
                    return [piece async for piece in pieces]

            reading = asyncio.ensure_future(read())
            await server.until(open=1)
            await asyncio.sleep(0.05)
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)
            await server.until(open=0)
            return reading.cancelled()

    assert run(main())


def test_cancelled_while_it_opens_it_leaves_nothing(config):
    """Before there are headers."""

    async def main():
        async def handle(request):
            await asyncio.sleep(60)
            return good()

        async with answered(config, handle) as (server, cluster):
            opening = asyncio.ensure_future(cluster.stream(LOG).__aenter__())
            await server.until(open=1)
            opening.cancel()
            await asyncio.gather(opening, return_exceptions=True)
            await server.until(open=0)

    run(main())


def test_sixty_four_logs_and_three_watches_leave_room_for_requests(config):
    """There is no limit of connections."""

    async def main():
        async def handle(request):
            if "follow" in request.query:
                return await speaking(b"x", hold=True)(request)
            return good()

        async with answered(config, handle) as (server, cluster):
            async with AsyncExitStack() as stack:
                for _ in range(67):
                    pieces = await stack.enter_async_context(cluster.stream(LOG, follow="true"))
                    await anext(pieces)
                began = time.monotonic()
                await cluster.get(PODS)
                seconds = time.monotonic() - began
            await server.until(open=0)
        return seconds

    assert run(main()) < 2


def test_closing_the_cluster_breaks_its_streams(config):
    """Who reads hears of it."""

    async def main():
        handle = speaking(b"one", hold=True)
        async with answered(config, handle) as (_, cluster), cluster.stream(LOG) as pieces:
            await anext(pieces)
            reading = asyncio.ensure_future(anext(pieces))
            await asyncio.sleep(0.01)
            await cluster.close()
            return (await asyncio.gather(reading, return_exceptions=True))[0]

    assert isinstance(run(main()), Broken)
