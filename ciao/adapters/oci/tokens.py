"""Whom a registry takes one for: ``Authorization`` for each host and scope (distribution, "Token Authentication").

- What a registry wants is known from its first 401. Basic: the same header always. Bearer: a token for a set of scopes,
  kept until it expires; one that allows more serves for less.
- A token is fetched with the login's name and password by GET, with an identity token by POST (OAuth 2); without a
  login anonymously, which many registries allow for pulls.
- A 401 in spite of a token means a fresh one is needed, once; then the registry means it.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from urllib.parse import urlencode, urlsplit

from attrs import frozen

from ciao.adapters.oci.challenge import Challenge
from ciao.adapters.oci.dockerconfig import Credentials, DockerConfig
from ciao.adapters.oci.errors import RegistryError, answered, no_credentials, not_a_registry
from ciao.adapters.oci.wire import Answer, Ask, Wire

Scopes = frozenset[str]
_EARLY = 5.0  # seconds before its end that a token is not used any more
_SHORT = 60.0  # seconds that a token lasts which does not say it
_CLIENT = "ciao"


@frozen
class _Token:
    header: str
    expires: float


class Logins:
    """All that is known of all hosts. ``now``: monotonic seconds."""

    def __init__(self, wire: Wire, config: DockerConfig, now: Callable[[], float]) -> None:
        self._wire, self._config, self._now = wire, config, now
        self._wanted: dict[str, Challenge] = {}
        self._tokens: dict[tuple[str, Scopes], _Token] = {}
        self._credentials: dict[str, Credentials] = {}
        self._fetching: dict[tuple[str, Scopes], asyncio.Lock] = {}

    async def header(self, host: str, scopes: Scopes, what: str) -> str:
        """The value of ``Authorization``; "" as long as the host has not asked for any."""
        challenge = self._wanted.get(host)
        if challenge is None:
            return ""
        if challenge.scheme == "basic":
            return await self._basic(host, what)
        return await self._token(host, challenge, scopes, what)

    async def refused(self, host: str, challenge: Challenge, scopes: Scopes, used: str, what: str) -> str:
        """Another header after a 401; RegistryError when there is no better one."""
        if challenge.scheme == "basic" and used:
            self._credentials.pop(host, None)  # somebody may have logged in since
            fresh = await self._basic(host, what)
            if fresh == used:
                raise RegistryError(
                    f"{host} does not accept the login for {what}. Log in anew:  docker login {host}", status=401
                )
            return fresh
        self._wanted[host] = challenge
        for key in [key for key in self._tokens if key[0] == host and self._tokens[key].header == used]:
            del self._tokens[key]
        return await self.header(host, scopes | challenge.scopes, what)

    async def known(self, host: str) -> bool:
        """Whether there is a login for a host."""
        return await self._login(host) is not None

    # -- inside ----------------------------------------------------------------------------------

    async def _login(self, host: str) -> Credentials | None:
        found = self._credentials.get(host) or await self._config.credentials(host)
        if found is not None:  # who has none now may log in later
            self._credentials[host] = found
        return found

    async def _basic(self, host: str, what: str) -> str:
        found = await self._login(host)
        if found is None or not found.basic:
            self._credentials.pop(host, None)
            raise no_credentials(host, what)
        return found.basic

    async def _token(self, host: str, challenge: Challenge, scopes: Scopes, what: str) -> str:
        async with self._fetching.setdefault((host, scopes), asyncio.Lock()):
            for (known, allowed), token in self._tokens.items():
                if known == host and scopes <= allowed and self._now() < token.expires:
                    return token.header
            token = await self._fetched(host, challenge, scopes, what)
            self._tokens[host, scopes] = token
            return token.header

    async def _fetched(self, host: str, challenge: Challenge, scopes: Scopes, what: str) -> _Token:
        login = await self._login(host)
        if login is not None and login.bearer:
            return _Token(f"Bearer {login.bearer}", float("inf"))
        realm = challenge.parameters["realm"]
        if urlsplit(realm).scheme != "https" and login is not None and not self._in_the_clear(realm, host):
            raise RegistryError(
                f"{host} wants the login sent to {urlsplit(realm).netloc} without TLS, and Ciao does not. "
                f"If that is right, put it among the insecure ones:  ciao config set registry.insecure {host}"
            )
        answer = await self._wire.ask(_question(host, realm, challenge, scopes, login))
        if answer.status == 401 and login is not None:
            self._credentials.pop(host, None)
            raise RegistryError(
                f"{host} does not accept the login for {what}. Log in anew:  docker login {host}", status=401
            )
        if answer.status != 200:
            raise answered(what, urlsplit(realm).netloc or host, answer.status, answer.headers, answer.body)
        return self._understood(answer, host, what)

    def _in_the_clear(self, realm: str, host: str) -> bool:
        trust = self._wire.trust
        return trust.is_insecure(urlsplit(realm).netloc) or trust.is_insecure(host)

    def _understood(self, answer: Answer, host: str, what: str) -> _Token:
        try:
            found = json.loads(answer.body)
            token, lasts = found.get("token") or found["access_token"], float(found.get("expires_in") or _SHORT)
        except (ValueError, RecursionError, KeyError, TypeError, AttributeError) as error:
            raise not_a_registry(host, what, "its token server gave no token") from error
        return _Token(f"Bearer {token}", self._now() + max(lasts - _EARLY, lasts / 2))


def _question(host: str, realm: str, challenge: Challenge, scopes: Scopes, login: Credentials | None) -> Ask:
    service, what = challenge.parameters.get("service", ""), "a token"
    if login is not None and login.identity:
        form = {
            "grant_type": "refresh_token", "service": service, "client_id": _CLIENT,
            "refresh_token": login.identity, "scope": " ".join(sorted(scopes)),
        }  # fmt: skip
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        return Ask(verb="POST", host=host, url=realm, what=what, headers=headers, body=urlencode(form).encode())
    pairs = [("service", service), *(("scope", each) for each in sorted(scopes))]
    query = urlencode([pair for pair in pairs if pair[1]])
    headers = {"Authorization": login.basic} if login is not None and login.basic else {}
    joined = f"{realm}{'&' if '?' in realm else '?'}{query}"
    return Ask(verb="GET", host=host, url=joined, what=what, headers=headers)
