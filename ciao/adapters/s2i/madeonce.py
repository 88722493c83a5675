"""Images of one repository, each made once: the tag says what it is made of, and what is there is not made again."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Protocol

from attrs import evolve

from ciao.adapters.oci.bases import Base, Bases, Platform
from ciao.adapters.oci.reference import Reference
from ciao.adapters.oci.registries import open_registries
from ciao.adapters.oci.session import Registries
from ciao.adapters.s2i.destination import NOT_MADE, PREFIX, Destination
from ciao.adapters.s2i.known import Known
from ciao.adapters.wiring import Wiring
from ciao.core import settings as keys
from ciao.core.errors import TargetError
from ciao.core.model import Image


class Resolving(Protocol):
    """What a reference names, as ``oci.bases.Bases``."""

    async def resolve(self, reference: Reference, name: str, platform: Platform) -> Base: ...


def pinned(base: Base) -> Reference:
    """What a FROM says: no tag, which may move, and which some tools refuse beside a digest."""
    return evolve(base.reference, tag="", digest=base.digest)


class NotMade(Exception):
    """Raised where one only looks: there is no image of that tag yet."""

    def __init__(self, tag: str) -> None:
        super().__init__(tag)
        self.tag = tag


class MadeOnce:
    """Finds an image by its tag, or has it made. Lives on one event loop."""

    def __init__(self, registries: Registries, bases: Resolving, known: Known) -> None:
        self._registries, self.bases, self.known = registries, bases, known
        self._locks: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def digest(self, goal: Destination, tag: str, make: Callable[[], Awaitable[str]]) -> str:
        """Of the image of that tag. ``make`` pushes one and returns its digest.

        When another process was faster, it is the other's: the same ingredients, and a manifest that has a tag stays.
        """
        repository = self._registries.repository(goal.push)
        async with self._locks[f"{goal.push}:{tag}"]:
            found = await repository.digest(tag)
            if found is not None:
                return found
            made = await make()
            found = await repository.digest(tag)
        if found is None:
            raise TargetError(
                f"{goal.push}:{tag} was pushed ({made[:19]}…), and is not there as seen from this machine: who builds "
                "reaches another registry by that name. Let registry.push and registry.pods name one repository."
            )
        return found

    async def base(self, goal: Destination, tag: str, digest: str, name: str, platform: str) -> Base:
        """An image of that tag, as the base of another; ``name`` is how people know it."""
        host, _, path = goal.push.partition("/")

        async def asked() -> str:
            return platform

        return await self.bases.resolve(Reference(host, path, tag, digest), name, asked)

    def looking(self) -> MadeOnce:
        """The same, but what is not there is not made: NotMade."""
        return _Looking(self._registries, self.bases, self.known)

    async def close(self) -> None:
        """Release connections and files."""
        await self._registries.close()
        self.known.close()


class _Looking(MadeOnce):
    async def digest(self, goal: Destination, tag: str, make: Callable[[], Awaitable[str]]) -> str:
        found = await self._registries.repository(goal.push).digest(tag)
        if found is None:
            raise NotMade(tag)
        return found


async def previewed(building: Awaitable[Image], goal: Destination) -> Image:
    """What a build that only looks comes to. Of an image whose base is not made yet nobody knows the tag."""
    try:
        return await building
    except NotMade as missing:
        return goal.image(missing.tag if missing.tag.startswith(PREFIX) else NOT_MADE, "")


def made_once(wiring: Wiring) -> MadeOnce:
    """With the registries that the settings speak of."""
    settings = wiring.settings()
    registries, known = open_registries(settings, wiring.environ), Known(Path(settings[keys.REGISTRY_PATH]))
    return MadeOnce(registries, Bases(registries, known), known)
