"""Which names a program uses and which it binds: Python's scoping rules over its syntax tree.

``symtable`` knows this too, but without columns, and it cannot tell what is only used where it does not matter
(annotations that are never evaluated, ``if TYPE_CHECKING``, a ``try`` that catches NameError).
Source of the rules: the language reference, section 4.2 (naming and binding) and 6.2.4 (comprehensions).
The walk keeps its own stack, so a deep expression cannot exhaust Python's.
"""

from __future__ import annotations

import ast
import enum
import re
from collections.abc import Callable, Iterable, Iterator

from attrs import Factory, define, evolve, frozen


class Kind(enum.Enum):
    """What a block of code is; a class's names are not seen by the functions in it."""

    MODULE = "module"
    FUNCTION = "function"
    COMPREHENSION = "comprehension"
    CLASS = "class"


@frozen
class Use:
    """A name is read: ``line`` from 1, ``column`` from 1 in characters; ``late``: only when a function is called."""

    name: str
    line: int
    column: int
    late: bool


@define(eq=False)
class Scope:
    """One block: what it binds, what it declares to be elsewhere, what it reads."""

    kind: Kind
    parent: Scope | None = None
    bound: set[str] = Factory(set)
    changed: set[str] = Factory(set)  # by ``x += 1`` or ``del x``, which bind nothing that was not there
    globals: set[str] = Factory(set)
    nonlocals: set[str] = Factory(set)
    uses: list[Use] = Factory(list)

    @property
    def late(self) -> bool:
        """Whether its code runs only when somebody calls it."""
        return self.kind is Kind.FUNCTION or (self.parent is not None and self.parent.late)


@frozen
class Program:
    """``bound`` at module level; ``free``: read and bound nowhere, in order of appearance, each use of each name.

    ``star``: a ``from x import *`` binds nobody knows what.
    """

    bound: frozenset[str]
    free: tuple[Use, ...]
    star: bool


def lines_of(source: str) -> list[str]:
    """The lines as Python counts them; ``str.splitlines`` would also end one at a form feed."""
    return re.split(r"\r\n|\r|\n", source)


def program(tree: ast.Module, source: str) -> Program:
    """What a module binds and what it uses; ``source`` is the text that ``tree`` was parsed from."""
    scopes, star = _walked(tree, lines_of(source))
    module = scopes[0]
    for scope in scopes[1:]:
        module.bound |= scope.bound & scope.globals
    free = {use for scope in scopes for use in scope.uses if not _resolved(scope, use.name, module)}
    ordered = sorted(free, key=lambda use: (use.line, use.column))
    return Program(frozenset(module.bound), tuple(ordered), star)


def _resolved(scope: Scope, name: str, module: Scope) -> bool:
    """Whether a function around the use, or the module, binds the name (4.2.2)."""
    at: Scope | None = scope
    while at is not None and at is not module and name not in at.globals:
        visible = at is scope or at.kind is not Kind.CLASS
        if visible and name not in at.nonlocals and name in at.bound | at.changed:
            return True
        at = at.parent
    return name in module.bound


# -- the walk -----------------------------------------------------------------------------------------


@frozen
class _At:
    """Where the walk is. ``quiet``: what is read here is not needed."""

    scope: Scope
    quiet: bool = False


_Step = tuple[ast.AST, _At]


@define(eq=False)
class _Walk:
    lines: list[str]
    postponed: bool  # from __future__ import annotations
    scopes: list[Scope] = Factory(list)
    star: bool = False

    def inner(self, kind: Kind, at: _At) -> _At:
        """A new block within ``at``."""
        scope = Scope(kind, at.scope)
        self.scopes.append(scope)
        return evolve(at, scope=scope)

    def use(self, node: ast.Name, at: _At) -> None:
        if at.quiet:
            return
        text = self.lines[node.lineno - 1] if node.lineno <= len(self.lines) else ""
        column = len(text.encode("utf-8", "replace")[: node.col_offset].decode("utf-8", "replace"))
        if not text.startswith(node.id, column):  # before 3.12 the inside of an f-string has no columns
            column = text.find(node.id)
        at.scope.uses.append(Use(node.id, node.lineno, column + 1, at.scope.late))


def _walked(tree: ast.Module, lines: list[str]) -> tuple[list[Scope], bool]:
    future = [node for node in tree.body if isinstance(node, ast.ImportFrom) and node.module == "__future__"]
    postponed = any(alias.name == "annotations" for node in future for alias in node.names)
    walk = _Walk(lines, postponed, [Scope(Kind.MODULE)])
    todo: list[_Step] = [(tree, _At(walk.scopes[0]))]
    while todo:
        node, at = todo.pop()
        handler = _HANDLERS.get(type(node))
        todo.extend(handler(node, at, walk) if handler else _children(node, at))
    return walk.scopes, walk.star


def _children(node: ast.AST, at: _At) -> Iterator[_Step]:
    return ((child, at) for child in ast.iter_child_nodes(node))


def _each(nodes: Iterable[ast.AST | None], at: _At) -> Iterator[_Step]:
    return ((node, at) for node in nodes if node is not None)


def _name(node: ast.Name, at: _At, walk: _Walk) -> Iterable[_Step]:
    if isinstance(node.ctx, ast.Load):
        walk.use(node, at)
    elif isinstance(node.ctx, ast.Store):
        at.scope.bound.add(node.id)
    else:
        at.scope.changed.add(node.id)
    return ()


def _augmented(node: ast.AugAssign, at: _At, walk: _Walk) -> Iterable[_Step]:
    if isinstance(node.target, ast.Name):
        at.scope.changed.add(node.target.id)
        walk.use(node.target, at)
        return [(node.value, at)]
    return _children(node, at)


def _walrus(node: ast.NamedExpr, at: _At, walk: _Walk) -> Iterable[_Step]:
    """In a comprehension it binds in the block around it (PEP 572)."""
    scope = at.scope
    while scope.kind is Kind.COMPREHENSION and scope.parent is not None:
        scope = scope.parent
    scope.bound.add(node.target.id)
    return [(node.value, at)]


def _function(node: ast.FunctionDef | ast.AsyncFunctionDef, at: _At, walk: _Walk) -> Iterable[_Step]:
    at.scope.bound.add(node.name)
    outer = _type_parameters(node, at, walk)
    inner = walk.inner(Kind.FUNCTION, outer)
    yield from _each(node.decorator_list, at)
    yield from _arguments(node.args, at, outer, inner.scope, walk)
    if node.returns is not None and not walk.postponed:
        yield node.returns, outer
    yield from _each(node.body, inner)


def _lambda(node: ast.Lambda, at: _At, walk: _Walk) -> Iterable[_Step]:
    inner = walk.inner(Kind.FUNCTION, at)
    yield from _arguments(node.args, at, at, inner.scope, walk)
    yield node.body, inner


def _arguments(args: ast.arguments, defaults: _At, outer: _At, inner: Scope, walk: _Walk) -> Iterable[_Step]:
    """Defaults and annotations are evaluated outside, parameters are bound inside."""
    every = [*args.posonlyargs, *args.args, *args.kwonlyargs, *(each for each in (args.vararg, args.kwarg) if each)]
    inner.bound.update(each.arg for each in every)
    yield from _each([*args.defaults, *args.kw_defaults], defaults)
    if not walk.postponed:
        yield from _each((each.annotation for each in every), outer)


def _class(node: ast.ClassDef, at: _At, walk: _Walk) -> Iterable[_Step]:
    at.scope.bound.add(node.name)
    outer = _type_parameters(node, at, walk)
    yield from _each(node.decorator_list, at)
    yield from _each([*node.bases, *node.keywords], outer)
    yield from _each(node.body, walk.inner(Kind.CLASS, outer))


def _type_parameters(node: ast.AST, at: _At, walk: _Walk) -> _At:
    """``def f[T: Bound]``: the parameters stand in a block of their own (PEP 695); else where we are."""
    parameters: list[ast.AST] = getattr(node, "type_params", [])
    if not parameters:
        return at
    outer = walk.inner(Kind.COMPREHENSION, at)
    outer.scope.bound.update(name for each in parameters if (name := getattr(each, "name", None)))
    return outer


def _type_alias(node: ast.AST, at: _At, walk: _Walk) -> Iterable[_Step]:
    """``type A = int``: its value is evaluated only when somebody asks for it."""
    outer = _type_parameters(node, at, walk)
    yield from _each([getattr(node, "name", None)], at)
    yield from _each([getattr(node, "value", None)], evolve(outer, quiet=True))


def _comprehension(
    node: ast.ListComp | ast.SetComp | ast.GeneratorExp | ast.DictComp, at: _At, walk: _Walk
) -> Iterable[_Step]:
    inner = walk.inner(Kind.COMPREHENSION, at)
    for number, part in enumerate(node.generators):
        yield part.iter, inner if number else at
        yield part.target, inner
        yield from _each(part.ifs, inner)
    yield from _each([node.key, node.value] if isinstance(node, ast.DictComp) else [node.elt], inner)


def _annotated(node: ast.AnnAssign, at: _At, walk: _Walk) -> Iterable[_Step]:
    """Without a value it binds nothing, but makes a name a function's own; there annotations are not evaluated."""
    if not walk.postponed and at.scope.kind is not Kind.FUNCTION:
        yield node.annotation, at
    if node.value is not None or at.scope.kind is Kind.FUNCTION or not isinstance(node.target, ast.Name):
        yield from _each([node.target, node.value], at)


def _import(node: ast.Import | ast.ImportFrom, at: _At, walk: _Walk) -> Iterable[_Step]:
    for alias in node.names:
        if alias.name == "*":
            walk.star = True
        else:
            at.scope.bound.add(alias.asname or alias.name.partition(".")[0])
    return ()


def _declared(node: ast.Global | ast.Nonlocal, at: _At, walk: _Walk) -> Iterable[_Step]:
    (at.scope.globals if isinstance(node, ast.Global) else at.scope.nonlocals).update(node.names)
    return ()


def _handler(node: ast.ExceptHandler, at: _At, walk: _Walk) -> Iterable[_Step]:
    if node.name:
        at.scope.bound.add(node.name)
    return _children(node, at)


def _pattern(node: ast.MatchAs | ast.MatchStar | ast.MatchMapping, at: _At, walk: _Walk) -> Iterable[_Step]:
    name = node.rest if isinstance(node, ast.MatchMapping) else node.name
    if name:
        at.scope.bound.add(name)
    return _children(node, at)


def _if(node: ast.If, at: _At, walk: _Walk) -> Iterable[_Step]:
    test = node.test.attr if isinstance(node.test, ast.Attribute) else getattr(node.test, "id", "")
    yield node.test, at
    yield from _each(node.body, evolve(at, quiet=True) if test == "TYPE_CHECKING" else at)
    yield from _each(node.orelse, at)


def _try(node: ast.Try, at: _At, walk: _Walk) -> Iterable[_Step]:
    caught = {each.id for handler in node.handlers for each in _types(handler) if isinstance(each, ast.Name)}
    yield from _each(node.body, evolve(at, quiet=True) if "NameError" in caught else at)
    yield from _each([*node.handlers, *node.orelse, *node.finalbody], at)


def _types(handler: ast.ExceptHandler) -> list[ast.expr]:
    if isinstance(handler.type, ast.Tuple):
        return handler.type.elts
    return [handler.type] if handler.type is not None else []


_HANDLERS: dict[type, Callable[..., Iterable[_Step]]] = {
    ast.Name: _name,
    ast.AugAssign: _augmented,
    ast.NamedExpr: _walrus,
    ast.FunctionDef: _function,
    ast.AsyncFunctionDef: _function,
    ast.Lambda: _lambda,
    ast.ClassDef: _class,
    ast.ListComp: _comprehension,
    ast.SetComp: _comprehension,
    ast.DictComp: _comprehension,
    ast.GeneratorExp: _comprehension,
    ast.AnnAssign: _annotated,
    ast.Import: _import,
    ast.ImportFrom: _import,
    ast.Global: _declared,
    ast.Nonlocal: _declared,
    ast.ExceptHandler: _handler,
    ast.MatchAs: _pattern,
    ast.MatchStar: _pattern,
    ast.MatchMapping: _pattern,
    ast.If: _if,
    ast.Try: _try,
    ast.TryStar: _try,
}
if hasattr(ast, "TypeAlias"):
    _HANDLERS[ast.TypeAlias] = _type_alias
