"""The names of a running notebook: a real IPython shell, no kernel around it."""

from __future__ import annotations

import contextlib
import json
import sys
from pathlib import Path

import pytest

from ciao.core.errors import SourceError
from ciao.core.include import resolve
from ciao.core.model import JobSpec, Role, Source
from ciao.core.ports import Notebook
from ciao.core.requests import Launch
from ciao.kernel.notebook import KernelNotebook
from ciao.testing.notebook import NotebookContract


class Shell:
    """An IPython shell that keeps no history on disk."""

    def __init__(self, home: Path) -> None:
        from IPython.core.interactiveshell import InteractiveShell
        from traitlets.config import Config

        settings = Config()
        settings.HistoryManager.enabled = False
        settings.InteractiveShell.ipython_dir = str(home)
        settings.InteractiveShell.colors = "nocolor"
        self.shell = InteractiveShell(config=settings)
        self.directory = str(home)

    def after(self, *cells: str) -> KernelNotebook:
        for cell in cells:
            assert self.shell.run_cell(cell, store_history=True).success
        return KernelNotebook.of(self.shell, self.directory)


@pytest.fixture
def shell(tmp_path: Path):
    main, excepthook, displayhook = sys.modules["__main__"], sys.excepthook, sys.displayhook
    yield Shell(tmp_path)
    sys.modules["__main__"], sys.excepthook, sys.displayhook = main, excepthook, displayhook


class TestKernelNotebook(NotebookContract):
    """The names of a shell keep the port's promises."""

    @pytest.fixture(autouse=True)
    def _shell(self, shell: Shell) -> None:
        self.shell = shell

    def after(self, *cells: str) -> Notebook:
        return self.shell.after(*cells)


def test_what_ipython_keeps_for_itself_is_not_the_users(shell: Shell):
    notebook = shell.after("1 + 1", "lr = 0.1\nlr")
    mine = [name for name in shell.shell.user_ns if notebook.has(name)]
    assert mine == ["lr"]


def test_a_name_that_the_user_gave_another_meaning_is_the_users(shell: Shell):
    assert shell.after("for exit in (3,): pass").has("exit")


@pytest.mark.parametrize(
    ("cell", "name", "kind", "text"),
    [
        ("import numpy as np", "np", "import", "import numpy as np"),
        ("import os.path\nimport os", "os", "import", "import os.path\nimport os"),
        ("from collections import *", "OrderedDict", "import", "from collections import OrderedDict"),
        ("from math import sqrt as root", "root", "import", "from math import sqrt as root"),
        ("import functools\n@functools.cache\ndef f(): pass", "f", "function", "@functools.cache\ndef f(): pass"),
        ("def d(f): return lambda: f\n@d\ndef g(): pass", "g", "function", "@d\ndef g(): pass"),
        ("h = lambda x: x", "h", "function", "h = lambda x: x"),
        ("from collections import namedtuple\nP = namedtuple('P', 'x')", "P", "class", "P = namedtuple('P', 'x')"),
        ("from typing import TypeVar\nT = TypeVar('T')", "T", "class", "T = TypeVar('T')"),
        ("A = dict[str, int]", "A", "class", "A = dict[str, int]"),
    ],
)
def test_a_definition_is_found_as_it_was_written(shell: Shell, cell, name, kind, text):
    found = shell.after(cell).definition(name)
    assert (found.kind, found.text) == (kind, text)


def test_a_function_that_was_written_twice_is_the_one_that_is_bound(shell: Shell):
    """An older one that was bound again wins over a younger text that is not in force."""
    notebook = shell.after("def f(): return 1", "old = f", "def f(): return 2", "f = old")
    found = notebook.definition("f")
    assert (found.text, found.origin) == ("def f(): return 1", "Cell In [1]")


def test_a_definition_says_in_which_cell_it_was_written(shell: Shell):
    found = shell.after("x = 1", "y = 1\ndef f():\n    pass").definition("f")
    assert (found.origin, found.line) == ("Cell In [2]", 2)


@pytest.mark.parametrize(
    ("cell", "name", "message"),
    [
        ("def make():\n    def inner(): pass\n    return inner\ng = make()", "g", "include what makes g"),
        ("exec('def e(): pass')", "e", "include what makes e"),
        ("data = object()", "data", "data is an object: neither a function"),
    ],
)
def test_what_has_no_source_is_refused_with_what_to_do(shell: Shell, cell, name, message):
    with pytest.raises(SourceError) as error:
        shell.after(cell).definition(name)
    assert message in str(error.value)


@pytest.mark.parametrize(
    ("cell", "message"),
    [
        ("import numpy\nv = numpy.float64(1)", "float(v) is plain data"),
        ("import numpy\nv = numpy.int32(1)", "int(v) is plain data"),
        ("import numpy\nv = {'a': [numpy.zeros(2)]}", "v['a'][0].tolist() is plain data"),
        ("import enum\nclass C(enum.IntEnum):\n    A = 1\nv = C.A", "int(v) is plain data"),
        ("v = {1, 2}", "sorted(v) is plain data"),
        ("v = []\nv.append(v)", "contains itself"),
        ("v = 10 ** 5000", "cannot be sent as text"),
        ("v = [0] * 3_000_000", "larger than 1 MiB"),
    ],
)
def test_a_value_that_is_not_plain_is_refused_with_what_would_be(shell: Shell, cell, message):
    with pytest.raises(SourceError) as error:
        shell.after(cell).value("v")
    assert message in str(error.value)


def test_asking_runs_no_code_of_the_users(shell: Shell):
    """Not a property, a __class__, a __getattr__, a __repr__, an __eq__, a metaclass's method."""
    notebook = shell.after(
        "touched = []\n"
        "class Meta(type):\n"
        "    def __getattribute__(cls, name): touched.append(name); return type.__getattribute__(cls, name)\n"
        "class Trap(metaclass=Meta):\n"
        "    def __getattribute__(self, name): touched.append(name); raise RuntimeError(name)\n"
        "    def __eq__(self, other): touched.append('eq'); raise RuntimeError\n"
        "    def __repr__(self): touched.append('repr'); raise RuntimeError\n"
        "    __hash__ = None\n"
        "trap = Trap()\nlist_of = [trap]\ntouched.clear()"
    )
    for name in ("trap", "list_of", "Trap"):
        assert notebook.has(name)
        for ask in (notebook.value, notebook.definition):
            with contextlib.suppress(SourceError):
                ask(name)
    assert shell.shell.user_ns["touched"] == []


def test_a_local_module_travels_only_when_it_is_the_one_in_use(shell: Shell, tmp_path: Path, monkeypatch):
    (tmp_path / "ciao_local_tools.py").write_text("x = 1")
    (tmp_path / "attrs").mkdir()
    (tmp_path / "attrs" / "__init__.py").write_text("not the one that was imported")
    monkeypatch.syspath_prepend(str(tmp_path))
    notebook = shell.after("import ciao_local_tools as tools, attrs")
    assert notebook.definition("tools").text == "import ciao_local_tools as tools"
    assert notebook.module("ciao_local_tools").text == "x = 1"
    assert notebook.module("attrs") is None
    del sys.modules["ciao_local_tools"]


def test_what_a_notebook_sends_runs_elsewhere(shell: Shell):
    """The whole way: a class with what it needs, from a shell into a program of its own."""
    notebook = shell.after(
        "import math\nscale = 2.0",
        "class Base:\n    def area(self): return math.floor(scale * self.side)",
        "class Square(Base):\n    def __init__(self, side): self.side = side",
    )
    spec = JobSpec(name="j", framework="pytorch", target="local", roles=(Role("master", 1),))
    source = Source(code="\nresult = Square(3).area()", label="Cell In [4]")
    found, notes = resolve(Launch(spec=spec, source=source, text="", include=("Square",)), notebook)
    made = {"__name__": "ciao_names"}
    exec(found.source.modules[0].content, made)
    assert made["Square"](3).area() == 6
    assert notes[0].text == "travels with the cell: math, Base (In [2]), Square (In [3]), scale = 2.0"
    assert json.loads(notebook.value("scale")) == 2.0
