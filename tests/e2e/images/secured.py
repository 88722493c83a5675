"""A registry that wants a login of everybody, for pulls, too; this machine, nodes and pods reach it."""

from __future__ import annotations

import json
import os
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

from ..cluster import Cluster
from ..commands import Missing, call
from ..registry import address, free_port
from ..wanted import wanted

_HTPASSWD = "e2e:$2b$05$abcdefghijklmnopqrstuuuOK2gEfSPbIO98ewQ1L3g6dz6UuBf2G\n"
"""The password below, as bcrypt has it, which is all that registries take."""


class Secured:
    """``host`` as this machine and nodes call it, ``in_pods`` as pods do."""

    name, password = "e2e", "ciao-e2e"

    def __init__(self, cluster: Cluster, container: str) -> None:
        self._container, port = container, free_port()
        self.host = f"localhost:{port}"
        with tempfile.TemporaryDirectory() as folder:
            (Path(folder) / "htpasswd").write_text(_HTPASSWD)
            call(
                "docker", "create", "--name", container, "--publish", f"127.0.0.1:{port}:5000",
                "--env", "REGISTRY_AUTH=htpasswd", "--env", "REGISTRY_AUTH_HTPASSWD_REALM=e2e",
                "--env", "REGISTRY_AUTH_HTPASSWD_PATH=/htpasswd", wanted(os.environ).registry_image,
            )  # fmt: skip
            call("docker", "cp", f"{folder}/htpasswd", f"{container}:/htpasswd")
        call("docker", "start", container)
        call("docker", "network", "connect", "kind", container)
        self.in_pods = f"{address(container)}:5000"
        self._wait()
        self._tell(cluster)

    def secret(self, name: str) -> dict[str, Any]:
        """What pods pull and push with."""
        login = {"username": self.name, "password": self.password}
        config = json.dumps({"auths": dict.fromkeys((self.host, self.in_pods), login)})
        return {
            "apiVersion": "v1", "kind": "Secret", "type": "kubernetes.io/dockerconfigjson",
            "metadata": {"name": name}, "stringData": {".dockerconfigjson": config},
        }  # fmt: skip

    def stop(self) -> None:
        call("docker", "rm", "--force", "--volumes", self._container)

    def _tell(self, cluster: Cluster) -> None:
        """The node asks the container for what is named after this machine's port."""
        folder = f"/etc/containerd/certs.d/{self.host}"
        call("docker", "exec", cluster.node, "mkdir", "-p", folder)
        told = f'[host."http://{self.in_pods}"]\n'
        call("docker", "exec", "--interactive", cluster.node, "cp", "/dev/stdin", f"{folder}/hosts.toml", given=told)

    def _wait(self) -> None:
        deadline = time.monotonic() + 20
        while True:
            try:
                urllib.request.urlopen(f"http://{self.host}/v2/", timeout=2)
            except urllib.error.HTTPError as error:
                if error.code == 401:
                    return
            except OSError:
                pass
            if time.monotonic() > deadline:
                raise Missing("The registry that wants a login does not answer.")
            time.sleep(0.1)
