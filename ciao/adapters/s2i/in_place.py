"""Port ``S2IClient`` for this machine: nothing is built, the cell and its runner become files of the job.

The user's own files stay where they are, because replicas run in the notebook's directory; so ``%file``
is only checked. So are ``%pip`` requirements: an environment is the user's, and Ciao does not change it.
"""

from __future__ import annotations

import asyncio
import os
import shlex
from collections.abc import Iterable, Mapping

from ciao.adapters.command import CELL, RUNNER
from ciao.adapters.local import interpreter
from ciao.adapters.s2i.content import encoded, runner
from ciao.core.errors import SourceError
from ciao.core.model import JobSpec, Mounted, Source, SourceFile, digest_of
from ciao.core.ports import Report, Workspace


class InPlace:
    """``python``: the setting local.python ("": the running interpreter)."""

    def __init__(self, workspace: Workspace, python: str = "", environ: Mapping[str, str] | None = None) -> None:
        self._workspace, self._python = workspace, python
        self._environ = os.environ if environ is None else environ

    async def source_to_image(self, source: Source, spec: JobSpec, report: Report) -> Mounted:
        """As the port says; ``report`` hears nothing: it takes no time."""
        if source.files:
            await asyncio.to_thread(self._check_files, source)
        if source.pip:
            await asyncio.to_thread(self._check_requirements, source.pip, spec)
        code = SourceFile(CELL, encoded(source))
        files = (code, SourceFile(RUNNER, runner()), *source.modules)
        return Mounted(files, digest_of(files), source.directory)

    async def preview(self, source: Source, spec: JobSpec) -> Mounted:
        """The same."""
        return await self.source_to_image(source, spec, lambda _: None)

    async def close(self) -> None:
        """Nothing is held."""

    def _check_files(self, source: Source) -> None:
        for pattern in source.files:
            if not self._workspace.select(source.directory, (pattern,)):
                raise SourceError(f"%file={pattern} matches nothing in {source.directory}.")

    def _check_requirements(self, wanted: tuple[str, ...], spec: JobSpec) -> None:
        python = interpreter.located(spec.python or self._python, self._environ)
        if python is None:
            return  # the backend's preflight says it
        missing = list(_unmet(python, wanted, self._environ))
        if missing:
            command = shlex.join([python, "-m", "pip", "install", *missing])
            raise SourceError(
                f"{python} does not have what %pip asks for: {', '.join(missing)}.",
                hint=f"On this machine Ciao installs nothing; run it yourself:  {command}",
            )


def _unmet(python: str, wanted: tuple[str, ...], environ: Mapping[str, str]) -> Iterable[str]:
    # With ipykernel, which Ciao needs anyway; not at import time: it is rarely used here.
    from packaging.requirements import InvalidRequirement, Requirement

    parsed = []
    for text in wanted:
        try:
            requirement = Requirement(text)
        except InvalidRequirement as error:
            raise SourceError(
                f"%pip={text} is not a requirement that can be checked ({error}).",
                hint="On this machine write names with versions (%pip=numpy>=2), and install anything else yourself.",
            ) from error
        if requirement.marker is None or requirement.marker.evaluate():
            parsed.append((text, requirement))
    found = interpreter.versions(python, [each.name for _, each in parsed], environ)
    for text, requirement in parsed:
        version = found.get(requirement.name)
        if version is None or not requirement.specifier.contains(version, prereleases=True):
            yield text
