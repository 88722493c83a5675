"""One value of a TOML file changed, every other line kept: comments, order and spacing are the user's.

The standard library reads TOML and does not write it. What is done here by lines is proved by reading the result:
it must say what the file said before plus the one value, or nothing is written.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Mapping
from typing import Any

from ciao.core.errors import SettingsError

_PART = r"""(?:[\w-]+|"(?:\\.|[^"\\\n])*"|'[^'\n]*')"""
_PATH = rf"(?P<path>{_PART}(?:\s*\.\s*{_PART})*)"
_HEADER = re.compile(rf"^\s*\[\s*{_PATH}\s*\]\s*(#.*)?$")
_ENTRY = re.compile(rf"^\s*{_PATH}\s*=")

Key = tuple[str, ...]
Value = str | int | float | bool


def with_value(text: str, key: Key, value: Value, label: str = "the file") -> str:
    """The text with ``key = value``; SettingsError naming ``label`` where that cannot be done safely."""
    wanted = _merged(_parsed(text, label), key, value)
    lines = text.removesuffix("\n").split("\n") if text else []
    spans = _tables(lines)
    at = _entry(lines, spans, key)
    edited = _replaced(lines, at, value) if at is not None else _inserted(lines, spans, key, value)
    result = "\n".join(edited) + "\n"
    if _read(result) != wanted:
        raise SettingsError(
            f"{label} is written in a way that Ciao cannot change without touching other lines",
            hint=f"Write it there yourself: {'.'.join(map(_bare, key))} = {_literal(value)}",
        )
    return result


def _parsed(text: str, label: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"{label} is not TOML: {error}", hint="Mend it first; nothing was changed") from error


def _read(text: str) -> dict[str, Any] | None:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return None


def _merged(table: Mapping[str, Any], key: Key, value: Value) -> dict[str, Any]:
    head, *rest = key
    if not rest:
        return {**table, head: value}
    inner = table.get(head, {})
    return {**table, head: _merged(inner if isinstance(inner, dict) else {}, tuple(rest), value)}


def _path(text: str) -> Key:
    """``store.path`` or ``"a b".c`` as its parts; empty when it is no TOML key."""
    found: Any = _read(f"{text} = 0")
    parts: list[str] = []
    while isinstance(found, dict) and len(found) == 1:
        part, found = next(iter(found.items()))
        parts.append(part)
    return tuple(parts)


def _tables(lines: list[str]) -> list[tuple[Key, int, int]]:
    """(path, first line, end) of every table, the root first; lines of ``[[arrays]]`` belong to nobody."""
    starts: list[tuple[Key | None, int]] = [((), 0)]
    for number, line in enumerate(lines):
        if header := _HEADER.match(line):
            starts.append((_path(header["path"]), number + 1))
        elif line.lstrip().startswith("[["):
            starts.append((None, number + 1))
    ends = [start - 1 for _, start in starts[1:]] + [len(lines)]
    return [(path, start, end) for (path, start), end in zip(starts, ends, strict=True) if path is not None]


def _entry(lines: list[str], spans: list[tuple[Key, int, int]], key: Key) -> int | None:
    for path, start, end in spans:
        for number in range(start, end):
            entry = _ENTRY.match(lines[number])
            if entry and path + _path(entry["path"]) == key:
                return number
    return None


def _replaced(lines: list[str], at: int, value: Value) -> list[str]:
    line = lines[at]
    entry = _ENTRY.match(line)
    assert entry is not None, "found by it"
    return [*lines[:at], f"{entry[0]} {_literal(value)}{_comment(line)}", *lines[at + 1 :]]


def _comment(line: str) -> str:
    """The comment at the end of an entry, with the space before it."""
    for match in re.finditer(r"\s*#", line):
        if _read(line[: match.start()]):
            return line[match.start() :]
    return ""


def _inserted(lines: list[str], spans: list[tuple[Key, int, int]], key: Key, value: Value) -> list[str]:
    fitting = [span for span in spans if key[: len(span[0])] == span[0] and len(span[0]) < len(key)]
    path, start, end = max(fitting, key=lambda span: len(span[0]))
    if not path and len(key) > 1:
        gap = [""] if lines and lines[-1].strip() else []
        return [*lines, *gap, f"[{'.'.join(map(_bare, key[:-1]))}]", f"{_bare(key[-1])} = {_literal(value)}"]
    while end > start and not lines[end - 1].strip():
        end -= 1
    gap = [""] if not path and end < len(lines) and lines[end].strip() else []
    return [*lines[:end], f"{'.'.join(map(_bare, key[len(path) :]))} = {_literal(value)}", *gap, *lines[end:]]


def _bare(part: str) -> str:
    return part if re.fullmatch(r"[A-Za-z0-9_-]+", part) else _literal(part)


def _literal(value: Value) -> str:
    # A JSON string is a TOML basic string, but for the delete character, which TOML wants escaped.
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
