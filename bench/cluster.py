"""The measurements that need a cluster (``python -m bench --cluster``), and the cluster for them."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from importlib import metadata
from pathlib import Path

from bench import clusterjobs, clusterload
from bench.measure import Row
from bench.place import Place, provided

# The one with many replicas is the last: their pods take a while to go.
ALL: dict[str, Callable[[Place, Path, bool], list[Row]]] = {
    "first-cell": clusterjobs.first_cell,
    "cells": clusterjobs.cells,
    "states": clusterjobs.states,
    "flood": clusterload.flood,
    "requests": clusterload.requests,
    "memory": clusterload.memory,
}


@contextmanager
def on_cluster() -> Iterator[tuple[list[str], Mapping[str, Callable[[Path, bool], list[Row]]]]]:
    """Lines about the cluster, and the measurements on it, for the length of a ``with``."""
    with provided() as place:
        yield _described(place), {name: functools.partial(each, place) for name, each in ALL.items()}


def _described(place: Place) -> list[str]:
    kubectl = place.tenant.kubectl
    nodes = [each["status"]["nodeInfo"] for each in kubectl.json("get", "nodes")["items"]]
    versions = ", ".join(sorted({f"{each['kubeletVersion']} ({each['containerRuntimeVersion']})" for each in nodes}))
    client = kubectl.json("version", "--client")["clientVersion"]["gitVersion"]
    libraries = ", ".join(f"{name} {metadata.version(name)}" for name in ("kubernetes", "aiohttp"))
    return [
        f"- {len(nodes)} node{'s' if len(nodes) > 1 else ''}, Kubernetes {versions}; kubectl {client}; {libraries}",
        "- the account has the rights of deploy/rbac.yaml; own watch: the bench's, not Ciao's",
    ]
