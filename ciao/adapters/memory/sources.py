"""What a job is made of, in memory: the ports ``Workspace``, ``S2IClient`` and ``Notebook``."""

from __future__ import annotations

import ast
import fnmatch
import json
from collections.abc import Mapping
from io import BytesIO

from ciao.core.errors import SourceError
from ciao.core.events import Progress
from ciao.core.model import Artifact, Image, JobSpec, Mounted, Source, SourceFile, digest_of
from ciao.core.ports import Definition, Report, Workspace, WorkspaceFile

_PLAIN_LIMIT = 2**20


class MemoryWorkspace:
    """Files by path, the same below any directory; no links, no ignore files. Implements ``ports.Workspace``."""

    def __init__(self, files: Mapping[str, bytes]) -> None:
        self._files = dict(files)

    def select(self, directory: str, patterns: tuple[str, ...]) -> tuple[WorkspaceFile, ...]:
        found = sorted({path for pattern in patterns for path in self._matching(pattern)})
        named = {"/".join(_parts(pattern)) for pattern in patterns}
        return tuple(
            WorkspaceFile(path, len(self._files[path]), stamp=f"{hash(self._files[path])}", named=path in named)
            for path in found
        )

    def read(self, directory: str, path: str) -> bytes:
        try:
            return self._files[path]
        except KeyError:
            raise SourceError(f"There is no file {path} in {directory}") from None

    def open(self, directory: str, path: str) -> BytesIO:
        return BytesIO(self.read(directory, path))

    def _matching(self, pattern: str) -> list[str]:
        parts = _parts(pattern)
        if pattern.startswith(("/", "~")) or ".." in parts:
            raise SourceError(f"%file={pattern} leads outside the working directory")
        found = [path for path in self._files if _matches(tuple(path.split("/")), parts)]
        if not found:
            raise SourceError(f"%file={pattern} matches nothing")
        return found


def _parts(pattern: str) -> tuple[str, ...]:
    return tuple(part for part in pattern.split("/") if part not in ("", "."))


def _matches(path: tuple[str, ...], pattern: tuple[str, ...]) -> bool:
    """As in a shell, part by part; where the pattern ends at a directory, all below it matches."""
    if not pattern or not path:
        return not pattern
    head, rest = pattern[0], pattern[1:]
    hidden = path[0].startswith(".")
    if head == "**":
        if rest and _matches(path, rest):
            return True
        return not hidden and ((len(path) == 1 and not rest) or _matches(path[1:], pattern))
    return fnmatch.fnmatchcase(path[0], head) and hidden <= head.startswith(".") and _matches(path[1:], rest)


class MemoryS2I:
    """Files as they are, or an image's name when ``registry`` is given. Implements ``ports.S2IClient``.

    ``uploads`` are the digests that were pushed: the same source is pushed once.
    """

    def __init__(self, workspace: Workspace | None = None, registry: str = "") -> None:
        self._workspace = workspace or MemoryWorkspace({})
        self._registry = registry
        self.uploads: list[str] = []

    async def source_to_image(self, source: Source, spec: JobSpec, report: Report) -> Artifact:
        chosen = self._workspace.select(source.directory, source.files) if source.files else ()
        theirs = [SourceFile(each.path, self._workspace.read(source.directory, each.path)) for each in chosen]
        files = (SourceFile("cell.py", source.code.encode()), *source.modules, *theirs)
        digest, size = digest_of(files), sum(len(each.content) for each in files)
        if not self._registry:
            return Mounted(files, digest)
        if digest not in self.uploads:
            report(Progress("pushing", 0, size))
            self.uploads.append(digest)
            report(Progress("pushing", size, size))
        return Image(f"{self._registry}/{spec.name}", digest)

    async def close(self) -> None:
        """Nothing is held."""


class MemoryNotebook:
    """Names as the text of earlier cells defines them, without running it. Implements ``ports.Notebook``.

    Assignments of literals are values; functions, classes and imports are definitions.
    """

    def __init__(self, *cells: str) -> None:
        self._values: dict[str, object] = {}
        self._definitions: dict[str, Definition] = {}
        for cell in cells:
            for statement in ast.parse(cell).body:
                self._learn(cell, statement)

    def has(self, name: str) -> bool:
        return name in self._values or name in self._definitions

    def value(self, name: str) -> str:
        if name not in self._values or not _plain(self._values[name]):
            raise SourceError(f"{name} is not plain data")
        text = json.dumps(self._values[name])
        if len(text) > _PLAIN_LIMIT:
            raise SourceError(f"{name} is larger than 1 MiB")
        return text

    def definition(self, name: str) -> Definition:
        try:
            return self._definitions[name]
        except KeyError:
            raise SourceError(f"{name} has no source") from None

    def module(self, dotted: str) -> Definition | None:
        return None  # it lies in no directory

    def _learn(self, cell: str, statement: ast.stmt) -> None:
        text = ast.get_source_segment(cell, statement) or ""
        match statement:
            case ast.Assign(targets=[ast.Name(name)], value=value):
                self._values[name] = _literal(value)
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                self._definitions[name] = Definition(name, "function", text)
            case ast.ClassDef(name=name):
                self._definitions[name] = Definition(name, "class", text)
            case ast.Import(names=names) | ast.ImportFrom(names=names):
                for each in names:
                    name = each.asname or each.name.partition(".")[0]
                    self._definitions[name] = Definition(name, "import", text)
            case _:
                pass


def _literal(value: ast.expr) -> object:
    try:
        found: object = ast.literal_eval(value)
    except ValueError:
        return ...  # nothing that could travel
    return found


def _plain(value: object) -> bool:
    match value:
        case None | bool() | int() | float() | str():
            return True
        case list() | tuple():
            return all(_plain(each) for each in value)
        case dict():
            return all(isinstance(key, str) and _plain(each) for key, each in value.items())
        case _:
            return False
