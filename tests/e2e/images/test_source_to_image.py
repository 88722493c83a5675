"""The builder ``s2i`` with the tool, a real daemon and a real registry."""

from __future__ import annotations

import asyncio
import os
import time
import uuid
from pathlib import Path
from typing import Any

import pytest

from ciao.adapters.s2i.source_to_image import create
from ciao.core.errors import SourceError, TargetError
from ciao.core.events import Progress
from ciao.core.model import Image, Source

from ..commands import call, has
from ..registry import push
from .wired import settings, spec, wiring

PYTHON = os.environ.get("CIAO_E2E_PYTHON_IMAGE") or "python:3.12-slim"
DOCKERFILE = f"""\
FROM {PYTHON}
LABEL io.openshift.s2i.scripts-url=image:///usr/libexec/s2i
COPY assemble run /usr/libexec/s2i/
RUN ["mkdir", "-p", "/opt/app-root/src"]
RUN ["chown", "1001", "/opt/app-root/src"]
WORKDIR /opt/app-root/src
USER 1001
"""
ASSEMBLE = """\
#!/bin/sh -e
echo copying
cp -Rf /tmp/src/. ./
[ ! -f slow ] || { cat slow; sleep 60; }
[ ! -f bad ] || { echo why it fails >&2; exit 3; }
[ ! -f requirements.txt ] || cat requirements.txt
"""

pytestmark = pytest.mark.skipif(not has("s2i"), reason="the tool s2i is not on PATH")


@pytest.fixture
def builder(registry: Any, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A builder image as the ones of sclorg are, in the registry."""
    folder, name = tmp_path_factory.mktemp("builder"), f"ciao-e2e-builder-{uuid.uuid4().hex[:8]}"
    for file, text in {"Dockerfile": DOCKERFILE, "assemble": ASSEMBLE, "run": "#!/bin/sh\n"}.items():
        (folder / file).write_text(text)
        (folder / file).chmod(0o755)
    call("docker", "build", "--quiet", "--tag", name, str(folder))
    try:
        return push(name, registry.host, "base/builder")
    finally:
        call("docker", "rmi", name)


def build(source: Source, given: dict[str, str], **environ: str) -> tuple[Image, list[Progress]]:
    """What one builder makes of a source, and what it reports."""
    told: list[Progress] = []

    async def main() -> Image:
        client = create(wiring(given, environ))
        try:
            return await client.source_to_image(source, spec(), told.append)
        finally:
            await client.close()

    return asyncio.run(main()), told


def left(seconds: float = 60) -> str:
    """What a build has left at the daemon; builds of other processes are there for seconds, too."""
    first, end = set(_there().split()), time.monotonic() + seconds
    while (still := first & set(_there().split())) and time.monotonic() < end:
        time.sleep(0.5)
    return "\n".join(sorted(still))


def _there() -> str:
    containers = call("docker", "ps", "--all", "--format", "{{.Names}}")
    images = call("docker", "images", "--format", "{{.Repository}}")
    return "\n".join(each for each in (containers + images).splitlines() if "ciao-s2i-" in each or "ciao_s2i" in each)


def test_the_builder_image_puts_the_source_into_itself(registry: Any, builder: str, tmp_path: Path) -> None:
    """Its working directory is where the source is; the image runs the cell, and the second time nothing is built."""
    (tmp_path / "it's $(a).csv").write_text("1,2")
    source = Source(code='print(open("it\'s $(a).csv").read())\n', files=("*.csv",), directory=str(tmp_path))
    given = settings(registry.host, builder, tmp_path / "more")
    image, told = build(source, given)
    assert "copying" in [each.what for each in told]
    assert build(source, given) == (image, [])
    assert image.source == "/opt/app-root/src"
    reference = f"{image.reference.rpartition(':')[0]}@{image.digest}"
    try:
        assert call("docker", "run", "--rm", reference).strip() == "1,2"
    finally:
        call("docker", "rmi", reference)
    assert left() == ""


def test_packages_are_a_requirements_file(registry: Any, builder: str, tmp_path: Path) -> None:
    """With the index in front: the builder image installs them."""
    given = settings(registry.host, builder, tmp_path / "more", **{"pip.index": "http://index.invalid/simple"})
    _, told = build(Source(code="", pip=("b>=2", "A.c"), directory=str(tmp_path)), given)
    wanted = ["--index-url http://index.invalid/simple", "--trusted-host index.invalid", "a-c", "b>=2"]
    lines = [each.what for each in told]
    assert lines[lines.index(wanted[0]) :][:4] == wanted


def test_what_assemble_says_last_is_in_the_error(registry: Any, builder: str, tmp_path: Path) -> None:
    """A SourceError, and nothing is left."""
    (tmp_path / "bad").touch()
    given = settings(registry.host, builder, tmp_path / "more")
    with pytest.raises(SourceError, match="could not put the source into itself") as error:
        build(Source(code="", files=("bad",), directory=str(tmp_path)), given)
    assert "why it fails" in str(error.value)
    assert left() == ""


def test_an_image_without_scripts_is_none_for_it(registry: Any, tmp_path: Path) -> None:
    """Said in a sentence, with another builder as the way out."""
    plain = push(PYTHON, registry.host, "base/python")
    with pytest.raises(SourceError, match=r"is no builder image of source-to-image.*\n.*%s2i=registry"):
        build(Source(code=""), settings(registry.host, plain, tmp_path))


def test_without_the_tool_it_is_said_where_it_is(registry: Any, builder: str, tmp_path: Path) -> None:
    """A TargetError: the machine lacks it."""
    with pytest.raises(TargetError, match=r"github\.com/openshift/source-to-image"):
        build(Source(code=""), settings(registry.host, builder, tmp_path), PATH=str(tmp_path))


def test_a_cancelled_build_leaves_nothing(registry: Any, builder: str, tmp_path: Path) -> None:
    """No container, no image, no tag."""
    (tmp_path / "slow").write_text("slow\n")
    given = settings(registry.host, builder, tmp_path / "more")

    async def main() -> None:
        client, running = create(wiring(given)), asyncio.Event()
        source = Source(code="", files=("slow",), directory=str(tmp_path))

        def report(progress: Progress) -> None:
            if progress.what == "slow":
                running.set()

        task = asyncio.ensure_future(client.source_to_image(source, spec(), report))
        await asyncio.wait_for(running.wait(), 30)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await client.close()

    asyncio.run(main())
    assert left() == ""
