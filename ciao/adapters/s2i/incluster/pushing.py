"""A context that is too large for a ConfigMap goes to the registry, as a layer on the job's base, and from there into
the pod: nodes need that base anyway, and it has the Python that copies the files.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from attrs import frozen

from ciao.adapters.oci.bases import Base
from ciao.adapters.s2i.apart import apart
from ciao.adapters.s2i.content import Content
from ciao.adapters.s2i.destination import BASE_LABEL, BUILDER_LABEL, KEY_LABEL, Destination, base_of, tag_of
from ciao.adapters.s2i.fingerprints import Fingerprint, fingerprints
from ciao.adapters.s2i.incluster.pod import CONTEXT
from ciao.adapters.s2i.madeonce import MadeOnce
from ciao.adapters.s2i.platform import Platforms
from ciao.adapters.s2i.registry.imageconfig import Changes
from ciao.adapters.s2i.registry.publishing import Part, Publisher
from ciao.core.model import JobSpec
from ciao.core.ports import Report

PREFIX = "context-"
"""What tags of such images begin with."""


@frozen(kw_only=True)
class Pushing:
    """A ``ContextPusher``. ``goal`` and ``frameworks`` (their default images, by name) are asked each time."""

    builder: str
    goal: Callable[[], Destination]
    frameworks: Callable[[], Mapping[str, str]]
    images: MadeOnce
    publisher: Publisher
    platform: Platforms

    async def __call__(self, content: Content, spec: JobSpec, report: Report) -> str:
        """As ``ContextPusher`` says."""
        goal, named = self.goal(), base_of(spec, self.frameworks())
        base = await self.images.bases.resolve(goal.here(named), str(named), lambda: self.platform(spec))
        prints = await apart(lambda stop: fingerprints(content, self.images.known, stop))
        tag = tag_of(PREFIX, base.digest, prints)
        where = f"{goal.push}:{tag}"
        digest = await self.images.digest(goal, tag, lambda: self._published(base, content, prints, where, report))
        return f"{goal.pull}@{digest}"

    async def _published(
        self, base: Base, content: Content, prints: tuple[Fingerprint, ...], where: str, report: Report
    ) -> str:
        root = CONTEXT.removeprefix("/")
        part = Part(content=content, entries=content.entries, prints=prints, root=root, note="context")
        tag = where.rpartition(":")[2]
        labels = ((KEY_LABEL, tag), (BUILDER_LABEL, self.builder), (BASE_LABEL, base.digest))
        return await self.publisher.publish(base, (part,), Changes(command=(), labels=labels), where, report)
