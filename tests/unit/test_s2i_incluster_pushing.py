"""A context that goes to the registry."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from types import SimpleNamespace
from typing import Any

from ciao.adapters.oci.reference import Reference
from ciao.adapters.s2i.content import Content
from ciao.adapters.s2i.destination import Destination
from ciao.adapters.s2i.incluster.pushing import Pushing
from ciao.adapters.s2i.known import Known

from .incluster import DIGEST, content
from .jobs import job

GOAL = Destination(push="localhost:5000/team/ciao", pull="reg.lan/team/ciao", pods="10.0.0.3:5000/team/ciao")


class Registry:
    """Where images are, by tag. Stands for ``MadeOnce`` and for the ``Publisher``."""

    def __init__(self) -> None:
        self.known, self.bases = Known(None), self
        self.there: dict[str, str] = {}
        self.published: list[tuple[Any, str]] = []
        self.asked: list[str] = []

    async def resolve(self, reference: Reference, name: str, platform: Callable[[], Awaitable[str]]) -> Any:
        self.asked.append(str(reference))
        return SimpleNamespace(digest="sha256:base")

    async def digest(self, goal: Destination, tag: str, make: Callable[[], Awaitable[str]]) -> str:
        assert goal is GOAL
        if tag not in self.there:
            self.there[tag] = await make()
        return self.there[tag]

    async def publish(self, base: Any, parts: tuple[Any, ...], changes: Any, where: str, report: Any) -> str:
        self.published += [(part, where) for part in parts]
        return DIGEST


def pushed(registry: Registry, files: Content) -> str:
    """The reference for the pod."""
    push = Pushing(
        builder="kaniko", goal=lambda: GOAL, frameworks=lambda: {"pytorch": "localhost:5000/base/python:3"},
        images=registry, publisher=registry, platform=None,  # type: ignore[arg-type]
    )  # fmt: skip
    return asyncio.run(push(files, job(), lambda _: None))


def test_the_nodes_pull_it_by_its_digest() -> None:
    """Under the name that they have for the registry, while this machine pushed it under its own."""
    registry = Registry()
    assert pushed(registry, content(a=b"1")) == f"reg.lan/team/ciao@{DIGEST}"
    ((part, where),) = registry.published
    assert where.startswith("localhost:5000/team/ciao:context-")
    assert (part.root, [each.path for each in part.entries]) == ("ciao-context", ["a"])
    assert registry.asked == ["localhost:5000/base/python:3"]


def test_the_same_files_are_pushed_once() -> None:
    """Others are another image."""
    registry = Registry()
    pushed(registry, content(a=b"1"))
    pushed(registry, content(a=b"1"))
    assert len(registry.published) == 1
    pushed(registry, content(a=b"2"))
    assert len(registry.published) == 2
