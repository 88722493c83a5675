"""Packages for a builder that cannot run anything: the first other one that is there puts them into a base."""

from __future__ import annotations

from collections.abc import Callable

from ciao.adapters.oci.bases import Base
from ciao.adapters.s2i.engine import Installs
from ciao.core.errors import CiaoError, SourceError
from ciao.core.model import JobSpec
from ciao.core.ports import Report, S2IClient


class Installing:
    """``builder`` gives another builder by its name; ``names`` are asked in that order."""

    def __init__(self, builder: Callable[[str], S2IClient], names: tuple[str, ...]) -> None:
        self._builder, self._names = builder, names

    async def __call__(self, base: Base, packages: tuple[str, ...], spec: JobSpec, report: Report) -> Base:
        """The base with the packages. SourceError that says why each of the others cannot help."""
        reasons = []
        for name in self._names:
            reason, builder = await self._why_not(name, spec)
            if builder is not None:
                return await builder.with_packages(base, packages, spec, report)
            reasons.append(f"{name}: {reason}")
        raise SourceError(
            f"%pip={' '.join(packages)} needs a builder that can run pip, and there is none.",
            hint="\n".join([*reasons, "Or choose an image that has the packages (%image)."]),
        )

    async def _why_not(self, name: str, spec: JobSpec) -> tuple[str, Installs | None]:
        try:
            builder = self._builder(name)
            if not isinstance(builder, Installs):
                return "it installs nothing.", None
            reason = await builder.why_not(spec)
        except CiaoError as error:
            return str(error), None
        return reason, None if reason else builder
