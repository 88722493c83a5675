"""The contract of ``Notebook`` as a test class. A subclass supplies ``after``: a notebook that has run these cells."""

from __future__ import annotations

import json

import pytest

from ciao.core.errors import SourceError
from ciao.core.ports import Notebook

CELLS = (
    "lr = 0.1\nnames = ['a', 'ä']\nshape = (2, 3)\ntable = {'x': None, 'y': [True]}\n",
    "import os.path\nimport json as js\nfrom math import pi as number\n",
    "def loss(x):\n    return x * lr\n\nclass Net:\n    width = 3\n",
    "odd = {1, 2}\nkeyed = {1: 2}\n",
)


class NotebookContract:
    """Every promise of ``Notebook``."""

    def after(self, *cells: str) -> Notebook:
        """A notebook in which these cells were run, one after another."""
        raise NotImplementedError

    @pytest.mark.parametrize("name", ["lr", "os", "js", "number", "loss", "Net", "odd"])
    def test_it_has_the_users_names(self, name: str) -> None:
        """Whatever a cell defined or imported."""
        assert self.after(*CELLS).has(name)

    @pytest.mark.parametrize("name", ["print", "undefined", "json", "pi", "get_ipython", "In", "_", "__name__"])
    def test_it_has_no_others(self, name: str) -> None:
        """Not builtins, not IPython's own, not what was never defined."""
        assert not self.after(*CELLS).has(name)

    @pytest.mark.parametrize(
        ("name", "value"),
        [("lr", 0.1), ("names", ["a", "ä"]), ("shape", [2, 3]), ("table", {"x": None, "y": [True]})],
    )
    def test_a_plain_value_is_json(self, name: str, value: object) -> None:
        """None, bool, int, float, str, and lists, tuples and dicts of them."""
        assert json.loads(self.after(*CELLS).value(name)) == value

    @pytest.mark.parametrize("name", ["odd", "keyed", "loss", "Net", "os", "undefined"])
    def test_what_is_not_plain_has_no_value(self, name: str) -> None:
        """A SourceError that names it."""
        with pytest.raises(SourceError, match=name):
            self.after(*CELLS).value(name)

    def test_a_value_has_a_limit(self) -> None:
        """More than 1 MiB of JSON is a SourceError."""
        with pytest.raises(SourceError, match="big"):
            self.after(f"big = {'x' * (2**20 + 1)!r}").value("big")

    @pytest.mark.parametrize(
        ("name", "kind", "text"),
        [
            ("loss", "function", "def loss(x):\n    return x * lr"),
            ("Net", "class", "class Net:\n    width = 3"),
            ("js", "import", "import json as js"),
        ],
    )
    def test_a_definition_is_its_source(self, name: str, kind: str, text: str) -> None:
        """As a statement of a module."""
        found = self.after(*CELLS).definition(name)
        assert (found.name, found.kind, found.text.strip()) == (name, kind, text)

    @pytest.mark.parametrize("name", ["lr", "undefined"])
    def test_a_value_has_no_definition(self, name: str) -> None:
        """A SourceError that names it."""
        with pytest.raises(SourceError, match=name):
            self.after(*CELLS).definition(name)
