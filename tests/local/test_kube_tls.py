"""Whom a client trusts and how it shows who it is, over real TLS with a CA of the test's own."""

from __future__ import annotations

import base64
import gc
import shutil
import ssl
import tempfile
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from ciao.adapters.kube.apierrors import AccessError
from ciao.adapters.kube.client import Unreachable
from ciao.adapters.kube.login import Endpoint, Pair
from ciao.adapters.kube.tls import ssl_context

from .kubeserver import PODS, Authority, always, connected, good, kubeconfig, run, serving

pytestmark = pytest.mark.skipif(shutil.which("openssl") is None, reason="certificates are made with openssl")


@pytest.fixture(scope="module")
def ca(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("ca")).make()


@pytest.fixture(scope="module")
def server(ca: Authority) -> ssl.SSLContext:
    return ca.server("server", "IP:127.0.0.1")


def data(path: Path) -> str:
    return base64.b64encode(path.read_bytes()).decode()


def ask(config: Path, tls: ssl.SSLContext, user: dict[str, Any] | None = None, **cluster: Any) -> str:
    """Asked over TLS: ``ok``, or what is raised."""

    async def main() -> str:
        async with serving(always(good), tls) as server:
            kubeconfig(config, server.url, cluster=cluster, user=user)
            try:
                async with connected(config) as client:
                    await client.get(PODS)
            except (AccessError, Unreachable) as error:
                return str(error)
            return "ok"

    return run(main())


@pytest.fixture
def config(tmp_path: Path) -> Path:
    return tmp_path / "home" / "config"


def test_a_ca_of_the_clusters_own(config, ca, server):
    """From the kubeconfig, from a file beside it, with other text around it; data beats the file."""
    assert ask(config, server, **{"certificate-authority-data": data(ca.certificate)}) == "ok"
    shutil.copy(ca.certificate, config.parent / "ca.crt")
    assert ask(config, server, **{"certificate-authority": "ca.crt"}) == "ok"
    (config.parent / "ca.crt").write_text(f"# Überschrift\n{ca.certificate.read_text()}\n")
    assert ask(config, server, **{"certificate-authority": "ca.crt"}) == "ok"
    both = {"certificate-authority-data": data(ca.certificate), "certificate-authority": "/nowhere"}
    assert ask(config, server, **both) == "ok"


def test_another_ca_is_not_trusted(config, tmp_path, ca, server):
    """The sentence says whose CA was used and what to do; nothing was sent, and it is not tried again."""
    other = Authority(tmp_path, "other").make()
    told = ask(config, server, **{"certificate-authority-data": data(other.certificate)})
    assert f"its certificate is not trusted by the CA of {config}" in told and "fetch its kubeconfig again" in told
    assert "not trusted by the CA of this system" in ask(config, server)


def test_verification_can_be_left_out(config, server):
    """insecure-skip-tls-verify."""
    assert ask(config, server, **{"insecure-skip-tls-verify": True}) == "ok"


def test_the_name_that_is_expected_can_be_another(config, ca):
    """tls-server-name, as for an apiserver behind a tunnel."""
    elsewhere = ca.server("elsewhere", "DNS:api.example.org")
    trust = {"certificate-authority-data": data(ca.certificate)}
    assert "its certificate is not for 127.0.0.1" in ask(config, elsewhere, **trust)
    assert ask(config, elsewhere, **trust, **{"tls-server-name": "api.example.org"}) == "ok"


def test_tls_where_there_is_none(config, ca):
    """https:// to a server that speaks plain HTTP."""

    async def main():
        async with serving(always(good)) as plain:
            url = plain.url.replace("http:", "https:")
            async with connected(kubeconfig(config, url)) as client:
                with pytest.raises(Unreachable, match="it does not speak TLS there") as error:
                    await client.get(PODS)
                return error.value.sent

    assert run(main()) is False


def test_client_certificates(config, ca):
    """From files beside the kubeconfig or from its data; without one the server says no, and so does Ciao."""
    strict = ca.server("strict", "IP:127.0.0.1", clients=True)
    certificate, key = ca.sign("ann")
    trust = {"certificate-authority-data": data(ca.certificate)}
    user = {"client-certificate-data": data(certificate), "client-key-data": data(key)}
    assert ask(config, strict, user, **trust) == "ok"
    for each in (certificate, key):
        shutil.copy(each, config.parent)
    assert ask(config, strict, {"client-certificate": "ann.crt", "client-key": "ann.key"}, **trust) == "ok"
    assert "cannot be reached" in ask(config, strict, **trust)


def test_a_certificate_stands_beside_the_file_of_its_user(tmp_path, ca):
    """Not beside the cluster's, when the two are in different files."""
    certificate, key = ca.sign("ben")
    strict = ca.server("strict2", "IP:127.0.0.1", clients=True)

    async def main():
        async with serving(always(good), strict) as server:
            trust = {"certificate-authority-data": data(ca.certificate)}
            first = kubeconfig(tmp_path / "a" / "config", server.url, cluster=trust)
            first.write_text(first.read_text().replace('"users"', '"nobody"'))
            user = {"client-certificate": "ben.crt", "client-key": "ben.key"}
            second = kubeconfig(tmp_path / "b" / "config", "https://unused", user=user)
            for each in (certificate, key):
                shutil.copy(each, tmp_path / "b")
            async with connected(Path(f"{first}:{second}")) as client:
                return await client.get(PODS)

    assert run(main())["kind"] == "Thing"


@pytest.mark.parametrize(
    ("user", "told"),
    [
        ({"client-certificate": "nowhere.crt", "client-key": "k"}, "nowhere.crt, the client-certificate of the user u"),
        ({"client-certificate-data": "eA=="}, "only one of client-certificate and client-key"),
        ({"client-certificate-data": "!", "client-key-data": "eA=="}, "is not base64"),
        ({"client-certificate-data": "eA==", "client-key-data": "eA=="}, "client certificate and key for the cluster"),
    ],
)
def test_client_certificates_that_are_none(config, ca, server, user, told):
    """One sentence, which names the entry and the file."""
    assert told in ask(config, server, user, **{"certificate-authority-data": data(ca.certificate)})


def test_a_ca_that_is_none(config, server):
    """Neither its data nor its file."""
    assert f"in {config} is no certificate" in ask(config, server, **{"certificate-authority-data": "eA=="})
    told = ask(config, server, **{"certificate-authority": "gone.crt"})
    assert f"{config.parent / 'gone.crt'}, the certificate-authority of the cluster c in {config}" in told
    assert "No such file" in told


def test_a_key_with_a_passphrase_is_refused(ca):
    """Nobody is asked for it: there is no terminal."""
    certificate, _ = ca.sign("carl")
    locked = b"-----BEGIN ENCRYPTED PRIVATE KEY-----\nMIGj\n-----END ENCRYPTED PRIVATE KEY-----\n"
    with pytest.raises(AccessError, match="has a passphrase"):
        ssl_context(Endpoint(server="https://x"), Pair(certificate.read_bytes(), locked))


def test_keys_leave_no_file(ca):
    """Neither among temporary files nor open."""
    certificate, key = ca.sign("dora")
    pair = Pair(certificate.read_bytes(), key.read_bytes())
    temporary, open_ = Path(tempfile.gettempdir()), Path("/dev/fd")
    before = set(temporary.glob("ciao-*")), len(list(open_.iterdir()))
    assert ssl_context(Endpoint(server="https://x"), pair) is not None
    assert (set(temporary.glob("ciao-*")), len(list(open_.iterdir()))) == before


def test_a_stream_that_flows_can_be_left(config, ca, server, caplog):
    """At once, and asyncio has nothing to say about it."""

    async def main():
        async def flow(request):
            response = web.StreamResponse()
            await response.prepare(request)
            while True:
                await response.write(b"x" * 65536)

        async with serving(flow, server) as made:
            kubeconfig(config, made.url, cluster={"certificate-authority-data": data(ca.certificate)})
            async with connected(config) as cluster:
                for _ in range(3):
                    async with cluster.stream(PODS) as pieces:
                        await anext(pieces)
                await made.until(open=0)

    run(main())
    gc.collect()
    assert not [each for each in caplog.records if each.name == "asyncio" and each.levelname == "ERROR"]
