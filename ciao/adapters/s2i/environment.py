"""``%pip``: a base with packages in it, made once for each base and set of packages, and found again by its tag.

A layer of its own below the source: the packages are installed once, and not by every pod at every start.
"""

from __future__ import annotations

import re

from attrs import frozen

from ciao.adapters.oci.bases import Base
from ciao.adapters.s2i import context, dockerfile
from ciao.adapters.s2i.destination import BASE_LABEL, BUILDER_LABEL, KEY_LABEL, PIP_PREFIX, tag_of
from ciao.adapters.s2i.engine import Build, Engine
from ciao.adapters.s2i.madeonce import pinned
from ciao.core.errors import SourceError
from ciao.core.ports import Workspace

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*", re.ASCII)
_PASSWORD = re.compile(r"https?://[^/\s]*@", re.IGNORECASE)


@frozen(kw_only=True)
class Recipe:
    """What makes an environment what it is, besides its base. ``index``: the setting pip.index."""

    packages: tuple[str, ...]
    python: str
    index: str = ""


def recipe(packages: tuple[str, ...], *, python: str, index: str) -> Recipe:
    """Requirements in their normal form, whose order means nothing. SourceError for what no image can install."""
    return Recipe(packages=tuple(sorted({_normal(each) for each in packages})), python=python, index=index)


def build_of(wanted: Recipe, base: Base, engine: Engine, workspace: Workspace) -> Build:
    """How the base gets its packages. The tag does not depend on who builds."""
    tag = tag_of(PIP_PREFIX, base.digest, wanted.packages, wanted.index, wanted.python)
    text = dockerfile.environment(
        str(engine.reached(pinned(base))), wanted.packages, python=wanted.python, user=base.user,
        labels=((KEY_LABEL, tag), (BUILDER_LABEL, engine.name), (BASE_LABEL, base.digest)),
    )  # fmt: skip
    return Build(
        dockerfile=text, context=context.empty(workspace), tag=tag, platform=base.platform,
        arguments=dockerfile.index_arguments(wanted.index),
    )  # fmt: skip


def _normal(requirement: str) -> str:
    """``Torch_Vision>=2`` -> ``torch-vision>=2``: names are equal as PEP 503 says."""
    text = requirement.strip()
    if _PASSWORD.search(text):
        raise SourceError(
            "%pip: a requirement has credentials in its URL, and they would be readable in the image.",
            hint="Name a package index that needs none (pip.index), or install it in an image of your own (%image).",
        )
    name = _NAME.match(text)
    if "://" not in text and (name is None or "/" in text.partition(";")[0]):
        raise SourceError(
            f"%pip={text}: a path means nothing in an image, which has none of your files yet.",
            hint="Let the file travel (%file, %include), or install it in a Dockerfile of the project.",
        )
    if name is None or ("://" in text and "@" not in text.partition("://")[0]):
        return text  # a URL without a name before it
    return re.sub(r"[._-]+", "-", name[0]).lower() + text[name.end() :]
