"""What a record must not keep: the values that a job got by ``%env``.

In the cell's own ``%env`` items the value is taken out where it stands, whatever it is. Everywhere else it is
found by itself: from eight characters on wherever it occurs, from four on as a word of its own; what is
shorter (``1``, ``yes``) says nothing alone and would take half of the program with it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from ciao.core.errors import UserError
from ciao.core.grammar import Item, Items, parse
from ciao.core.lexer import split_lines
from ciao.core.model import EnvVar, JobSpec

MASK = "•••"
_ANYWHERE, _AS_WORD = 8, 4


def record_text(text: str, spec: JobSpec) -> str:
    """The text of a cell, fit to be kept: no value of the job's environment is in it, and no line moves."""
    return redact(_without_items(text), secret_values(spec))


def secret_values(spec: JobSpec) -> tuple[str, ...]:
    """Every value that the job or one of its roles gets by ``%env``."""
    items: list[EnvVar] = [*spec.env, *(each for role in spec.roles for each in role.env)]
    return tuple(each.value for each in items if isinstance(each.value, str))


def redact(text: str, values: Iterable[str]) -> str:
    """``text`` with ``•••`` in place of the values, the longest first."""
    patterns = [_pattern(value) for value in sorted(set(values), key=lambda each: (-len(each), each))]
    patterns = [each for each in patterns if each]
    return re.sub("|".join(patterns), MASK, text) if patterns else text


def redacted(text: str) -> bool:
    """Something was taken out, so this text cannot be run again."""
    return MASK in text


def _pattern(value: str) -> str:
    value = value.strip()
    if len(value) >= _ANYWHERE:
        return re.escape(value)
    return rf"(?<!\w){re.escape(value)}(?!\w)" if len(value) >= _AS_WORD else ""


def _without_items(text: str) -> str:
    try:
        lines = parse(text).lines
    except UserError:
        return text  # no cell: a program that was given with its parameters beside it
    found = [item for line in lines if isinstance(line, Items) for item in line.items if _is_env(item)]
    parts = split_lines(text)
    for item in sorted(found, key=lambda each: -each.value_place.column):
        place = item.value_place
        line, end = parts[place.line - 1]
        start = place.column - 1
        written = line[start : start + place.width]
        parts[place.line - 1] = (line[:start] + _masked(written) + line[start + place.width :], end)
    return "".join(line + end for line, end in parts)


def _is_env(item: Item) -> bool:
    return item.name.lower() == "env" and item.value is not None and item.value_place.line > 0


def _masked(written: str) -> str:
    """``NAME=value``, as written, perhaps in quotes -> the same without the value."""
    name, equals, _ = written.partition("=")
    if not equals:
        return written
    quote = name[0] if name[:1] in ('"', "'") else ""
    return f"{name}={MASK}{quote}"
