"""A Jupyter server whose kernels are started, interrupted and restarted over its REST API, as JupyterLab does it."""

from __future__ import annotations

import json
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import Any

from jupyter_client.blocking.client import BlockingKernelClient

from ..kernels import Conversation, environment
from .notebook import eventually, settings
from .tenant import Tenant


class Server:
    """A process of its own. It ends by itself some time after whoever started it was killed."""

    def __init__(self, specs: Path, home: Path, tenant: Tenant) -> None:
        self.home = home
        env = settings(tenant, home) | {"JUPYTER_PATH": str(specs / "share/jupyter"), "JUPYTER_CONFIG_DIR": str(home)}
        options = [
            "--ServerApp.port=0", "--ServerApp.ip=127.0.0.1", "--ServerApp.allow_root=True",
            "--ServerApp.jpserver_extensions={}", f"--ServerApp.root_dir={home}",
            "--ServerApp.shutdown_no_activity_timeout=60", "--MappingKernelManager.cull_idle_timeout=60",
            "--MappingKernelManager.cull_interval=10",
        ]  # fmt: skip
        self._log = (home / "server.log").open("ab")
        self._process = subprocess.Popen(
            [sys.executable, "-m", "jupyter_server", *options], cwd=home, env=environment(**env),
            stdout=self._log, stderr=self._log, start_new_session=True,
        )  # fmt: skip
        found = eventually(self._found, 60, "Jupyter server")
        self._url, self._token = found["url"], found["token"]

    def kernel(self) -> ServedKernel:
        """Start one."""
        return ServedKernel(self, self.post("api/kernels", {"name": "ciao"})["id"])

    def post(self, path: str, body: dict[str, Any] | None = None) -> Any:
        """A POST of the REST API; its answer."""
        request = urllib.request.Request(
            self._url + path,
            data=json.dumps(body or {}).encode(),
            headers={"Authorization": f"token {self._token}", "Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=60) as answer:
            text = answer.read()
        return json.loads(text) if text else None

    def stop(self) -> None:
        """With all its kernels."""
        self._process.terminate()
        self._process.wait(20)
        self._log.close()

    def _found(self) -> dict[str, str] | None:
        file = self.home / "runtime" / f"jpserver-{self._process.pid}.json"
        assert self._process.poll() is None, (self.home / "server.log").read_text()
        found: dict[str, str] | None = json.loads(file.read_text()) if file.exists() and file.stat().st_size else None
        return found


class ServedKernel(Conversation):
    """A kernel of a server, with a client of the test's own beside the server's."""

    def __init__(self, server: Server, identity: str) -> None:
        self._server, self._path = server, f"api/kernels/{identity}"
        self._connection = server.home / "runtime" / f"kernel-{identity}.json"
        self._connect()

    def restart(self) -> None:
        """As the button does it: the server interrupts, asks the kernel to shut down, and starts it again."""
        self.client.stop_channels()
        self._server.post(f"{self._path}/restart")
        self._connect()

    def interrupt(self) -> None:
        """As the Stop button does it."""
        self._server.post(f"{self._path}/interrupt")

    def _connect(self) -> None:
        client = BlockingKernelClient()
        client.load_connection_file(str(self._connection))
        self.open(client)
