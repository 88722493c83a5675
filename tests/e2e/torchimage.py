"""An image with PyTorch's CPU build, made from the image that replicas run.

Where this environment's PyTorch fits the image (same Python, same C library, same processor) its files are copied: no
download, and what was tested here runs there. Else the image's own pip gets it from PyTorch's index of CPU builds. A
build is kept under a name that says what it was made from, so it is made once.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import io
import json
import re
import sysconfig
import tarfile
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO, Any

from .nodeimages import remove_others
from .wanted import CPU_INDEX

REPOSITORY = "ciao-e2e-torch"
_RECIPE = "1"  # raise it when an image must be made anew
_ASKED = (
    "import json, sysconfig; print(json.dumps([sysconfig.get_config_var('SOABI'), sysconfig.get_paths()['purelib']]))"
)
# A third of the package: what only its own tests and C++ programs need.
_LEFT_OUT = re.compile(r"torch/(test|include|share)/|torch/bin/(?!torch_shm_manager)|.*\.(pyc|a)$|\.\./")
_BESIDES = ("torch", "numpy")  # without numpy torch warns at its import


def torch_image(client: Any, base: Any) -> tuple[str, str]:
    """Its name, or why there is none."""
    abi, folder = json.loads(client.containers.run(base.id, ["python", "-c", _ASKED], remove=True))
    here = _version() if abi == sysconfig.get_config_var("SOABI") else ""
    made_from = json.dumps([_RECIPE, base.id, here])
    name = f"{REPOSITORY}:{hashlib.sha256(made_from.encode()).hexdigest()[:12]}"
    if not client.images.list(name=name):
        with _copied(base, folder) if here else _installed(base) as context:
            if trouble := _build(client, context, name):
                return "", f"no image with PyTorch can be made: {trouble}"
        remove_others(client, REPOSITORY, kept=name)
    return name, ""


def _version() -> str:
    try:
        return importlib.metadata.version("torch")
    except importlib.metadata.PackageNotFoundError:
        return ""


def _build(client: Any, context: IO[bytes], name: str) -> str:
    """Why it failed; "" when it did not."""
    last = ""
    for message in client.api.build(fileobj=context, custom_context=True, tag=name, rm=True, decode=True):
        if "error" in message:
            return f"{message['error'].strip()} ({last})" if last else str(message["error"])
        last = message.get("stream", "").strip() or last
    return ""


def _installed(base: Any) -> IO[bytes]:
    """The context of a build in which the image's pip installs it."""
    install = f"pip install --no-cache-dir --retries 0 --timeout 15 --index-url {CPU_INDEX} {' '.join(_BESIDES)}"
    return _context(f"FROM {base.id}\nRUN {install}\n")


def _copied(base: Any, folder: str) -> IO[bytes]:
    """The context of a build in which this environment's files are copied into the image's site-packages."""
    return _context(f"FROM {base.id}\nCOPY site {folder}\n", _files())


def _context(dockerfile: str, files: Iterable[tuple[Path, str]] = ()) -> IO[bytes]:
    context: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - the caller closes it
    with tarfile.open(fileobj=context, mode="w") as tar:
        info = tarfile.TarInfo("Dockerfile")
        info.size = len(dockerfile)
        tar.addfile(info, io.BytesIO(dockerfile.encode()))
        for path, name in files:
            tar.add(path, f"site/{name}", recursive=False, filter=_readable)
    context.seek(0)
    return context


def _readable(info: tarfile.TarInfo) -> tarfile.TarInfo:
    """For everybody: replicas do not run as root."""
    info.uid = info.gid = 0
    info.mode |= 0o444
    return info


def _files() -> Iterator[tuple[Path, str]]:
    for distribution in _needed():
        for file in distribution.files or ():
            path = Path(str(distribution.locate_file(file)))
            if path.is_file() and not _LEFT_OUT.match(str(file)):
                yield path, str(file)


def _needed() -> list[importlib.metadata.Distribution]:
    """The distributions of ``_BESIDES`` and all that they require."""
    from packaging.requirements import Requirement

    found: dict[str, importlib.metadata.Distribution] = {}
    left = list(_BESIDES)
    while left:
        name = re.sub(r"[-_.]+", "-", left.pop()).lower()
        if name in found:
            continue
        found[name] = importlib.metadata.distribution(name)
        wanted = [Requirement(each) for each in found[name].requires or ()]
        left += [each.name for each in wanted if each.marker is None or each.marker.evaluate({"extra": ""})]
    return list(found.values())
