"""The contracts of ``Workspace`` and ``S2IClient`` as test classes.

A subclass supplies ``tree``: the port over some files, and the directory that they are in.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

import pytest
from attrs import evolve

from ciao.core.errors import SourceError
from ciao.core.events import Progress
from ciao.core.model import Artifact, Image, JobSpec, Mounted, Role, Source, SourceFile
from ciao.core.ports import S2IClient, Workspace

FILES: Mapping[str, bytes] = {
    "train.py": b"import net\n",
    "data/a.csv": b"1,2\n",
    "data/b.csv": b"3,4,5\n",
    "data/.cache": b"\x00",
    "data/deep/c.csv": b"",
    "src/net.py": b"\xff binary \x00",
}


class WorkspaceContract:
    """Every promise of ``Workspace`` that can be checked anywhere."""

    def tree(self, files: Mapping[str, bytes]) -> tuple[Workspace, str]:
        """The port, and the directory that holds the files."""
        raise NotImplementedError

    def selected(self, *patterns: str) -> list[str]:
        workspace, directory = self.tree(FILES)
        return [each.path for each in workspace.select(directory, patterns)]

    @pytest.mark.parametrize(
        ("pattern", "paths"),
        [
            ("train.py", ["train.py"]),
            ("./train.py", ["train.py"]),
            ("data/*.csv", ["data/a.csv", "data/b.csv"]),
            ("data/[!a].csv", ["data/b.csv"]),
            ("*.csv", None),
            ("**/*.csv", ["data/a.csv", "data/b.csv", "data/deep/c.csv"]),
            ("data", ["data/.cache", "data/a.csv", "data/b.csv", "data/deep/c.csv"]),
            ("data/", ["data/.cache", "data/a.csv", "data/b.csv", "data/deep/c.csv"]),
            ("data/*", ["data/a.csv", "data/b.csv", "data/deep/c.csv"]),
        ],
    )
    def test_a_pattern_selects_as_in_a_shell(self, pattern: str, paths: list[str] | None) -> None:
        """``*`` stays within a directory, a directory stands for all below it; matching nothing is a SourceError."""
        if paths is None:
            with pytest.raises(SourceError):
                self.selected(pattern)
        else:
            assert self.selected(pattern) == paths

    def test_each_file_comes_once_in_order(self) -> None:
        """Patterns that overlap select a file once, and the order is by path."""
        assert self.selected("train.py", "src/*.py", "*.py", "src") == ["src/net.py", "train.py"]

    def test_sizes_and_bytes_are_the_files_own(self) -> None:
        """``size`` is in bytes, and ``read`` gives just those."""
        workspace, directory = self.tree(FILES)
        for each in workspace.select(directory, ("data", "src")):
            assert workspace.read(directory, each.path) == FILES[each.path]
            assert each.size == len(FILES[each.path])

    def test_a_file_is_read_in_pieces(self) -> None:
        """``open`` gives the bytes of ``read``, as many at a time as one asks for."""
        workspace, directory = self.tree(FILES)
        with workspace.open(directory, "data/b.csv") as file:
            assert [file.read(4), file.read(), file.read()] == [b"3,4,", b"5\n", b""]

    def test_who_was_named_in_full_is_told(self) -> None:
        """``named``: by a pattern that is the file's own path, whatever else selects it, too."""
        workspace, directory = self.tree(FILES)
        found = workspace.select(directory, ("data/*.csv", "./data/b.csv", "src"))
        assert {each.path for each in found if each.named} == {"data/b.csv"}

    def test_another_content_has_another_stamp(self) -> None:
        """Equal stamps of one path mean equal contents."""
        stamps = []
        for content in (b"1", b"2", b"1"):
            workspace, directory = self.tree({"a": content})
            stamps.append((workspace.select(directory, ("a",))[0].stamp, content))
        for stamp, content in stamps:
            assert all(other == content for same, other in stamps if stamp and same == stamp)

    @pytest.mark.parametrize("pattern", ["../secret", "/etc/passwd", "data/../../secret", "~/secret"])
    def test_nothing_outside_is_selected(self, pattern: str) -> None:
        """A pattern that leads outside of the directory is a SourceError."""
        with pytest.raises(SourceError):
            self.selected(pattern)

    @pytest.mark.parametrize("path", ["../secret", "/etc/passwd", "no-such-file"])
    def test_nothing_outside_is_read(self, path: str) -> None:
        """Reading what is not there, or not inside, is a SourceError."""
        workspace, directory = self.tree(FILES)
        with pytest.raises(SourceError):
            workspace.read(directory, path)


SPEC = JobSpec(name="ciao-contract", framework="pytorch", target="", roles=(Role("master", 1),))
SOURCE = Source(code="print('é')\n", label="Cell In [1]", modules=(SourceFile("ciao_names.py", b"lr = 0.1\n"),))


class S2IClientContract:
    """Every promise of ``S2IClient`` that can be checked anywhere."""

    def tree(self, files: Mapping[str, bytes]) -> tuple[S2IClient, str]:
        """The port over a workspace with these files, and their directory."""
        raise NotImplementedError

    def built(self, source: Source) -> tuple[Artifact, Artifact, list[Progress]]:
        """The same source twice, with what the second was told of its progress."""
        client, directory = self.tree(FILES)
        source = evolve(source, directory=directory)
        told: list[Progress] = []

        async def main() -> tuple[Artifact, Artifact]:
            first = await client.source_to_image(source, SPEC, lambda _: None)
            return first, await client.source_to_image(source, SPEC, told.append)

        first, second = asyncio.run(main())
        return first, second, told

    def test_the_same_source_is_the_same_artifact(self) -> None:
        """The same digest; an image is not pushed twice."""
        first, second, told = self.built(SOURCE)
        assert first == second
        assert first.digest.startswith("sha256:")
        if isinstance(second, Image):
            assert not [each for each in told if each.total]

    @pytest.mark.parametrize(
        "other",
        [
            evolve(SOURCE, code="print('è')\n"),
            evolve(SOURCE, modules=(SourceFile("ciao_names.py", b"lr = 0.2\n"),)),
        ],
        ids=["code", "modules"],
    )
    def test_another_source_is_another_artifact(self, other: Source) -> None:
        """A byte of code or of a module makes another digest."""
        assert self.built(SOURCE)[0].digest != self.built(other)[0].digest

    def test_mounted_files_are_what_was_given(self) -> None:
        """``cell.py`` is the code as UTF-8, with modules and the user's files beside it."""
        artifact, *_ = self.built(evolve(SOURCE, files=("data/*.csv",)))
        if isinstance(artifact, Mounted):
            files = {each.path: each.content for each in artifact.files}
            assert files["cell.py"] == SOURCE.code.encode()
            assert files["ciao_names.py"] == b"lr = 0.1\n"

    def test_a_file_that_does_not_exist_is_the_users_mistake(self) -> None:
        """A pattern that matches nothing is a SourceError that names it."""
        with pytest.raises(SourceError, match="no-such-file"):
            self.built(evolve(SOURCE, files=("no-such-file",)))
