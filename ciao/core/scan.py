r"""Values and words inside one magic line: bare, or in quotes.

A quote opens a quoted part only where a word, a value or a part of one begins (so ``it's`` is text), and
the part ends at the same quote; ``\`` before a quote or a backslash stands for that character.
Errors are ``ValueError(message, offset)``: the grammar knows the place.
"""

from __future__ import annotations

import re

from attrs import frozen

_QUOTED = re.compile(r"""'(?:\\.|[^'\\])*'|"(?:\\.|[^"\\])*\"""")
_ESCAPE = re.compile(r"""\\(['"\\])""")
_BARE = re.compile(r"[^\s'\"\\;%=]+")


@frozen
class Value:
    """What stands behind ``=``; ``quoted`` when it is in quotes as a whole. Never more than one line."""

    text: str
    quoted: bool = False

    def written(self) -> str:
        """As it stands in a magic line."""
        return quote(self.text, always=True) if self.quoted else self.text


def quote(text: str, *, always: bool = False) -> str:
    """The text as one word, in quotes where it needs them."""
    if not always and _BARE.fullmatch(text):
        return text
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def unquote(text: str) -> str:
    """The inside of a quoted part; any other text as it is."""
    return _ESCAPE.sub(r"\1", text[1:-1]) if _QUOTED.fullmatch(text) else text


def _skip_quoted(line: str, start: int) -> int:
    found = _QUOTED.match(line, start)
    if found is None:
        raise ValueError("a quote is never closed", start)
    return found.end()


def scan_value(line: str, start: int, separator: str) -> tuple[Value, int]:
    """The value at ``start``, and where it ends: at a character of ``separator`` or the line's end."""
    position = start
    while position < len(line) and line[position] not in separator:
        opens = position == start or line[position - 1] in " \t=,"
        position = _skip_quoted(line, position) if opens and line[position] in "'\"" else position + 1
    text = line[start:position].strip()
    if _QUOTED.fullmatch(text):
        return Value(unquote(text), quoted=True), position
    return Value(text), position


def scan_words(line: str) -> list[tuple[str, int, int]]:
    """(word without its quotes, start, end) of each word between blanks."""
    words, position = [], 0
    while position < len(line):
        if line[position].isspace():
            position += 1
            continue
        start, parts = position, []
        while position < len(line) and not line[position].isspace():
            opens = position == start or line[position - 1] == "="
            end = _skip_quoted(line, position) if opens and line[position] in "'\"" else position + 1
            parts.append(unquote(line[position:end]) if end > position + 1 else line[position])
            position = end
        words.append(("".join(parts), start, position))
    return words
