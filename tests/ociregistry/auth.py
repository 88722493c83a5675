"""Who may do what: nobody is asked, names and passwords (Basic), or tokens of a token service (Bearer).

https://distribution.github.io/distribution/spec/auth/token/ and its POST form, for identity tokens.
"""

from __future__ import annotations

import base64
import binascii
import fnmatch
import json
import secrets
import urllib.parse
from collections.abc import Callable, Mapping
from typing import Protocol

from attrs import define, field, frozen

from .api import Needs
from .messages import JSON, Answer, Error, Request, refused

SERVICE = "registry.test"
REALM = "/token"
_CODE = Error("UNAUTHORIZED", "authentication required")


@frozen
class Account:
    """``rights``: actions by a pattern of repositories; ``pull,push`` on all by default."""

    password: str
    rights: Mapping[str, str] = field(factory=lambda: {"*": "pull,push"})

    def may(self, repository: str) -> frozenset[str]:
        """The actions on one repository."""
        found = [each for pattern, each in self.rights.items() if fnmatch.fnmatchcase(repository, pattern)]
        return frozenset(",".join(found).split(",")) - {""}


class Guard(Protocol):
    """``refuses``: the answer to a request that may not be made, None for one that may."""

    def refuses(self, request: Request, wanted: Needs) -> Answer | None: ...


@frozen
class Nobody:
    """Everybody may do everything."""

    def refuses(self, request: Request, wanted: Needs) -> Answer | None:
        return None


@define
class Basic:
    """Names and passwords with each request, as htpasswd does it: whoever is known may do everything, unless his
    account says otherwise (then 403, as other registries do it).
    """

    accounts: Mapping[str, Account]

    def refuses(self, request: Request, wanted: Needs) -> Answer | None:
        account = _known(request, self.accounts)
        if account is None:
            return refused(401, _CODE, WWW_Authenticate='Basic realm="Registry Realm"')
        if any(not actions <= account.may(name) for name, actions in wanted.items()):
            return refused(403, Error("DENIED", "requested access to the resource is denied"))
        return None


@frozen
class Token:
    """``rights`` by repository, until ``ends``."""

    rights: Mapping[str, frozenset[str]]
    ends: float


@define
class Bearer:
    """Tokens. ``anonymous``: what may be done without an account, as ``Account.rights``; ``refresh``: identity tokens
    and whose they are; ``seconds``: how long a token is good, by ``now``; ``called``: how the token's answer names it;
    ``denies``: the status where rights are missing; ``posts``: whether POST is known.
    """

    accounts: Mapping[str, Account]
    now: Callable[[], float] = field(default=lambda: 0.0)
    anonymous: Mapping[str, str] = field(factory=dict)
    refresh: Mapping[str, str] = field(factory=dict)
    seconds: float = 300
    says_seconds: bool = True
    called: str = "token"
    denies: int = 401
    posts: bool = True
    tokens: dict[str, Token] = field(factory=dict)

    def refuses(self, request: Request, wanted: Needs) -> Answer | None:
        kind, _, given = request.headers.get("authorization", "").partition(" ")
        token = self.tokens.get(given) if kind == "Bearer" else None
        if token is None:
            return self._challenge(request, wanted, "invalid_token" if given else "")
        if token.ends <= self.now():
            return self._challenge(request, wanted, "invalid_token")
        if any(not actions <= token.rights.get(name, frozenset()) for name, actions in wanted.items()):
            if self.denies == 403:
                return refused(403, Error("DENIED", "requested access to the resource is denied"))
            return self._challenge(request, wanted, "insufficient_scope")
        return None

    def token(self, request: Request) -> Answer:
        """What the token service answers."""
        if request.method == "POST":
            return self._posted(request)
        account: Account | None = Account("", self.anonymous)
        if "authorization" in request.headers:
            account = _known(request, self.accounts)
        if account is None:
            return refused(401, Error("UNAUTHORIZED", "incorrect username or password"))
        return self._issued(account, request.query.get("scope", []), self.called)

    def _posted(self, request: Request) -> Answer:
        if not self.posts:
            return Answer(404, {"Content-Type": "text/plain"}, b"404 page not found\n")
        form = {key: values[0] for key, values in urllib.parse.parse_qs(request.body().decode()).items()}
        if form.get("grant_type") == "password":
            account = self.accounts.get(form.get("username", ""))
            if account is not None and account.password != form.get("password"):
                account = None
        else:
            account = self.accounts.get(self.refresh.get(form.get("refresh_token", ""), ""))
        if account is None or not form.get("client_id") or form.get("service") != SERVICE:
            return refused(401, Error("UNAUTHORIZED", "unauthorized: the refresh token is invalid"))
        return self._issued(account, form.get("scope", "").split(), "access_token")

    def _issued(self, account: Account, scopes: list[str], named: str) -> Answer:
        rights: dict[str, frozenset[str]] = {}
        for scope in scopes:
            kind, _, rest = scope.partition(":")
            name, _, actions = rest.rpartition(":")
            if kind == "repository" and " " not in scope:
                rights[name] = rights.get(name, frozenset()) | (frozenset(actions.split(",")) & account.may(name))
        made = secrets.token_urlsafe(24)
        self.tokens[made] = Token(rights, self.now() + self.seconds)
        told = {named: made, "issued_at": "2026-01-01T00:00:00Z"} | (
            {"expires_in": int(self.seconds)} if self.says_seconds else {}
        )
        return Answer(200, {"Content-Type": JSON}, json.dumps(told).encode())

    def _challenge(self, request: Request, wanted: Needs, error: str) -> Answer:
        scopes = " ".join(f"repository:{name}:{','.join(sorted(actions))}" for name, actions in wanted.items())
        parts = [f'realm="{request.base}{REALM}"', f'service="{SERVICE}"']
        parts += [f'scope="{scopes}"'] if scopes else []
        parts += [f'error="{error}"'] if error else []
        return refused(401, _CODE, WWW_Authenticate=f"Bearer {','.join(parts)}")


def _known(request: Request, accounts: Mapping[str, Account]) -> Account | None:
    kind, _, given = request.headers.get("authorization", "").partition(" ")
    if kind != "Basic":
        return None
    try:
        name, _, password = base64.b64decode(given, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return None
    account = accounts.get(name)
    return account if account is not None and account.password == password else None
