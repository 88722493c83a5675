"""One image by source-to-image, from a builder image to a push. Blocking: in a thread of its own.

The builder image gets a name of this build's own, so that the tool asks no registry for it, and its container, which it
names after the image, can be told from others. At the end no name, container or directory of it is left.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from attrs import field, frozen

from ciao.adapters.oci.bases import Base
from ciao.adapters.s2i.apart import Stop
from ciao.adapters.s2i.content import Content, Entry, changed
from ciao.adapters.s2i.context import empty
from ciao.adapters.s2i.destination import BASE_LABEL, BUILDER_LABEL, KEY_LABEL
from ciao.adapters.s2i.docker.client import connected, heard, inspected, interruptible
from ciao.adapters.s2i.docker.engine import built
from ciao.adapters.s2i.docker.faults import of_registry
from ciao.adapters.s2i.docker.messages import Said
from ciao.adapters.s2i.docker.pushing import Target, pushed, untagged
from ciao.adapters.s2i.dockerfile import labelled
from ciao.adapters.s2i.engine import Build
from ciao.adapters.s2i.madeonce import pinned
from ciao.adapters.s2i.source_to_image.tool import Tool, located
from ciao.core.errors import TargetError
from ciao.core.ports import Report

if TYPE_CHECKING:
    from docker import APIClient

NAME = "s2i"
_PIECE = 1 << 20


@frozen(kw_only=True)
class Order:
    """What is made: ``content`` by the builder image ``base``, which is pulled with ``login``. ``name``: this build's,
    unlike any other's.
    """

    base: Base
    content: Content
    tag: str
    python: str
    name: str
    login: Mapping[str, str] = field(repr=False, factory=dict)

    @property
    def repository(self) -> str:
        """What its images are called on the way. Nothing answers there, so nobody is asked for long."""
        return f"localhost/ciao-s2i-{self.name.lower()}"


def made(order: Order, target: Target, environ: Mapping[str, str], stop: Stop, report: Report) -> str:
    """The digest of what was pushed."""
    program = located(environ)
    with connected(environ) as client, _written(order.content, stop) as directory:
        _pulled(client, order, stop, report)
        with _named(client, order):
            builder, result = f"{order.repository}:builder", f"{order.repository}:result"
            tool = Tool(program=program, environ=environ, image=order.base.name)
            tool.build(directory, builder, result, stop, report)
            said = inspected(client, result)["Config"].get("WorkingDir") or ""
            image = built(client, _labels(order, result, said), stop, lambda _: None)
            return pushed(client, image, target, stop, report)


def _labels(order: Order, image: str, directory: str) -> Build:
    """What the tool made, under the name of what it was made of, and so that it runs the cell."""
    labels = (
        (KEY_LABEL, order.tag), (BUILDER_LABEL, NAME), (BASE_LABEL, order.base.digest),
        ("io.openshift.s2i.build.image", order.base.name), ("io.k8s.display-name", order.tag),
    )  # fmt: skip
    text = labelled(image, directory, python=order.python, labels=labels)
    return Build(dockerfile=text, context=empty(order.content.workspace), tag=order.tag)


def _pulled(client: APIClient, order: Order, stop: Stop, report: Report) -> None:
    """The builder image is at the daemon. TargetError when it cannot be."""
    from docker.errors import ImageNotFound

    base = pinned(order.base)
    with suppress(ImageNotFound):
        inspected(client, str(base))
        return
    said = Said(f"pull {order.base.name}")
    with interruptible(client, stop):
        stream = client.pull(base.repository, tag=base.digest, stream=True, decode=True, auth_config=dict(order.login))
        heard(stream, said, stop, report)
    if said.error:
        raise of_registry("Pulling", str(base), said.error)


@contextmanager
def _named(client: APIClient, order: Order) -> Iterator[None]:
    client.tag(str(pinned(order.base)), order.repository, "builder", force=True)
    try:
        yield
    finally:
        _sweep(client, order)
        for tag in ("result", "builder"):
            untagged(client, f"{order.repository}:{tag}")


def _sweep(client: APIClient, order: Order) -> None:
    """Containers that the tool has left: it was killed."""
    import requests
    from docker.errors import DockerException

    name = "".join(each if each.isalnum() else "_" for each in order.repository)
    with suppress(DockerException, requests.exceptions.RequestException):
        for each in client.containers(all=True, quiet=True, filters={"name": f"s2i_{name}_"}):
            client.remove_container(each["Id"], force=True, v=True)


@contextmanager
def _written(content: Content, stop: Stop) -> Iterator[Path]:
    """The files in a directory of their own, for as long as the tool needs it."""
    with _room():
        folder = tempfile.TemporaryDirectory(prefix="ciao-s2i-", ignore_cleanup_errors=True)
    with folder as name:
        for entry in content.entries:
            _write(content, entry, Path(name) / entry.path, stop)
        yield Path(name)


def _write(content: Content, entry: Entry, path: Path, stop: Stop) -> None:
    with _room():
        path.parent.mkdir(parents=True, exist_ok=True)
        written = path.open("wb")
    with written, content.open(entry) as read:
        while piece := read.read(_PIECE):
            stop.check()
            with _room():
                written.write(piece)
                written.flush()
    path.chmod(0o755 if entry.executable else 0o644)
    if path.stat().st_size != entry.size:
        raise changed(entry.path)


@contextmanager
def _room() -> Iterator[None]:
    """TargetError for a disk that does not take the files; it is told apart from one that does not give them."""
    try:
        yield
    except OSError as error:
        raise TargetError(
            f"The files for source-to-image cannot be written to {tempfile.gettempdir()}: {error.strerror}. "
            "Make room there, or name another directory (TMPDIR)."
        ) from error
