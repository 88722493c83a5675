"""Reading the user's overlay (``%overlay=patch.yaml``); what it may say is in ``objects.overlay``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ciao.adapters.kubeflow.objects.kinds import Kind
from ciao.adapters.kubeflow.objects.overlay import merged
from ciao.core.errors import Place, UserError
from ciao.core.model import JobSpec

Json = dict[str, Any]


def overlaid(job: Json, spec: JobSpec, kind: Kind) -> Json:
    """The job with the overlay that the cell names over it. UserError naming file and place for a bad one."""
    path = spec.placement.overlay
    if path is None:
        return job
    return merged(job, _read(path), replicas=kind.replicas, label=path)


def _read(path: str) -> object:
    import yaml  # with kubernetes, and only when there is an overlay

    try:
        text = Path(path).expanduser().read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is no UTF-8 text"
        raise UserError(f"%overlay={path} cannot be read: {why}.", hint="It is a YAML or JSON file.") from error
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        place = Place(path) if mark is None else Place(path, mark.line + 1, mark.column + 1)
        problem = getattr(error, "problem", None) or "it cannot be understood"
        raise UserError(f"The overlay is no YAML: {problem}.", place) from error
