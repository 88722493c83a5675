"""Ciao's builder as a kernel has it: on Ciao's own thread and loop, made and imported once, its connections kept.

Imports no more than a kernel that has started, so that a fresh process can measure the rest.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from bench.images.project import Project
from ciao.adapters import config
from ciao.adapters.jobstore.store import DiskJobStore
from ciao.adapters.s2i.registry import create
from ciao.adapters.system import RandomNames, SystemClock
from ciao.adapters.wiring import Wiring
from ciao.adapters.workspace import LocalWorkspace
from ciao.bootstrap import load_frameworks
from ciao.core.model import JobSpec, Role, Source
from ciao.core.ports import S2IClient
from ciao.runtime import Runtime

SPEC = JobSpec(name="bench", framework="pytorch", target="kubeflow", roles=(Role("master", 1),))


@dataclass(frozen=True)
class Builder:
    """``client`` lives on ``runtime``."""

    client: S2IClient
    runtime: Runtime

    def image(self, project: Project) -> str:
        """The digest of the project's image, which is in the registry when this returns."""
        files = (project.data,) if project.data else ()
        source = Source(code=project.cell, directory=str(project.folder), files=files)
        made: Any = self.runtime.call(self.client.source_to_image(source, SPEC, lambda _: None)).result(600)
        return str(made.digest)


@contextmanager
def builder(push: str, base: str, home: Path) -> Iterator[Builder]:
    """With what it knows below ``home``: nothing, when that does not exist."""
    home.mkdir(exist_ok=True)
    frameworks = load_frameworks()
    said = {"registry.push": push, "registry.path": str(home / "images"), "image.pytorch": base}
    settings = config.load(home, home, {}, said, frameworks.values())
    clock = SystemClock()
    wiring = Wiring(
        settings=lambda: settings, frameworks=frameworks, workspace=LocalWorkspace(), clock=clock, names=RandomNames(),
        store=DiskJobStore(home / "jobs", size=1 << 30, age=1e6, log_size=1 << 30, clock=clock),
        environ={"HOME": str(home)}, clusters=_unasked, platform=_unasked, builder=_unasked,
    )  # fmt: skip
    runtime = Runtime(clock)
    try:
        client = runtime.call(_made(wiring)).result(60)
        try:
            yield Builder(client, runtime)
        finally:
            runtime.call(client.close()).result(60)
    finally:
        runtime.close()


async def _made(wiring: Wiring) -> S2IClient:
    return create(wiring)


def _unasked(*_: object) -> NoReturn:
    raise AssertionError("the bench's images need no cluster and no other builder")
