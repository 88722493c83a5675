"""What has to travel so that names of the notebook work elsewhere: the definitions they need, and theirs.

The closure follows each definition's free names through the notebook. The order is one in which the definitions
can be executed: what is used while defining (base classes, decorators, defaults) stands before its user; what is
used only when called may stand anywhere, so functions may call each other in a circle.
"""

from __future__ import annotations

import ast
import json
from collections.abc import Iterable, Iterator, Mapping

from attrs import Factory, define

from ciao.core.errors import SourceError
from ciao.core.model import SourceFile
from ciao.core.names import needs
from ciao.core.ports import Definition, Notebook

_IMPORTS = (ast.Import, ast.ImportFrom)


@define
class Closure:
    """``definitions`` and ``values`` (Python expressions) in an order that can be executed; ``files`` of local modules.

    ``because`` says for each name that nobody asked for who needs it.
    """

    notebook: Notebook
    definitions: dict[str, Definition] = Factory(dict)
    values: dict[str, str] = Factory(dict)
    files: dict[str, SourceFile] = Factory(dict)
    because: dict[str, str] = Factory(dict)

    def add_value(self, name: str) -> None:
        """Plain data, by value. SourceError when it is none."""
        self.values[name] = _expression(json.loads(self.notebook.value(name)))

    def add(self, names: Iterable[str]) -> None:
        """Definitions and all they need. SourceError names the one that cannot travel, and who needs it."""
        found: dict[str, Definition] = {}
        todo = list(names)
        for name in todo:  # grows while it is gone through
            if name in found or name in self.values or (definition := self._known(name)) is None:
                continue
            found[name] = definition
            for use in needs(definition.text) if definition.kind in ("function", "class") else ():
                if use.name != name and use.name not in found and self.notebook.has(use.name):
                    self.because.setdefault(use.name, name)
                    todo.append(use.name)
            if definition.kind == "import":
                self._add_files(definition.text)
        self._order(found)

    def _known(self, name: str) -> Definition | None:
        """The definition; None for plain data, which is added by value."""
        try:
            return self.notebook.definition(name)
        except SourceError as error:
            try:
                self.add_value(name)
            except SourceError:
                raise self._stuck(name, error) from error
            return None

    def _stuck(self, name: str, error: SourceError) -> SourceError:
        user = self.because.get(name)
        if user is None:
            return error
        return SourceError(f"{user} needs {name}, which cannot travel: {error.message}", error.place, error.hint)

    def _order(self, found: dict[str, Definition]) -> None:
        """Depth first along what must stand before; without recursion, for a chain may be long."""
        before = _before(found)
        started: set[str] = set()
        todo = list(reversed(found))
        while todo:
            name = todo[-1]
            if name in self.definitions:
                todo.pop()
            elif name in started:
                self.definitions[name] = found[todo.pop()]
            else:
                started.add(name)
                todo += [each for each in before[name] if each not in started]

    def _add_files(self, imports: str) -> None:
        """The files of the local modules that an import loads, and of what those import."""
        todo = self._imported(imports, "")
        while todo:
            module = todo.pop()
            if module.path in self.files:
                continue
            self.files[module.path] = SourceFile(module.path, module.text.encode("utf-8", "surrogatepass"))
            package = module.name if module.path.endswith("__init__.py") else module.name.rpartition(".")[0]
            todo += self._imported(module.text, package)

    def _imported(self, text: str, package: str) -> list[Definition]:
        """The local modules that a text imports, anywhere in it; SourceError when the text does not compile."""
        try:
            tree = ast.parse(text)
        except (SyntaxError, ValueError) as error:
            raise SourceError(f"A local module that should travel does not compile: {error}") from error
        names = {name for node in ast.walk(tree) if isinstance(node, _IMPORTS) for name in _modules(node, package)}
        return [module for name in sorted(names) if (module := self.notebook.module(name)) is not None]


def _before(found: Mapping[str, Definition]) -> dict[str, list[str]]:
    """What has to stand before each definition.

    What it uses while it is defined has to. All that those use in turn should, for they may be called then: but
    not what itself can only stand after it (a base class whose method makes an instance of a subclass).
    """
    uses = {name: needs(each.text) if each.kind != "import" else () for name, each in found.items()}
    every = {name: [use.name for use in each if use.name in found] for name, each in uses.items()}
    eager = {name: [use.name for use in each if use.name in found and not use.late] for name, each in uses.items()}
    musts = {name: _reached(eager[name], eager) for name in found}
    return {
        name: [each for each in _reached(eager[name], every) if each != name and name not in musts[each]]
        for name in found
    }


def _reached(starts: Iterable[str], edges: Mapping[str, Iterable[str]]) -> list[str]:
    """All that can be reached, nearest first."""
    reached = dict.fromkeys(starts)
    todo = list(reached)
    for name in todo:
        fresh = [each for each in edges[name] if each not in reached]
        reached.update(dict.fromkeys(fresh))
        todo += fresh
    return list(reached)


def _modules(node: ast.Import | ast.ImportFrom, package: str) -> Iterator[str]:
    """Every module that an import may load: ``from a import b`` may mean ``a.b``."""
    if isinstance(node, ast.Import):
        for alias in node.names:
            yield from _with_parents(alias.name)
        return
    above = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
    base = ".".join([*above, *([node.module] if node.module else [])])
    if base:
        yield from _with_parents(base)
        yield from (f"{base}.{alias.name}" for alias in node.names)


def _with_parents(dotted: str) -> Iterator[str]:
    """``a.b.c`` is loaded after ``a`` and ``a.b``."""
    parts = dotted.split(".")
    return (".".join(parts[:count]) for count in range(1, len(parts) + 1))


def _expression(value: object) -> str:
    """A value of JSON as Python writes it."""
    match value:
        case float() if repr(value) in ("nan", "inf", "-inf"):
            return f'float("{value}")'
        case list():
            return f"[{', '.join(map(_expression, value))}]"
        case dict():
            return f"{{{', '.join(f'{key!r}: {_expression(each)}' for key, each in value.items())}}}"
        case _:
            return repr(value)
