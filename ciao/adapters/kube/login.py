"""What has to be known to talk to one cluster as one user: values, wherever they come from.

A secret never shows in a ``repr``.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from attrs import field, frozen

INF = float("inf")


@frozen(kw_only=True)
class Endpoint:
    """An apiserver: ``server`` is its URL, without a slash at its end.

    ``ca``: whom to trust as PEM (None: whom this system trusts), ``ca_from`` what to call that. ``server_name``: whose
    certificate to expect (empty: the host's). ``proxy``: the URL of an HTTP proxy, or empty.
    """

    server: str
    ca: bytes | None = field(default=None, repr=False)
    ca_from: str = "this system"
    verify: bool = True
    server_name: str = ""
    proxy: str = field(default="", repr=False)
    compress: bool = True

    @property
    def host(self) -> str:
        """Without port."""
        return urlsplit(self.server).hostname or ""

    @property
    def shown_proxy(self) -> str:
        """The proxy without its password."""
        parts = urlsplit(self.proxy)
        return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"


@frozen
class Pair:
    """A client certificate and its key, as PEM."""

    certificate: bytes = field(repr=False)
    key: bytes = field(repr=False)


@frozen(kw_only=True)
class Credential:
    """How requests say who asks: the header Authorization, a client certificate, both or nothing.

    Seconds since the epoch: from ``due`` on a new one is to be had, from ``expires`` on this one is of no use.
    """

    header: str = field(default="", repr=False)
    pair: Pair | None = None
    due: float = INF
    expires: float = INF


@frozen
class Fixed:
    """An Authorization header that does not change."""

    header: str = field(repr=False)


@frozen
class TokenFile:
    """A bearer token in a file that somebody else keeps fresh. ``token``: to be used while there is none."""

    path: Path
    token: str = field(default="", repr=False)


@frozen(kw_only=True)
class Plugin:
    """A program that gives credentials (client.authentication.k8s.io ExecCredential).

    ``cluster``: what it is told of the cluster (``provideClusterInfo``), or None. ``file``: where it is named.
    """

    command: str
    args: tuple[str, ...] = field(default=(), repr=False)
    env: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    api_version: str
    install_hint: str = ""
    interactive: bool = False
    cluster: Mapping[str, Any] | None = field(default=None, repr=False)
    file: Path


@frozen
class Provider:
    """An auth-provider of former times, by its name, with its ``config``."""

    name: str
    config: Mapping[str, Any] = field(repr=False)
    file: Path


@frozen(kw_only=True)
class User:
    """Who asks. ``headers``: whom he wants to be taken for (Impersonate-*)."""

    pair: Pair | None = None
    token: Fixed | TokenFile | Plugin | Provider | None = None
    headers: tuple[tuple[str, str], ...] = ()


@frozen(kw_only=True)
class Login:
    """One context. ``namespace`` is its default one."""

    context: str
    namespace: str
    endpoint: Endpoint
    user: User
