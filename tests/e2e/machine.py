"""What a machine needs before the suite can begin, and where to get it."""

from __future__ import annotations

import subprocess

from .commands import Missing, has
from .wanted import Wanted

_WHERE = {
    "docker": "https://docs.docker.com/engine/install",
    "kind": "https://kind.sigs.k8s.io/docs/user/quick-start/#installation",
    "kubectl": "https://kubernetes.io/docs/tasks/tools",
}


def require(wanted: Wanted) -> None:
    """Missing when this machine cannot run the suite: everything that it lacks, in one sentence."""
    needed = ("kubectl",) if wanted.context else ("docker", "kind", "kubectl")
    lacking = [f"{name} ({_WHERE[name]})" for name in needed if not has(name)]
    if lacking:
        raise Missing(
            f"The end-to-end suite runs on a cluster and needs {_listed(lacking)} on PATH; "
            "a cluster that is there already is used when CIAO_E2E_CONTEXT names its context."
        )
    if not wanted.context and (said := _docker_trouble()):
        raise Missing(
            f"The end-to-end suite makes a cluster in Docker, and its daemon does not answer ({said}): start it."
        )


def _docker_trouble() -> str:
    """Why the daemon is of no use; "" when it answers."""
    command = ["docker", "version", "--format", "{{.Server.Version}}"]
    try:
        done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=30)
    except subprocess.TimeoutExpired:
        return "nothing within 30 s"
    return (done.stderr.strip().splitlines() or ["unknown"])[-1] if done.returncode else ""


def _listed(words: list[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"
