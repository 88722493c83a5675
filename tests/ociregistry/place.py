"""A registry, a kernel's directories, and one source that becomes an image there."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve, frozen

from ciao.core.errors import CiaoError
from ciao.core.model import Image, JobSpec, Source

from .builder import Session, job, written
from .docker import Docker
from .server import Registry

FILES = {"data/a.csv": b"1,2\n", "src/run.sh": b"#!/bin/sh\n", "src/net.py": b"x = 1\n"}
SOURCE = Source(code="print('é')\n", label="Cell In [1]", files=("data", "src"))
TEAM = "team/app"


@frozen(kw_only=True)
class Place:
    """A registry, and a kernel's directories."""

    registry: Registry
    root: Path

    @property
    def docker(self) -> Docker:
        return Docker.at(self.root)

    def session(self, **options: Any) -> Session:
        """A kernel's; the same directory each time."""
        made = Session(push=f"{self.registry.host}/{TEAM}", home=self.root / "home", docker=self.docker)
        return evolve(made, **options)

    def spec(self, base: str = "base/python", tag: str = "3", **fields: Any) -> JobSpec:
        return job(f"{self.registry.host}/{base}:{tag}", **fields)

    def built(
        self,
        source: Source = SOURCE,
        spec: JobSpec | None = None,
        session: Session | None = None,
        files: Mapping[str, bytes] = FILES,
        times: int = 1,
    ) -> Image:
        """The image of the last of several builds by one client."""
        directory = written(self.root / "files", files, ("src/run.sh",))

        async def main() -> Image:
            client = (session or self.session()).client()
            try:
                for _ in range(times):
                    found = await client.source_to_image(
                        evolve(source, directory=str(directory)), spec or self.spec(), lambda _: None
                    )
                assert isinstance(found, Image)
                return found
            finally:
                await client.close()

        return asyncio.run(asyncio.wait_for(main(), 60))

    def refused(self, kind: type[CiaoError] = CiaoError, **options: Any) -> str:
        """The error of a build that leaves nothing: no tag, no upload that lies around."""
        with pytest.raises(kind) as error:
            self.built(**options)
        self.nothing_left()
        told = str(error.value)
        assert "Traceback" not in told
        assert "<html" not in told
        return told

    def nothing_left(self) -> None:
        found = self.registry.store.repository(TEAM)
        assert (found.tags, found.manifests, found.uploads) == ({}, {}, {})

    @property
    def store(self) -> Any:
        return self.registry.store
