"""``JobRecord`` <-> the file ``record.json``. What another version of Ciao added is passed over."""

from __future__ import annotations

import functools
import json
import os
import secrets
from pathlib import Path
from typing import TYPE_CHECKING

from ciao.core.ports import JobRecord

if TYPE_CHECKING:
    from cattrs import Converter

RECORD_FILE = "record.json"
_FORMAT = 1


@functools.cache
def _converter() -> Converter:
    from cattrs import Converter

    return Converter()


def read(job: Path) -> JobRecord | None:
    """The record in a job's directory; None when there is none, or a damaged one."""
    try:
        return load((job / RECORD_FILE).read_bytes())
    except OSError:
        return None


def write(job: Path, record: JobRecord) -> None:
    """Replace it: a reader sees the old one or the new one, and when this returns it is on the disk."""
    part = job / f".{RECORD_FILE}-{secrets.token_hex(4)}"
    try:
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(dump(record))
            file.flush()
            os.fsync(file.fileno())
        part.rename(job / RECORD_FILE)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


def dump(record: JobRecord) -> bytes:
    """JSON, ASCII only (so that any text, lone surrogates too, survives), ended by a newline."""
    return (json.dumps({"format": _FORMAT, **_converter().unstructure(record)}, indent=1) + "\n").encode("ascii")


def load(raw: bytes) -> JobRecord | None:
    """None for whatever is no record: half a file, another file, a later format."""
    from cattrs.errors import BaseValidationError

    try:
        found = json.loads(raw)
        if not isinstance(found, dict) or found.get("format") != _FORMAT:
            return None
        return _converter().structure(found, JobRecord)
    except (ValueError, RecursionError, BaseValidationError):
        return None
