"""Port ``S2IClient`` over the tool source-to-image: ``%image`` is the builder image, its ``assemble`` does the rest.

``%pip`` becomes a requirements.txt, which the builder images of Python install. The source is then where ``assemble``
runs: in the image's working directory.
"""

from __future__ import annotations

import asyncio
from functools import partial

from attrs import evolve

from ciao.adapters.oci.bases import Base
from ciao.adapters.oci.dockerconfig import DockerConfig
from ciao.adapters.s2i import environment
from ciao.adapters.s2i.apart import Stop, apart, from_thread
from ciao.adapters.s2i.content import Content, Entry, gather
from ciao.adapters.s2i.destination import PREFIX, Destination, base_of, destination, tag_of
from ciao.adapters.s2i.docker.logins import login_of
from ciao.adapters.s2i.docker.pushing import Target
from ciao.adapters.s2i.dockerfile import index_options
from ciao.adapters.s2i.dockerfilebuilder import images
from ciao.adapters.s2i.fingerprints import Fingerprint, fingerprints
from ciao.adapters.s2i.known import Push
from ciao.adapters.s2i.madeonce import MadeOnce, previewed
from ciao.adapters.s2i.platform import Platforms
from ciao.adapters.s2i.source_to_image.making import NAME, Order, made
from ciao.adapters.wiring import Wiring
from ciao.core import settings as keys
from ciao.core.errors import SourceError
from ciao.core.model import Image, JobSpec, Source
from ciao.core.ports import Report

_REQUIREMENTS = "requirements.txt"
_RECIPE = 1
"""Another one when the same ingredients make another image."""


class SourceToImage:
    """``logins``: whose credentials the daemon pulls and pushes with. Lives on one event loop."""

    def __init__(self, made_images: MadeOnce, wiring: Wiring, logins: DockerConfig) -> None:
        self._images, self._wiring, self._logins = made_images, wiring, logins
        self._platform = Platforms(wiring.platform)

    async def source_to_image(self, source: Source, spec: JobSpec, report: Report) -> Image:
        """As the port says."""
        goal = destination(self._wiring.settings(), NAME)
        content, prints = await apart(partial(self._gathered, source))
        wanted = base_of(spec, images(self._wiring))
        base = await self._images.bases.resolve(goal.here(wanted), str(wanted), partial(self._platform, spec))
        python = spec.python or self._wiring.settings()[keys.KUBEFLOW_PYTHON]
        tag = tag_of(PREFIX, NAME, _RECIPE, base.digest, python, prints)
        order = Order(base=base, content=content, tag=tag, python=python, name=self._wiring.names.uid())
        digest = await self._images.digest(goal, tag, lambda: self._make(order, goal, report))
        self._images.known.keep_push(self._push(source, spec, f"{goal.push}:{tag}", digest, base))
        finished = await self._images.base(goal, tag, digest, base.name, base.platform)
        directory = str((finished.config.get("config") or {}).get("WorkingDir") or "/")
        return goal.image(tag, digest, source=directory, platform=finished.platform)

    async def preview(self, source: Source, spec: JobSpec) -> Image:
        """As the port says."""
        looking = SourceToImage(self._images.looking(), self._wiring, self._logins)
        goal = destination(self._wiring.settings(), NAME)
        return await previewed(looking.source_to_image(source, spec, lambda _: None), goal)

    async def close(self) -> None:
        """Release connections."""
        await self._images.close()

    async def _make(self, order: Order, goal: Destination, report: Report) -> str:
        order = evolve(order, login=await self._login(order.base.reference.host))
        target = Target(repository=goal.push, tag=order.tag, login=await self._login(goal.push.partition("/")[0]))
        loop, environ = asyncio.get_running_loop(), self._wiring.environ
        return await apart(lambda stop: made(order, target, environ, stop, from_thread(report, stop, loop)))

    async def _login(self, host: str) -> dict[str, str]:
        return login_of(await self._logins.credentials(host), host)

    def _gathered(self, source: Source, stop: Stop) -> tuple[Content, tuple[Fingerprint, ...]]:
        settings = self._wiring.settings()
        content = gather(source, self._wiring.workspace, settings[keys.S2I_LIMIT])
        if source.pip:
            content = with_requirements(content, source.pip, settings[keys.PIP_INDEX])
        return content, fingerprints(content, self._images.known, stop)

    def _push(self, source: Source, spec: JobSpec, reference: str, digest: str, base: Base) -> Push:
        return Push(
            reference=reference, digest=digest, builder=NAME, base=base.name, label=source.label, job=spec.name,
            at=self._wiring.clock.now(),
        )  # fmt: skip


def with_requirements(content: Content, packages: tuple[str, ...], index: str) -> Content:
    """The requirements as a file; SourceError where the user has one."""
    if any(each.path == _REQUIREMENTS for each in content.entries):
        raise SourceError(
            f"%pip={' '.join(packages)} becomes a {_REQUIREMENTS} for %s2i=s2i, and %file brings another.",
            hint="Write all requirements into the file, or all into %pip.",
        )
    wanted = environment.recipe(packages, python="", index=index)
    text = "".join(f"{line}\n" for line in (*index_options(index), *wanted.packages)).encode()
    entry = Entry(_REQUIREMENTS, len(text), content=text)
    return evolve(content, entries=tuple(sorted((*content.entries, entry), key=lambda each: each.path)))
