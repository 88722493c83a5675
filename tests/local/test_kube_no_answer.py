"""Requests that get no answer: what is said of it, and what is sent again. Real sockets, which do not do their part."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from aiohttp import web

from ciao.adapters.kube.client import Unreachable
from ciao.adapters.kube.patience import Patience, Timeouts

from .kubeserver import PODS, QUICK, answered, connected, kubeconfig, run

TOKEN = "s3cr3t-t0k3n-0f-4nn"
USER = {"token": TOKEN}


@pytest.fixture
def config(tmp_path: Path) -> Path:
    return tmp_path / "config"


@contextmanager
def mute() -> Iterator[str]:
    """A server that takes connections and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as made:
        yield f"127.0.0.1:{made.getsockname()[1]}"


@contextmanager
def nobody() -> Iterator[int]:
    """A port on which nobody listens, and that nobody else gets meanwhile."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield taken.getsockname()[1]


def unreachable(config: Path, server: str, *, verb: str = "GET", patience: Patience = QUICK) -> tuple[Unreachable, int]:
    """What is raised, and after how many attempts."""

    async def main():
        limits = Timeouts(connect=0.3, answer=0.3)
        async with connected(kubeconfig(config, server, user=USER), timeouts=limits, patience=patience) as cluster:
            with pytest.raises(Unreachable) as error:
                await (cluster.get(PODS) if verb == "GET" else cluster.post(PODS, {}))
            return error.value, cluster.requests.total()

    error, attempts = run(main())
    assert f"context here ({server})" in str(error) and "%target=local" in str(error) and TOKEN not in str(error)
    return error, attempts


def test_nobody_listens(config):
    """Connection refused: tried a few times, a POST too, since it certainly was not done."""
    with nobody() as port:
        for verb in ("GET", "POST"):
            error, attempts = unreachable(config, f"http://127.0.0.1:{port}", verb=verb)
            assert "cannot be reached: Connection refused." in str(error)
            assert not error.sent and attempts == QUICK.attempts


def test_localhost_is_told_once(config):
    """A name with two addresses: one sentence all the same."""
    with nobody() as port:
        assert "cannot be reached: Connection refused." in str(unreachable(config, f"http://localhost:{port}")[0])


def test_there_is_no_such_host(config):
    """DNS."""
    error, _ = unreachable(config, "https://no-such-host.invalid:6443")
    assert "there is no host no-such-host.invalid" in str(error) and not error.sent


def test_no_connection_in_time(config):
    """A TLS handshake that nobody answers counts as none; not tried for ever."""
    with mute() as server:
        error, attempts = unreachable(config, f"https://{server}", patience=Patience(first=0.01, whole=0.2))
    assert "no connection within 0.3 s" in str(error) and not error.sent and attempts == 1


def test_no_answer_in_time(config):
    """It may have arrived, so a POST is sent once."""
    with mute() as server:
        error, attempts = unreachable(config, f"http://{server}", verb="POST")
    assert "no answer within 0.3 s" in str(error) and error.sent and attempts == 1


def test_an_answer_that_drips_has_an_end_too(config):
    """Bytes that come one by one for ever are no answer."""

    async def main():
        async def handle(request):
            response = web.StreamResponse()
            await response.prepare(request)
            while True:
                await response.write(b" ")
                await asyncio.sleep(0.05)

        limits = Timeouts(connect=0.2, answer=0.2)
        async with answered(config, handle, timeouts=limits) as (server, cluster):
            with pytest.raises(Unreachable, match="no answer"):
                await cluster.post(PODS, {})
            await asyncio.sleep(0.1)
            return server.open

    assert run(main()) == 0


def test_closed_without_an_answer(config):
    """A GET is sent again, a POST is not."""

    async def main(verb: str):
        async def hang_up(reader, writer):
            await reader.readuntil(b"\r\n\r\n")
            writer.close()

        async with await asyncio.start_server(hang_up, "127.0.0.1", 0) as made:
            port = made.sockets[0].getsockname()[1]
            async with connected(kubeconfig(config, f"http://127.0.0.1:{port}"), patience=QUICK) as cluster:
                with pytest.raises(Unreachable, match="closed the connection without an answer") as error:
                    await (cluster.get(PODS) if verb == "GET" else cluster.post(PODS, {}))
                return error.value.sent, cluster.requests.total()

    assert run(main("GET")) == (True, QUICK.attempts) and run(main("POST")) == (True, 1)
