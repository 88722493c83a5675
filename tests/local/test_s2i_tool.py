"""The tool source-to-image, played by a script: how it is called, what it says, and how it ends."""

from __future__ import annotations

import asyncio
import os
import time
from pathlib import Path

import pytest

from ciao.adapters.memory import MemoryWorkspace
from ciao.adapters.s2i.apart import Cancelled, Stop, apart
from ciao.adapters.s2i.content import gather
from ciao.adapters.s2i.source_to_image.builder import with_requirements
from ciao.adapters.s2i.source_to_image.tool import Tool, located
from ciao.core.errors import CiaoError, SourceError, TargetError
from ciao.core.events import Progress
from ciao.core.model import Source


def tool(folder: Path, script: str, grace: float = 5.0) -> Tool:
    """A program that does what a shell script says."""
    program = folder / "s2i"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    environ = {"PATH": f"{folder}:{os.environ['PATH']}"}
    return Tool(program=located(environ), image="reg.test/builder:1", environ=environ, grace=grace)


def run(found: Tool, folder: Path, stop: Stop | None = None) -> list[str]:
    """The lines that are told of one build."""
    told: list[Progress] = []
    found.build(folder, "localhost/x:builder", "localhost/x:result", stop or Stop(), told.append)
    return [each.what for each in told]


def test_it_is_called_with_files_and_pulls_nothing(tmp_path: Path) -> None:
    """In the source's directory; its lines are told, but for those that say nothing to anybody."""
    said = run(tool(tmp_path, 'echo "Checking if image is there"; echo "$@"; ls; echo on $1 >&2'), tmp_path)
    assert said == ["build . reg.test/builder:1 localhost/x:result --copy --pull-policy=never", "s2i", "on build"]


@pytest.mark.parametrize(
    ("script", "kind", "message"),
    [
        ("echo why it fails; exit 3", SourceError, "builder:1 could not put the source into itself.*\n.*why it fails"),
        ("echo 'ERROR: failed to install [assemble run]'; exit 11", SourceError, "builder:1 is no builder image"),
        ("echo 'FATAL: Cannot connect to the Docker daemon at x'; exit 1", TargetError, "does not answer"),
    ],
    ids=["assemble", "no scripts", "no daemon"],
)
def test_each_end_has_its_meaning(script: str, kind: type[CiaoError], message: str, tmp_path: Path) -> None:
    """What the builder image cannot do is the user's; a daemon is not."""
    with pytest.raises(kind, match=message):
        run(tool(tmp_path, script), tmp_path)


def test_a_tool_that_is_not_there_is_told_with_where_it_is(tmp_path: Path) -> None:
    """On the session's PATH."""
    with pytest.raises(TargetError, match=r"s2i on \$PATH"):
        located({"PATH": str(tmp_path)})


def test_cancelled_it_is_asked_to_end(tmp_path: Path) -> None:
    """So that it can remove its container."""
    script = f"trap 'echo asked > {tmp_path}/asked; exit 1' TERM; echo begun; while :; do sleep 0.05; done"

    async def main() -> None:
        loop, begun = asyncio.get_running_loop(), asyncio.Event()

        def work(stop: Stop) -> None:
            found = tool(tmp_path, script)
            found.build(tmp_path, "a", "b", stop, lambda _: loop.call_soon_threadsafe(begun.set) and None)

        task = asyncio.ensure_future(apart(work))
        await begun.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())
    assert (tmp_path / "asked").read_text() == "asked\n"


def test_cancelled_before_it_began_it_does_not_end_well(tmp_path: Path) -> None:
    """Whatever it would have made."""
    stop = Stop()
    stop.set()
    with pytest.raises(Cancelled):
        run(tool(tmp_path, "sleep 30"), tmp_path, stop)


def test_requirements_are_a_file_of_the_source() -> None:
    """Sorted, in their normal form, the index in front; a second one of the user's is refused."""
    workspace = MemoryWorkspace({"requirements.txt": b"x"})
    found = with_requirements(gather(Source(code=""), workspace, 1000), ("B_c>=1", "a"), "https://i.test/simple")
    (entry,) = [each for each in found.entries if each.path == "requirements.txt"]
    assert entry.content == b"--index-url https://i.test/simple\na\nb-c>=1\n"
    theirs = gather(Source(code="", files=("requirements.txt",), directory="/work"), workspace, 1000)
    with pytest.raises(SourceError, match=r"%file brings another"):
        with_requirements(theirs, ("a",), "")


def test_a_child_that_the_tool_leaves_behind_is_ended_too(tmp_path: Path) -> None:
    """It holds the tool's output, and nobody would hear the end of it."""
    script = "(trap '' TERM; echo begun; sleep 30) & exit 0"

    async def main() -> None:
        loop, begun = asyncio.get_running_loop(), asyncio.Event()

        def work(stop: Stop) -> None:
            found = tool(tmp_path, script, grace=0.1)
            found.build(tmp_path, "a", "b", stop, lambda _: loop.call_soon_threadsafe(begun.set) and None)

        task = asyncio.ensure_future(apart(work, grace=20))
        await begun.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    began = time.monotonic()
    asyncio.run(main())
    assert time.monotonic() - began < 10
