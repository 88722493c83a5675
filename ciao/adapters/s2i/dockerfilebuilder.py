"""Port ``S2IClient`` for who builds Dockerfiles: text and context of an image are made here, an engine does the rest.

base -> with the packages of ``%pip`` -> with the source: each is an image with a tag of its own that says what it is
made of, so a changed cell costs one small layer, and an unchanged one a HEAD.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial

from attrs import frozen

from ciao.adapters.oci.bases import Base
from ciao.adapters.s2i import context, dockerfile, environment, project
from ciao.adapters.s2i.apart import Stop, apart
from ciao.adapters.s2i.content import Content, gather
from ciao.adapters.s2i.destination import (
    BASE_LABEL,
    BUILDER_LABEL,
    KEY_LABEL,
    PREFIX,
    Destination,
    base_of,
    destination,
    tag_of,
)
from ciao.adapters.s2i.engine import Build, Engine
from ciao.adapters.s2i.fingerprints import Fingerprint, fingerprints
from ciao.adapters.s2i.known import Push
from ciao.adapters.s2i.madeonce import MadeOnce, pinned, previewed
from ciao.adapters.s2i.platform import Platforms
from ciao.adapters.wiring import Wiring
from ciao.core import settings as keys
from ciao.core.model import Image, JobSpec, Source
from ciao.core.ports import Report


@frozen
class _Task:
    """One source's way to an image."""

    source: Source
    spec: JobSpec
    report: Report
    goal: Destination
    limit: int


class DockerfileBuilder:
    """Ports ``S2IClient`` and ``Installs`` over an engine; lives on one event loop.

    ``probe``: one sentence why the engine cannot be used here and now, "" when it can.
    """

    def __init__(
        self, engine: Engine, images: MadeOnce, wiring: Wiring, probe: Callable[[JobSpec], Awaitable[str]]
    ) -> None:
        self._engine, self._images, self._wiring, self._probe = engine, images, wiring, probe
        self._platform = Platforms(wiring.platform)

    async def source_to_image(self, source: Source, spec: JobSpec, report: Report) -> Image:
        """As the port says."""
        settings = self._wiring.settings()
        goal = destination(settings, self._engine.name)
        task = _Task(source, spec, report, goal, settings[keys.S2I_LIMIT])
        content, prints = await apart(partial(self._gathered, task))
        base = await self._base(task)
        if source.pip:
            base = await self.with_packages(base, source.pip, spec, report)
        build = self._build(content, prints, base, task)
        digest = await self._made(build, task)
        self._images.known.keep_push(self._push(build.tag, digest, base, task))
        return goal.image(build.tag, digest, source=dockerfile.SOURCE, platform=base.platform)

    async def preview(self, source: Source, spec: JobSpec) -> Image:
        """As the port says."""
        goal = destination(self._wiring.settings(), self._engine.name)
        looking = DockerfileBuilder(self._engine, self._images.looking(), self._wiring, self._probe)
        return await previewed(looking.source_to_image(source, spec, lambda _: None), goal)

    async def why_not(self, spec: JobSpec) -> str:
        """As ``Installs`` says."""
        return await self._probe(spec)

    async def with_packages(self, base: Base, packages: tuple[str, ...], spec: JobSpec, report: Report) -> Base:
        """As ``Installs`` says."""
        settings = self._wiring.settings()
        goal = destination(settings, self._engine.name)
        wanted = environment.recipe(packages, python=self._python(spec), index=settings[keys.PIP_INDEX])
        build = environment.build_of(wanted, base, self._engine, self._wiring.workspace)
        digest = await self._images.digest(goal, build.tag, partial(self._engine.build, build, spec, report))
        return await self._images.base(goal, build.tag, digest, base.name, base.platform)

    async def close(self) -> None:
        """Release connections."""
        await self._engine.close()
        await self._images.close()

    # -- what it is made on ----------------------------------------------------------------------

    async def _base(self, task: _Task) -> Base:
        """The project's image where there is one, else the one that is named, else the framework's."""
        found = await apart(lambda _: project.found(task.source, task.spec, self._wiring.workspace, task.limit))
        if found is not None:
            return await self._project(found, task)
        wanted = base_of(task.spec, images(self._wiring))
        platform = partial(self._platform, task.spec)
        return await self._images.bases.resolve(task.goal.here(wanted), str(wanted), platform)

    async def _project(self, found: project.Project, task: _Task) -> Base:
        platform = await self._platform(task.spec)
        prints = await apart(partial(fingerprints, found.context, self._images.known))
        tag = tag_of(project.PREFIX, self._engine.name, found.text, platform, prints)
        build = Build(dockerfile=found.text, context=found.context, tag=tag, platform=platform)
        return await self._images.base(task.goal, tag, await self._made(build, task), project.NAME, platform)

    # -- what is made ----------------------------------------------------------------------------

    def _gathered(self, task: _Task, stop: Stop) -> tuple[Content, tuple[Fingerprint, ...]]:
        content = gather(task.source, self._wiring.workspace, task.limit)
        return content, fingerprints(content, self._images.known, stop)

    def _build(self, content: Content, prints: tuple[Fingerprint, ...], base: Base, task: _Task) -> Build:
        files, directories = context.laid_out(content)
        reached, python = str(self._engine.reached(pinned(base))), self._python(task.spec)
        text = dockerfile.image(reached, directories, python=python)
        tag = tag_of(PREFIX, self._engine.name, base.digest, text, prints)
        labels = ((KEY_LABEL, tag), (BUILDER_LABEL, self._engine.name), (BASE_LABEL, base.digest))
        text = dockerfile.image(reached, directories, python=python, labels=labels)
        return Build(dockerfile=text, context=files, tag=tag, platform=base.platform)

    async def _made(self, build: Build, task: _Task) -> str:
        make = partial(self._engine.build, build, task.spec, task.report)
        return await self._images.digest(task.goal, build.tag, make)

    def _push(self, tag: str, digest: str, base: Base, task: _Task) -> Push:
        return Push(
            reference=f"{task.goal.push}:{tag}", digest=digest, builder=self._engine.name, base=base.name,
            label=task.source.label, job=task.spec.name, at=self._wiring.clock.now(),
        )  # fmt: skip

    def _python(self, spec: JobSpec) -> str:
        return spec.python or self._wiring.settings()[keys.KUBEFLOW_PYTHON]


def images(wiring: Wiring) -> dict[str, str]:
    """The image of each framework's replicas, where nobody says another."""
    settings = wiring.settings()
    return {name: settings.text(f"image.{name}") for name in wiring.frameworks}
