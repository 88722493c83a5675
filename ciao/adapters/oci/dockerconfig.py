"""Whose credentials: ``config.json`` of Docker and its credential helpers (docker/cli, cli/config).

``docker login`` writes there, for every tool; Ciao keeps none of its own. Nothing of a password is in an error.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

from attrs import field, frozen

from ciao.adapters.oci.errors import RegistryError
from ciao.adapters.oci.helpers import Helper, ask
from ciao.adapters.oci.reference import HUB

_HUB_KEY = "https://index.docker.io/v1/"
_IDENTITY = "<token>"


@frozen
class Credentials:
    """``identity`` is an identity token, ``bearer`` one that goes with each request as it is; others are ""."""

    username: str = ""
    password: str = field(default="", repr=False)
    identity: str = field(default="", repr=False)
    bearer: str = field(default="", repr=False)

    @property
    def basic(self) -> str:
        """The value of ``Authorization``; "" without a name."""
        if not self.username:
            return ""
        pair = f"{self.username}:{self.password}".encode()
        return f"Basic {base64.b64encode(pair).decode()}"


class DockerConfig:
    """The configuration of one session's environment; read anew with each question, since people log in meanwhile."""

    def __init__(
        self, environ: Mapping[str, str], helper: Callable[[Helper, str], Awaitable[tuple[str, str] | None]] = ask
    ) -> None:
        self._environ, self._helper = environ, helper

    async def credentials(self, host: str) -> Credentials | None:
        """For a registry (``docker.io`` for Docker Hub); None: there are none.

        RegistryError for a file or a helper that is broken.
        """
        config = self._read()
        server = _HUB_KEY if host == HUB else host
        helper = _helper(config, host)
        if helper is not None:
            found = await self._helper(Helper(helper, self._environ), server)
            if found is not None:
                name, secret = found
                return Credentials(identity=secret) if name == _IDENTITY else Credentials(name, secret)
        return self._stored(config, host)

    @property
    def path(self) -> Path:
        """The file."""
        folder = self._environ.get("DOCKER_CONFIG")
        return (Path(folder) if folder else Path(self._environ.get("HOME") or Path.home()) / ".docker") / "config.json"

    def _read(self) -> dict[str, Any]:
        try:
            found = json.loads(self.path.read_bytes())
        except (FileNotFoundError, NotADirectoryError):
            return {}
        except OSError as error:
            raise self._broken(f"cannot be read ({error.strerror})") from error
        except (ValueError, RecursionError) as error:
            raise self._broken("is no JSON") from error
        if not isinstance(found, dict):
            raise self._broken("is no object of JSON")
        return found

    def _stored(self, config: Mapping[str, Any], host: str) -> Credentials | None:
        auths = config.get("auths")
        entries = auths if isinstance(auths, dict) else {}
        for key, entry in entries.items():
            if isinstance(entry, dict) and _host_of(key) == host:
                found = self._decoded(entry, key)
                if found is not None:
                    return found
        return None

    def _decoded(self, entry: Mapping[str, Any], key: str) -> Credentials | None:
        """None: the login is with a helper that is not asked for this host any more."""
        username, password = str(entry.get("username") or ""), str(entry.get("password") or "")
        if entry.get("auth"):
            try:
                packed = "".join(str(entry["auth"]).split())
                username, _, password = base64.b64decode(packed, validate=True).decode().partition(":")
            except (binascii.Error, UnicodeDecodeError) as error:
                raise self._broken(f"has an auth for {key} that is no base64") from error
        found = Credentials(
            username,
            password.rstrip("\0"),
            str(entry.get("identitytoken") or ""),
            str(entry.get("registrytoken") or ""),
        )
        return found if found.username or found.identity or found.bearer else None

    def _broken(self, what: str) -> RegistryError:
        return RegistryError(f"{self.path}, where Docker keeps logins, {what}. Correct it, or log in anew.")


def _helper(config: Mapping[str, Any], host: str) -> str | None:
    """The helper for a host: its own one, else the one for all."""
    own = config.get("credHelpers")
    for key, helper in (own if isinstance(own, dict) else {}).items():
        if _host_of(key) == host:
            return str(helper) or None
    store = config.get("credsStore")
    return str(store) if store else None


def _host_of(key: str) -> str:
    """``https://index.docker.io/v1/`` -> ``docker.io``; ``https://ghcr.io`` -> ``ghcr.io``."""
    host = key.partition("://")[2] or key
    host = host.partition("/")[0]
    return HUB if host in ("index.docker.io", "registry-1.docker.io", HUB) else host
