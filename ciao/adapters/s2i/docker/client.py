"""The SDK's client of one daemon, and long streams from it that another thread can end."""

from __future__ import annotations

import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import partial
from typing import TYPE_CHECKING, Any

from ciao.adapters.s2i.apart import Stop
from ciao.adapters.s2i.docker.faults import broken_config, translated
from ciao.adapters.s2i.docker.messages import Said
from ciao.core.ports import Report

if TYPE_CHECKING:
    from docker import APIClient

PATIENCE = 10
"""Seconds for the first answer of a daemon."""
_ANSWER = 120
"""Seconds for any answer after that; a daemon may be busy with its disk."""
SILENCE = 7200
"""Seconds for which a build may say nothing: compilers do."""
Logins = Mapping[str, Mapping[str, str]]
"""``AuthConfig`` of the Engine API by the registry's host."""
_VARIABLES = ("DOCKER_HOST", "DOCKER_CERT_PATH", "DOCKER_TLS_VERIFY")


def host_of(environ: Mapping[str, str]) -> str:
    """Where the daemon is, for people."""
    return environ.get("DOCKER_HOST") or "/var/run/docker.sock"


@contextmanager
def connected(
    environ: Mapping[str, str], *, patience: int = PATIENCE, logins: Logins | None = None
) -> Iterator[APIClient]:
    """A client that has had an answer from its daemon; whatever the library raises with it is translated.

    ``logins``: what its builds pull with.
    """
    with translated(host_of(environ)):
        client = _client(environ, patience, logins or {})
        client.timeout = _ANSWER
        try:
            yield client
        finally:
            client.close()


def _client(environ: Mapping[str, str], patience: int, logins: Logins) -> APIClient:
    import docker
    from docker.auth import encode_header
    from docker.errors import InvalidConfigFile
    from docker.utils import kwargs_from_env

    class Client(docker.APIClient):
        """Sends the logins that it was given. The library would take those of its process's configuration, and wait
        for every helper that is named there.
        """

        def _set_auth_headers(self, headers: dict[str, Any]) -> None:
            if logins:
                headers["X-Registry-Config"] = encode_header({key: dict(login) for key, login in logins.items()})

    # An empty environment would be taken for none, and this process's asked instead.
    known = {key: environ[key] for key in _VARIABLES if key in environ} or {"DOCKER_HOST": ""}
    try:
        return Client(version="auto", timeout=patience, **kwargs_from_env(known))
    except (InvalidConfigFile, ValueError) as error:
        raise broken_config(error) from error


def inspected(client: APIClient, image: str) -> dict[str, Any]:
    """What the daemon knows of an image; docker's ImageNotFound when it has none."""
    untyped: Any = client
    found: dict[str, Any] = untyped.inspect_image(image)
    return found


def heard(stream: Iterator[Mapping[str, Any]], said: Said, stop: Stop, report: Report) -> None:
    """Read a stream to its end. ``Cancelled`` when it was ended by ``stop``."""
    try:
        for message in stream:
            stop.check()
            for progress in said.hear(message):
                report(progress)
    except Exception:
        stop.check()  # it broke because it was hung up
        raise
    stop.check()
    for progress in said.end():
        report(progress)


@contextmanager
def interruptible(client: APIClient, stop: Stop) -> Iterator[None]:
    """A long request: cancelling hangs it up, and then the daemon stops its work."""

    def answered(response: Any, *_: Any, **__: Any) -> None:
        found = _socket(response.raw)
        if found is not None:
            stop.wakes(partial(_hang_up, found))

    stop.check()
    client.hooks["response"].append(answered)
    try:
        yield
    finally:
        client.hooks["response"].remove(answered)
        stop.wakes(None)


def _socket(raw: Any) -> socket.socket | None:
    """The one that an answer comes from; None over ssh, where it has none."""
    connection = getattr(getattr(raw, "connection", None), "sock", None)
    buffered = getattr(getattr(getattr(raw, "_fp", None), "fp", None), "raw", None)
    found = connection or getattr(buffered, "_sock", None)
    return found if isinstance(found, socket.socket) else None


def _hang_up(found: socket.socket) -> None:
    with suppress(OSError):
        found.shutdown(socket.SHUT_RDWR)
