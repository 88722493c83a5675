"""Where the apiserver keeps what Ciao asks for."""

from __future__ import annotations

KUBEFLOW = "kubeflow.org/v1"
"""The training operator's ``apiVersion``."""


def jobs(namespace: str, plural: str) -> str:
    """All of one kind of training job."""
    return f"/apis/{KUBEFLOW}/namespaces/{namespace}/{plural}"


def job(namespace: str, plural: str, name: str) -> str:
    """One."""
    return f"{jobs(namespace, plural)}/{name}"


def pods(namespace: str) -> str:
    """All pods."""
    return f"/api/v1/namespaces/{namespace}/pods"


def pod(namespace: str, name: str) -> str:
    """One."""
    return f"{pods(namespace)}/{name}"


def log(namespace: str, name: str) -> str:
    """A pod's log."""
    return f"{pod(namespace, name)}/log"


def configmaps(namespace: str) -> str:
    """All ConfigMaps."""
    return f"/api/v1/namespaces/{namespace}/configmaps"


def events(namespace: str) -> str:
    """All events."""
    return f"/api/v1/namespaces/{namespace}/events"


NODES, ALL_PODS = "/api/v1/nodes", "/api/v1/pods"
