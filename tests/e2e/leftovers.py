"""What a run owns, and how a later run knows what an earlier one left behind.

Everything that a run makes outside its own process is named ``ciao-e2e-<id>…``. While it lives it holds a lock in its
folder, so whatever has such a name and no living owner was left by a run that was killed.
"""

from __future__ import annotations

import fcntl
import random
import shutil
import string
import tempfile
from pathlib import Path

from .commands import call, has

PREFIX = "ciao-e2e-"
_KEPT = "kept"


class Run:
    """One run: its id, and a folder for what it writes (0700)."""

    def __init__(self) -> None:
        self.id = "".join(random.choices(string.ascii_lowercase + string.digits, k=6))
        self.name = PREFIX + self.id
        self.folder = _folder(self.name)
        self.folder.mkdir(mode=0o700)
        self._lock = (self.folder / "lock").open("w")
        fcntl.flock(self._lock, fcntl.LOCK_EX)

    def keep(self) -> None:
        """Not a leftover, though nobody lives that owns it."""
        (self.folder / _KEPT).touch()

    def end(self) -> None:
        """Release the name; the folder goes, unless it was kept."""
        self._lock.close()
        if not (self.folder / _KEPT).exists():
            shutil.rmtree(self.folder, ignore_errors=True)


def sweep() -> list[str]:
    """Remove the clusters and containers of runs that were killed; their names."""
    clusters = [name for name in _clusters() if not _owned(name)]
    containers = [name for name in _containers() if not _owned(name)]
    for name in clusters:
        call("kind", "delete", "cluster", "--name", name)
    if containers:
        call("docker", "rm", "--force", "--volumes", *containers)
    for name in clusters:
        shutil.rmtree(_folder(name), ignore_errors=True)
    return clusters + containers


def delete_cluster(name: str, kubeconfig: Path) -> None:
    """A kind cluster and its entry in the kubeconfig; none is no error."""
    call("kind", "delete", "cluster", "--name", name, "--kubeconfig", str(kubeconfig))


def _clusters() -> list[str]:
    found = call("kind", "get", "clusters").split() if has("kind") else []
    return [name for name in found if name.startswith(PREFIX)]


def _containers() -> list[str]:
    """Nodes belong to their clusters."""
    listed = call("docker", "ps", "--all", "--filter", f"name=^{PREFIX}", "--format", "{{.Names}} {{.Labels}}")
    rows = [line.partition(" ") for line in listed.splitlines()]
    return [name for name, _, labels in rows if "io.x-k8s.kind.cluster" not in labels]


def _owned(name: str) -> bool:
    folder = _folder(PREFIX + name.removeprefix(PREFIX).partition("-")[0])
    if (folder / _KEPT).exists():
        return True
    try:
        with (folder / "lock").open() as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False


def _folder(name: str) -> Path:
    return Path(tempfile.gettempdir()) / name
