"""Credentials that end, are refused, or change, while a client goes on; with real programs and a real server."""

from __future__ import annotations

import asyncio
import base64
import json
import logging
import shutil
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ciao.adapters.kube.access import Access
from ciao.adapters.kube.apierrors import AccessError
from ciao.adapters.kube.client import connect

from .kubeserver import PODS, Authority, always, connected, environ, good, kubeconfig, run, serving, status

VERSION = "client.authentication.k8s.io/v1"


@pytest.fixture
def config(tmp_path: Path) -> Path:
    return tmp_path / "config"


class Plugin:
    """A program that counts how often it runs, in ``root``; its n-th token is ``token-n``."""

    def __init__(self, root: Path, life: float | None = None, extra: str = "") -> None:
        self.root, self.runs = root, root / "runs"
        stamp = f"time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime(time.time() + {life}))"
        self.program = root / "give-token"
        self.program.write_text(
            f"#!{sys.executable}\n"
            "import json, os, sys, time\n"
            f"runs = {str(self.runs)!r}\n"
            "open(runs, 'ab').write(b'.')\n"
            "found = {'token': f'token-{os.path.getsize(runs)}'}\n"
            f"{'' if life is None else f'found[{chr(34)}expirationTimestamp{chr(34)}] = {stamp}'}\n"
            f"{extra}\n"
            f"print(json.dumps({{'apiVersion': {VERSION!r}, 'kind': 'ExecCredential', 'status': found}}))\n"
        )
        self.program.chmod(0o755)

    @property
    def count(self) -> int:
        return self.runs.stat().st_size if self.runs.exists() else 0

    def user(self, **more: Any) -> dict[str, Any]:
        return {"exec": {"apiVersion": VERSION, "command": str(self.program), **more}}


class Clock:
    """Seconds since the epoch, as a test wants them."""

    def __init__(self) -> None:
        self.ahead = 0.0

    def __call__(self) -> float:
        return time.time() + self.ahead


def accepting(token: Callable[[], str]):
    """A server that knows one token."""

    async def handle(request):
        await asyncio.sleep(0)
        return good() if request.headers.get("Authorization") == f"Bearer {token()}" else status(401, "Unauthorized")

    return handle


def test_a_plugin_runs_again_before_its_token_ends(config, tmp_path):
    """Once for many requests, early enough, and not for each of them."""
    plugin, clock = Plugin(tmp_path, life=100), Clock()

    async def main():
        async with serving(always(good)) as server:
            kubeconfig(config, server.url, user=plugin.user())
            async with connected(config, now=clock) as cluster:
                await asyncio.gather(*(cluster.get(PODS) for _ in range(10)))
                first = plugin.count
                clock.ahead = 92  # a tenth of its life is left
                await asyncio.gather(*(cluster.get(PODS) for _ in range(10)))
        return first, plugin.count, {each.headers["Authorization"] for each in server.seen}

    assert run(main()) == (1, 2, {"Bearer token-1", "Bearer token-2"})


def test_a_refused_token_is_renewed_once(config, tmp_path):
    """However many requests are refused with it at once; each of them is then answered, a POST too."""
    plugin = Plugin(tmp_path)

    async def main():
        async with serving(accepting(lambda: "token-2")) as server:
            kubeconfig(config, server.url, user=plugin.user())
            async with connected(config) as cluster:
                asked = [*(cluster.get(PODS) for _ in range(20)), cluster.post(PODS, {})]
                answers = await asyncio.gather(*asked)
                async with cluster.stream(PODS):
                    return plugin.count, len(answers)

    assert run(main()) == (2, 21)


def test_a_stream_is_opened_with_renewed_credentials(config, tmp_path):
    """401 on opening is not the reader's business; one that is open goes on with what it was opened with."""
    plugin, valid = Plugin(tmp_path), ["token-2"]

    async def main():
        async with serving(accepting(lambda: valid[0])) as server:
            kubeconfig(config, server.url, user=plugin.user())
            async with connected(config) as cluster, cluster.stream(PODS) as pieces:
                return b"".join([piece async for piece in pieces]), plugin.count

    assert run(main()) == (b'{"kind": "Thing"}', 2)


def test_credentials_that_are_refused_again(config, tmp_path):
    """AccessError with what to do; the program is not run for every request that fails."""
    plugin = Plugin(tmp_path)

    async def main():
        async with serving(accepting(lambda: "another")) as server:
            kubeconfig(config, server.url, user=plugin.user())
            async with connected(config) as cluster:
                found = await asyncio.gather(*(cluster.get(PODS) for _ in range(5)), return_exceptions=True)
                for _ in range(5):
                    found += await asyncio.gather(cluster.get(PODS), return_exceptions=True)
        return found

    found = run(main())
    assert {type(each) for each in found} == {AccessError} and plugin.count == 2
    assert "The cluster of the context here does not accept these credentials" in str(found[0])
    assert "Log in again" in str(found[0])


def test_who_logs_in_again_need_not_start_anew(config):
    """A token that was written into the kubeconfig meanwhile is used; another current context is not."""
    clock = Clock()

    async def main():
        async with serving(accepting(lambda: "new")) as server:
            kubeconfig(config, server.url, user={"token": "old"})
            async with connected(config, now=clock) as cluster:
                with pytest.raises(AccessError):
                    await cluster.get(PODS)
                kubeconfig(config, server.url, user={"token": "new"})
                config.write_text(config.read_text().replace('"current-context": "here"', '"current-context": "other"'))
                clock.ahead = 5  # a refusal is not looked into again at once
                await cluster.get(PODS)
                return cluster.context

    assert run(main()) == "here"


def test_a_cluster_that_was_made_anew_is_found(config):
    """Its kubeconfig leads elsewhere by now; a request that never left goes there."""

    async def main():
        kubeconfig(config, "http://127.0.0.1:1")
        async with serving(always(good)) as server, connected(config) as cluster:
            kubeconfig(config, server.url)
            await cluster.post(PODS, {})
            return cluster.server == server.url and len(server.seen)

    assert run(main()) == 1


def test_a_token_file_that_is_written_anew_is_read_anew(config, tmp_path):
    """As the kubelet does with a pod's token: after a minute, and at once when the old one is refused."""
    file, valid, clock = tmp_path / "token", ["one"], Clock()

    async def main():
        async with serving(accepting(lambda: valid[0])) as server:
            kubeconfig(config, server.url, user={"tokenFile": "token", "token": "never"})
            file.write_text("one\n")
            async with connected(config, now=clock) as cluster:
                await cluster.get(PODS)
                file.write_text("two")
                valid[0] = "two"
                await cluster.get(PODS)
                refused = len(server.seen)
                file.write_text("three")
                valid[0], clock.ahead = "three", 61
                await cluster.get(PODS)
                return refused, len(server.seen)

    assert run(main()) == (3, 4)


@pytest.mark.skipif(shutil.which("openssl") is None, reason="certificates are made with openssl")
def test_certificates_of_a_plugin(config, tmp_path):
    """They are used on new connections from their renewal on; what is being answered goes on."""
    ca, clock = Authority(tmp_path).make(), Clock()
    pairs = [[each.read_text() for each in ca.sign(f"ann{number}")] for number in range(2)]
    extra = (
        "pair = json.loads(os.environ['PAIRS'])[os.path.getsize(runs) - 1]\n"
        "del found['token']\n"
        "found['clientCertificateData'], found['clientKeyData'] = pair\n"
    )
    plugin = Plugin(tmp_path, life=100, extra=extra)
    names: list[str] = []

    async def main():
        go = asyncio.Event()

        async def handle(request):
            names.append(dict(item[0] for item in request.get_extra_info("peercert")["subject"])["commonName"])
            if request.path == "/slow":
                await go.wait()
            return good()

        trust = {"certificate-authority-data": base64.b64encode(ca.certificate.read_bytes()).decode()}
        async with serving(handle, ca.server("server", "IP:127.0.0.1", clients=True)) as server:
            env = [{"name": "PAIRS", "value": json.dumps(pairs)}]
            kubeconfig(config, server.url, cluster=trust, user=plugin.user(env=env))
            async with connected(config, now=clock) as cluster:
                slow = asyncio.ensure_future(cluster.get("/slow"))
                await server.until(open=1)
                clock.ahead = 95
                await cluster.get(PODS)
                go.set()
                await slow

    run(main())
    assert names == ["ann0", "ann1"]


def test_secrets_are_in_no_word(config, tmp_path, caplog):
    """Neither in errors and their causes, nor in reprs, nor in logs."""
    caplog.set_level(logging.DEBUG)
    secret = "s3cr3t-t0k3n"

    async def main():
        async with serving(accepting(lambda: "another")) as server:
            kubeconfig(config, server.url, user={"token": secret})
            async with connected(config) as cluster:
                (error,) = await asyncio.gather(cluster.get(PODS), return_exceptions=True)
                return [repr(each) for each in (error, error.__cause__, vars(cluster), cluster._keeper.held)]

    words = run(main())
    words += [repr(Access(kubeconfig=str(config), environ={"AWS_SECRET": secret}).login()), caplog.text]
    words.append(repr(Access(environ={"AWS_SECRET": secret})))
    assert not [each for each in words if secret in each]


def test_the_kubeconfig_of_a_moment_stays_until_it_is_refused(config):
    """Another context that becomes current meanwhile changes nothing."""

    async def main():
        async with serving(accepting(lambda: "a")) as server:
            kubeconfig(config, server.url, user={"token": "a"})
            cluster = await connect(Access(kubeconfig=str(config), environ=environ()))
            kubeconfig(config, "http://127.0.0.1:1", context="other")
            await cluster.get(PODS)
            await cluster.close()
            return cluster.context, cluster.server == server.url

    assert run(main()) == ("here", True)
