"""Where images are measured: a registry of the bench's own, two bases in it, and what builds beside Ciao.

All of it is gone afterwards, what docker and buildah keep too, also after SIGTERM. What others put into BuildKit's
cache during the run goes with it: docker does not say whose an entry is.
"""

from __future__ import annotations

import http.client
import itertools
import os
import re
import secrets
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from docker.errors import DockerException

from bench.images.bases import Base, large_base, python_base
from bench.images.peers import Buildah, Daemon, Docker, buildah, dockers
from tests.e2e.registry import Registry
from tests.e2e.wanted import Wanted, wanted

_LARGE = 600_000_000
_READY = 10.0  # seconds until the registry answers
_BLOB = re.compile(r'"GET /v2/\S+/blobs/(sha256:[0-9a-f]{64}) HTTP/1\.1" 200')
_numbers = itertools.count(1)


@dataclass(frozen=True)
class Site:
    """``host`` is the registry's; ``base`` is small, ``large`` has 600 MB. ``buildah`` None: it is not here."""

    host: str
    container: str
    base: Base
    large: Base
    daemon: Daemon
    dockers: tuple[Docker, ...]
    buildah: Buildah | None

    def fetched(self) -> int:
        """How many times a layer of the large base was fetched from the registry so far."""
        return sum(digest in self.large.layers for digest in _BLOB.findall(self.daemon.logs(self.container)))


def fresh(name: str) -> str:
    """No two are the same: a repository's, or a tag."""
    return f"{name}-{next(_numbers)}"


@contextmanager
def provided() -> Iterator[Site]:
    """For the length of a ``with``. SystemExit with one sentence when this machine lacks something."""
    signal.signal(signal.SIGTERM, _interrupted)
    wants = wanted(os.environ)
    try:
        daemon = Daemon()
        for each in (wants.registry_image, wants.python_image):
            daemon.need(each)
    except DockerException as error:
        raise SystemExit(f"Images are measured beside docker, which is of no use here: {error}") from None
    registry = Registry(wants.registry_image, f"ciao-bench-{secrets.token_hex(4)}", keep=False)
    try:
        registry.start()
        with buildah() as other, tempfile.TemporaryDirectory(prefix="ciao-bench-") as folder:
            yield _site(registry, daemon, wants, other, Path(folder))
    finally:
        _say("removing what was made")
        try:
            daemon.forget(f"{registry.host}/")
        finally:
            registry.stop()


def _site(registry: Registry, daemon: Daemon, wants: Wanted, other: Buildah | None, folder: Path) -> Site:
    _say("base images")
    _await(registry.host)
    found = dockers(folder, registry.host)
    if not found:
        raise SystemExit("docker can build no image here: neither with BuildKit nor without it.")
    return Site(
        host=registry.host,
        container=registry.name,
        base=python_base(registry.host, "base/python:small", wants.python_image),
        large=large_base(registry.host, "base/large:600", wants.python_image, _LARGE),
        daemon=daemon,
        dockers=found,
        buildah=other,
    )


def _await(host: str) -> None:
    """Until the registry answers."""
    deadline = time.monotonic() + _READY
    while True:
        connection = http.client.HTTPConnection(host, timeout=_READY)
        try:
            connection.request("GET", "/v2/")
            connection.getresponse()
            return
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)
        finally:
            connection.close()


def _say(line: str) -> None:
    print(f"… {line}", file=sys.stderr, flush=True)


def _interrupted(*_: object) -> NoReturn:
    raise KeyboardInterrupt
