"""A real registry (distribution) does what the tests' own one does."""

from __future__ import annotations

import os
import time
import uuid
from collections.abc import Iterator

import pytest

from ...ociregistry.contract import DistributionContract
from ..commands import call
from ..registry import free_port
from ..wanted import wanted


@pytest.fixture(scope="module")
def host() -> Iterator[str]:
    """An empty one that deletes, in a container."""
    name, port = f"ciao-e2e-distribution-{uuid.uuid4().hex[:8]}", free_port()
    call(
        "docker", "run", "--detach", "--name", name, "--publish", f"127.0.0.1:{port}:5000",
        "--env", "REGISTRY_STORAGE_DELETE_ENABLED=true", wanted(os.environ).registry_image,
    )  # fmt: skip
    try:
        _answers(f"127.0.0.1:{port}")
        yield f"127.0.0.1:{port}"
    finally:
        call("docker", "rm", "--force", "--volumes", name)


class _Asked(DistributionContract):
    """Asked without Ciao's client, from wherever."""

    def __init__(self, host: str) -> None:
        self._host = host

    @property
    def url(self) -> str:
        return f"http://{self._host}"


def _answers(host: str) -> None:
    for _ in range(100):
        try:
            assert _Asked(host).ask("GET", "/v2/").status == 200
            return
        except OSError:
            time.sleep(0.1)
    raise AssertionError(f"the registry at {host} does not answer")


class TestDistribution(DistributionContract):
    @pytest.fixture(autouse=True)
    def _served(self, host: str) -> None:
        self._url = f"http://{host}"

    @property
    def url(self) -> str:
        return self._url
