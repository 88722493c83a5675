"""The user's files: what a pattern selects, what ignore files leave out, and what may not travel."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ciao.adapters.workspace import LocalWorkspace
from ciao.core.errors import SourceError
from ciao.core.ports import Workspace
from ciao.testing.workspace import WorkspaceContract

TREE = ("train.py", "data/a.csv", "data/b.csv", "data/.cache", "data/deep/c.csv", "src/net.py", ".env", "notes.txt")


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A small workspace."""
    for number, name in enumerate(TREE):
        put(tmp_path / name, "x" * number)
    return tmp_path


def put(path: Path, text: str = "") -> None:
    """A file, with the directories above it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def selected(root: Path, *patterns: str) -> list[str]:
    """The paths that patterns select."""
    return [file.path for file in LocalWorkspace().select(str(root), patterns)]


class TestLocalWorkspace(WorkspaceContract):
    """Over real files."""

    @pytest.fixture(autouse=True)
    def _root(self, tmp_path: Path) -> None:
        self.root = tmp_path

    def tree(self, files: Mapping[str, bytes]) -> tuple[Workspace, str]:
        for name, content in files.items():
            put(self.root / name, "")
            (self.root / name).write_bytes(content)
        return LocalWorkspace(), str(self.root)


@pytest.mark.parametrize(
    ("pattern", "paths"),
    [
        ("data/?.csv", ["data/a.csv", "data/b.csv"]),
        ("**/**/c.csv", ["data/deep/c.csv"]),
        ("data/**", ["data/a.csv", "data/b.csv", "data/deep/c.csv"]),
        ("d*", ["data/.cache", "data/a.csv", "data/b.csv", "data/deep/c.csv"]),
        ("*", [name for name in sorted(TREE) if name != ".env"]),
        (".e*", [".env"]),
        (".", sorted(TREE)),
    ],
)
def test_wildcards_and_directories(tree: Path, pattern: str, paths: list[str]) -> None:
    """More than the contract asks: ``**`` in any place, a directory that a wildcard matched, leading dots."""
    assert selected(tree, pattern) == paths


@pytest.mark.parametrize("pattern", ["link", "*", "."])
def test_a_link_that_leads_outside_is_refused(
    tree: Path, tmp_path_factory: pytest.TempPathFactory, pattern: str
) -> None:
    """However it is selected: nobody sends a file from elsewhere without knowing it."""
    secret = tmp_path_factory.mktemp("elsewhere") / "secret"
    secret.write_text("s")
    (tree / "link").symlink_to(secret)
    with pytest.raises(SourceError, match="link is a link that leads outside"):
        selected(tree, pattern)
    with pytest.raises(SourceError, match="leads outside"):
        LocalWorkspace().read(str(tree), "link")


def test_a_link_inside_travels_as_what_it_names(tree: Path) -> None:
    """A link to a file or a directory of the workspace is followed, and a circle is walked once."""
    (tree / "latest").symlink_to("data/deep")
    (tree / "data/deep/up").symlink_to("..")
    assert selected(tree, "latest") == ["latest/c.csv"]
    assert selected(tree, "data") == ["data/.cache", "data/a.csv", "data/b.csv", "data/deep/c.csv"]


def test_a_link_that_leads_nowhere_is_named(tree: Path) -> None:
    """A broken link is the user's to mend."""
    (tree / "broken").symlink_to("never-was")
    with pytest.raises(SourceError, match="broken is a link that leads nowhere"):
        selected(tree, "broken")


def test_a_pattern_that_matches_nothing_suggests_the_nearest(tree: Path) -> None:
    """A typing error is told with the name that was meant."""
    with pytest.raises(SourceError, match=r"%file=data/\*.txt matches no file in"):
        selected(tree, "data/*.txt")
    with pytest.raises(SourceError, match=r"%file=data/aa.csv matches no file in .*\n  Did you mean data/a.csv\?"):
        selected(tree, "data/aa.csv")
    with pytest.raises(SourceError, match=r"Did you mean train.py\?"):
        selected(tree, "trian.py")


def test_ignored_files_stay_at_home(tree: Path) -> None:
    """``.gitignore`` of every level and ``.dockerignore`` are respected; ``.git`` never travels."""
    put(tree / ".gitignore", "*.txt\n/.env\n")
    put(tree / "data/.gitignore", "/deep/\n!keep.txt\n")
    put(tree / ".dockerignore", "# comment\nsrc\n**/.cache\n.gitignore\n.dockerignore\n")
    put(tree / "data/keep.txt")
    put(tree / ".git/config")
    assert selected(tree, ".") == ["data/.gitignore", "data/a.csv", "data/b.csv", "data/keep.txt", "train.py"]


def test_a_full_name_overrules_ignore_files(tree: Path) -> None:
    """Who names a file or a directory means it; data are often ignored by git. Wildcards do not overrule."""
    put(tree / ".gitignore", "data/\n*.txt\n")
    assert selected(tree, "notes.txt") == ["notes.txt"]
    assert selected(tree, "data/*.csv") == ["data/a.csv", "data/b.csv"]
    assert selected(tree, "data/deep") == ["data/deep/c.csv"]
    with pytest.raises(SourceError, match="a full name overrules them"):
        selected(tree, "*.txt")


def test_the_ignore_files_above_count(tree: Path) -> None:
    """A notebook in a subdirectory of a repository obeys the repository's ``.gitignore``."""
    put(tree / ".git/config")
    put(tree / ".gitignore", "deep/\n")
    assert selected(tree / "data", "*") == ["a.csv", "b.csv"]


def test_what_is_no_file_cannot_travel(tree: Path) -> None:
    """A pipe that is named is refused; in a directory it is passed over."""
    os.mkfifo(tree / "data/pipe")
    with pytest.raises(SourceError, match="data/pipe is not a file"):
        selected(tree, "data/pipe")
    assert "data/pipe" not in selected(tree, "data")


def test_a_name_that_is_no_text_is_refused(tree: Path) -> None:
    """A file name that no other system could read is the user's to mend."""
    put(tree / "bad\udcff.csv")
    with pytest.raises(SourceError, match="must be printable text"):
        selected(tree, "*.csv")


def test_a_missing_directory_is_named(tree: Path) -> None:
    """What was there when the notebook was opened may be gone."""
    with pytest.raises(SourceError, match="does not exist"):
        selected(tree / "gone", "*")


def test_a_directory_cannot_be_read_as_a_file(tree: Path) -> None:
    """What became a directory meanwhile is named."""
    with pytest.raises(SourceError, match="data cannot be read: Is a directory"):
        LocalWorkspace().read(str(tree), "data")


def test_docker_keeps_what_it_excepts_below_a_directory(tree: Path) -> None:
    """In ``.dockerignore`` an exception counts below a directory that is left out, as Docker has it."""
    put(tree / ".dockerignore", "data\n!data/deep\n.*\n")
    assert selected(tree, ".") == ["data/deep/c.csv", "notes.txt", "src/net.py", "train.py"]


NAMES = ("a", "b", "a.py", "b.txt", "d", "e")
PATHS = st.lists(st.sampled_from(NAMES), min_size=1, max_size=3).map("/".join)
PATTERNS = (
    "*", "!*/", "!*.py", "*.txt", "/a", "a/", "!a", "d/e", "**/e", "d/**", "a/**/b", "!b.txt", "[ab]", "[!a-c]*",
    "?", "# a", r"\!a", "", "d  ", "*/a", "!/d/", "[", r"\a", "**", "a*y", "/", "!", "a/b/", "!**/b",
)  # fmt: skip
LINES = st.lists(st.sampled_from(PATTERNS), max_size=4)


def test_a_range_that_goes_backwards_does_no_harm(tree: Path) -> None:
    """Nobody else's ignore file is a reason to fail."""
    put(tree / ".gitignore", "[z-a]*\n")
    assert "train.py" in selected(tree, "*")


@pytest.mark.skipif(shutil.which("git") is None, reason="git is not there to compare with")
@settings(max_examples=60, deadline=None)
@given(st.sets(PATHS, min_size=1, max_size=8), LINES, LINES)
def test_ignore_files_mean_what_git_says(paths: set[str], above: list[str], below: list[str]) -> None:
    """Whatever stands in ``.gitignore`` files, the same files travel that git would add."""
    with tempfile.TemporaryDirectory() as directory:
        root = Path(directory).resolve()
        for path in sorted(paths, key=len):
            if not any((root / parent).is_file() for parent in Path(path).parents) and not (root / path).is_dir():
                put(root / path)
        put(root / ".gitignore", "\n".join(above))
        if (root / "d").is_dir():
            put(root / "d/.gitignore", "\n".join(below))
        subprocess.run(["git", "init", "-q", root], check=True)
        listed = subprocess.run(
            ["git", "-c", "core.excludesFile=/dev/null", "ls-files", "--others", "--exclude-standard"],
            cwd=root, check=True, capture_output=True, text=True,
        ).stdout  # fmt: skip
        expected = sorted(listed.splitlines())
        try:
            assert selected(root, ".") == expected
        except SourceError:
            assert expected == []
