"""The builder ``s2i``: source-to-image, the tool, with a builder image that knows how to put a source into itself.

https://github.com/openshift/source-to-image; ``builder`` is the port, ``making`` what happens at the daemon, ``tool``
the program.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ciao.adapters.s2i.source_to_image.builder import SourceToImage
    from ciao.adapters.wiring import Wiring


def create(wiring: Wiring) -> SourceToImage:
    """The entry point ``s2i`` of ``ciao.builders``."""
    from ciao.adapters.oci.dockerconfig import DockerConfig
    from ciao.adapters.s2i.madeonce import made_once
    from ciao.adapters.s2i.source_to_image.builder import SourceToImage

    return SourceToImage(made_once(wiring), wiring, DockerConfig(wiring.environ))
