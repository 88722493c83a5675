"""The auth-provider ``oidc``: its token while it is valid, another one from a real token endpoint when it is not."""

from __future__ import annotations

import base64
import json
import shutil
import time
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from ciao.adapters.kube.access import Access
from ciao.adapters.kube.apierrors import AccessError
from ciao.adapters.kube.keeper import Fetcher

from .kubeserver import Authority, environ, kubeconfig, run, serving

NOW = time.time()


def jwt(life: float, name: str = "ann") -> str:
    """A token that ends so many seconds from now."""
    claims = base64.urlsafe_b64encode(json.dumps({"exp": NOW + life, "sub": name}).encode()).decode().rstrip("=")
    return f"e30.{claims}.signature"


@pytest.fixture(scope="module")
def ca(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    if shutil.which("openssl") is None:
        pytest.skip("certificates are made with openssl")
    return Authority(tmp_path_factory.mktemp("ca")).make()


def asked(root: Path, config: dict[str, Any], times: int = 1, ca: Authority | None = None, trusted: bool = True):
    """Authorization headers, and the refresh tokens that the issuer was given, with who gave them."""
    given: list[tuple[str, str]] = []

    async def handle(request: web.Request) -> web.StreamResponse:
        if request.path.endswith("/openid-configuration"):
            return web.json_response({"token_endpoint": f"https://{request.host}/token"})
        form = await request.post()
        given.append((str(form["refresh_token"]), request.headers["Authorization"]))
        return web.json_response({"id_token": jwt(300, "new"), "refresh_token": f"refresh-{len(given)}"})

    async def main():
        async with serving(handle, ca and ca.server("issuer", "IP:127.0.0.1")) as server:
            known = {"idp-issuer-url": server.url, "client-id": "id", "client-secret": "s3cret", **config}
            if ca is not None and trusted:
                known["idp-certificate-authority-data"] = base64.b64encode(ca.certificate.read_bytes()).decode()
            user = {"auth-provider": {"name": "oidc", "config": known}}
            login = Access(kubeconfig=str(kubeconfig(root / "config", "https://x", user=user))).login()
            fetch = Fetcher(environ(), lambda: NOW)
            return [(await fetch(login)) for _ in range(times)]

    return run(main()), given


def test_a_token_that_is_valid_is_used(tmp_path):
    """Until a little before its claim ``exp``; nobody is asked."""
    (found,), given = asked(tmp_path, {"id-token": jwt(600)})
    assert found.header == f"Bearer {jwt(600)}" and not given
    assert found.expires == pytest.approx(NOW + 600) and found.due == pytest.approx(NOW + 540)


def test_one_that_has_ended_is_renewed(tmp_path, ca):
    """With the refresh token that came last, over TLS that is verified with the issuer's CA."""
    found, given = asked(tmp_path, {"id-token": jwt(-1), "refresh-token": "first"}, times=2, ca=ca)
    who = f"Basic {base64.b64encode(b'id:s3cret').decode()}"
    assert given == [("first", who), ("refresh-1", who)]
    assert {each.header for each in found} == {f"Bearer {jwt(300, 'new')}"}


def test_secrets_go_to_no_issuer_that_is_not_trusted(tmp_path, ca):
    """A certificate of an unknown CA ends it."""
    with pytest.raises(AccessError, match=r"auth-provider oidc in .* cannot be renewed at https://127.0.0.1") as error:
        asked(tmp_path, {"refresh-token": "first"}, ca=ca, trusted=False)
    assert "s3cret" not in str(error.value)


def test_without_a_refresh_token_there_is_nothing_to_be_had(tmp_path):
    """Said in one sentence, with the way out."""
    with pytest.raises(AccessError, match="has no id-token that is valid, and no refresh-token") as error:
        asked(tmp_path, {"id-token": jwt(-1)})
    assert "kubelogin" in str(error.value)


def test_other_providers_are_no_longer_known(tmp_path):
    """azure, openstack: kubectl took them out."""
    user = {"auth-provider": {"name": "azure", "config": {}}}
    login = Access(kubeconfig=str(kubeconfig(tmp_path / "config", "https://x", user=user))).login()
    with pytest.raises(AccessError, match=r"auth-provider azure in .* is no longer known"):
        run(Fetcher(environ(), time.time)(login))
