"""The target ``kubeflow``: a cluster with Kubeflow's training operator, every replica a pod.

Its rooms, each of which knows only those below it:

- ``backend`` is the port; it stands on ``follower`` (one job), ``finding``, ``submitting`` and ``stopping``
- ``preflight``: what would keep a job from running; ``logs``: every line once, or a marked gap
- ``api``: the apiserver: credentials, connection, lists and watches
- ``seen``: what comes back, understood; ``objects``: what is sent. Both are pure

Objects are the API's own JSON as plain dicts (docs/adr/0006-raw-json-on-one-connection.md).
This file imports nothing of it, so that a session without a cluster never pays for one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ciao.adapters.kubeflow.backend import KubeflowBackend
    from ciao.adapters.wiring import Wiring


class Create:
    """The entry point ``kubeflow`` of ``ciao.backends``."""

    def __call__(self, wiring: Wiring) -> KubeflowBackend:
        """Reads the settings ``kubeflow.*`` now."""
        from ciao.adapters.kubeflow.backend import KubeflowBackend, Place
        from ciao.adapters.kubeflow.objects.options import Options
        from ciao.core import settings as keys

        settings = wiring.settings()
        user = settings[keys.KUBEFLOW_USER]
        options = Options(
            ttl=settings[keys.KUBEFLOW_TTL],
            user=None if user == "image" else int(user),
            gpu=settings[keys.KUBEFLOW_GPU],
            python=settings[keys.KUBEFLOW_PYTHON],
            autoscale=settings[keys.KUBEFLOW_AUTOSCALE],
        )
        return KubeflowBackend(
            connections=wiring.clusters(),
            place=Place(context=settings[keys.KUBEFLOW_CONTEXT], namespace=settings[keys.KUBEFLOW_NAMESPACE]),
            options=options,
            images={name: settings.text(f"image.{name}") for name in wiring.frameworks},
            frameworks=wiring.frameworks,
            store=wiring.store,
            clock=wiring.clock,
            uid=wiring.names.uid,
        )

    @staticmethod
    def preload() -> None:
        """Import what talks to a cluster: it takes a third of a second."""
        import yaml  # noqa: F401 - imported for its own sake, as are the others

        import ciao.adapters.kube.wire
        import ciao.adapters.kubeflow.backend  # noqa: F401


create = Create()
