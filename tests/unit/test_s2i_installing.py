"""Packages for a builder that cannot run pip: the first other one that can puts them in."""

from __future__ import annotations

import asyncio

import pytest

from ciao.adapters.memory import MemoryS2I
from ciao.adapters.oci.bases import Base
from ciao.adapters.oci.media import DOCKER_MANIFEST, Manifest
from ciao.adapters.oci.reference import parse
from ciao.adapters.s2i.installing import Installing
from ciao.core.errors import SourceError, TargetError
from ciao.core.model import JobSpec
from ciao.core.ports import Report, S2IClient

from .jobs import job

DIGEST = "sha256:" + "0" * 64
BASE = Base(
    reference=parse(f"localhost:5000/base@{DIGEST}"), name="base", config={}, platform="linux/amd64",
    manifest=Manifest(DIGEST, DOCKER_MANIFEST, b"", {"layers": []}),
)  # fmt: skip


class Pip(MemoryS2I):
    """Installs, unless ``reason`` says why not."""

    def __init__(self, reason: str = "") -> None:
        super().__init__()
        self.reason, self.asked = reason, 0

    async def why_not(self, spec: JobSpec) -> str:
        return self.reason

    async def with_packages(self, base: Base, packages: tuple[str, ...], spec: JobSpec, report: Report) -> Base:
        self.asked += 1
        return base


def installed(builders: dict[str, S2IClient | Exception]) -> Base:
    def named(name: str) -> S2IClient:
        found = builders[name]
        if isinstance(found, Exception):
            raise found
        return found

    installing = Installing(named, tuple(builders))
    return asyncio.run(installing(BASE, ("numpy",), job(), lambda _: None))


def test_the_first_that_is_there_does_it() -> None:
    """One that is not, or that cannot, is passed over."""
    first, second = Pip(), Pip()
    assert installed({"a": TargetError("broken"), "b": Pip("asleep"), "c": first, "d": second}) is BASE
    assert (first.asked, second.asked) == (1, 0)


def test_where_none_is_each_says_why() -> None:
    """And what to do about it."""
    with pytest.raises(SourceError, match="%pip=numpy needs a builder") as refusal:
        installed({"a": TargetError("It is broken."), "b": Pip("It sleeps."), "c": MemoryS2I()})
    said = str(refusal.value)
    assert "a: It is broken." in said
    assert "b: It sleeps." in said
    assert "c: it installs nothing." in said
    assert "%image" in said
