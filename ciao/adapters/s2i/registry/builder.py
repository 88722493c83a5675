"""Port ``S2IClient`` over a registry's API: the cell and its files become a layer on the base, and nothing else runs.

A tag is made of all that goes in, so an image that is there is found by one HEAD, and the base's digest by another at
the same time: that is all for a source that did not change. For one that did, its blobs are on their way meanwhile, for
the base as it last was: three round trips. ``%pip`` needs something that runs: another builder makes a
base with the packages, once for each set (docs/adr/0010-packages-are-installed-by-who-can-run.md).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager

from attrs import frozen

from ciao.adapters.command import CELL, RUNNER
from ciao.adapters.oci.bases import Base, Bases
from ciao.adapters.oci.reference import Reference
from ciao.adapters.oci.session import Registries
from ciao.adapters.s2i.apart import Stop, apart
from ciao.adapters.s2i.content import Content, gather
from ciao.adapters.s2i.destination import (
    BASE_LABEL,
    BUILDER_LABEL,
    KEY_LABEL,
    NOT_MADE,
    PREFIX,
    Destination,
    base_of,
    tag_of,
)
from ciao.adapters.s2i.fingerprints import Fingerprint, fingerprints, of
from ciao.adapters.s2i.known import Known, Push
from ciao.adapters.s2i.registry.imageconfig import Changes
from ciao.adapters.s2i.registry.publishing import Part, Publication, Publisher
from ciao.adapters.together import together
from ciao.core.model import Image, JobSpec, Source
from ciao.core.ports import Clock, Report, Workspace

NAME = "registry"
ROOT = "ciao"
_RECIPE = 1
"""Another one when the same ingredients make another image."""
_SEEN = "seen"
Packages = Callable[[Base, tuple[str, ...], JobSpec, Report], Awaitable[Base]]


@frozen(kw_only=True)
class Options:
    """``images``: the frameworks' default ones. ``python``: the interpreter in images. ``limit``: bytes of %file."""

    destination: Destination
    images: Mapping[str, str]
    python: str
    limit: int


class RegistryBuilder:
    """``platform`` says what an image is for; ``packages`` puts packages into a base. Lives on one event loop."""

    def __init__(
        self,
        *,
        options: Options,
        registries: Registries,
        known: Known,
        workspace: Workspace,
        platform: Callable[[JobSpec], Awaitable[str]],
        packages: Packages,
        clock: Clock,
    ) -> None:
        self._options, self._registries, self._known, self._workspace = options, registries, known, workspace
        self._platform, self._packages, self._clock = platform, packages, clock
        self._bases, self._publisher = Bases(registries, known), Publisher(registries, known)

    async def source_to_image(self, source: Source, spec: JobSpec, report: Report) -> Image:
        """As the port says."""
        content, prints = await apart(lambda stop: self._gathered(source, stop))
        wish = _Wish(source, spec, report, content, prints)
        guess = await self._guess(wish)
        if guess is None or self._known.fact(_SEEN, self._place(guess, wish)):
            base, digest = await self._looked_up(guess, wish)
        else:  # it was never seen here: that it has to be sent is likely, and blobs that nobody needs do no harm
            async with self._sending(guess, wish) as publication:
                base, digest = await self._looked_up(guess, wish)
                if digest is None and base.digest == guess.digest:
                    digest = await self._committed(publication, base, wish)
        if digest is None:
            async with self._sending(base, wish) as publication:
                digest = await self._committed(publication, base, wish)
        return self._image(base, wish, digest)

    async def preview(self, source: Source, spec: JobSpec) -> Image:
        """As the port says. With ``%pip`` the base may have to be made, and then nobody knows the tag yet."""
        content, prints = await apart(lambda stop: self._gathered(source, stop))
        wish, destination = _Wish(source, spec, lambda _: None, content, prints), self._options.destination
        reference, name = self._reference(spec)
        base = await self._bases.resolve(reference, name, lambda: self._platform(spec))
        if source.pip:
            return destination.image(NOT_MADE, "", platform=base.platform)
        tag = self._tag(base, wish)
        digest = await self._there(tag) or ""
        return destination.image(tag, digest, source=f"/{ROOT}", platform=base.platform)

    async def close(self) -> None:
        """Close connections."""
        await self._registries.close()
        self._known.close()

    # -- what there is ---------------------------------------------------------------------------

    def _gathered(self, source: Source, stop: Stop) -> tuple[Content, tuple[Fingerprint, ...]]:
        content = gather(source, self._workspace, self._options.limit)
        return content, fingerprints(content, self._known, stop)

    async def _guess(self, wish: _Wish) -> Base | None:
        """The base as it last was; None when it is not known, or is to be another, with packages."""
        if wish.source.pip:
            return None
        reference, name = self._reference(wish.spec)
        return await self._bases.remembered(reference, name, lambda: self._platform(wish.spec))

    async def _looked_up(self, guess: Base | None, wish: _Wish) -> tuple[Base, str | None]:
        """The base, and the image's digest if it is there: one round trip where the base is what it was."""
        if guess is not None:
            base, digest = await together(self._base(wish), self._there(self._tag(guess, wish)))
            if base.digest == guess.digest:
                return base, digest
        else:
            base = await self._base(wish)
        return base, await self._there(self._tag(base, wish))

    async def _base(self, wish: _Wish) -> Base:
        reference, name = self._reference(wish.spec)
        base = await self._bases.resolve(reference, name, lambda: self._platform(wish.spec))
        if not wish.source.pip:
            return base
        return await self._packages(base, wish.source.pip, wish.spec, wish.report)

    async def _there(self, tag: str) -> str | None:
        return await self._registries.repository(self._options.destination.push).digest(tag)

    def _reference(self, spec: JobSpec) -> tuple[Reference, str]:
        named = base_of(spec, self._options.images)
        return self._options.destination.here(named), str(named)

    # -- what is made ----------------------------------------------------------------------------

    def _tag(self, base: Base, wish: _Wish) -> str:
        return tag_of(PREFIX, NAME, _RECIPE, base.digest, self._python(wish.spec), wish.prints)

    def _place(self, base: Base, wish: _Wish) -> str:
        return f"{self._options.destination.push}:{self._tag(base, wish)}"

    def _python(self, spec: JobSpec) -> str:
        return spec.python or self._options.python

    def _sending(self, base: Base, wish: _Wish) -> AbstractAsyncContextManager[Publication]:
        """``docker run`` of the image runs the cell, too."""
        tag = self._tag(base, wish)
        changes = Changes(
            command=(self._python(wish.spec), "-u", f"/{ROOT}/{RUNNER}", f"/{ROOT}/{CELL}"),
            env=(("CIAO_SOURCE", f"/{ROOT}"),),
            labels=((KEY_LABEL, tag), (BUILDER_LABEL, NAME), (BASE_LABEL, base.digest)),
            directory=f"/{ROOT}",
        )
        parts = _parts(wish.content, wish.prints)
        return self._publisher.sending(base, parts, changes, self._place(base, wish), wish.report)

    async def _committed(self, publication: Publication, base: Base, wish: _Wish) -> str:
        digest = await publication.commit()
        push = Push(
            reference=self._place(base, wish), digest=digest, builder=NAME, base=base.name, label=wish.source.label,
            job=wish.spec.name, at=self._clock.now(),
        )  # fmt: skip
        self._known.keep_push(push)
        return digest

    def _image(self, base: Base, wish: _Wish, digest: str) -> Image:
        self._known.keep_fact(_SEEN, self._place(base, wish), 1)
        tag, platform = self._tag(base, wish), base.platform
        return self._options.destination.image(tag, digest, source=f"/{ROOT}", platform=platform)


@frozen
class _Wish:
    """What is asked for, with what travels."""

    source: Source
    spec: JobSpec
    report: Report
    content: Content
    prints: tuple[Fingerprint, ...]


def _parts(content: Content, prints: tuple[Fingerprint, ...]) -> tuple[Part, ...]:
    """Data below, code on top: what changes more often is what is packed and sent again."""
    notes = ("data", "code")
    return tuple(
        Part(content=content, entries=entries, prints=of(entries, prints), root=ROOT, note=note)
        for entries, note in zip(content.parts(), notes, strict=True)
        if entries
    )
