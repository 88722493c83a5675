"""The mounted source as a ConfigMap: what every replica finds at ``/ciao`` (core/v1 ConfigMap).

It is created after the job and owned by it from birth, so that whatever dies in between leaves nothing that the
cluster would not collect; the pods' mounts are retried until it is there.
"""

from __future__ import annotations

import base64
import json
from typing import Any

from ciao.adapters.kubeflow.objects import kinds, names
from ciao.adapters.kubeflow.objects.options import Submission
from ciao.adapters.kubeflow.objects.pods import keys_of
from ciao.core.errors import SourceError
from ciao.core.frameworks.base import Framework
from ciao.core.measures import size
from ciao.core.model import JobSpec, Mounted

LIMIT = 1 << 20
"""Bytes of all values together; keys do not count (kubeflow-contracts E)."""
_REQUEST = 5 << 19
"""Bytes of JSON, so that a request with all that is around it keeps below its limit of 3 MiB."""
_SHOWN = 3


def check(files: Mounted) -> None:
    """SourceError when the files are too large for a ConfigMap, or one cannot be mounted under its name."""
    for each in files.files:
        if each.path.startswith(".."):
            raise SourceError(f"%file={each.path}: no file that is mounted may begin with '..'.", hint="Rename it.")
    total = sum(len(each.content) for each in files.files)
    if total <= LIMIT:
        return
    largest = sorted(files.files, key=lambda each: -len(each.content))[:_SHOWN]
    shown = ", ".join(f"{each.path} ({size(len(each.content))})" for each in largest)
    raise SourceError(
        f"What travels with this job is too large to be mounted: {size(total)}, and 1 MiB is all that a cluster takes.",
        hint=f"Largest: {shown}.\nLet it travel in an image (%s2i=registry), or put data on a volume (%volume).",
    )


def source_object(
    spec: JobSpec, files: Mounted, framework: Framework, submission: Submission, owner: str
) -> dict[str, Any]:
    """The ConfigMap. ``owner`` is the job's uid, as the apiserver gave it. SourceError when it is too large."""
    check(files)
    text, binary = _contents(files)
    reference = {"apiVersion": kinds.API_VERSION, "kind": framework.kind, "name": spec.name, "uid": owner}
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {
            "name": submission.source_name(spec.name),
            "namespace": submission.namespace,
            "labels": names.labels(spec, submission),
            "annotations": {names.CODE: files.digest},
            # Without blockOwnerDeletion, which would need a right of its own on some clusters (contracts C).
            "ownerReferences": [reference],
        },
        "immutable": True,
        **({"data": text} if text else {}),
        **({"binaryData": binary} if binary else {}),
    }


def _contents(files: Mounted) -> tuple[dict[str, str], dict[str, str]]:
    """``data`` (text, which can be read where it lies) and ``binaryData`` (base64, which everything can be).

    JSON writes some characters in six bytes: where a request would be too small for the text, what swells is binary.
    """
    text, binary = {}, {}
    for file, key in zip(files.files, keys_of(files).values(), strict=True):
        try:
            text[key] = file.content.decode()
        except UnicodeDecodeError:
            binary[key] = base64.b64encode(file.content).decode()
    if len(json.dumps(text)) > _REQUEST:
        swelling = [key for key, each in text.items() if len(json.dumps(each)) > 2 * len(each.encode()) + 2]
        binary.update((key, base64.b64encode(text.pop(key).encode()).decode()) for key in swelling)
    return text, binary
