"""The builder ``registry``: a layer or two on top of a base, over the registry's own API; no daemon, no root, no shell.

``builder`` is the port; ``publishing`` brings an image into a repository, ``layer`` packs files, ``imageconfig`` is
pure. This file imports nothing of it, so that a session without images never pays for one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ciao.adapters.s2i.registry.builder import RegistryBuilder
    from ciao.adapters.wiring import Wiring


class Create:
    """The entry point ``registry`` of ``ciao.builders``."""

    def __call__(self, wiring: Wiring) -> RegistryBuilder:
        """SourceError where no registry is set."""
        from pathlib import Path

        from ciao.adapters.oci.registries import open_registries
        from ciao.adapters.s2i.destination import destination
        from ciao.adapters.s2i.installing import Installing
        from ciao.adapters.s2i.known import Known
        from ciao.adapters.s2i.platform import Platforms
        from ciao.adapters.s2i.registry.builder import NAME, Options, RegistryBuilder
        from ciao.core import settings as keys

        settings = wiring.settings()
        options = Options(
            destination=destination(settings, NAME),
            images={name: settings.text(f"image.{name}") for name in wiring.frameworks},
            python=settings[keys.KUBEFLOW_PYTHON],
            limit=settings[keys.S2I_LIMIT],
        )
        return RegistryBuilder(
            options=options,
            registries=open_registries(settings, wiring.environ),
            known=Known(Path(settings[keys.REGISTRY_PATH])),
            workspace=wiring.workspace,
            platform=Platforms(wiring.platform),
            packages=Installing(wiring.builder, ("docker", "kaniko")),
            clock=wiring.clock,
        )

    @staticmethod
    def preload() -> None:
        """Import what it stands on: 50 ms."""
        import isal.isal_zlib  # noqa: F401 - imported for its own sake, as are the others

        import ciao.adapters.oci.registries
        import ciao.adapters.s2i.installing
        import ciao.adapters.s2i.registry.builder  # noqa: F401


create = Create()
