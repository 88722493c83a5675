"""Whose credentials a daemon gets for one build: those for the registries that the Dockerfile names, and no others."""

from __future__ import annotations

import re

from ciao.adapters.oci.dockerconfig import Credentials, DockerConfig
from ciao.adapters.oci.reference import HUB, parse
from ciao.core.errors import SourceError

_HUB_KEY = "https://index.docker.io/v1/"
_NAMES = re.compile(r"^\s*(?:FROM\s|ARG\s|COPY\s+--from=)(.*)$", re.IGNORECASE | re.MULTILINE)
_BETWEEN = re.compile(r"[\s=\"'{}]+|:-")


def hosts(dockerfile: str) -> tuple[str, ...]:
    """The registries of its images, also of those that stand in an ARG; maybe some more."""
    words = [word for line in _NAMES.findall(dockerfile) for word in _BETWEEN.split(line) if word]
    found = []
    for word in words:
        try:
            found.append(parse(word).host)
        except SourceError:
            continue
    return tuple(dict.fromkeys(found))


async def logins(dockerfile: str, config: DockerConfig) -> dict[str, dict[str, str]]:
    """``X-Registry-Config`` of the Engine API."""
    found = {host: login_of(await config.credentials(host), host) for host in hosts(dockerfile)}
    return {_HUB_KEY if host == HUB else host: login for host, login in found.items() if login}


def login_of(credentials: Credentials | None, host: str) -> dict[str, str]:
    """``AuthConfig`` of the Engine API; empty: nobody in particular."""
    if credentials is None:
        return {}
    if credentials.identity:
        return {"identitytoken": credentials.identity, "serveraddress": host}
    if credentials.bearer:
        return {"registrytoken": credentials.bearer}
    return {"username": credentials.username, "password": credentials.password, "serveraddress": host}
