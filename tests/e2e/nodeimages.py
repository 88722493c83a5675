"""The images that replicas run, on this machine and from there on the cluster's nodes."""

from __future__ import annotations

import subprocess
from collections.abc import Iterable, Sequence
from typing import Any

from .commands import Missing, call


def docker() -> Any:
    """The Docker SDK's client; a build may take minutes."""
    import docker as sdk

    return sdk.from_env(timeout=600)


def present(client: Any, reference: str) -> Any:
    """An image of this machine; one that is not there is pulled."""
    from docker.errors import DockerException, ImageNotFound

    try:
        try:
            return client.images.get(reference)
        except ImageNotFound:
            return client.images.pull(reference)
    except DockerException as error:
        raise Missing(f"The image {reference} is not on this machine and cannot be pulled: {error}") from error


def load(references: Sequence[str], nodes: Iterable[str]) -> None:
    """Copy images of this machine to the nodes of a kind cluster.

    Not by ``kind load``, which wants all platforms of an image and so fails where Docker keeps images in containerd.
    """
    for node in nodes:
        _load(references, node)


def _load(references: Sequence[str], node: str) -> None:
    importing = ["docker", "exec", "--interactive", node, "ctr", "--namespace=k8s.io", "images", "import", "-"]
    with (
        subprocess.Popen(["docker", "save", *references], stdout=subprocess.PIPE, start_new_session=True) as saving,
        subprocess.Popen(
            importing, stdin=saving.stdout, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, start_new_session=True
        ) as loading,
    ):
        assert saving.stdout is not None
        saving.stdout.close()
        _, said = loading.communicate()
    if saving.returncode or loading.returncode:
        raise Missing(f"Images could not be copied to {node}: {said.decode(errors='replace').strip()[-1000:]}")


def on_nodes(kubectl: Any, repository: str) -> str:
    """The newest name under which some node has an image of a repository; "" when none has."""
    nodes = kubectl.json("get", "nodes")["items"]
    names = [name for node in nodes for image in node["status"].get("images", ()) for name in image.get("names") or ()]
    return next((name for name in names if f"{repository}:" in name), "")


def remove_others(client: Any, repository: str, kept: str) -> None:
    """Older builds: each is most of a gigabyte."""
    for image in client.images.list(name=repository):
        for tag in image.tags:
            if tag != kept:
                call("docker", "rmi", tag)
