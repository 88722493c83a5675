"""What goes into an image, or beside one: the cell, its runner, modules that Ciao made, and the user's files.

Large files are never read into memory: who packs them reads them in pieces, through ``Workspace.open``. Names that
look like credentials do not travel, unless a ``%file`` names them in full. Blocking: call it off the loop.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from importlib import resources
from io import BytesIO
from typing import BinaryIO

from attrs import field, frozen

from ciao.adapters.command import CELL, RUNNER
from ciao.core.errors import SourceError
from ciao.core.measures import size
from ciao.core.model import Source
from ciao.core.ports import Workspace, WorkspaceFile
from ciao.core.secretnames import looks_secret

_SHOWN = 8
_DATA = 1 << 20
"""Bytes of data from which on they are worth a layer of their own."""
_PROGRAM = (".py", ".pyi", ".ipynb", ".sh", ".toml", ".yaml", ".yml", ".json", ".ini", ".cfg", ".md", ".rst", ".txt")
_LARGE_PROGRAM = 256 << 10


@frozen
class Entry:
    """A file as a replica finds it at ``path`` (relative, with ``/``). ``content`` None: it is the workspace's.

    ``stamp`` as in ``WorkspaceFile``.
    """

    path: str
    size: int
    executable: bool = False
    content: bytes | None = field(default=None, repr=False)
    stamp: str = ""

    @property
    def is_data(self) -> bool:
        """True for what rarely changes with the program: no text of a program, or a large one."""
        return self.content is None and (not self.path.endswith(_PROGRAM) or self.size > _LARGE_PROGRAM)


@frozen(kw_only=True)
class Content:
    """All that travels, by path. ``workspace`` and ``directory`` are where files are read from."""

    entries: tuple[Entry, ...]
    directory: str
    workspace: Workspace = field(repr=False)

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(each.size for each in self.entries)

    def parts(self) -> tuple[tuple[Entry, ...], tuple[Entry, ...]]:
        """(data, code), the lower layer first. No data when there is too little for a layer of its own."""
        data = tuple(each for each in self.entries if each.is_data)
        if sum(each.size for each in data) < _DATA:
            return (), self.entries
        return data, tuple(each for each in self.entries if not each.is_data)

    @contextmanager
    def open(self, entry: Entry) -> Iterator[BinaryIO]:
        """Its bytes; SourceError when they cannot be read, or are not what was selected any more."""
        if entry.content is not None:
            yield BytesIO(entry.content)
            return
        with self.workspace.open(self.directory, entry.path) as file:
            yield file
        if entry.stamp and self.workspace.stamp(self.directory, entry.path) != entry.stamp:
            raise changed(entry.path)


def changed(path: str) -> SourceError:
    """A file that somebody writes to while it is packed."""
    return SourceError(f"%file: {path} changed while it was packed.", hint="Run the cell again when it is complete.")


def gather(source: Source, workspace: Workspace, limit: int) -> Content:
    """What travels with a source. SourceError for a pattern that matches nothing, for names that look like
    credentials, for two files of one name, and for more than ``limit`` bytes.
    """
    own = [_own(CELL, encoded(source)), _own(RUNNER, runner())]
    own += [_own(each.path, each.content) for each in source.modules]
    users = selected(source, workspace)
    refuse_doubles((each.path for each in own), users)
    _refuse_too_much(users, limit)
    entries = own + [Entry(each.path, each.size, each.executable, None, each.stamp) for each in users]
    return Content(
        entries=tuple(sorted(entries, key=lambda each: each.path)), directory=source.directory, workspace=workspace
    )


def selected(source: Source, workspace: Workspace) -> tuple[WorkspaceFile, ...]:
    """The user's files, without what must not travel. SourceError as ``gather`` says."""
    if not source.files:
        return ()
    found = workspace.select(source.directory, source.files)
    refuse_secrets(found)
    return found


def refuse_secrets(files: Iterable[WorkspaceFile]) -> None:
    """SourceError that lists files whose names look like credentials and that nobody named in full."""
    secret = [each.path for each in files if looks_secret(each.path) and not each.named]
    if secret:
        shown = "".join(f"\n{each}" for each in secret[:_SHOWN])
        more = f"\n… and {len(secret) - _SHOWN} more" if len(secret) > _SHOWN else ""
        one = len(secret) == 1
        raise SourceError(
            f"{'This file looks' if one else f'{len(secret)} files look'} like credentials, which must not travel "
            "with a job:",
            hint=f"{shown.lstrip(chr(10))}{more}\nLeave {'it' if one else 'them'} out with a .dockerignore, or, if "
            f"{'it is' if one else 'they are'} none, name {'it' if one else 'each'} in full (%file={secret[0]}).",
        )


def refuse_doubles(own: Iterable[str], users: Iterable[WorkspaceFile]) -> None:
    """SourceError for a user's file that has the name of one of Ciao's."""
    taken = set(own)
    for each in users:
        if each.path in taken:
            raise SourceError(f"%file={each.path}: a file of that name travels with every job.", hint="Rename it.")


def largest(files: Iterable[WorkspaceFile]) -> str:
    """``Largest: data.bin (3 GB), …`` for an error."""
    found = sorted(files, key=lambda each: -each.size)[:_SHOWN]
    return "Largest: " + ", ".join(f"{each.path} ({size(each.size)})" for each in found) + "."


def encoded(source: Source) -> bytes:
    """The cell's bytes; SourceError for a text that has none."""
    try:
        return source.code.encode()
    except UnicodeEncodeError as error:
        raise SourceError(f"{source.label} has a character that is no text ({error.reason}).") from error


def runner() -> bytes:
    """The text of ``ciao_replica.py``."""
    return resources.files("ciao.replica").joinpath(RUNNER).read_bytes()


def _own(path: str, content: bytes) -> Entry:
    return Entry(path, len(content), content=content)


def _refuse_too_much(users: tuple[WorkspaceFile, ...], limit: int) -> None:
    total = sum(each.size for each in users)
    if total > limit:
        raise SourceError(
            f"What %file names is too large to travel: {size(total)}, and {size(limit)} is the limit.",
            hint=f"{largest(users)}\nPut data on a volume (%volume), leave them out with a .dockerignore, or raise the "
            "setting s2i.limit.",
        )
