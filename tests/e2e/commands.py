"""Programs that the suite starts (kind, kubectl), and what it says when it cannot begin."""

from __future__ import annotations

import json
import shutil
import subprocess
from typing import Any


class Missing(Exception):
    """The suite cannot begin: one sentence, with what to do about it."""


def call(*command: str, given: str | None = None, timeout: float = 180) -> str:
    """What a command printed; Missing with the end of its stderr when it fails.

    In a session of its own: a Ctrl-C is the suite's, which ends the command and cleans up.
    """
    try:
        done = subprocess.run(
            command, input=given, check=False, capture_output=True, text=True, timeout=timeout, start_new_session=True
        )
    except subprocess.TimeoutExpired as error:
        raise Missing(f"`{' '.join(command)}` did not end within {timeout:.0f} s.") from error
    if done.returncode:
        raise Missing(f"`{' '.join(command)}` failed: {done.stderr.strip()[-2000:]}")
    return done.stdout


def has(program: str) -> bool:
    """Whether a program is on PATH."""
    return shutil.which(program) is not None


class Kubectl:
    """kubectl with one context of one kubeconfig: what a test looks at a cluster with, and prepares it with."""

    def __init__(self, kubeconfig: str, context: str) -> None:
        self._prefix = ("kubectl", "--kubeconfig", kubeconfig, "--context", context)

    def __call__(self, *arguments: str, given: str | None = None, timeout: float = 180) -> str:
        """What it printed; Missing when it fails."""
        return call(*self._prefix, *arguments, given=given, timeout=timeout)

    def json(self, *arguments: str) -> Any:
        """What it printed with ``-o json``."""
        return json.loads(self(*arguments, "-o", "json"))

    def items(self, kind: str, namespace: str, *arguments: str) -> list[dict[str, Any]]:
        """All objects of a kind in a namespace."""
        found: list[dict[str, Any]] = self.json("get", kind, "-n", namespace, *arguments)["items"]
        return found

    def apply(self, *objects: dict[str, Any]) -> None:
        """Create or change objects."""
        whole = {"apiVersion": "v1", "kind": "List", "items": list(objects)}
        self("apply", "--server-side", "-f", "-", given=json.dumps(whole))
