"""The files of a build as one archive that fits into a ConfigMap. Blocking: it reads them."""

from __future__ import annotations

import gzip
import tarfile
from io import BytesIO

from ciao.adapters.s2i.apart import Stop
from ciao.adapters.s2i.content import Content, Entry, changed

LIMIT = 700 << 10
"""Bytes of the archive: a ConfigMap takes 1 MiB, and the Dockerfile and certificates travel with it."""
_TRIED = 8 << 20
"""Bytes of files beyond which it is not even tried."""
_BEGINNING = 315_619_200  # 1980-01-02: archives of the kind zip know no time before, and wheels are such


def packed(content: Content, stop: Stop) -> bytes | None:
    """A tar.gz, the same for the same files; None when it would be too large."""
    if content.size > _TRIED:
        return None
    out = BytesIO()
    with (
        gzip.GzipFile(fileobj=out, mode="wb", mtime=0) as zipped,
        tarfile.open(fileobj=zipped, mode="w", format=tarfile.PAX_FORMAT) as archive,
    ):
        for entry in sorted(content.entries, key=lambda each: each.path):
            stop.check()
            _add(archive, content, entry)
            if out.tell() > LIMIT:
                return None
    return out.getvalue() if out.tell() <= LIMIT else None


def _add(archive: tarfile.TarFile, content: Content, entry: Entry) -> None:
    described = tarfile.TarInfo(entry.path)
    described.size, described.mtime, described.mode = entry.size, _BEGINNING, 0o755 if entry.executable else 0o644
    with content.open(entry) as file:
        try:
            archive.addfile(described, file)
        except OSError as error:  # it has become shorter, or its disk fails
            raise changed(entry.path) from error
