"""The contract of ``Workspace`` as a test class.

A subclass supplies ``tree``: the port over some files, and the directory that they are in.
"""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from ciao.core.errors import SourceError
from ciao.core.ports import Workspace

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

    def test_a_stamp_is_the_one_that_was_selected(self) -> None:
        """As long as nobody writes to the file."""
        workspace, directory = self.tree(FILES)
        for each in workspace.select(directory, ("data", "src")):
            assert workspace.stamp(directory, each.path) == each.stamp

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
