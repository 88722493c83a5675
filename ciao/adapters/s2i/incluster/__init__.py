"""The builders ``kaniko`` and ``tekton``: Dockerfiles, built and pushed by a pod in the job's own namespace.

For those who want RUN steps and have no Docker daemon. Its files, each of which knows only those below it:

- ``engine`` is the port; it stands on ``creating`` and ``following``
- ``buildlog``, ``eventwatch``, ``troubles``: what is seen of a build; ``kanikolog``, ``failures``: what it means
- ``packing``, ``pushing``: how the files come into the pod
- ``kinds``, ``objects``, ``pod``, ``plan``: what is sent; pure

This file imports nothing of it, so that a session without such a builder never pays for one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ciao.adapters.s2i.dockerfilebuilder import DockerfileBuilder
    from ciao.adapters.s2i.incluster.kinds import Kind
    from ciao.adapters.wiring import Wiring


def create_kaniko(wiring: Wiring) -> DockerfileBuilder:
    """The entry point ``kaniko`` of ``ciao.builders``."""
    from ciao.adapters.s2i.incluster.kinds import KANIKO

    return _created(wiring, KANIKO)


def create_tekton(wiring: Wiring) -> DockerfileBuilder:
    """The entry point ``tekton`` of ``ciao.builders``."""
    from ciao.adapters.s2i.incluster.kinds import TASK_RUN

    return _created(wiring, TASK_RUN)


def _created(wiring: Wiring, kind: Kind) -> DockerfileBuilder:
    from pathlib import Path

    from ciao.adapters.oci.bases import Bases
    from ciao.adapters.oci.registries import open_registries
    from ciao.adapters.s2i.destination import destination
    from ciao.adapters.s2i.dockerfilebuilder import DockerfileBuilder
    from ciao.adapters.s2i.incluster.engine import InCluster
    from ciao.adapters.s2i.incluster.pushing import Pushing
    from ciao.adapters.s2i.known import Known
    from ciao.adapters.s2i.madeonce import MadeOnce
    from ciao.adapters.s2i.platform import Platforms
    from ciao.adapters.s2i.registry.publishing import Publisher
    from ciao.core import settings as keys

    settings = wiring.settings()
    registries, known = open_registries(settings, wiring.environ), Known(Path(settings[keys.REGISTRY_PATH]))
    images = MadeOnce(registries, Bases(registries, known), known)
    push = Pushing(
        builder=kind.builder,
        goal=lambda: destination(wiring.settings(), kind.builder),
        frameworks=lambda: {name: wiring.settings().text(f"image.{name}") for name in wiring.frameworks},
        images=images,
        publisher=Publisher(registries, known),
        platform=Platforms(wiring.platform),
    )
    engine = InCluster(
        kind,
        settings=wiring.settings,
        clusters=wiring.clusters,
        clock=wiring.clock,
        uid=wiring.names.uid,
        push=push,
    )
    return DockerfileBuilder(engine, images, wiring, engine.why_not)
