"""The contract of ``S2IClient`` as a test class: what every builder promises, whether it makes images or mounts files.

A subclass supplies ``tree``; one that makes images ``files_in`` and ``tags``, too, and ``uploaded`` where it is known.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from typing import Protocol, TypeVar

import pytest
from attrs import evolve

from ciao.core.errors import SourceError
from ciao.core.events import Progress
from ciao.core.model import Artifact, Image, JobSpec, Mounted, Role, Source, SourceFile
from ciao.core.ports import Report, S2IClient

T = TypeVar("T")
SPEC = JobSpec(name="ciao-contract", framework="pytorch", target="", roles=(Role("master", 1),))
SOURCE = Source(code="print('é')\n", label="Cell In [1]", modules=(SourceFile("ciao_names.py", b"lr = 0.1\n"),))
PROJECT: Mapping[str, bytes] = {
    "train.py": b"import net\n",
    "data/a.csv": b"1,2\n",
    "data/b.csv": b"3,4,5\n",
    "src/net.py": b"\xff binary \x00",
    "src/run.sh": b"#!/bin/sh\n",
}
ODD: Mapping[str, bytes] = {
    "odd/with space.txt": b"space",
    "odd/ünïcode-名前.txt": b"unicode",
    "odd/-dash": b"no option",
    "odd/$(touch it)'\"`.txt": b"no command",
    "odd/one/two/three/four.bin": bytes(range(256)),
    "odd/empty": b"",
}
_LARGE = 10 << 20


class Build(Protocol):
    """Build a source of the client's directory."""

    def __call__(self, source: Source, report: Report = ..., /) -> Awaitable[Artifact]: ...


Story = Callable[[Build], Awaitable[T]]


class S2IClientContract:
    """Every promise of ``S2IClient`` that can be checked anywhere.

    ``limit``: bytes of files that the client of ``tree`` takes, no more. ``files_travel`` False: the user's files stay
    where they are, and replicas run there. ``requirements``: names of ``%pip`` that can be installed; none are tried
    where there are none.
    """

    limit: int = 16 << 20
    files_travel: bool = True
    requirements: tuple[str, ...] = ()

    # -- what a subclass supplies -------------------------------------------------------------------

    def tree(self, files: Mapping[str, bytes], executable: Collection[str] = ()) -> tuple[S2IClient, str]:
        """A client over a workspace with these files, and their directory. It is called on the loop that the client is
        used on. All clients of one test push to one repository, which is empty at the test's beginning.
        """
        raise NotImplementedError

    def spec(self) -> JobSpec:
        """A job whose image the client can build on."""
        return SPEC

    def files_in(self, image: Image) -> Mapping[str, bytes]:
        """The files below ``image.source``, by their paths in it, as who pulls the image finds them."""
        raise NotImplementedError

    def tags(self) -> Collection[str]:
        """All tags of images with a source in the repository that is pushed to."""
        return ()

    def uploaded(self) -> int | None:
        """Bytes that the registry has received since the test began; None where nobody counts them."""
        return None

    # -- the promises -------------------------------------------------------------------------------

    def test_the_same_source_is_the_same_artifact(self) -> None:
        """The same digest, and the second time nothing is uploaded."""
        told: list[Progress] = []

        async def twice(build: Build) -> tuple[Artifact, Artifact, int | None, int | None]:
            first = await build(SOURCE)
            before = self.uploaded()
            return first, await build(SOURCE, told.append), before, self.uploaded()

        first, second, before, after = self.using(twice)
        assert first == second
        assert first.digest.startswith("sha256:")
        assert before == after
        if isinstance(second, Image):
            assert not [each for each in told if each.total]

    def test_another_client_finds_what_is_there(self) -> None:
        """A new kernel, and the same project in another directory: the same digest, and nothing is uploaded."""
        source = evolve(SOURCE, files=("data", "src"))
        first = self.built(source)
        before = self.uploaded()
        assert self.built(source).digest == first.digest
        assert self.uploaded() == before

    def test_another_source_is_another_artifact(self) -> None:
        """A byte of code or of a module, or a module's name, makes another digest."""
        others = (
            evolve(SOURCE, code="print('è')\n"),
            evolve(SOURCE, modules=(SourceFile("ciao_names.py", b"lr = 0.2\n"),)),
            evolve(SOURCE, modules=(SourceFile("ciao_name.py", b"lr = 0.1\n"),)),
        )
        self.all_differ([(source, PROJECT, ()) for source in (SOURCE, *others)])

    def test_another_file_is_another_artifact(self) -> None:
        """A byte of a file that travels, or of its name, makes another digest."""
        self.needs_files()
        others: tuple[Mapping[str, bytes], ...] = (
            {**PROJECT, "data/b.csv": b"3,4,6\n"},
            {**PROJECT, "data/c.csv": b""},
            {"data/A.csv" if path == "data/a.csv" else path: content for path, content in PROJECT.items()},
        )
        source = evolve(SOURCE, files=("data",))
        self.all_differ([(source, files, ()) for files in (PROJECT, *others)])

    def test_an_executable_file_is_another_artifact(self) -> None:
        """The executable bit travels in an image."""
        source = evolve(SOURCE, files=("src",))
        if isinstance(self.built(source), Image):
            self.all_differ([(source, PROJECT, ()), (source, PROJECT, ("src/run.sh",))])

    def test_another_requirement_is_another_artifact(self) -> None:
        """So is a source without any."""
        if not self.requirements:
            pytest.skip("nothing can be installed here")
        found = [
            self.built(evolve(SOURCE, pip=self.requirements[:count])) for count in range(len(self.requirements) + 1)
        ]
        assert len({each.digest for each in found}) == len(found)

    def test_what_travels_is_what_was_given(self) -> None:
        """The cell as UTF-8, its runner, the modules and the selected files, each byte of them and no other file."""
        found = self.contents(evolve(SOURCE, files=("data/*.csv", "src")), PROJECT)
        assert found.pop("cell.py") == SOURCE.code.encode()
        assert found.pop("ciao_names.py") == b"lr = 0.1\n"
        assert b"cell.py" in found.pop("ciao_replica.py")
        assert found == {path: content for path, content in PROJECT.items() if self.files_travel and path != "train.py"}

    def test_files_travel_whatever_their_names(self) -> None:
        """Spaces, other alphabets, what a shell would run, several directories, nothing inside."""
        self.needs_files()
        found = self.contents(evolve(SOURCE, files=("odd",)), ODD)
        assert {path: content for path, content in found.items() if path.startswith("odd/")} == ODD

    def test_large_files_travel(self) -> None:
        """10 MiB, each byte of them."""
        self.needs_files()
        large = random.Random(0).randbytes(_LARGE)  # noqa: S311 - bytes that no compression makes small
        assert self.contents(evolve(SOURCE, files=("*.bin",)), {"large.bin": large})["large.bin"] == large

    def test_a_file_that_does_not_exist_is_the_users_mistake(self) -> None:
        """A pattern that matches nothing is a SourceError that names it."""
        with pytest.raises(SourceError, match="no-such-file"):
            self.built(evolve(SOURCE, files=("data", "no-such-file")))

    def test_secrets_do_not_travel(self) -> None:
        """A file whose name looks like credentials is a SourceError that names it, unless it was named in full."""
        self.needs_files()
        files = {**PROJECT, "src/.env": b"TOKEN=1", "src/key.pem": b"-----BEGIN"}
        with pytest.raises(SourceError, match=r"src/\.env") as error:
            self.built(evolve(SOURCE, files=("src",)), files)
        assert "src/key.pem" in str(error.value)
        found = self.contents(evolve(SOURCE, files=("src", "src/.env", "src/key.pem")), files)
        assert found["src/.env"] == b"TOKEN=1"

    def test_too_much_does_not_travel(self) -> None:
        """More than the limit is a SourceError that names the largest file, and nothing is uploaded."""
        self.needs_files()
        before = self.uploaded()
        files = {"data/huge.bin": bytes(self.limit), "data/small.bin": b"1"}
        with pytest.raises(SourceError, match="huge"):
            self.built(evolve(SOURCE, files=("data",)), files)
        assert (self.uploaded(), set(self.tags())) == (before, set())

    def test_a_file_with_a_name_of_ciaos_is_refused(self) -> None:
        """SourceError: one of the two could not travel."""
        self.needs_files()
        with pytest.raises(SourceError, match=r"cell\.py"):
            self.built(evolve(SOURCE, files=("cell.py",)), {"cell.py": b"mine"})

    @pytest.mark.parametrize("report", [True, False], ids=["when it reports", "at once"])
    def test_a_cancelled_build_publishes_nothing(self, report: bool) -> None:
        """There is no tag, neither then nor later; and the next build does all that is needed."""
        cancelled = self.using(lambda build: _cancelled(build, report))
        if cancelled:
            assert not set(self.tags())
        assert self.contents(SOURCE, PROJECT)["cell.py"] == SOURCE.code.encode()

    def test_closed_again_it_does_nothing(self) -> None:
        """Nor when it was never used."""

        async def nothing(build: Build) -> None:
            pass

        self.using(nothing)  # which closes twice

    def test_a_preview_is_what_a_build_comes_to(self) -> None:
        """The same artifact, without a digest as long as the image is not there; and it makes none."""

        async def main() -> tuple[Artifact, Artifact, Artifact]:
            client, directory = self.tree(PROJECT)
            source = evolve(SOURCE, directory=directory)
            try:
                before, tags = await client.preview(source, self.spec()), self.tags()
                assert not tags
                built = await client.source_to_image(source, self.spec(), lambda _: None)
                return before, built, await client.preview(source, self.spec())
            finally:
                await client.close()

        before, built, after = asyncio.run(main())
        assert after == built
        if isinstance(built, Image) and isinstance(before, Image):
            assert (before.reference, before.digest) == (built.reference, "")
        else:
            assert before == built

    # -- how they are checked -----------------------------------------------------------------------

    def needs_files(self) -> None:
        """Skip where files do not travel."""
        if not self.files_travel:
            pytest.skip("files stay where they are")

    def using(self, story: Story[T], files: Mapping[str, bytes] = PROJECT, executable: Collection[str] = ()) -> T:
        """Run a story with a client on a loop of its own; it is closed at the end, twice."""

        async def main() -> T:
            client, directory = self.tree(files, executable)

            async def build(source: Source, report: Report = lambda _: None) -> Artifact:
                return await client.source_to_image(evolve(source, directory=directory), self.spec(), report)

            try:
                return await story(build)
            finally:
                await client.close()
                await client.close()

        return asyncio.run(main())

    def built(self, source: Source, files: Mapping[str, bytes] = PROJECT, executable: Collection[str] = ()) -> Artifact:
        """One source, built by a client of its own."""
        return self.using(lambda build: build(source), files, executable)

    def all_differ(self, projects: Sequence[tuple[Source, Mapping[str, bytes], Collection[str]]]) -> None:
        """(source, files, the executable ones) of each are built, all at once, and no two have one digest."""

        async def one(source: Source, files: Mapping[str, bytes], executable: Collection[str]) -> Artifact:
            client, directory = self.tree(files, executable)
            try:
                return await client.source_to_image(evolve(source, directory=directory), self.spec(), lambda _: None)
            finally:
                await client.close()

        async def every() -> list[Artifact]:
            return await asyncio.gather(*(one(*each) for each in projects))

        found = asyncio.run(every())
        assert len({each.digest for each in found}) == len(found)

    def contents(self, source: Source, files: Mapping[str, bytes]) -> dict[str, bytes]:
        """The files that a replica finds, but those that stayed where they were."""
        artifact = self.built(source, files)
        if isinstance(artifact, Mounted):
            return {each.path: each.content for each in artifact.files}
        return dict(self.files_in(artifact))


async def _cancelled(build: Build, when_it_reports: bool) -> bool:
    """Whether a build was cancelled before it was done: with its first report, or as soon as it had begun."""
    loop = asyncio.get_running_loop()

    def heard(_: Progress) -> None:
        if when_it_reports:
            loop.call_soon_threadsafe(task.cancel)  # whichever thread it reports from

    task = asyncio.ensure_future(build(SOURCE, heard))
    await asyncio.sleep(0)
    if not when_it_reports:
        task.cancel()
    try:
        await task
    except asyncio.CancelledError:
        return True
    return False
