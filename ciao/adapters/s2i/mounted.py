"""Port ``S2IClient`` without an image: the cell, its runner and the user's files as files that a target mounts.

For clusters (a ConfigMap): everything that a replica is to find travels, so ``%file`` patterns are read here. Where the
files are too large for that, the target says so, with the way out. ``%pip`` asks for an image that has the packages:
nothing is installed in pods, every one of which would do it again at every start.
"""

from __future__ import annotations

import asyncio

from ciao.adapters.s2i.in_place import CELL, RUNNER, encoded, runner
from ciao.core.errors import SourceError
from ciao.core.model import JobSpec, Mounted, Source, SourceFile, digest_of
from ciao.core.ports import Report, Workspace, WorkspaceFile


class Mounting:
    """``limit``: bytes beyond which files are not even read; the target's own limit is far below."""

    def __init__(self, workspace: Workspace, limit: int = 64 << 20) -> None:
        self._workspace, self._limit = workspace, limit

    async def source_to_image(self, source: Source, spec: JobSpec, report: Report) -> Mounted:
        """As the port says; ``report`` hears nothing: it takes no time."""
        if source.pip:
            raise SourceError(
                f"%pip={' '.join(source.pip)}: with a mounted source nothing is installed in the pods.",
                hint="Choose an image that has the packages (%image).",
            )
        own = (SourceFile(CELL, encoded(source)), SourceFile(RUNNER, runner()), *source.modules)
        users = await asyncio.to_thread(self._files, source) if source.files else ()
        _refuse_doubles(own, users)
        files = (*own, *users)
        return Mounted(files, digest_of(files))

    def _files(self, source: Source) -> tuple[SourceFile, ...]:
        found: dict[str, WorkspaceFile] = {}
        for pattern in source.files:
            found.update((each.path, each) for each in self._workspace.select(source.directory, (pattern,)))
        total = sum(each.size for each in found.values())
        if total > self._limit:
            raise SourceError(
                f"The files of %file are {total >> 20} MiB: they cannot be mounted.",
                hint="Put data on a volume (%volume).",
            )
        return tuple(SourceFile(path, self._workspace.read(source.directory, path)) for path in sorted(found))


def _refuse_doubles(own: tuple[SourceFile, ...], users: tuple[SourceFile, ...]) -> None:
    taken = {each.path for each in own}
    for each in users:
        if each.path in taken:
            raise SourceError(f"%file={each.path}: a file of that name travels with every job.", hint="Rename it.")
