"""What a job is made of, in memory: the ports ``Workspace``, ``S2IClient`` and ``Notebook``."""

from __future__ import annotations

import ast
import asyncio
import fnmatch
import json
from collections.abc import Collection, Mapping
from io import BytesIO

from attrs import evolve

from ciao.adapters.s2i.content import gather
from ciao.core.errors import SourceError
from ciao.core.events import Progress
from ciao.core.model import Artifact, Image, JobSpec, Mounted, Source, SourceFile, digest_of
from ciao.core.ports import Definition, Report, Workspace, WorkspaceFile

_PLAIN_LIMIT = 2**20


class MemoryWorkspace:
    """Files by path, the same below any directory; no links, no ignore files. Implements ``ports.Workspace``."""

    def __init__(self, files: Mapping[str, bytes], executable: Collection[str] = ()) -> None:
        self._files, self._executable = dict(files), frozenset(executable)

    def select(self, directory: str, patterns: tuple[str, ...]) -> tuple[WorkspaceFile, ...]:
        found = sorted({path for pattern in patterns for path in self._matching(pattern)})
        named = {"/".join(_parts(pattern)) for pattern in patterns}
        return tuple(self._file(path, path in named) for path in found)

    def read(self, directory: str, path: str) -> bytes:
        try:
            return self._files[path]
        except KeyError:
            raise SourceError(f"There is no file {path} in {directory}") from None

    def open(self, directory: str, path: str) -> BytesIO:
        return BytesIO(self.read(directory, path))

    def stamp(self, directory: str, path: str) -> str:
        return f"{hash(self.read(directory, path))}"

    def _file(self, path: str, named: bool) -> WorkspaceFile:
        content = self._files[path]
        return WorkspaceFile(path, len(content), path in self._executable, f"{hash(content)}", named)

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
    """Files as they are, or images when ``registry`` is given. Implements ``ports.S2IClient``.

    ``pushed``: the registry's images, the files of each by its digest; another client of the registry is given it.
    ``uploads``: the digests that this client pushed: the same source is pushed once. ``limit``: bytes that may travel.
    """

    def __init__(
        self,
        workspace: Workspace | None = None,
        registry: str = "",
        *,
        pushed: dict[str, Mapping[str, bytes]] | None = None,
        limit: int = 64 << 20,
    ) -> None:
        self._workspace = workspace or MemoryWorkspace({})
        self._registry, self._limit = registry, limit
        self.pushed: dict[str, Mapping[str, bytes]] = {} if pushed is None else pushed
        self.uploads: list[str] = []

    async def source_to_image(self, source: Source, spec: JobSpec, report: Report) -> Artifact:
        content = gather(source, self._workspace, self._limit)
        files = []
        for entry in content.entries:
            with content.open(entry) as file:
                files.append(SourceFile(entry.path, file.read()))
        if not self._registry:
            return Mounted(tuple(files), digest_of(files))
        digest = self._digest(source, files, {each.path for each in content.entries if each.executable})
        if digest not in self.pushed:
            report(Progress("pushing", 0, content.size))
            await asyncio.sleep(0)  # here a build can be cancelled, as everywhere
            self.pushed[digest] = {each.path: each.content for each in files}
            self.uploads.append(digest)
            report(Progress("pushing", content.size, content.size))
        return Image(f"{self._registry}/{spec.name}", digest)

    async def preview(self, source: Source, spec: JobSpec) -> Artifact:
        """An image that was not pushed yet has no digest."""
        found = await MemoryS2I(self._workspace, self._registry, limit=self._limit).source_to_image(
            source, spec, lambda _: None
        )
        return evolve(found, digest="") if isinstance(found, Image) and found.digest not in self.pushed else found

    async def close(self) -> None:
        """Nothing is held."""

    def _digest(self, source: Source, files: list[SourceFile], executable: set[str]) -> str:
        """Of all that makes an image another one."""
        modes = "\n".join(sorted(executable)).encode()
        return digest_of([*files, SourceFile("/modes", modes), SourceFile("/pip", "\n".join(source.pip).encode())])


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
