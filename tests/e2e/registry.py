"""A registry beside the cluster, known to its nodes in the way that kind's documentation describes.

On this machine and in the cluster an image has one name, ``localhost:<port>/…``: this machine reaches the port that
Docker published on 127.0.0.1, and containerd on a node is told (``certs.d``) that for this name it asks the registry's
container on the network ``kind``. https://kind.sigs.k8s.io/docs/user/local-registry
"""

from __future__ import annotations

import socket
from collections.abc import Iterable
from typing import Any

from .commands import Kubectl, call

_PORT = 5000
_NETWORK = "kind"


class Registry:
    """A container; ``host`` is how images in it are named."""

    def __init__(self, image: str, name: str, keep: bool) -> None:
        from testcontainers.core.config import testcontainers_config
        from testcontainers.core.container import DockerContainer

        if keep:
            testcontainers_config.ryuk_disabled = True  # it removes what the session started
        self.name = name
        # Not one of Docker's choice: that would change when the container is connected to the cluster's network.
        port = free_port()
        self.host = f"localhost:{port}"
        self._container = DockerContainer(image).with_name(name)
        self._container.ports = {f"{_PORT}/tcp": ("127.0.0.1", port)}

    def start(self) -> None:
        """Running when this returns."""
        self._container.start()

    def stop(self) -> None:
        """Gone, with all images in it; also when it was never started."""
        self._container.stop()

    def wire(self, nodes: Iterable[str], kubectl: Kubectl) -> None:
        """Tell a kind cluster's nodes of it, and the cluster's users."""
        folder = f"/etc/containerd/certs.d/{self.host}"
        for node in nodes:
            call("docker", "exec", node, "mkdir", "-p", folder)
            told = f'[host."http://{self.name}:{_PORT}"]\n'
            call("docker", "exec", "--interactive", node, "cp", "/dev/stdin", f"{folder}/hosts.toml", given=told)
        call("docker", "network", "connect", _NETWORK, self.name)
        kubectl.apply(_advertised(self.host))

    def in_pods(self) -> str:
        """Its host for pods: the address in the cluster's network, since they cannot look up its name."""
        return f"{address(self.name)}:{_PORT}"

    def push(self, reference: str, name: str) -> str:
        """An image of this machine as ``name`` in the registry; its reference there."""
        return push(reference, self.host, name)


def push(reference: str, host: str, name: str) -> str:
    """An image of this machine into any registry."""
    target = f"{host}/{name}"
    call("docker", "tag", reference, target)
    try:
        call("docker", "push", "--quiet", target, timeout=300)
    finally:
        call("docker", "rmi", target)
    return target


def address(container: str) -> str:
    """A container's, in the cluster's network."""
    form = f'{{{{(index .NetworkSettings.Networks "{_NETWORK}").IPAddress}}}}'
    return call("docker", "inspect", "--format", form, container).strip()


def advertised(kubectl: Kubectl) -> str:
    """The registry of a cluster that says it has a local one (KEP-1755); "" for others."""
    try:
        text = kubectl.json("get", "configmap", "local-registry-hosting", "-n", "kube-public")
    except Exception:  # noqa: BLE001 - none is the rule
        return ""
    lines = text.get("data", {}).get("localRegistryHosting.v1", "").splitlines()
    return next((line.partition(":")[2].strip(' "') for line in lines if line.startswith("host:")), "")


def free_port() -> int:
    """One that nobody listens on, now."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port


def _advertised(host: str) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "local-registry-hosting", "namespace": "kube-public"},
        "data": {"localRegistryHosting.v1": f'host: "{host}"\n'},
    }
