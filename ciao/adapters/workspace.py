"""Port ``Workspace``: the user's files that travel with a cell (``%file=data/*.csv``).

A pattern has the shell's ``*``, ``?``, ``[…]`` and ``**`` (which do not match a leading dot); a directory stands
for all below it. What ignore files leave out is left out, unless a pattern names it in full.
"""

from __future__ import annotations

import difflib
import fnmatch
import itertools
import os
import re
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from attrs import frozen

from ciao.adapters.ignore import EVERYTHING, Ignores
from ciao.core.errors import SourceError
from ciao.core.ports import WorkspaceFile

_WILD = re.compile(r"[*?\[]")
_MANY = 10_000
"""So many names are looked at for a suggestion."""


class LocalWorkspace:
    """Port ``Workspace`` on this machine's files. Every fault is a SourceError that names the file."""

    def select(self, directory: str, patterns: tuple[str, ...]) -> tuple[WorkspaceFile, ...]:
        """Each file once, by path."""
        root = _root(directory)
        found: dict[str, WorkspaceFile] = {}
        for pattern in patterns:
            try:
                for file in _Selection(root, pattern).files():
                    known = found.get(file.path)
                    found[file.path] = file if known is None or not known.named else known
            except OSError as error:
                raise SourceError(f"%file={pattern}: {error.filename} cannot be read: {error.strerror}") from error
        return tuple(found[path] for path in sorted(found))

    def read(self, directory: str, path: str) -> bytes:
        """A file that ``select`` named."""
        with self.open(directory, path) as file:
            return file.read()

    @contextmanager
    def open(self, directory: str, path: str) -> Iterator[BinaryIO]:
        """A file that ``select`` named, to be read in pieces; what goes wrong inside with a file is said of it."""
        root = _root(directory)
        _inside(root, root / path, path)
        try:
            with (root / path).open("rb") as file:
                yield file
        except OSError as error:
            raise SourceError(f"{path} cannot be read: {error.strerror}") from error

    def stamp(self, directory: str, path: str) -> str:
        """SourceError when it is gone."""
        try:
            return _stamp((_root(directory) / path).stat())
        except OSError as error:
            raise SourceError(f"{path} cannot be read: {error.strerror}") from error


@frozen
class _Selection:
    """One pattern below ``root`` (a real path)."""

    root: Path
    pattern: str

    def files(self) -> Iterator[WorkspaceFile]:
        """At least one; SourceError when there is none."""
        parts = self._parts()
        some = False
        for path in self._matches(self.root, parts, Ignores.above(self.root)):
            some = True
            yield self._file(path)
        if not some:
            raise self._nothing(parts)

    def _parts(self) -> tuple[str, ...]:
        text = self.pattern.strip()
        parts = [part for part in text.split("/") if part not in ("", ".")]
        if text.startswith(("/", "~")) or ".." in parts:
            raise SourceError(
                f"%file={self.pattern} leads outside {self.root}",
                hint="Files travel from the working directory and below: name them relative to it, or use a volume.",
            )
        return tuple(part for at, part in enumerate(parts) if parts[at : at + 2] != ["**", "**"])

    def _matches(self, base: Path, parts: tuple[str, ...], ignores: Ignores) -> Iterator[Path]:
        """Files that the rest of the pattern selects at ``base``; ``ignores`` are in force above it."""
        if not parts:
            yield from self._below(base, ignores) if base.is_dir() else (base,)
            return
        if not base.is_dir():
            return
        head, rest, ignores = parts[0], parts[1:], ignores.inside(base)
        if head == "**":
            yield from self._anywhere(base, parts, ignores)
        elif _WILD.search(head):
            for entry in self._entries(base, ignores, hidden=head.startswith(".")):
                if fnmatch.fnmatchcase(entry.name, head):
                    yield from self._matches(entry, rest, ignores)
        else:
            path = base / head
            if path.is_symlink() or path.exists():
                _inside(self.root, path, self._relative(path))
                overruled = ignores.drop(path, directory=path.is_dir())
                yield from self._matches(path, rest, Ignores(docker_base=self.root) if overruled else ignores)

    def _anywhere(self, base: Path, parts: tuple[str, ...], ignores: Ignores) -> Iterator[Path]:
        """``**``, then the rest of the pattern, here and in every directory below."""
        rest = parts[1:]
        if rest:
            yield from self._matches(base, rest, ignores)
        for entry in self._entries(base, ignores, hidden=False):
            if entry.is_dir():
                yield from self._matches(entry, parts, ignores)
            elif not rest:
                yield entry

    def _below(self, base: Path, ignores: Ignores) -> Iterator[Path]:
        ignores = ignores.inside(base)
        for entry in self._entries(base, ignores, hidden=True):
            if entry.is_dir():
                yield from self._below(entry, ignores)
            elif entry.is_file():
                yield entry

    def _entries(self, base: Path, ignores: Ignores, *, hidden: bool) -> Iterator[Path]:
        """What lies in a directory and is not left out, by name."""
        for entry in sorted(base.iterdir()):
            if (entry.name.startswith(".") and not hidden) or ignores.drop(entry, directory=entry.is_dir()):
                continue
            if entry.is_symlink():
                _inside(self.root, entry, self._relative(entry))
                if self._circular(base, entry.resolve()):
                    continue
            yield entry

    def _circular(self, base: Path, real: Path) -> bool:
        """A link to one of the directories on the way to it."""
        way = [base, *base.parents]
        return any(each.resolve().is_relative_to(real) for each in way[: way.index(self.root) + 1])

    def _file(self, path: Path) -> WorkspaceFile:
        name = self._relative(path)
        if not name.isprintable():
            raise SourceError(f"{name!r}: the name of a file that travels must be printable text")
        found = path.stat()
        if not stat.S_ISREG(found.st_mode):
            raise SourceError(f"{name} is not a file, and cannot travel")
        return WorkspaceFile(
            name, found.st_size, executable=bool(found.st_mode & stat.S_IXUSR), stamp=_stamp(found),
            named=name == "/".join(self._parts()),
        )  # fmt: skip

    def _relative(self, path: Path) -> str:
        return path.relative_to(self.root).as_posix()

    def _nothing(self, parts: tuple[str, ...]) -> SourceError:
        message = f"%file={self.pattern} matches no file in {self.root}"
        if next(self._matches(self.root, parts, EVERYTHING), None) is not None:
            hint = "Ignore files (.gitignore, .dockerignore) leave out all that it matches; a full name overrules them."
            return SourceError(message, hint=hint)
        fixed = self.root
        for part in parts:
            if _WILD.search(part) or not (fixed / part).is_dir():
                break
            fixed /= part
        names = map(self._relative, itertools.islice(self._below(fixed, EVERYTHING), _MANY))
        near = difflib.get_close_matches("/".join(parts), list(names), 1)
        return SourceError(message, hint=f"Did you mean {near[0]}?" if near else "")


def _stamp(found: os.stat_result) -> str:
    """What git's index compares, too: a file that is written to gets another (its ctime cannot be set back)."""
    return f"{found.st_dev}:{found.st_ino}:{found.st_size}:{found.st_mtime_ns}:{found.st_ctime_ns}"


def _root(directory: str) -> Path:
    root = Path(directory).resolve()
    if not root.is_dir():
        raise SourceError(f"The working directory {directory} does not exist")
    return root


def _inside(root: Path, path: Path, name: str) -> None:
    try:
        real = path.resolve(strict=True)
    except (OSError, RuntimeError) as error:
        raise SourceError(f"{name} is a link that leads nowhere, or does not exist") from error
    if not real.is_relative_to(root):
        raise SourceError(
            f"{name} is a link that leads outside {root}, to {real}",
            hint="Copy the file, or leave the link out with a .gitignore.",
        )
