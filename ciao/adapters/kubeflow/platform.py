"""For which architecture images have to be: the nodes', as far as they may be seen."""

from __future__ import annotations

from ciao.adapters.kube import paths
from ciao.adapters.kube.apierrors import ApiError
from ciao.adapters.kube.client import Api
from ciao.adapters.kubeflow.seen import facts
from ciao.adapters.kubeflow.seen.refusals import refusal

_ARCHITECTURE = "kubernetes.io/arch"


async def node_platform(api: Api) -> str:
    """``linux/amd64``. Nodes of several architectures: the most frequent one's; none that may be seen: that of the
    apiserver, which answers everybody (``/version``).
    """
    try:
        nodes = (await api.get(paths.NODES, metadata_only=True)).get("items", [])
    except ApiError as error:
        if error.status not in (401, 403):
            raise refusal(error) from error
        nodes = []
    found = sorted(filter(None, (facts.labels(each).get(_ARCHITECTURE) for each in nodes)))
    if found:
        return f"linux/{max(found, key=found.count)}"
    try:
        return str((await api.get("/version")).get("platform", ""))
    except ApiError as error:
        raise refusal(error) from error
