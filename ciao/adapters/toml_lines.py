"""On which line of a TOML file a key stands: ``tomllib`` does not say, and an error must."""

from __future__ import annotations

import re
from collections.abc import Mapping

_TABLE = re.compile(r"\s*\[{1,2}\s*([^\]]+?)\s*\]{1,2}")
_KEY = re.compile(r"""\s*((?:[\w-]+|"[^"]*"|'[^']*')(?:\s*\.\s*(?:[\w-]+|"[^"]*"|'[^']*'))*)\s*=""")
_PART = re.compile(r"""[\w-]+|"[^"]*"|'[^']*'""")


def key_lines(text: str) -> Mapping[tuple[str, ...], tuple[int, str]]:
    """Full key -> (line number from 1, the line), for every ``key =`` and ``[table]`` of the text.

    Keys inside an inline table have no line of their own; see ``line_of``. A key-like line inside a string
    of several lines may be taken for one: good enough for a message, and never used for anything else.
    """
    found: dict[tuple[str, ...], tuple[int, str]] = {}
    table: tuple[str, ...] = ()
    for number, line in enumerate(text.splitlines(), 1):
        header, key = _TABLE.match(line), _KEY.match(line)
        if header:
            table = _parts(header[1])
            found.setdefault(table, (number, line))
        elif key:
            found.setdefault((*table, *_parts(key[1])), (number, line))
    return found


def line_of(lines: Mapping[tuple[str, ...], tuple[int, str]], key: tuple[str, ...]) -> tuple[int, str]:
    """The line of a key, or of the nearest table around it; (0, "") when there is none."""
    for length in range(len(key), 0, -1):
        if key[:length] in lines:
            return lines[key[:length]]
    return (0, "")


def _parts(dotted: str) -> tuple[str, ...]:
    return tuple(part.strip("\"'") for part in _PART.findall(dotted))
