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
    try:
        return merged(job, _parsed(path, _read(path)), replicas=kind.replicas, label=path)
    except RecursionError:
        raise UserError("The overlay is nested too deeply, or contains itself.", Place(path)) from None


def _read(path: str) -> str:
    try:
        return Path(path).expanduser().read_text(encoding="utf-8")
    except (OSError, ValueError, RuntimeError) as error:  # of a bad path, or of a home directory that nobody has
        why = "it is no UTF-8 text" if isinstance(error, UnicodeDecodeError) else getattr(error, "strerror", error)
        hint = "It is a YAML or JSON file."
        raise UserError(f"%overlay={path} cannot be read: {str(why).rstrip('.')}.", hint=hint) from error


def _parsed(path: str, text: str) -> object:
    import yaml  # with kubernetes, and only when there is an overlay

    try:
        return yaml.safe_load(text)
    except yaml.reader.ReaderError as error:
        before = text[: error.position]
        place = Place(path, before.count("\n") + 1, len(before) - before.rfind("\n"))
        raise UserError(f"The overlay is no YAML: {error.reason}.", place) from error
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        place = Place(path) if mark is None else Place(path, mark.line + 1, mark.column + 1)
        raise UserError(f"The overlay is no YAML: {error.problem or 'it cannot be understood'}.", place) from error
    except (yaml.YAMLError, ValueError) as error:  # a date or a number that there is not
        raise UserError(f"The overlay is no YAML: {error}.", Place(path)) from error
