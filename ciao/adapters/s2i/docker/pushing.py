"""An image of the daemon's into a registry, under a name that it has only as long as that takes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from attrs import field, frozen

from ciao.adapters.s2i.apart import Stop
from ciao.adapters.s2i.docker.client import heard, interruptible
from ciao.adapters.s2i.docker.faults import of_registry
from ciao.adapters.s2i.docker.messages import Said
from ciao.core.errors import TargetError
from ciao.core.ports import Report

if TYPE_CHECKING:
    from docker import APIClient


@frozen(kw_only=True)
class Target:
    """Where to: ``host/path``, a tag, and who pushes."""

    repository: str
    tag: str
    login: Mapping[str, str] = field(repr=False, factory=dict)

    def __str__(self) -> str:
        return f"{self.repository}:{self.tag}"


def pushed(client: APIClient, image: str, target: Target, stop: Stop, report: Report) -> str:
    """The digest of the manifest that was pushed. The daemon keeps the layers, for the next build, but no name."""
    said = Said(f"push {target}")
    with _named(client, image, target), interruptible(client, stop):
        stream = client.push(
            target.repository, tag=target.tag, stream=True, decode=True, auth_config=dict(target.login)
        )
        heard(stream, said, stop, report)
    if said.error:
        raise of_registry("Pushing", str(target), said.error)
    if "Digest" not in said.found:
        raise TargetError(f"The Docker daemon did not say what it has pushed as {target}. Run the cell again.")
    return said.found["Digest"]


@contextmanager
def _named(client: APIClient, image: str, target: Target) -> Iterator[None]:
    client.tag(image, target.repository, target.tag, force=True)
    try:
        yield
    finally:
        untagged(client, str(target))


def untagged(client: APIClient, name: str) -> None:
    """Without that name; what other images are made on stays. What cannot be removed is in use, and stays, too."""
    import requests
    from docker.errors import DockerException

    with suppress(DockerException, requests.exceptions.RequestException):
        client.remove_image(name, noprune=True)
