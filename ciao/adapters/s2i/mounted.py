"""Port ``S2IClient`` without an image: the cell, its runner and the user's files as files that a target mounts.

For clusters (a ConfigMap): everything that a replica is to find travels, so ``%file`` patterns are read here. Where the
files are too large for that, the target says so, with the way out. ``%pip`` asks for an image that has the packages:
nothing is installed in pods, every one of which would do it again at every start.
"""

from __future__ import annotations

import asyncio

from ciao.adapters.command import CELL, RUNNER
from ciao.adapters.s2i.content import encoded, largest, refuse_doubles, runner, selected
from ciao.adapters.wiring import Wiring
from ciao.core.errors import SourceError
from ciao.core.measures import size
from ciao.core.model import JobSpec, Mounted, Source, SourceFile, digest_of
from ciao.core.ports import Report, Workspace


class Mounting:
    """``limit``: bytes beyond which files are not even read; the target's own limit is far below."""

    def __init__(self, workspace: Workspace, limit: int = 64 << 20) -> None:
        self._workspace, self._limit = workspace, limit

    async def source_to_image(self, source: Source, spec: JobSpec, report: Report) -> Mounted:
        """As the port says; ``report`` hears nothing: it takes no time."""
        if source.pip:
            raise SourceError(
                f"%pip={' '.join(source.pip)}: with a mounted source nothing is installed in the pods.",
                hint="Choose an image that has the packages (%image), or have one made (%s2i=registry).",
            )
        own = (SourceFile(CELL, encoded(source)), SourceFile(RUNNER, runner()), *source.modules)
        users = await asyncio.to_thread(self._files, source) if source.files else ()
        files = (*own, *users)
        return Mounted(files, digest_of(files))

    async def preview(self, source: Source, spec: JobSpec) -> Mounted:
        """The same."""
        return await self.source_to_image(source, spec, lambda _: None)

    async def close(self) -> None:
        """Nothing is held."""

    def _files(self, source: Source) -> tuple[SourceFile, ...]:
        found = selected(source, self._workspace)
        refuse_doubles((CELL, RUNNER, *(each.path for each in source.modules)), found)
        total = sum(each.size for each in found)
        if total > self._limit:
            raise SourceError(
                f"What %file names is too large to be mounted: {size(total)}, and 1 MiB is all that a cluster takes.",
                hint=f"{largest(found)}\nLet it travel in an image (%s2i=registry), or put it on a volume (%volume).",
            )
        return tuple(SourceFile(each.path, self._workspace.read(source.directory, each.path)) for each in found)


def create(wiring: Wiring) -> Mounting:
    """The entry point ``mounted`` of ``ciao.builders``."""
    return Mounting(wiring.workspace)
