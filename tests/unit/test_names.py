"""Which names a program uses, and which of them only the notebook has."""

from __future__ import annotations

import ast
import builtins
import symtable
import sys
import sysconfig
from pathlib import Path

import pytest

from ciao.adapters.notebook_file import NotebookFile
from ciao.core.names import missing, needs
from ciao.core.scopes import program
from ciao.core.voice import TERMINAL


def names(code: str) -> list[str]:
    return sorted({use.name for use in needs(code)})


@pytest.mark.parametrize(
    ("code", "free"),
    [
        ("print(lr)", ["lr"]),
        ("lr = 1\nprint(lr)", []),
        ("def f():\n    return lr", ["lr"]),
        ("def f(lr):\n    return lr", []),
        ("def f(x=lr): pass", ["lr"]),
        ("f = lambda x, *a, y=lr, **k: x + y + z", ["lr", "z"]),
        ("def f():\n    global lr\n    lr = 1\nprint(lr)", []),
        ("def f():\n    global lr\n    return lr", ["lr"]),
        ("def f():\n    x = 1\n    def g():\n        nonlocal x\n        x += 1", []),
        ("def f():\n    x = 1\n    return lambda: x", []),
        ("lr *= 2", ["lr"]),
        ("del lr", []),
        ("[x for x in data if x]", ["data"]),
        ("[y for x in data for y in x]", ["data"]),
        ("x = [x for _ in range(3)]", []),
        ("print([x for x in (1, 2)])\nx", ["x"]),
        ("if (n := 3) > 2: print(n)", []),
        ("[last := x for x in (1, 2)]\nlast", []),
        ("class A:\n    x = 1\n    def f(self): return x", ["x"]),
        ("class A:\n    x = 1\n    y = x", []),
        ("class A(Base, metaclass=Meta): pass", ["Base", "Meta"]),
        ("@deco\ndef f(): pass", ["deco"]),
        ("def f(a: A) -> B: pass", ["A", "B"]),
        ("from __future__ import annotations\ndef f(a: A) -> B: pass\nx: C = 1", []),
        ("def f():\n    x: Unneeded = 1", []),
        ("x: Needed = 1", ["Needed"]),
        ("x: int\nprint(x)", ["x"]),
        ("import a.b as c, d.e\nfrom f import g as h\nc, d, h", []),
        ("import a.b as c\na", ["a"]),
        ("try: pass\nexcept E as e: print(e)", ["E"]),
        ("try:\n    lr\nexcept NameError:\n    lr = 1", []),
        ("try:\n    lr\nexcept (KeyError, NameError):\n    pass", []),
        ("try:\n    lr\nexcept KeyError:\n    pass", ["lr"]),
        ("from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    x: Secret", []),
        ("import typing\nif typing.TYPE_CHECKING:\n    Secret\nelse:\n    Needed", ["Needed"]),
        ("match v:\n    case {'a': x, **rest}: x, rest\n    case [y, *z] | y: y, z\n    case P(w): w", ["P", "v"]),
        ("with open('f') as f: f", []),
        ("for i, (j, *k) in data: i, j, k", ["data"]),
        ("async def f():\n    async for x in xs: await x", ["xs"]),
        ("f'{lr:{width}}'", ["lr", "width"]),
        ("__name__, __file__, __doc__, print", []),
        ("from torch import *\nanything", []),
        ("not python at all", []),
        ("x = '" + "\\x00" + "'", []),
        ("+".join(["x"] * 900), ["x"]),
    ],
)
def test_the_names_that_a_program_uses_and_never_binds(code, free):
    assert names(code) == free


@pytest.mark.skipif(sys.version_info < (3, 12), reason="the grammar of 3.12")
@pytest.mark.parametrize(
    ("code", "free"),
    [
        ("def f[T: Unneeded](x: T) -> T: pass", []),
        ("class A[T](Base[T]): x: T", ["Base"]),
        ("type A[T] = list[T]\nA", []),
    ],
)
def test_type_parameters_are_bound_where_they_stand(code, free):
    assert names(code) == free


def test_a_use_says_where_it_stands_in_characters():
    use = needs("a = 1\nprint('äö', lr)")[0]
    assert (use.name, use.line, use.column) == ("lr", 2, 13)


@pytest.mark.parametrize(
    ("code", "late"), [("x", False), ("class A:\n    x", False), ("[x for _ in ()]", False), ("def f(): x", True)]
)
def test_a_use_within_a_function_comes_later(code, late):
    """What must be there when the program is read, and what only when the function is called."""
    assert [use.late for use in needs(code) if use.name == "x"] == [late]


LIBRARY = sorted(Path(sysconfig.get_paths()["stdlib"]).glob("*.py"))


@pytest.mark.parametrize("path", LIBRARY[::6], ids=lambda path: path.name)
def test_the_rules_are_those_of_python_itself(path):
    """On Python's own library, agrees with the compiler's symbol table (but for what is never evaluated)."""
    source = path.read_text("utf-8")
    tree = ast.parse(source)
    if any(isinstance(node, ast.AnnAssign | ast.Try | ast.AugAssign) for node in ast.walk(tree)):
        tree = _Evaluated().visit(tree)
        source = ast.unparse(ast.fix_missing_locations(tree))
        tree = ast.parse(source)
    found = program(tree, source)
    assert {use.name for use in found.free} - set(dir(builtins)) == _by_compiler(source) - set(dir(builtins))


class _Evaluated(ast.NodeTransformer):
    """Without the three places where Ciao knowingly differs: guarded tries, annotations in functions, ``x += 1``."""

    def visit_AnnAssign(self, node):
        return ast.Assign([node.target], self.visit(node.value)) if node.value else ast.Pass()

    def visit_AugAssign(self, node):
        return ast.Assign([node.target], self.visit(node.value))

    def visit_Try(self, node):
        self.generic_visit(node)
        for handler in node.handlers:
            handler.type = None if handler.type is None else ast.Name("Exception", ast.Load())
        node.handlers = node.handlers[-1:]
        return node


def _by_compiler(source: str) -> set[str]:
    top = symtable.symtable(source, "x", "exec")
    tables, used = [top], set()
    bound = {s.get_name() for s in top.get_symbols() if s.is_assigned() or s.is_imported() or s.is_namespace()}
    while tables:
        table = tables.pop()
        tables += table.get_children()
        for symbol in table.get_symbols():
            free = symbol.is_global() if table is not top else not symbol.is_assigned()
            if symbol.is_declared_global() and symbol.is_assigned():
                bound.add(symbol.get_name())
            if symbol.is_referenced() and free:
                used.add(symbol.get_name())
    return used - bound


# -- against a notebook -------------------------------------------------------------------------------

NOTEBOOK = NotebookFile(
    "nb.ipynb",
    "/nowhere",
    ("import numpy as np\nlr, epochs = 0.1, 3\nlr = 0.1\nepochs = 3", "class Model: pass\ndata = np.zeros(3)"),
)


def test_names_that_the_notebook_has_are_reported_with_the_way_out_for_each():
    code = "\nmodel = Model()\nfor _ in range(epochs):\n    step(model, lr, np.ones(3))\n"
    assert missing(code, NOTEBOOK).error("Cell In [3]").lines() == (
        "This cell uses names that only the notebook has: Model, epochs, lr and np.",
        "  Cell In [3], line 2, column 9",
        "    model = Model()",
        "            ^^^^^",
        "  A job's cell is a program of its own; what it needs from the notebook travels with it:",
        "    %var=epochs,lr",
        "    %include=Model,np",
    )


def test_a_name_that_cannot_travel_is_reported_with_what_to_do():
    lines = missing("print(data)", NOTEBOOK).error("Cell In [3]").lines()
    assert lines[0] == "This cell uses a name that only the notebook has: data."
    assert lines[-1].startswith("  data cannot travel: The value of data is not written in nb.ipynb")
    assert not any("%" in line for line in lines)


def test_the_command_line_is_told_in_its_own_words():
    assert "    --var lr" in missing("lr", NOTEBOOK).error("nb.ipynb#3", TERMINAL).lines()


@pytest.mark.parametrize("code", ["undefined", "lr = 1\nlr", "print(1)", "lr = ", "from torch import *\nlr"])
def test_what_the_notebook_does_not_have_or_the_cell_defines_is_not_reported(code):
    assert not missing(code, NOTEBOOK).missing


def test_names_that_travel_already_are_not_reported():
    assert not missing("lr", NOTEBOOK, frozenset({"lr"})).missing
