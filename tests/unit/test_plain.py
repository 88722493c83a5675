"""What may travel by value."""

from __future__ import annotations

import enum
import json
import math
from decimal import Decimal
from pathlib import PurePath

import pytest

from ciao.core.errors import SourceError
from ciao.core.plain import LARGEST, plain_json


class Level(enum.IntEnum):
    LOW = 1


class Word(str):
    __slots__ = ()


def of(module: str, name: str) -> object:
    """An instance of a class that says it is somebody else's."""
    return type(name, (), {"__module__": module})()


def nested(depth: int) -> list[object]:
    value: list[object] = []
    for _ in range(depth):
        value = [value]
    return value


@pytest.mark.parametrize(
    "value",
    [None, True, 3, 0.1, "ä\ud800", [1, [2]], {"a": {"b": []}}, "", nested(99), "x" * (LARGEST - 2)],
    ids=lambda value: type(value).__name__,
)
def test_plain_data_is_json(value):
    assert json.loads(plain_json("v", value)) == value


def test_a_tuple_becomes_a_list_and_nan_stays_one():
    assert plain_json("v", (1, 2)) == "[1, 2]"
    assert math.isnan(json.loads(plain_json("v", math.nan)))


@pytest.mark.parametrize(
    ("value", "what", "hint"),
    [
        (of("numpy", "float32"), "v is a float32, not plain data", "float(v) is plain data"),
        (of("numpy", "uint8"), "v is a uint8", "int(v) is plain data"),
        (of("numpy", "bool_"), "v is a bool_", "bool(v) is plain data"),
        (of("numpy", "generic"), "v is a generic", "Make it in the cell itself"),
        (of("numpy", "ndarray"), "v is an ndarray", "v.tolist() is plain data"),
        (Level, "v is an EnumType", "%include=v"),
        (of("torch", "Tensor"), "v is a Tensor", "v.tolist() is plain data"),
        ({"a": [0, {1}]}, "v['a'][1] is a set", "sorted(v['a'][1]) is plain data"),
        (Decimal(1), "v is a Decimal", "float(v)"),
        (Level.LOW, "v is a Level", "int(v)"),
        (Word("x"), "v is a Word", "str(v)"),
        (PurePath("x"), "v is a Pure", "Make it in the cell itself"),
        (print, "v is a builtin_function_or_method", "Make it in the cell itself"),
        ({1: 2}, "v has the key int, but only text can be a key", ""),
        (nested(101), "nested more than 100 levels deep", ""),
        (10**5000, "cannot be sent as text", ""),
        ("x" * LARGEST, "v is larger than 1 MiB", "Write it to a file"),
        ([0] * LARGEST, "v is larger than 1 MiB", "Write it to a file"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_is_not_plain_is_refused_with_what_would_be(value, what, hint):
    with pytest.raises(SourceError) as error:
        plain_json("v", value)
    assert what in error.value.message
    assert hint in error.value.hint
