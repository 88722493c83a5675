"""Which GPUs there are, without importing torch: it takes seconds and would initialise CUDA in the kernel."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

_LISTED = re.compile(r"^GPU (\d+):", re.MULTILINE)
_NODE = re.compile(r"nvidia(\d+)")
_PATIENCE = 10.0


def visible(environ: Mapping[str, str]) -> tuple[str, ...]:
    """What may stand in CUDA_VISIBLE_DEVICES: the user's own choice when he made one, else all devices."""
    chosen = environ.get("CUDA_VISIBLE_DEVICES")
    if chosen is None:
        return _installed(environ)
    found: list[str] = []
    for each in chosen.split(","):
        # CUDA itself stops at the first that it does not understand, as at -1.
        if not each.strip() or each.strip().startswith("-"):
            break
        found.append(each.strip())
    return tuple(found)


def _installed(environ: Mapping[str, str]) -> tuple[str, ...]:
    """As nvidia-smi lists them (only those that a container was given); without it, the device files."""
    tool = shutil.which("nvidia-smi", path=environ.get("PATH"))
    if tool is not None:
        try:
            listed = subprocess.run([tool, "-L"], capture_output=True, text=True, timeout=_PATIENCE, check=True)
        except (OSError, subprocess.SubprocessError):
            return ()
        return tuple(_LISTED.findall(listed.stdout))
    nodes = (_NODE.fullmatch(path.name) for path in Path("/dev").glob("nvidia[0-9]*"))
    return tuple(str(number) for number in sorted(int(match[1]) for match in nodes if match))
