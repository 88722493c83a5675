"""What the tests of the cluster's client share: an apiserver on a real socket, certificates, kubeconfigs."""

from __future__ import annotations

import asyncio
import json
import os
import ssl
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar

from aiohttp import web
from attrs import define, field, frozen

from ciao.adapters.kube.access import Access
from ciao.adapters.kube.client import Cluster, connect
from ciao.adapters.kube.patience import Patience, Timeouts

T = TypeVar("T")
Handle = Callable[[web.Request], Awaitable[web.StreamResponse]]
QUICK = Patience(first=0.01, growth=1.0)
PODS = "/api/v1/namespaces/n/pods"


def run(work: Coroutine[Any, Any, T]) -> T:
    """On a loop of its own, not for ever."""
    return asyncio.run(asyncio.wait_for(work, 60))


@frozen
class Seen:
    """A request as it arrived."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: str


@define
class Server:
    """``open``: handlers that have not ended."""

    url: str = ""
    seen: list[Seen] = field(factory=list)
    open: int = 0
    peers: set[Any] = field(factory=set)

    @property
    def port(self) -> int:
        return int(self.url.rpartition(":")[2])

    async def until(self, open: int) -> None:
        """So many requests are being answered."""
        while self.open != open:  # noqa: ASYNC110 - a test; what it waits for happens on real sockets
            await asyncio.sleep(0.01)


@asynccontextmanager
async def serving(handle: Handle, tls: ssl.SSLContext | None = None) -> AsyncIterator[Server]:
    """An apiserver; a handler is cancelled when its client goes away."""
    server = Server()

    async def answer(request: web.BaseRequest) -> web.StreamResponse:
        request = request.clone(client_max_size=1 << 24)
        body = (await request.read()).decode()
        server.seen.append(Seen(request.method, request.path, dict(request.query), dict(request.headers), body))
        server.peers.add(request.transport and request.transport.get_extra_info("peername"))
        server.open += 1
        try:
            return await handle(request)
        finally:
            server.open -= 1

    made = web.Server(answer, handler_cancellation=True, access_log=None)
    listening = await asyncio.get_running_loop().create_server(made, "127.0.0.1", 0, ssl=tls)
    server.url = f"http{'s' if tls else ''}://127.0.0.1:{listening.sockets[0].getsockname()[1]}"
    try:
        yield server
    finally:
        listening.close()
        await made.shutdown(0.1)


def status(code: int, reason: str = "", message: str = "", **headers: str) -> web.Response:
    """A meta/v1 Status."""
    body = {"kind": "Status", "status": "Failure", "code": code, "reason": reason, "message": message, "details": {}}
    return web.json_response(body, status=code, headers=headers)


def good(**fields: Any) -> web.Response:
    """An object."""
    return web.json_response({"kind": "Thing", **fields})


def always(make: Callable[[], web.StreamResponse]) -> Handle:
    """The same answer to whatever is asked."""

    async def handle(request: web.Request) -> web.StreamResponse:
        return make()

    return handle


def in_turn(*makes: Callable[[], web.StreamResponse]) -> Handle:
    """One answer after another; the last one for ever."""
    left = list(makes)

    async def handle(request: web.Request) -> web.StreamResponse:
        return left.pop(0)() if len(left) > 1 else left[0]()

    return handle


def kubeconfig(
    path: Path,
    server: str,
    *,
    user: dict[str, Any] | None = None,
    cluster: dict[str, Any] | None = None,
    context: str = "here",
) -> Path:
    """A file with one context, which is current."""
    path.parent.mkdir(parents=True, exist_ok=True)
    tree: dict[str, Any] = {
        "current-context": context,
        "clusters": [{"name": "c", "cluster": {"server": server, **(cluster or {})}}],
        "users": [{"name": "u", "user": user or {}}],
        "contexts": [{"name": context, "context": {"cluster": "c", "user": "u"}}],
    }
    path.write_text(json.dumps(tree))
    return path


def environ(**more: str) -> dict[str, str]:
    """Nothing of this process's but where programs are."""
    return {"PATH": os.environ["PATH"], **more}


@asynccontextmanager
async def connected(
    config: Path,
    *,
    timeouts: Timeouts | None = None,
    patience: Patience = QUICK,
    now: Callable[[], float] | None = None,
    **env: str,
) -> AsyncIterator[Cluster]:
    """A client of what the kubeconfig says."""
    access = Access(kubeconfig=str(config), environ=environ(**env))
    clock = {} if now is None else {"now": now}
    cluster = await connect(access, timeouts=timeouts, patience=patience, **clock)
    try:
        yield cluster
    finally:
        await cluster.close()


@asynccontextmanager
async def answered(config: Path, handle: Handle, **options: Any) -> AsyncIterator[tuple[Server, Cluster]]:
    """An apiserver and a client of it; ``options`` are those of ``connected``."""
    async with serving(handle) as server, connected(kubeconfig(config, server.url), **options) as cluster:
        yield server, cluster


# -- certificates -----------------------------------------------------------------------------------


@frozen
class Authority:
    """A CA of one's own in ``root``; keys are small, since they are made for each run."""

    root: Path
    name: str = "ca"

    @property
    def certificate(self) -> Path:
        return self.root / f"{self.name}.crt"

    def make(self) -> Authority:
        _openssl("req", "-x509", *_new(self.root / self.name), "-subj", f"/CN={self.name}", "-days", "2")
        return self

    def sign(self, name: str, *names: str) -> tuple[Path, Path]:
        """Certificate and key of ``name``; ``names`` are its subjectAltName (IP:…, DNS:…)."""
        base, signer = self.root / name, self.root / self.name
        _openssl("req", "-new", *_new(base, "csr"), "-subj", f"/CN={name}")
        extra = self.root / f"{name}.ext"
        extra.write_text(f"subjectAltName={','.join(names)}\n" if names else "keyUsage=digitalSignature\n")
        ca = ("-CA", f"{signer}.crt", "-CAkey", f"{signer}.key", "-CAcreateserial", "-extfile", str(extra))
        _openssl("x509", "-req", "-in", f"{base}.csr", *ca, "-out", f"{base}.crt", "-days", "2")
        return Path(f"{base}.crt"), Path(f"{base}.key")

    def server(self, name: str, *names: str, clients: bool = False) -> ssl.SSLContext:
        """For a server that has these names; ``clients``: it wants certificates of this CA."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*self.sign(name, *names))
        if clients:
            context.load_verify_locations(self.certificate)
            context.verify_mode = ssl.CERT_REQUIRED
        return context


def _new(base: Path, kind: str = "crt") -> list[str]:
    key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", f"{base}.key"]
    return [*key, "-out", f"{base}.{kind}"]


def _openssl(*args: str) -> None:
    subprocess.run(["openssl", *args], check=True, capture_output=True)
