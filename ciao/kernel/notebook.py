"""The names of the running notebook, for jobs that take some along (``%include``, ``%var``).

Answers from the namespace (what a name is now) and from the cells that ran (how it was written). It asks objects only
what the interpreter itself keeps about them, never a property, a ``__repr__`` or a ``__getattr__`` of the user's.
"""

from __future__ import annotations

import re
import sys
import types
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from attrs import field, frozen

from ciao.adapters.notebook_file import local_module
from ciao.core.cells import Binding, Cells, CellText
from ciao.core.errors import SourceError
from ciao.core.plain import plain_json
from ciao.core.ports import Definition

# IPython's own: results and inputs of earlier cells, and what it keeps beside them.
_HISTORY = re.compile(r"_+|_i{0,3}|_i?\d+|_(?:ih|oh|dh|exit_code)|__\w+__")
_UNWRAPS = 20  # decorators around one function


@frozen(slots=False)
class KernelNotebook:
    """Implements ``core.ports.Notebook``. To be asked on the thread that runs cells.

    ``history`` are the inputs as Python, the first belonging to ``In [0]``; ``hidden`` what IPython itself has put
    into the namespace; ``directory`` the notebook's.
    """

    namespace: Mapping[str, Any] = field(repr=False)
    history: Sequence[str] = field(repr=False)
    hidden: Mapping[str, Any] = field(repr=False)
    directory: str

    @classmethod
    def of(cls, shell: Any, directory: str) -> KernelNotebook:
        """The notebook of an IPython shell."""
        return cls(shell.user_ns, shell.history_manager.input_hist_parsed, shell.user_ns_hidden, directory)

    def has(self, name: str) -> bool:
        if name not in self.namespace or _HISTORY.fullmatch(name):
            return False
        return name not in self.hidden or self.namespace[name] is not self.hidden[name]

    def value(self, name: str) -> str:
        return plain_json(name, self._object(name))

    def definition(self, name: str) -> Definition:
        found = self._object(name)
        if _is(found, types.ModuleType):
            return Definition(name, "import", self._import_of(name, found))
        binding = self._binding(name, found)
        if binding is None:
            return self._imported(name, found)
        kind = "function" if binding.kind == "assignment" and _is(found, types.FunctionType) else binding.kind
        kind = "class" if kind == "assignment" else kind
        where = ("", 1) if kind == "import" else (binding.cell.label, binding.first)
        return Definition(name, kind, binding.text, "", *where)

    def module(self, dotted: str) -> Definition | None:
        found = local_module(self.directory, dotted)
        file = _kept(sys.modules[dotted]).get("__file__") if dotted in sys.modules else None
        if found is None or not isinstance(file, str):
            return found
        # A module of that name may have been loaded from elsewhere: then the file here is not the one in use.
        return found if Path(file).resolve() == Path(self.directory, found.path).resolve() else None

    # -- inside -----------------------------------------------------------------------------------------

    @cached_property
    def _cells(self) -> Cells:
        return Cells([CellText(f"Cell In [{number}]", text) for number, text in enumerate(self.history)])

    def _object(self, name: str) -> Any:
        if not self.has(name):
            raise SourceError(f"the notebook has no {name}")
        return self.namespace[name]

    def _binding(self, name: str, found: object) -> Binding | None:
        """The statement that made this very object; None when no cell is known to have done so."""
        for binding in self._cells.bindings(name):
            if binding.kind == "import" or binding.decorated or (binding.kind == "class" and _is(found, type)):
                return binding
            if _is(found, types.FunctionType):
                if binding.kind in ("function", "assignment") and _stands_in(found, binding):
                    return binding
            elif binding.kind == "assignment" and _is_type(found):
                return binding
            elif binding.kind != "function":
                return None
        return None

    def _import_of(self, name: str, module: types.ModuleType) -> str:
        """The import that binds a module, as the cells wrote it; ``import a`` and ``import a.b`` together."""
        dotted = str(_kept(module).get("__name__", name))
        if dotted != name:
            return f"import {dotted} as {name}"
        texts = [binding.text for binding in self._cells.bindings(name) if binding.kind == "import"]
        same = [text for text in texts if text.startswith("import ") and " as " not in text]
        return "\n".join(dict.fromkeys(reversed(same))) or f"import {name}"

    def _imported(self, name: str, found: object) -> Definition:
        """What no cell defines, but a module has (``from m import *``, ``%run``, another name for it)."""
        module, qualified = _home(found)
        home = sys.modules.get(module) if module not in ("__main__", "builtins") else None
        if home is not None and _kept(home).get(qualified) is found:
            what = qualified if qualified == name else f"{qualified} as {name}"
            return Definition(name, "import", f"from {module} import {what}")
        kind = type.__getattribute__(type(found), "__qualname__")
        if _is(found, types.FunctionType, type):
            raise SourceError(
                f"{name} was not written by a statement of a cell (it was made by a call, or by exec)",
                None,
                f"include what makes {name}, and make it in the cell",
            )
        raise SourceError(
            f"{name} is {'an' if kind[:1] in 'AEIOUaeiou' else 'a'} {kind}: neither a function, a class nor a module",
            None,
            f"make {name} in the cell itself, or write it to a file that the cell reads",
        )


def _is(found: object, *kinds: type) -> bool:
    """``isinstance`` without asking the object for its ``__class__``."""
    return issubclass(type(found), kinds)


def _kept(module: types.ModuleType) -> dict[str, Any]:
    """What a module holds; never its ``__getattr__``, which may load more."""
    found: dict[str, Any] = object.__getattribute__(module, "__dict__")
    return found


def _stands_in(function: Any, binding: Binding) -> bool:
    """Whether a function's code was compiled from these lines."""
    import linecache

    for _ in range(_UNWRAPS):
        code = function.__code__
        entry = linecache.cache.get(code.co_filename)
        same = entry is None or len(entry) == 1 or "".join(entry[2]).rstrip() == binding.cell.text.rstrip()
        if same and binding.first <= code.co_firstlineno <= binding.last:
            return True
        wrapped = function.__dict__.get("__wrapped__")
        if not _is(wrapped, types.FunctionType):
            return False
        function = wrapped
    return False


def _is_type(found: object) -> bool:
    """A class, or one of the forms of typing: what a call like ``namedtuple(…)`` or ``TypeVar(…)`` defines."""
    module = type.__getattribute__(type(found), "__module__")
    return issubclass(type(found), type | types.GenericAlias | types.UnionType) or module == "typing"


def _home(found: Any) -> tuple[str, str]:
    """The module and the name under which an object was defined, as far as it says so by itself."""
    if _is(found, type):
        read = type.__getattribute__
        return str(read(found, "__module__")), str(read(found, "__qualname__"))
    if _is(found, types.FunctionType, types.BuiltinFunctionType):
        return str(found.__module__), found.__qualname__
    return "", ""
