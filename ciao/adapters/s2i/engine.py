"""What builds a Dockerfile and pushes the image: a daemon here, or a pod in the cluster."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from attrs import frozen

from ciao.adapters.oci.bases import Base
from ciao.adapters.oci.reference import Reference
from ciao.adapters.s2i.content import Content
from ciao.core.model import JobSpec
from ciao.core.ports import Report

DOCKERFILE = "Dockerfile.ciao"


@frozen(kw_only=True)
class Build:
    """One image to be made: ``dockerfile`` is a text, ``context`` the files that it copies from, by path.

    ``tag`` is the one that it gets in the destination's repository; ``platform`` ("": whatever comes) what it is for.
    ``arguments`` are build arguments: they are no variables of the image.
    """

    dockerfile: str
    context: Content
    tag: str
    platform: str = ""
    arguments: tuple[tuple[str, str], ...] = ()


class Engine(Protocol):
    """Builds and pushes.

    - ``name``: what ``%s2i`` says.
    - ``build`` returns the digest of the manifest that was pushed; when it raises or is cancelled nothing is tagged,
      and what it made on the way (containers, pods, ConfigMaps) is gone. Its log goes to ``report``, a line at a time;
      SourceError with the last lines of it when a step of the Dockerfile fails, TargetError for faults of daemon,
      cluster or registry.
    - ``reached`` is how it names an image that this machine names otherwise.
    """

    @property
    def name(self) -> str: ...

    def reached(self, reference: Reference) -> Reference: ...

    async def build(self, build: Build, spec: JobSpec, report: Report) -> str: ...

    async def close(self) -> None: ...


@runtime_checkable
class Installs(Protocol):
    """A builder that can run pip in an image, for those that cannot run anything.

    - ``why_not``: one sentence why it cannot be used here and now; "" when it can. Asks, changes nothing.
    - ``with_packages``: the base with the packages in it, pushed once for each base and set of packages, and found
      again by its tag after that.
    """

    async def why_not(self, spec: JobSpec) -> str: ...

    async def with_packages(self, base: Base, packages: tuple[str, ...], spec: JobSpec, report: Report) -> Base: ...
