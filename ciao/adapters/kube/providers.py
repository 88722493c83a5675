"""The auth-providers ``oidc`` and ``gcp`` of former times; what came after them are plug-ins.

``gcp`` as the client library has it. ``oidc`` not: without a CA of its own the library (37.0.2) sends the user's client
secret and refresh token over TLS that is not verified, and with one it fails with a TypeError. As there, what is
renewed is kept in memory; the kubeconfig stays as it is.
"""

from __future__ import annotations

import asyncio
import base64
import json
import ssl
from collections.abc import Mapping
from typing import Any

from attrs import define, field

from ciao.adapters.kube.apierrors import AccessError
from ciao.adapters.kube.expiry import due, epoch
from ciao.adapters.kube.login import INF, Credential, Endpoint, Provider
from ciao.adapters.kube.proxies import proxy_for
from ciao.adapters.kube.tls import ssl_context

_PATIENCE = 30.0
_AGAIN = "`kubectl get namespaces` in a terminal may log you in again; a plug-in (kubelogin) renews by itself."


@define
class Providers:
    """``environ``: for proxies. Remembers refresh tokens that took another's place."""

    environ: Mapping[str, str]
    _renewed: dict[str, str] = field(factory=dict, repr=False)

    async def credential(self, provider: Provider, now: float) -> Credential:
        """A bearer token. AccessError when there is none to be had."""
        try:
            async with asyncio.timeout(_PATIENCE):
                match provider.name:
                    case "oidc":
                        return await self._oidc(provider, now)
                    case "gcp":
                        return await _gcp(provider, now)
        except TimeoutError:
            raise _failed(provider, f"gives no answer within {_PATIENCE:g} s") from None
        raise _failed(provider, "is no longer known to kubectl either")

    # -- OpenID Connect --------------------------------------------------------------------------

    async def _oidc(self, provider: Provider, now: float) -> Credential:
        token = _text(provider, "id-token")
        expires = _expiry_of(token)
        if not token or due(expires, now) <= now or expires <= now:
            token = await self._refreshed(provider)
            expires = _expiry_of(token)
        return Credential(header=f"Bearer {token}", due=due(expires, now), expires=expires)

    async def _refreshed(self, provider: Provider) -> str:
        written = _text(provider, "refresh-token")
        if not written:
            raise _failed(provider, "has no id-token that is valid, and no refresh-token")
        found = await self._granted(provider, self._renewed.get(written, written))
        token, refresh = found.get("id_token"), found.get("refresh_token")
        if not isinstance(token, str) or not token:
            raise _failed(provider, "gave no id-token")
        if isinstance(refresh, str) and refresh:
            self._renewed[written] = refresh
        return token

    async def _granted(self, provider: Provider, refresh: str) -> dict[str, Any]:
        """OpenID Connect Discovery 1.0, and RFC 6749 section 6."""
        import aiohttp

        issuer = _text(provider, "idp-issuer-url").rstrip("/")
        secure = ssl_context(Endpoint(server=issuer, ca=_ca(provider), ca_from=str(provider.file)), None)
        proxy = proxy_for(issuer, "", self.environ) or None
        who = aiohttp.BasicAuth(_text(provider, "client-id"), _text(provider, "client-secret"))
        form = {"grant_type": "refresh_token", "refresh_token": refresh}
        checked: ssl.SSLContext | bool = secure or True
        try:
            async with aiohttp.ClientSession(raise_for_status=True) as session:
                known = f"{issuer}/.well-known/openid-configuration"
                async with session.get(known, ssl=checked, proxy=proxy) as answer:
                    where = (await answer.json())["token_endpoint"]
                async with session.post(where, data=form, auth=who, ssl=checked, proxy=proxy) as answer:
                    found = await answer.json()
        except aiohttp.ClientResponseError as error:
            raise _failed(provider, f"cannot be renewed: {issuer} answers {error.status}") from None
        except (aiohttp.ClientError, OSError, ValueError, KeyError, TypeError) as error:
            raise _failed(provider, f"cannot be renewed at {issuer} ({type(error).__name__})") from None
        return found if isinstance(found, dict) else {}


def _ca(provider: Provider) -> bytes | None:
    data, path = _text(provider, "idp-certificate-authority-data"), _text(provider, "idp-certificate-authority")
    try:
        if data:
            return base64.b64decode(data)
        return (provider.file.parent / path).read_bytes() if path else None
    except (OSError, ValueError) as error:
        raise _failed(provider, f"has no usable idp-certificate-authority ({error})") from error


def _expiry_of(token: str) -> float:
    """The claim ``exp`` of a JSON Web Token; one that cannot be read is valid until it is refused."""
    try:
        middle = token.split(".")[1]
        claims = json.loads(base64.urlsafe_b64decode(middle + "=" * (-len(middle) % 4)))
        return float(claims["exp"])
    except (IndexError, ValueError, KeyError, TypeError):
        return INF


# -- Google -----------------------------------------------------------------------------------------


async def _gcp(provider: Provider, now: float) -> Credential:
    token, expires = _text(provider, "access-token"), epoch(provider.config.get("expiry") or "")
    if not token or (expires is not None and expires <= now):
        token, expires = await _from_gcloud(provider)
    known = INF if expires is None else expires
    return Credential(header=f"Bearer {token}", due=due(known, now), expires=known)


async def _from_gcloud(provider: Provider) -> tuple[str, float | None]:
    from kubernetes.aio.config.google_auth import google_auth_credentials

    try:
        found = await google_auth_credentials(dict(provider.config))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise _failed(provider, f"cannot be renewed by its cmd-path ({type(error).__name__})") from error
    return str(found.token), epoch(found.expiry)


# -- both -------------------------------------------------------------------------------------------


def _text(provider: Provider, key: str) -> str:
    found = provider.config.get(key)
    return found if isinstance(found, str) else ""


def _failed(provider: Provider, what: str) -> AccessError:
    return AccessError(f"The auth-provider {provider.name} in {provider.file} {what}.", hint=_AGAIN)
