"""Where a Python statement can begin: the only places where a ``%`` line is a magic.

Written by hand, since ``tokenize`` gives up on ``%`` lines and on code that is broken or half typed
(docs/adr/0002-a-lexer-for-magics.md). It knows comments, strings of every kind, brackets and
continued lines, and nothing else. It accepts any text. It imports only ``re``: it is on the way of
every plain cell.

Theory: a stack of frames. ``_Code`` is code; below it stands the f-string whose field it is, if any.
``_Text`` is the inside of a string. A statement begins at the start of the text and after a line end
that is met in the outermost code, outside brackets. Nested quotes are read as since Python 3.12 (PEP 701):
every program that Python 3.11 accepts reads the same way.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

LINE_END = re.compile(r"\r\n|\r|\n")  # Python's own line ends; str.splitlines knows more
_CODE = re.compile(
    r"(?P<comment>#[^\r\n]*)"
    r"|(?P<quote>(?P<prefix>(?<!\w)[rRbBuUfFtT]{1,2})?(?P<mark>'''|\"\"\"|'|\"))"
    r"|(?P<continued>\\(?:\r\n|\r|\n))"
    r"|(?P<end>\r\n|\r|\n)"
    r"|(?P<bracket>[()\[\]{}:])"
)


class _Code:
    """Code; ``field`` when it is inside the braces of an f-string."""

    __slots__ = ("depth", "field")

    def __init__(self, field: bool = False) -> None:
        self.depth, self.field = 0, field


class _Text:
    """The inside of a string that ``mark`` ends; ``spec`` when it is the format spec of a field."""

    __slots__ = ("mark", "pattern", "spec")

    def __init__(self, mark: str, pattern: re.Pattern[str], spec: bool = False) -> None:
        self.mark, self.pattern, self.spec = mark, pattern, spec


def _pattern(mark: str, kind: str) -> re.Pattern[str]:
    """What matters inside a string. ``kind``: plain, format (f"…"), raw (rf"…") or spec (after the colon)."""
    parts = [f"(?P<close>{mark})"]
    if kind == "plain":
        parts.append(r"\\(?:\r\n|[\s\S])")
    else:
        parts += [r"\\N\{[^{}'\"\r\n]*\}"] if kind != "raw" else []
        parts += [r"\\(?:\r\n|[^{}])", r"(?P<open>\{)" if kind == "spec" else r"\{\{|(?P<open>\{)"]
        parts += [r"(?P<done>\})"] if kind == "spec" else []
    if len(mark) == 1:
        parts.append(r"(?P<end>\r\n|\r|\n)")
    return re.compile("|".join(parts))


_MARKS = ("'", '"', "'''", '"""')
_INSIDE = {(mark, "plain"): _pattern(mark, "plain") for mark in _MARKS}


def _inside(mark: str, kind: str) -> re.Pattern[str]:
    """Patterns of f-strings are compiled when the first f-string is met: most cells have none."""
    found = _INSIDE.get((mark, kind))
    if found is None:
        found = _INSIDE[mark, kind] = _pattern(mark, kind)
    return found


class _Lexer:
    """One pass over a text; ``statements`` yields each offset where a statement can begin."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.stack: list[_Code | _Text] = [_Code()]

    def statements(self) -> Iterator[int]:
        """Offsets, in order. Lines that IPython takes for itself (%, !, ?) are skipped as a whole."""
        position, fresh = 0, True
        while position <= len(self.text):
            if fresh:
                yield position
            if fresh and self.text[position : position + 1] in ("%", "!", "?"):
                found = LINE_END.search(self.text, position)
                position = found.end() if found else len(self.text) + 1
                continue
            position, fresh = self._step(position)

    def _step(self, position: int) -> tuple[int, bool]:
        """The next offset to look at, and whether a statement can begin there."""
        top = self.stack[-1]
        pattern = _CODE if isinstance(top, _Code) else top.pattern
        match = pattern.search(self.text, position)
        if match is None:
            return len(self.text) + 1, False
        if isinstance(top, _Code):
            self._code(top, match)
        else:
            self._inside_string(top, match)
        ended = match.lastgroup == "end"
        base = self.stack[0]
        return match.end(), ended and len(self.stack) == 1 and isinstance(base, _Code) and base.depth == 0

    def _code(self, top: _Code, match: re.Match[str]) -> None:
        if match["mark"]:
            prefix = (match["prefix"] or "").lower()
            kind = "plain" if not {"f", "t"} & set(prefix) else "raw" if "r" in prefix else "format"
            self.stack.append(_Text(match["mark"], _inside(match["mark"], kind)))
        elif match["bracket"]:
            self._bracket(top, match["bracket"])

    def _bracket(self, top: _Code, bracket: str) -> None:
        if bracket in "([{":
            top.depth += 1
        elif bracket == ":":
            if top.field and not top.depth:
                below = self.stack[-2]
                assert isinstance(below, _Text)
                self.stack.append(_Text(below.mark, _inside(below.mark, "spec"), spec=True))
        elif top.depth:
            top.depth -= 1
        elif top.field and bracket == "}":
            self.stack.pop()

    def _inside_string(self, top: _Text, match: re.Match[str]) -> None:
        group = match.lastgroup
        if group == "open":
            self.stack.append(_Code(field=True))
        elif group == "done":
            del self.stack[-2:]
        elif group in ("close", "end"):
            # In a spec this ends the string around it too: its field was never closed.
            del self.stack[-3 if top.spec else -1 :]


def statement_lines(text: str) -> Iterator[int]:
    """Offsets of the lines at whose column 0 a statement can begin, in order; the first is 0."""
    return _Lexer(text).statements()


def line_at(text: str, offset: int) -> str:
    """The line that begins at ``offset``, without its end."""
    found = LINE_END.search(text, offset)
    return text[offset : found.start() if found else len(text)]


def split_lines(text: str) -> list[tuple[str, str]]:
    """Every line as (text, its line end); joined again they are the text."""
    lines, start = [], 0
    for found in LINE_END.finditer(text):
        lines.append((text[start : found.start()], found.group()))
        start = found.end()
    lines.append((text[start:], ""))
    return lines
