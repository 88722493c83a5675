"""What of the notebook travels with a cell."""

from __future__ import annotations

import ast
import json
import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ciao.adapters.notebook_file import NotebookFile
from ciao.core.errors import SourceError
from ciao.core.include import origins, resolve
from ciao.core.logtext import clean_line
from ciao.core.model import JobSpec, Role, Source
from ciao.core.requests import Launch

SPEC = JobSpec(name="j", framework="pytorch", target="local", roles=(Role("master", 1),))
CELLS = (
    "import numpy as np\nfrom torch import nn\nlr = 0.1\nshape = (2, 3)",
    "class Base: pass\n\ndef helper(x):\n    return np.abs(x) * lr + later(x)\n\n"
    "def later(x):\n    return helper(x) if x > 9 else 0",
    "%matplotlib inline\n@register\nclass Model(Base):\n    width = helper(3)\n\n"
    "    def forward(self): return nn, Base\n",
    "def register(c):\n    return c\n\nact = lambda x: x + 1",
    "tensor = make()\ndef uses_tensor(): return tensor",
    "%framework=pytorch\nsecret = 1",
)


def launch(code: str, include: str = "", var: str = "") -> Launch:
    def split(text: str) -> tuple[str, ...]:
        return tuple(text.split(",")) if text else ()

    source = Source(code=code, label="Cell In [9]")
    return Launch(spec=SPEC, source=source, text="", include=split(include), var=split(var))


def notebook(directory: str = "/nowhere", cells: tuple[str, ...] = CELLS) -> NotebookFile:
    return NotebookFile("nb.ipynb", directory, cells)


def module(found: Launch) -> str:
    return next(file.content.decode() for file in found.source.modules if file.path == "ciao_names.py")


def ran(found: Launch, **given: object) -> dict[str, object]:
    """The names that the generated module defines when it is executed (numpy, torch as given)."""
    space = dict(given)
    text = "\n".join(line for line in module(found).split("\n") if not line.startswith(("import", "from")))
    exec(compile(text, "ciao_names.py", "exec"), space)
    return space


def test_a_launch_that_takes_nothing_along_stays_as_it_is():
    asked = launch("\nprint(1)")
    assert resolve(asked, notebook()) == (asked, ())


def test_plain_values_travel_as_literals_and_are_listed():
    found, notes = resolve(launch("\nprint(lr)", var="lr,shape"), notebook())
    space = ran(found)
    assert (space["lr"], space["shape"]) == (0.1, [2, 3])
    assert [note.text for note in notes] == ["travels with the cell: lr = 0.1, shape = [2, 3]"]


def test_definitions_travel_with_all_they_need_in_an_order_that_runs():
    """Decorators, base classes and what a class body calls stand before; functions may call each other in a circle."""
    found, notes = resolve(launch("\nModel()", include="Model"), notebook())

    class Numpy:
        abs = abs

    space = ran(found, np=Numpy, nn="nn")
    assert space["Model"].width == pytest.approx(0.3)
    assert "import numpy as np\nfrom torch import nn\n" in module(found)
    assert "uses_tensor" not in module(found)
    assert notes[0].text.startswith("travels with the cell: ")
    assert "Model (nb.ipynb#3)" in notes[0].text and "lr = 0.1" in notes[0].text


def test_a_lambda_travels_as_its_assignment():
    assert ran(resolve(launch("\nact", include="act"), notebook())[0])["act"](1) == 2


def test_the_names_are_imported_on_a_line_that_was_a_magic():
    found, _ = resolve(launch("\n\nprint(lr, act)", include="act", var="lr"), notebook())
    assert found.source.code == "from ciao_names import act, lr\n\nprint(lr, act)"


@pytest.mark.parametrize(
    ("code", "made"),
    [
        ("# note\n\nact", "# note\n{}\nact"),
        ('"""Doc."""\n\nact', '"""Doc."""\n{}\nact'),
        ('\n"""Doc."""\nfrom __future__ import annotations\n\nact', None),
        ('\n"""Doc."""\nact', '\n"""Doc."""\n{}; act'),
        ("\r\nact\r\n", "{}\r\nact\r\n"),
        ("act\n", "{}; act\n"),
        ('"""a\n\nb"""\nact', '"""a\n\nb"""\n{}; act'),
        ("x = (\n\n1)\nact", "{}; x = (\n\n1)\nact"),
        ("\n# only words", "{}\n# only words"),
        ('"""Doc."""', '"""Doc."""\n{}\n'),
        ("\n@act\ndef f(): pass", "{}\n@act\ndef f(): pass"),
    ],
)
def test_the_import_keeps_every_line_where_it_was(code, made):
    found, _ = resolve(launch(code, include="act"), notebook())
    if made is not None:
        assert found.source.code == made.format("from ciao_names import act")
    ast.parse(found.source.code)
    if code.count("\n"):
        assert found.source.code.count("\n") == code.count("\n")


def test_a_cell_without_a_free_line_is_asked_for_one():
    with pytest.raises(SourceError, match="Put a blank line before it") as error:
        resolve(launch("for x in (1,):\n    act(x)", include="act"), notebook())
    assert error.value.place.line == 1


@pytest.mark.parametrize(
    ("include", "var", "message"),
    [
        ("undefined", "", "The notebook has no undefined"),
        ("", "secret", "The notebook has no secret"),
        ("", "act", "act is not written|the value of act"),
        ("tensor", "", "tensor is neither a function"),
        ("uses_tensor", "", "uses_tensor needs tensor, which cannot travel"),
    ],
)
def test_what_cannot_travel_is_refused_by_name(include, var, message):
    with pytest.raises(SourceError, match=message):
        resolve(launch("\n", include, var), notebook())


def test_names_that_only_the_notebook_has_are_refused_before_anything_starts():
    with pytest.raises(SourceError, match="This cell uses a name that only the notebook has: lr"):
        resolve(launch("\nprint(lr)"), notebook())


def test_without_a_notebook_there_is_nothing_to_take_from():
    assert resolve(launch("print(lr)"), None) == (launch("print(lr)"), ())
    with pytest.raises(SourceError, match="There is no notebook to take lr from"):
        resolve(launch("print(lr)", var="lr"), None)


def test_a_local_module_travels_as_its_files_with_what_it_imports(tmp_path: Path):
    (tmp_path / "pkg").mkdir()
    (tmp_path / "pkg" / "__init__.py").write_text("from . import deep\n")
    (tmp_path / "pkg" / "deep.py").write_text("from ..pkg.other import x\n")
    (tmp_path / "pkg" / "other.py").write_text("import tools, json\n")
    (tmp_path / "tools.py").write_text("def f():\n    import lazy\n")
    (tmp_path / "lazy.py").write_text("import pkg.deep\n")
    (tmp_path / "unused.py").write_text("")
    cells = ("import pkg.deep as d\nfrom tools import f as tool\nimport json",)
    found, notes = resolve(launch("\nd, tool", include="d,tool,json"), notebook(str(tmp_path), cells))
    paths = sorted(file.path for file in found.source.modules)
    assert paths == ["ciao_names.py", "lazy.py", "pkg/__init__.py", "pkg/deep.py", "pkg/other.py", "tools.py"]
    assert "import pkg.deep as d\nfrom tools import f as tool\nimport json\n" in module(found)
    assert "pkg/deep.py" in notes[0].text


def test_a_local_module_that_does_not_compile_is_refused(tmp_path: Path):
    (tmp_path / "broken.py").write_text("def\n")
    with pytest.raises(SourceError, match="does not compile"):
        resolve(launch("\nbroken", include="broken"), notebook(str(tmp_path), ("import broken",)))


def test_a_traceback_names_the_cell_in_which_an_included_function_was_written():
    found, _ = resolve(launch("\nModel", include="Model"), notebook())
    lines = module(found).split("\n")
    at = lines.index("    def forward(self): return nn, Base") + 1
    raw = f'  File "/x/source/ciao_names.py", line {at}, in forward'.encode()
    assert clean_line(raw, "Cell In [9]", origins(found.source)) == "  nb.ipynb#3, line 6, in forward"


def test_a_source_without_included_names_has_no_origins():
    assert origins(Source(code="")) == ()


def test_a_base_class_may_make_instances_of_its_subclasses():
    """Used only when called, so it needs not stand before; a subclass has to stand after its base."""
    cells = ("class Base:\n    def make(self): return Leaf()\nclass Middle(Base): pass\nclass Leaf(Middle): pass",)
    for first in ("Base", "Middle", "Leaf"):
        space = ran(resolve(launch("\n", include=first), notebook(cells=cells))[0])
        assert type(space[first]().make()) is space["Leaf"]


PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)


class OneValue:
    """A notebook with one name."""

    def __init__(self, text: str) -> None:
        self.text = text

    def has(self, name):
        return name == "v"

    def value(self, name):
        return self.text


@given(PLAIN)
def test_any_plain_value_arrives_as_it_was(value):
    found, _ = resolve(launch("\nv", var="v"), OneValue(json.dumps(value)))
    assert same(ran(found)["v"], value)


def same(one: object, other: object) -> bool:
    if isinstance(one, float) and math.isnan(one):
        return isinstance(other, float) and math.isnan(other)
    if isinstance(one, list):
        return isinstance(other, list) and len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, dict):
        return isinstance(other, dict) and list(one) == list(other) and all(same(one[key], other[key]) for key in one)
    return type(one) is type(other) and one == other
