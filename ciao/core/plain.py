"""Plain data: what may travel by value, as JSON, and for what may not, what to do instead.

Only exact types count. A subclass (an enum, a numpy float) would arrive as something else, silently.
Nothing of the value's own is called: no property, no ``__repr__``, no ``__iter__``.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

from ciao.core.errors import SourceError

LARGEST = 2**20  # bytes of JSON
_DEEPEST = 100
_SCALARS = (type(None), bool, int, float, str)
_Step = tuple[str, object, int]  # how it is reached, the value, how deep


def plain_json(name: str, value: object) -> str:
    """The value as JSON text (NaN and infinities as Python's json writes them); SourceError when it is not plain."""
    todo: list[_Step] = [(name, value, 0)]
    size = 0
    while todo:
        where, each, depth = todo.pop()
        kind = type(each)
        size += len(each) if type(each) is str else 8
        if size > 2 * LARGEST:
            raise _too_large(name)
        if kind not in _SCALARS:
            todo.extend(_parts(name, where, each, depth))
    try:
        text = json.dumps(value)
    except ValueError as error:  # an integer of more digits than Python prints
        raise SourceError(f"{name} cannot be sent as text: {error}") from error
    if len(text) > LARGEST:
        raise _too_large(name)
    return text


def _parts(name: str, where: str, value: object, depth: int) -> Iterator[_Step]:
    if depth >= _DEEPEST:
        raise SourceError(f"{name} is nested more than {_DEEPEST} levels deep, or contains itself")
    if type(value) is dict:
        for key, each in value.items():
            if type(key) is not str:
                raise SourceError(f"{where} has the key {_type(key)}, but only text can be a key of plain data")
            yield f"{where}[{key!r}]", each, depth + 1
    elif type(value) is list or type(value) is tuple:
        for number, each in enumerate(value):
            yield f"{where}[{number}]", each, depth + 1
    else:
        raise SourceError(f"{where} is {_article(_type(value))}, not plain data", None, _remedy(where, type(value)))


def _too_large(name: str) -> SourceError:
    return SourceError(f"{name} is larger than 1 MiB as text", None, "Write it to a file and let the cell read that.")


def _type(value: object) -> str:
    return str(type.__getattribute__(type(value), "__qualname__"))


def _article(name: str) -> str:
    vowel = name[:1].lower() in "aeiou" and not name.startswith("uint")
    return f"{'an' if vowel or name == 'ndarray' else 'a'} {name}"


def _remedy(where: str, kind: type) -> str:
    """What makes it plain, as a line to copy."""
    module = str(type.__getattribute__(kind, "__module__")).partition(".")[0]
    name = str(type.__getattribute__(kind, "__qualname__"))
    calls = {"set": "sorted", "frozenset": "sorted", "PosixPath": "str", "WindowsPath": "str", "Decimal": "float"}
    if name in calls:
        return f"{calls[name]}({where}) is plain data"
    if module == "numpy":
        for start, call in (("float", "float"), ("int", "int"), ("uint", "int"), ("bool", "bool"), ("str", "str")):
            if name.startswith(start):
                return f"{call}({where}) is plain data"
    if issubclass(kind, type):
        return f"Classes travel as source: %include={where}"
    if name in ("ndarray", "Tensor", "Series", "Index"):
        return f"{where}.tolist() is plain data; large ones belong in a file that the cell reads."
    if issubclass(kind, _SCALARS[1:]):
        return f"{next(base.__name__ for base in _SCALARS[1:] if issubclass(kind, base))}({where}) is plain data"
    return "Make it in the cell itself, or write it to a file that the cell reads."
