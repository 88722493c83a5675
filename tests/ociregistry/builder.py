"""Ciao's builder ``registry``, made as a session makes it, over the registries of a test."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any

from attrs import field, frozen

from ciao.adapters.memory import ManualClock, MemoryJobStore, SequentialNames
from ciao.adapters.s2i.registry import create
from ciao.adapters.wiring import Wiring
from ciao.adapters.workspace import LocalWorkspace
from ciao.core.frameworks.pytorch import PYTORCH
from ciao.core.model import JobSpec, Role
from ciao.core.ports import S2IClient, Workspace
from ciao.core.settings import resolve

from .docker import Docker


def _nobody(*_: Any) -> Any:
    raise AssertionError("nobody needs it here")


@frozen(kw_only=True)
class Session:
    """``push`` is the repository (``host/path``), ``home`` where what is known is kept; a new one is another kernel."""

    push: str
    home: Path
    docker: Docker
    pull: str = ""
    platform: str = "linux/amd64"
    limit: str = "16Mi"
    environ: Mapping[str, str] = {}
    builder: Callable[[str], Any] = _nobody
    more: Mapping[str, str] = {}
    workspace: Workspace = field(factory=LocalWorkspace)

    def client(self) -> S2IClient:
        """On the loop that it is used on."""
        settings = resolve(frameworks=[PYTORCH], home=str(self.home))
        said = {"registry.push": self.push, "s2i.limit": self.limit, "registry.path": str(self.home / "images")}
        for key, value in {**said, **({"registry.pull": self.pull} if self.pull else {}), **self.more}.items():
            settings = settings.assign(key, value)

        async def platform(_: JobSpec) -> str:
            return self.platform

        return create(
            Wiring(
                settings=lambda: settings,
                frameworks={"pytorch": PYTORCH},
                store=MemoryJobStore(),
                workspace=self.workspace,
                clock=ManualClock(),
                names=SequentialNames(),
                environ={**self.docker.environ, **self.environ},
                clusters=_nobody,
                platform=platform,
                builder=self.builder,
            )
        )


def job(image: str, **fields: Any) -> JobSpec:
    """A job of one replica on a base."""
    return JobSpec(
        name="ciao-images", framework="pytorch", target="", roles=(Role("master", 1, image=image),), **fields
    )


def written(root: Path, files: Mapping[str, bytes], executable: Collection[str] = ()) -> Path:
    """Files on this machine's disk."""
    for path, content in files.items():
        place = root / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content)
        if path in executable:
            place.chmod(0o755)
    root.mkdir(parents=True, exist_ok=True)
    return root
