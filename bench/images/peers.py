"""What Ciao is measured against: docker with either of its builders, and buildah. Each builds, then pushes."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any, Protocol

from bench.images.commands import run
from bench.images.project import Project

BUILDKIT, LEGACY = "docker (BuildKit)", "docker (legacy builder)"


class Peer(Protocol):
    """``image`` returns when the project's image is in the registry as ``target`` (``host/path:tag``)."""

    @property
    def name(self) -> str: ...

    def image(self, project: Project, target: str) -> None: ...


@dataclass(frozen=True)
class Docker:
    """``program`` is a client that can do it: those since 23 need a plug-in for BuildKit."""

    name: str
    program: str

    def build(self, folder: Path, target: str) -> None:
        """Without a push."""
        env = {"DOCKER_BUILDKIT": "1" if self.name == BUILDKIT else "0"}
        run(self.program, "build", "--quiet", "--tag", target, str(folder), env=env)

    def image(self, project: Project, target: str) -> None:
        """As the protocol says."""
        self.build(project.folder, target)
        run(self.program, "push", "--quiet", target)


@dataclass(frozen=True)
class Buildah:
    """Its images lie below a directory of the bench's own."""

    program: str
    store: Path
    name: str = field(default="buildah", init=False)

    def image(self, project: Project, target: str) -> None:
        """As the protocol says."""
        self._run("bud", "--layers", "--quiet", "--tls-verify=false", "--tag", target, str(project.folder))
        self._run("push", "--quiet", "--tls-verify=false", target)

    def forget(self) -> None:
        """Remove all that it holds, and its mounts."""
        with suppress(RuntimeError):
            self._run("rmi", "--all", "--force")

    def _run(self, *words: str) -> None:
        run(self.program, "--root", str(self.store / "root"), "--runroot", str(self.store / "run"), *words)


class Daemon:
    """Docker's: what the bench leaves there is found and removed. DockerException where there is none."""

    def __init__(self) -> None:
        import docker

        self._client: Any = docker.from_env(timeout=300)
        self._before = self._cached()

    def need(self, image: str) -> None:
        """Pull it, if it is not there."""
        from docker.errors import ImageNotFound

        try:
            self._client.images.get(image)
        except ImageNotFound:
            self._client.images.pull(image)

    def forget(self, prefix: str) -> None:
        """Images whose names begin so, their parents, and what BuildKit has kept since the bench began."""
        from docker.errors import NotFound

        for image in self._client.images.list():
            names = (*image.tags, *(image.attrs["RepoDigests"] or ()))
            for name in (each for each in names if each.startswith(prefix)):
                with suppress(NotFound):  # a digest goes with the last tag
                    self._client.images.remove(name, force=True)
        for _ in range(10):  # children first: a parent in use stays
            left = self._cached() - self._before
            for each in left:
                self._client.api.prune_builds(filters={"id": each}, all=True)
            if not left:
                return

    def logs(self, container: str) -> str:
        """All that a container printed."""
        return str(self._client.containers.get(container).logs().decode(errors="replace"))

    def _cached(self) -> set[str]:
        found: list[dict[str, Any]] = self._client.df().get("BuildCache") or []
        return {each["ID"] for each in found}


def dockers(folder: Path, host: str) -> tuple[Docker, ...]:
    """A client for each builder that works here."""
    (folder / "Dockerfile").write_text("FROM scratch\nCOPY Dockerfile /\n", encoding="ascii")
    programs = [program for each in os.get_exec_path() if (program := shutil.which("docker", path=each))]
    found: list[Docker] = []
    for number, name in enumerate((BUILDKIT, LEGACY)):
        clients = (Docker(name, each) for each in programs)
        found += list(islice((each for each in clients if _works(each, folder, f"{host}/try:{number}")), 1))
    return tuple(found)


@contextmanager
def buildah() -> Iterator[Buildah | None]:
    """For the length of a ``with``; None where it is not installed."""
    program = shutil.which("buildah")
    if program is None:
        yield None
        return
    with tempfile.TemporaryDirectory(prefix="ciao-bench-buildah-", ignore_cleanup_errors=True) as store:
        made = Buildah(program, Path(store))
        try:
            yield made
        finally:
            made.forget()


def _works(docker: Docker, folder: Path, target: str) -> bool:
    try:
        docker.build(folder, target)
    except RuntimeError:
        return False
    return True
