"""Through a real proxy, or past it, as kubectl would go."""

from __future__ import annotations

import asyncio
import base64
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from attrs import define, field

from ciao.adapters.kube.client import Unreachable

from .kubeserver import PODS, Authority, always, connected, good, kubeconfig, run, serving

HOST = "api.cluster.test"  # a name that only the proxy knows


@define
class Proxy:
    """``asked``: what it was asked to connect to; ``login``: what it was told of the caller."""

    port: int = 0
    asked: list[str] = field(factory=list)
    login: list[str] = field(factory=list)


@asynccontextmanager
async def proxying(target: int, refuse: bytes = b"") -> AsyncIterator[Proxy]:
    """An HTTP proxy that leads every CONNECT to one port of this machine."""
    proxy = Proxy()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        proxy.asked.append(head.split()[1])
        proxy.login += [line.partition(": ")[2] for line in head.splitlines() if line.startswith("Proxy-Auth")]
        if refuse:
            writer.write(b"HTTP/1.1 " + refuse + b"\r\nContent-Length: 0\r\n\r\n")
            writer.close()
            return
        there, back = await asyncio.open_connection("127.0.0.1", target)
        writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        await asyncio.gather(pipe(reader, back), pipe(there, writer))

    async def tracked(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        tasks.append(asyncio.ensure_future(serve(reader, writer)))
        await asyncio.wait(tasks[-1:])

    tasks: list[asyncio.Task[None]] = []
    made = await asyncio.start_server(tracked, "127.0.0.1", 0)
    proxy.port = made.sockets[0].getsockname()[1]
    try:
        yield proxy
    finally:
        made.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def pipe(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    except ConnectionError:
        pass
    finally:
        writer.close()


@pytest.fixture(scope="module")
def ca(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    if shutil.which("openssl") is None:
        pytest.skip("certificates are made with openssl")
    return Authority(tmp_path_factory.mktemp("ca")).make()


def through(config: Path, ca: Authority, *, cluster: dict[str, str] | None = None, refuse: bytes = b"", **env: str):
    """The proxy, and what came of it; {port} in what is given is the proxy's."""
    trust = {"certificate-authority-data": base64.b64encode(ca.certificate.read_bytes()).decode()}

    async def main():
        tls = ca.server("api", f"DNS:{HOST}")
        async with serving(always(good), tls) as server, proxying(server.port, refuse) as proxy:
            more = {key: value.format(port=proxy.port) for key, value in (cluster or {}).items()}
            kubeconfig(config, f"https://{HOST}:6443", cluster={**trust, **more})
            set_ = {key: value.format(port=proxy.port) for key, value in env.items()}
            async with connected(config, **set_) as client:
                found = (await asyncio.gather(client.get(PODS), return_exceptions=True))[0]
            return proxy, found if isinstance(found, Exception) else "ok"

    return run(main())


@pytest.fixture
def config(tmp_path: Path) -> Path:
    return tmp_path / "config"


def test_a_clusters_own_proxy(config, ca):
    """proxy-url of the kubeconfig, with name and password; TLS goes through it to the apiserver itself."""
    proxy, found = through(config, ca, cluster={"proxy-url": "http://ann:p%40ss@127.0.0.1:{port}"}, NO_PROXY="*")
    assert (found, proxy.asked) == ("ok", [f"{HOST}:6443"])
    assert base64.b64decode(proxy.login[0].removeprefix("Basic ")) == b"ann:p@ss"


@pytest.mark.parametrize("name", ["HTTPS_PROXY", "https_proxy"])
def test_the_environments_proxy(config, ca, name):
    """Of the environment that Ciao was given, in either case, also without a scheme."""
    proxy, found = through(config, ca, **{name: "127.0.0.1:{port}"})
    assert (found, proxy.asked) == ("ok", [f"{HOST}:6443"])


def test_no_proxy_leads_past_it(config, ca):
    """The name is not known here, so the direct way fails; the proxy was not asked."""
    proxy, found = through(config, ca, HTTPS_PROXY="http://127.0.0.1:{port}", NO_PROXY="example.org,.cluster.test")
    assert not proxy.asked and isinstance(found, Unreachable) and f"there is no host {HOST}" in str(found)


@pytest.mark.parametrize(
    ("refuse", "told"),
    [(b"407 Proxy Authentication Required", "it wants a name and a password"), (b"403 Forbidden", "HTTP 403")],
)
def test_a_proxy_that_refuses(config, ca, refuse, told):
    """Named without its password; nothing was sent."""
    _, found = through(config, ca, refuse=refuse, HTTPS_PROXY="http://ann:s3cret@127.0.0.1:{port}")
    assert isinstance(found, Unreachable) and told in str(found) and "s3cret" not in f"{found!r}"
    assert "its proxy http://127.0.0.1:" in str(found) and "NO_PROXY" in str(found) and not found.sent


def test_a_proxy_that_is_not_there(config, ca):
    """It is the proxy that is named, not the cluster."""
    _, found = through(config, ca, HTTPS_PROXY="http://127.0.0.1:1")
    assert "its proxy http://127.0.0.1:1 does not answer (Connection refused)" in str(found)
