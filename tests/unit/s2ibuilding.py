"""A builder of Dockerfiles without daemon and registry: an engine that copies, a registry that has digests by tag."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Mapping
from typing import Any

from attrs import evolve

from ciao.adapters.memory import ManualClock, MemoryJobStore, MemoryWorkspace, SequentialNames
from ciao.adapters.oci.bases import Base, Platform
from ciao.adapters.oci.media import DOCKER_MANIFEST, Manifest
from ciao.adapters.oci.reference import Reference
from ciao.adapters.s2i.dockerfilebuilder import DockerfileBuilder
from ciao.adapters.s2i.engine import Build
from ciao.adapters.s2i.known import Known
from ciao.adapters.s2i.madeonce import MadeOnce
from ciao.adapters.wiring import Wiring
from ciao.core.errors import Place
from ciao.core.events import Progress
from ciao.core.model import JobSpec
from ciao.core.ports import Report, Workspace
from ciao.core.settings import Entry, resolve

from .jobs import FRAMEWORKS

PUSH = "registry.test/team/ciao"


def digest_of(text: str) -> str:
    """A digest, of anything."""
    return f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"


class Shelf:
    """``Registries`` and ``Bases`` of one repository; ``asked`` are the bases that were resolved."""

    name = PUSH

    def __init__(self, user: str = "") -> None:
        self.known: dict[str, str] = {}
        self.asked: list[tuple[str, str]] = []
        self._user = user

    def repository(self, name: str) -> Any:
        return self

    async def digest(self, reference: str) -> str | None:
        return self.known.get(reference)

    async def resolve(self, reference: Reference, name: str, platform: Platform) -> Base:
        self.asked.append((str(reference), name))
        manifest = Manifest(reference.digest or digest_of(str(reference)), DOCKER_MANIFEST, b"", {"layers": []})
        pinned = evolve(reference, tag="", digest=manifest.digest)
        return Base(
            reference=pinned, name=name, manifest=manifest, config={"config": {"User": self._user}},
            platform=await platform(),
        )  # fmt: skip

    async def close(self) -> None: ...


class CopyingEngine:
    """Port ``Engine``: keeps each build with its files, and puts it on the shelf. ``lost``: it pushes elsewhere."""

    name = "copying"

    def __init__(self, shelf: Shelf, lost: bool = False) -> None:
        self.shelf, self.lost, self.closed = shelf, lost, 0
        self.builds: list[Build] = []
        self.files: dict[str, dict[str, bytes]] = {}

    def reached(self, reference: Reference) -> Reference:
        return reference.at(f"reached.test/{reference.path}")

    async def build(self, build: Build, spec: JobSpec, report: Report) -> str:
        files = {}
        for each in build.context.entries:
            with build.context.open(each) as file:
                files[each.path] = file.read()
        report(Progress("Step 1/1"))
        await asyncio.sleep(0)
        self.builds.append(build)
        digest = digest_of(f"{build.dockerfile}{files}")
        self.files[digest] = files
        if not self.lost:
            self.shelf.known[build.tag] = digest
        return digest

    async def close(self) -> None:
        self.closed += 1


def wiring(workspace: Workspace, settings: Mapping[str, str]) -> Wiring:
    """``settings`` by their names, on top of a repository to push to."""
    layer = tuple(Entry(key, text, Place("test")) for key, text in {"registry.push": PUSH, **settings}.items())
    found = resolve((layer,), FRAMEWORKS.values())

    async def platform(spec: JobSpec) -> str:
        return "linux/arm64"

    def none(*_: Any) -> Any:
        raise AssertionError("nobody is asked here")

    return Wiring(
        settings=lambda: found, frameworks=FRAMEWORKS, store=MemoryJobStore(), workspace=workspace,
        clock=ManualClock(), names=SequentialNames(), environ={}, clusters=none, platform=platform, builder=none,
    )  # fmt: skip


def builder(engine: CopyingEngine, files: Mapping[str, bytes], **settings: str) -> DockerfileBuilder:
    """Over an engine and its shelf; settings with ``_`` for ``.``."""

    async def why_not(spec: JobSpec) -> str:
        return "it only copies."

    images = MadeOnce(engine.shelf, engine.shelf, Known(None))
    given = {key.replace("_", "."): text for key, text in settings.items()}
    return DockerfileBuilder(engine, images, wiring(MemoryWorkspace(files), given), why_not)
