"""Is the code of a job text, small enough, and Python? Said before anything starts, with line and caret."""

from __future__ import annotations

import re
import warnings

from ciao.core.errors import Place, SourceError
from ciao.core.lexer import split_lines
from ciao.core.recognize import LARGEST

_IPYTHON_LINE = re.compile(r"\s*[!%?]|.*\?\s*$|[^#'\"=!<>]*=\s*[!%]\w")
_NO_LOOP = re.compile(r"'(await|async for|async with)' outside|asynchronous comprehension outside")


def check_code(body: str, label: str, start: Place | None = None) -> None:
    """SourceError for code that a replica could not run. ``body`` has blank lines where magics were."""
    check_text(body, label)
    if not any(line.strip() and not line.lstrip().startswith("#") for line, _ in split_lines(body)):
        if start is None or start.label != label:
            raise SourceError("There is no code to run.", Place(label))
        raise SourceError("There is no code to run, only magics.", start, "Write the program below them.")
    try:
        with warnings.catch_warnings():  # the replica warns, when it compiles the cell itself
            warnings.simplefilter("ignore")
            compile(body, "cell.py", "exec", dont_inherit=True)
    except SyntaxError as error:
        raise _syntax_error(error, body, label) from None
    except (ValueError, OverflowError) as error:  # NUL characters, before Python 3.12
        raise SourceError(f"This is not Python: {error}.", Place(label)) from None
    except (RecursionError, MemoryError):
        raise SourceError("This code is nested too deeply for Python to compile it.", Place(label)) from None


def check_text(body: str, label: str) -> None:
    """SourceError for code that cannot be written as UTF-8, with its place, or is too large to travel."""
    try:
        size = len(body.encode())
    except UnicodeEncodeError as error:
        before = split_lines(body[: error.start])
        line = split_lines(body)[len(before) - 1][0].encode(errors="replace").decode()
        place = Place(label, len(before), len(before[-1][0]) + 1, 1, line)
        message = f"This is not text: the character U+{ord(body[error.start]):04X} cannot be written as UTF-8."
        raise SourceError(message, place, "Delete it, or save the file as UTF-8.") from None
    if size > LARGEST:
        message = f"The code is too large: it has {size:,} bytes, and at most {LARGEST:,} can travel."
        raise SourceError(message, Place(label), "Data does not belong in a cell: read it from a file (%file=PATTERN).")


def _syntax_error(error: SyntaxError, body: str, label: str) -> SourceError:
    lines = split_lines(body)
    number = min(max(error.lineno or 1, 1), len(lines))
    text = lines[number - 1][0]
    column = min(max(error.offset or 1, 1), len(text) + 1)
    same_line = error.end_lineno in (None, number) and error.end_offset
    width = max(1, (error.end_offset or 0) - column) if same_line else 1
    place = Place(label, number, column, min(width, max(1, len(text) - column + 1)), text)
    message = f"This is not Python: {error.msg}."
    if _IPYTHON_LINE.match(text):
        message = "This is IPython's own syntax: it runs in the kernel, not on replicas."
        return SourceError(message, place, "Put it in a cell of its own; %pip=NAME says what replicas need.")
    if _NO_LOOP.search(error.msg):
        hint = "A replica runs plain Python, without the notebook's event loop: use asyncio.run(main())."
        return SourceError(message, place, hint)
    return SourceError(message, place)
