"""What Ciao is measured against on a cluster: ``kubectl apply`` of the same manifest, a loop of ``kubectl logs -f``."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path

from bench.place import Place

# As people write it. Until the container runs, kubectl logs fails at once; after that the loop ends with the stream.
_SCRIPT = """
manifest=$1 pod=$2; shift 2
kubectl "$@" apply -f "$manifest" >&2 || exit 1
tries=0
until kubectl "$@" logs -f "$pod" 2>/dev/null; do
    tries=$((tries + 1)); [ $tries -lt 600 ] || exit 2
    sleep 0.1
done
"""


def first_line(place: Place, manifest: Path, pod: str, word: str) -> float:
    """Seconds from the start of the command to the first line with ``word``; returns when the log has ended."""
    began = time.perf_counter()
    arrived = 0.0
    with subprocess.Popen(_command(place, manifest, pod), stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None and process.stderr is not None
        for line in process.stdout:
            if not arrived and word.encode() in line:
                arrived = time.perf_counter() - began
        said = process.stderr.read()
    if process.returncode or not arrived:
        raise RuntimeError(f"kubectl, exit code {process.returncode}: {said.decode(errors='replace')[-1000:]}")
    return arrived


def log_file(place: Place, manifest: Path, pod: str, file: Path) -> None:
    """The whole log, as far as kubectl brings it, in a file."""
    with file.open("wb") as stream:
        subprocess.run(_command(place, manifest, pod), stdout=stream, stderr=subprocess.PIPE, check=True)


def _command(place: Place, manifest: Path, pod: str) -> list[str]:
    return ["sh", "-c", _SCRIPT, "sh", str(manifest), pod, *place.kubectl_arguments]
