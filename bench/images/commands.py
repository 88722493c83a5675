"""Programs that the bench starts; what they say is shown only when they fail."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping

_PATIENCE = 300.0  # seconds


def run(*command: str, env: Mapping[str, str] | None = None) -> str:
    """What it printed. RuntimeError with the end of what it complained of."""
    done = subprocess.run(
        command, check=False, capture_output=True, text=True, timeout=_PATIENCE, env={**os.environ, **(env or {})}
    )
    if done.returncode:
        raise RuntimeError(f"`{' '.join(command)}`: {(done.stderr or done.stdout).strip()[-500:]}")
    return done.stdout
