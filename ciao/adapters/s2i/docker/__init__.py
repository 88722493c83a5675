"""The builder ``docker``: Dockerfiles, built and pushed by a Docker daemon of the user's.

For those who want RUN steps: a Dockerfile in the project, or one made of the magics (``%image``, ``%pip``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ciao.adapters.s2i.dockerfilebuilder import DockerfileBuilder
    from ciao.adapters.wiring import Wiring


def create(wiring: Wiring) -> DockerfileBuilder:
    """The entry point ``docker`` of ``ciao.builders``."""
    from ciao.adapters.s2i.docker.engine import docker_engine
    from ciao.adapters.s2i.dockerfilebuilder import DockerfileBuilder
    from ciao.adapters.s2i.madeonce import made_once

    engine = docker_engine(wiring)
    return DockerfileBuilder(engine, made_once(wiring), wiring, engine.why_not)
