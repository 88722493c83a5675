"""Base images that exist in the registry alone: docker holds none of their layers until it pulls them.

The lowest layer is a real Python image, flattened; a large base has layers of many files on top of it. Each is new, so
that no image of this machine shares one.
"""

from __future__ import annotations

import hashlib
import http.client
import json
import os
import subprocess
import tarfile
import tempfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO, Any
from urllib.parse import urlsplit

from bench.images.commands import run

_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
_CONFIG, _LAYER = "application/vnd.oci.image.config.v1+json", "application/vnd.oci.image.layer.v1.tar+gzip"
_GZIP = 31  # zlib's word for its format
_FILE = 400 << 10
_LAYERS = 6


@dataclass(frozen=True)
class Base:
    """``name`` is its path and tag at the registry's host; sizes in bytes, of what it holds and in the registry."""

    name: str
    unpacked: int
    packed: int
    layers: tuple[str, ...]

    def at(self, host: str) -> str:
        """Its whole name."""
        return f"{host}/{self.name}"


def python_base(host: str, name: str, image: str) -> Base:
    """One layer, of the size of ``image``."""
    return _pushed(host, name, image, [_exported(image)])


def large_base(host: str, name: str, image: str, size: int) -> Base:
    """``size`` bytes, unpacked, in seven layers."""
    lowest = _exported(image)
    each = (size - _length(lowest)) // _LAYERS
    return _pushed(host, name, image, [lowest, *(_layer(number, each) for number in range(_LAYERS))])


# -- layers ----------------------------------------------------------------------------------------


def _exported(image: str) -> IO[bytes]:
    """All files of an image as one tar, with one more in front, so that it is like no other."""
    container = run("docker", "create", image, "true").strip()
    try:
        file = _scratch()
        _add(file, "usr/share/ciao-bench/salt", os.urandom(16))
        file.flush()
        subprocess.run(["docker", "export", container], stdout=file, check=True, timeout=300)
    finally:
        run("docker", "rm", container)
    return file


def _layer(number: int, size: int) -> IO[bytes]:
    """Files of which one half cannot be compressed, as libraries have them."""
    file = _scratch()
    line = f"layer {number}: a line of text that is much like the next one\n".encode()
    for at in range(size // _FILE):
        half = _FILE // 2
        _add(file, f"usr/share/ciao-bench/{number}/{at}", os.urandom(half) + (line * (half // len(line) + 1))[:half])
    file.write(b"\0" * 2 * tarfile.BLOCKSIZE)
    return file


def _add(file: IO[bytes], name: str, content: bytes) -> None:
    info = tarfile.TarInfo(name)
    info.size = len(content)
    file.write(info.tobuf())
    file.write(content)
    file.write(b"\0" * (-len(content) % tarfile.BLOCKSIZE))


def _scratch() -> IO[bytes]:
    return tempfile.TemporaryFile(prefix="ciao-bench-")


def _length(file: IO[bytes]) -> int:
    file.flush()
    return os.fstat(file.fileno()).st_size


# -- the registry ----------------------------------------------------------------------------------


def _pushed(host: str, name: str, image: str, tars: list[IO[bytes]]) -> Base:
    path, _, tag = name.partition(":")
    where = _Repository(host, path)
    size, packed, layers, diffs = 0, 0, [], []
    for tar in tars:
        with tar, _scratch() as blob:
            diffs.append(_packed(tar, blob))
            layers.append(where.upload(_LAYER, blob))
            size, packed = size + _length(tar), packed + _length(blob)
    with _scratch() as blob:
        blob.write(json.dumps(_config(image, diffs)).encode())
        config = where.upload(_CONFIG, blob)
    where.tag(tag, {"schemaVersion": 2, "mediaType": _MANIFEST, "config": config, "layers": layers})
    return Base(name, size, packed, tuple(str(each["digest"]) for each in layers))


def _packed(tar: IO[bytes], packed: IO[bytes]) -> str:
    """The digest of the tar; ``packed`` gets it compressed."""
    whole, gzip = hashlib.sha256(), zlib.compressobj(1, wbits=_GZIP)
    for piece in _pieces(tar):
        whole.update(piece)
        packed.write(gzip.compress(piece))
    packed.write(gzip.flush())
    return f"sha256:{whole.hexdigest()}"


def _pieces(file: IO[bytes]) -> Iterator[bytes]:
    """From its beginning."""
    file.seek(0)
    while piece := file.read(1 << 20):
        yield piece


def _config(image: str, diffs: list[str]) -> dict[str, Any]:
    """The image's own, with these layers."""
    (found,) = json.loads(run("docker", "image", "inspect", image))
    running = {key: found["Config"].get(key) for key in ("Env", "Cmd", "Entrypoint", "WorkingDir", "User")}
    return {
        "architecture": found["Architecture"],
        "os": found["Os"],
        "config": {key: value for key, value in running.items() if value},
        "rootfs": {"type": "layers", "diff_ids": diffs},
        "history": [{"created": "1970-01-01T00:00:00Z", "created_by": "bench"} for _ in diffs],  # buildah insists
    }


@dataclass(frozen=True)
class _Repository:
    host: str
    path: str

    def upload(self, kind: str, blob: IO[bytes]) -> dict[str, str | int]:
        """Its descriptor."""
        whole = hashlib.sha256()
        for piece in _pieces(blob):
            whole.update(piece)
        digest, size = f"sha256:{whole.hexdigest()}", _length(blob)
        location = urlsplit(self._ask("POST", f"/v2/{self.path}/blobs/uploads/", b"", 202))
        blob.seek(0)
        self._ask("PUT", f"{location.path}?{location.query}&digest={digest}", blob, 201, {"Content-Length": str(size)})
        return {"mediaType": kind, "digest": digest, "size": size}

    def tag(self, tag: str, manifest: dict[str, Any]) -> None:
        kind = {"Content-Type": _MANIFEST}
        self._ask("PUT", f"/v2/{self.path}/manifests/{tag}", json.dumps(manifest).encode(), 201, kind)

    def _ask(self, verb: str, url: str, body: Any, fine: int, headers: dict[str, str] | None = None) -> str:
        """The answer's Location."""
        connection = http.client.HTTPConnection(self.host, timeout=120)
        try:
            connection.request(verb, url, body, headers or {})
            answer = connection.getresponse()
            said = answer.read()
            if answer.status != fine:
                raise RuntimeError(f"{verb} {url}: {answer.status} {said[:300]!r}")
            return answer.headers.get("Location", "")
        finally:
            connection.close()
