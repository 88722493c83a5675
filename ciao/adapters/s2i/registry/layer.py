"""One layer: files -> tar -> gzip, the same bytes each time (image-spec, "Image Layer Filesystem Changeset").

Names sorted, no times, no owners, modes 0644 and 0755, so that every user of the image may read them. What is packed
goes to a file of the system's temporary directory when it is not small, never into memory. Packing blocks: call it off
the loop.
"""

from __future__ import annotations

import asyncio
import hashlib
import tempfile
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import asynccontextmanager

from attrs import field, frozen

from ciao.adapters.s2i.apart import Stop
from ciao.adapters.s2i.content import Content, Entry, changed
from ciao.adapters.s2i.fingerprints import Fingerprint
from ciao.adapters.s2i.tarring import END, directory_header, file_header, padding
from ciao.core.errors import TargetError

Spool = tempfile.SpooledTemporaryFile[bytes]
_SMALL = 8 << 20  # bytes that are kept in memory
_PIECE = 1 << 20
_LEVEL = 1  # ISA-L's: data are seldom worth more
_GZIP = 31  # zlib's word for a gzip header and trailer, without name and time


@frozen(kw_only=True)
class Layer:
    """``diff_id`` is the digest of the tar, ``digest`` and ``size`` are the blob's. Implements ``oci.session.Blob``,
    for one upload at a time.
    """

    diff_id: str
    digest: str
    size: int
    file: Spool = field(repr=False)

    @asynccontextmanager
    async def pieces(self, offset: int, count: int) -> AsyncIterator[AsyncIterator[bytes]]:
        """From the packed file."""
        self.file.seek(offset)
        yield self._read(count)

    async def _read(self, count: int) -> AsyncIterator[bytes]:
        small = self.size <= _SMALL
        while count > 0:
            wanted = min(_PIECE, count)
            piece = self.file.read(wanted) if small else await asyncio.to_thread(self.file.read, wanted)
            if not piece:
                return
            count -= len(piece)
            yield piece

    def close(self) -> None:
        """The packed file is gone."""
        self.file.close()


def pack(
    content: Content,
    entries: Iterable[Entry],
    prints: Iterable[Fingerprint],
    *,
    root: str,
    stop: Stop,
    done: Callable[[int], None],
) -> Layer:
    """The files as ``root/path``. ``done`` hears how many bytes are packed.

    SourceError for a file that changes meanwhile, or has since its print was taken: the layer is known by its prints,
    and would be another source's for ever. TargetError for a full disk.
    """
    expected = {path: digest for path, _, digest in prints}
    spool = tempfile.SpooledTemporaryFile(max_size=_SMALL)  # noqa: SIM115 - it is the layer's
    try:
        sink = _Sink(spool)
        for directory in _directories(root, entries := tuple(entries)):
            sink.write(directory_header(directory))
        packed = 0
        for entry in entries:
            sink.write(file_header(f"{root}/{entry.path}", entry.size, executable=entry.executable))
            for piece in _read(content, entry, expected[entry.path], stop):
                sink.write(piece)
                packed += len(piece)
                done(packed)
            sink.write(padding(entry.size))
        sink.write(END)
        return sink.finished()
    except OSError as error:
        spool.close()
        raise TargetError(
            f"What travels with the job cannot be packed in {tempfile.gettempdir()}: {error.strerror}. "
            "Free some space there, or name another directory with TMPDIR."
        ) from error
    except BaseException:
        spool.close()
        raise


class _Sink:
    """Hashes, compresses, hashes again and keeps."""

    def __init__(self, spool: Spool) -> None:
        from isal import isal_zlib  # 10 ms, and only for images

        self._spool, self._size = spool, 0
        self._tar, self._blob = hashlib.sha256(), hashlib.sha256()
        self._gzip = isal_zlib.compressobj(_LEVEL, wbits=_GZIP)

    def write(self, piece: bytes) -> None:
        self._tar.update(piece)
        self._keep(self._gzip.compress(piece))

    def finished(self) -> Layer:
        self._keep(self._gzip.flush())
        return Layer(
            diff_id=f"sha256:{self._tar.hexdigest()}",
            digest=f"sha256:{self._blob.hexdigest()}",
            size=self._size,
            file=self._spool,
        )

    def _keep(self, piece: bytes) -> None:
        if piece:
            self._blob.update(piece)
            self._spool.write(piece)
            self._size += len(piece)


def _read(content: Content, entry: Entry, expected: str, stop: Stop) -> Iterator[bytes]:
    """Just as many bytes as the header says, and those of the print. Large files are told by their stamps alone."""
    left, whole = entry.size, hashlib.sha256()
    with content.open(entry) as file:
        while left:
            stop.check()
            piece = file.read(min(_PIECE, left))
            if not piece:
                raise changed(entry.path)
            left -= len(piece)
            if entry.size < _PIECE:
                whole.update(piece)
            yield piece
        if file.read(1) or (entry.size < _PIECE and whole.hexdigest() != expected):
            raise changed(entry.path)


def _directories(root: str, entries: Iterable[Entry]) -> list[str]:
    """All that lie on the way to the files, from the top."""
    found = {root}
    for entry in entries:
        parts = f"{root}/{entry.path}".split("/")[:-1]
        found.update("/".join(parts[:count]) for count in range(1, len(parts) + 1))
    return sorted(found)
