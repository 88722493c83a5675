"""What the training operator calls things, kind by kind (kubeflow-contracts A.1, A.4). Another kind is another row."""

from __future__ import annotations

from attrs import frozen

from ciao.adapters.kube.paths import KUBEFLOW
from ciao.core.errors import UserError
from ciao.core.frameworks.base import Framework
from ciao.core.words import listed

API_VERSION = KUBEFLOW
GROUP = API_VERSION.partition("/")[0]


@frozen(kw_only=True)
class Kind:
    """``replicas`` is the field of the spec that maps roles' keys to their pods; ``controller`` the value of the
    label ``operator-name`` on pods. ``nproc``: the spec has ``nprocPerNode``.
    """

    name: str
    plural: str
    replicas: str
    controller: str
    nproc: bool = False


KINDS: dict[str, Kind] = {
    each.name: each
    for each in (
        Kind(
            name="PyTorchJob",
            plural="pytorchjobs",
            replicas="pytorchReplicaSpecs",
            controller="pytorchjob-controller",
            nproc=True,
        ),
        Kind(name="TFJob", plural="tfjobs", replicas="tfReplicaSpecs", controller="tfjob-controller"),
    )
}


def kind_of(framework: Framework) -> Kind:
    """UserError for a framework whose kind Ciao cannot write."""
    if framework.kind not in KINDS:
        hint = f"There it runs {listed(KINDS)}; other targets may run {framework.name}."
        raise UserError(f"Ciao cannot run {framework.name} ({framework.kind or 'no kind'}) on a cluster.", hint=hint)
    return KINDS[framework.kind]
