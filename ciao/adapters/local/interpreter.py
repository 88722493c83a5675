"""Which Python runs the replicas, and what is installed in it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path

from ciao.core.errors import TargetError

_PATIENCE = 30.0
_HAS = "import importlib.util, sys; sys.exit(importlib.util.find_spec(sys.argv[1]) is None)"
_VERSIONS = """\
import json, sys
try:
    from importlib.metadata import PackageNotFoundError as Missing, version
except ImportError:
    from pkg_resources import DistributionNotFound as Missing, get_distribution
    def version(name): return get_distribution(name).version
found = {}
for name in sys.argv[1:]:
    try: found[name] = version(name)
    except Missing: found[name] = None
print(json.dumps(found))
"""


def located(python: str, environ: Mapping[str, str], running: str = sys.executable) -> str | None:
    """An absolute path to run; ``python`` is a path (``~`` allowed), a command on PATH, or "" for the running one.

    None: there is no such executable.
    """
    if not python:
        return running or None
    if "/" not in python:
        return shutil.which(python, path=environ.get("PATH"))
    path = Path(python).expanduser().absolute()
    return str(path) if path.is_file() and os.access(path, os.X_OK) else None


def is_python(python: str, environ: Mapping[str, str]) -> bool:
    """Whether it runs Python 3 code: ``/bin/true`` would end any cell with success."""
    try:
        done = _run([python, "-c", "import sys; print(sys.version_info[0])"], environ)
    except TargetError:
        return False
    return done.returncode == 0 and done.stdout.strip() == "3"


def has_module(python: str, module: str, environ: Mapping[str, str]) -> bool:
    """Whether a top-level module can be imported there; nothing is imported for it."""
    if python == sys.executable:
        return find_spec(module) is not None
    return _run([python, "-c", _HAS, module], environ).returncode == 0


def versions(python: str, names: Sequence[str], environ: Mapping[str, str]) -> dict[str, str | None]:
    """The version of each distribution that is installed there; None for one that is not."""
    done = _run([python, "-c", _VERSIONS, *names], environ)
    try:
        found: dict[str, str | None] = json.loads(done.stdout)
    except ValueError as error:
        said = done.stderr.strip().splitlines()
        raise TargetError(f"{python} does not tell what is installed: {said[-1] if said else 'no answer'}") from error
    return found


def _run(command: Sequence[str], environ: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(
            command,
            capture_output=True,
            text=True,
            timeout=_PATIENCE,
            check=False,
            env=dict(environ),
            stdin=subprocess.DEVNULL,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise TargetError(f"{command[0]} cannot be run: {error}") from error
