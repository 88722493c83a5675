"""Builders as a session has them, without a session: settings, a directory and an environment make one."""

from __future__ import annotations

import os
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ciao.adapters.kube.connections import Connections
from ciao.adapters.memory import MemoryJobStore
from ciao.adapters.system import RandomNames, SystemClock
from ciao.adapters.wiring import Wiring
from ciao.adapters.workspace import LocalWorkspace
from ciao.core.errors import Place
from ciao.core.frameworks.pytorch import PYTORCH
from ciao.core.model import JobSpec, Role
from ciao.core.settings import Entry, resolve


def wiring(
    settings: Mapping[str, str], environ: Mapping[str, str] | None = None, connections: Connections | None = None
) -> Wiring:
    """``settings`` by their names; ``environ`` is put on top of this process's; ``connections``: to clusters."""
    layer = tuple(Entry(key, text, Place("test")) for key, text in settings.items())
    found = resolve((layer,), [PYTORCH])

    async def platform(spec: JobSpec) -> str:
        return "linux/amd64"

    def none(*_: Any) -> Any:
        raise AssertionError("nobody is asked here")

    return Wiring(
        settings=lambda: found, frameworks={"pytorch": PYTORCH}, store=MemoryJobStore(), workspace=LocalWorkspace(),
        clock=SystemClock(), names=RandomNames(), environ={**os.environ, **(environ or {})},
        clusters=none if connections is None else lambda: connections,
        platform=platform, builder=none,
    )  # fmt: skip


def spec(image: str | None = None, **more: Any) -> JobSpec:
    """A job of one master."""
    return JobSpec(
        name="job-1", framework="pytorch", target="kubeflow", roles=(Role("master", 1, image=image),), **more
    )


def settings(registry: str, base: str, tmp_path: Path, **more: str) -> dict[str, str]:
    """Those of a session that pushes to a repository which nobody has pushed to."""
    return {
        "registry.push": f"{registry}/{uuid.uuid4().hex}/ciao",
        "registry.path": str(tmp_path / "known"),
        "image.pytorch": base,
        **more,
    }
