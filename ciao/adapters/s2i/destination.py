"""Where images go: one repository under the names that this machine, the nodes and pods have for it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping

from attrs import frozen

from ciao.adapters.oci.reference import Reference, parse
from ciao.core import settings as keys
from ciao.core.errors import SourceError
from ciao.core.model import Image, JobSpec
from ciao.core.settings import Settings

PREFIX, PIP_PREFIX = "ciao-", "pip-"
"""What tags begin with: of images with a source, and of bases with packages."""
KEY_LABEL, BUILDER_LABEL, BASE_LABEL = "dev.ciao.key", "dev.ciao.builder", "dev.ciao.base"
"""Labels in an image's config. Nothing that changes while the source does not: same source, same digest."""
NOT_MADE = "not-made-yet"
"""In place of a tag that nobody knows before something else is made (``%render``)."""
_LENGTH = 32


@frozen(kw_only=True)
class Destination:
    """``push``, ``pull`` and ``pods`` are ``host/path``: as this machine, the nodes' kubelets and builds in the cluster
    reach one repository. ``secret``: the Secret with which builds in the cluster push, "" for the job's pull secret.
    """

    push: str
    pull: str
    pods: str
    secret: str = ""

    def image(self, tag: str, digest: str, *, source: str = "/ciao", platform: str = "") -> Image:
        """What was pushed, as the cluster knows it."""
        return Image(f"{self.pull}:{tag}", digest, source, platform)

    def here(self, reference: Reference) -> Reference:
        """An image as this machine reaches it: cells may have the nodes' or the pods' name of the registry."""
        return self._translated(reference, self.push)

    def in_pods(self, reference: Reference) -> Reference:
        """An image as a build in the cluster reaches it."""
        return self._translated(reference, self.pods)

    def _translated(self, reference: Reference, name: str) -> Reference:
        hosts = {each.partition("/")[0] for each in (self.push, self.pull, self.pods)}
        if reference.host not in hosts:
            return reference
        return reference.at(f"{name.partition('/')[0]}/{reference.path}")


def destination(settings: Settings, builder: str = "") -> Destination:
    """SourceError where no registry is set; ``builder`` is who wants one."""
    push = settings[keys.REGISTRY_PUSH]
    if not push:
        raise SourceError(
            f"%s2i={builder} needs a registry to push images to." if builder else "No registry is set for images.",
            hint="Name a repository:  ciao config set registry.push registry.example.com/team/ciao",
        )
    pull = settings[keys.REGISTRY_PULL] or push
    return Destination(
        push=push, pull=pull, pods=settings[keys.REGISTRY_PODS] or pull, secret=settings[keys.REGISTRY_SECRET]
    )


def base_of(spec: JobSpec, images: Mapping[str, str]) -> Reference:
    """The image that a job's replicas run in; ``images`` are the frameworks' defaults by name.

    SourceError when roles want different ones: a builder makes one image.
    """
    default = images[spec.framework]
    wanted = dict.fromkeys(role.image or default for role in spec.roles)
    if len(wanted) > 1:
        said = ", ".join(f"{role.name} {role.image or default}" for role in spec.roles)
        raise SourceError(
            f"Roles of this job have different images ({said}), and one image with the source is made for all.",
            hint="Name one %image on a line of its own, or let the source be mounted (%s2i=mounted).",
        )
    return parse(next(iter(wanted)))


def tag_of(prefix: str, *ingredients: object) -> str:
    """A tag that says what an image is made of: equal ingredients (JSON), equal tag."""
    text = json.dumps(ingredients, sort_keys=True, separators=(",", ":"))
    return f"{prefix}{hashlib.sha256(text.encode()).hexdigest()[:_LENGTH]}"
