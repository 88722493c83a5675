"""Ciao's errors in a shell's words: what they advise must work when it is typed there."""

from __future__ import annotations

from collections.abc import Sequence

from ciao.core.errors import CiaoError, MagicError, Place, UserError
from ciao.core.voice import TERMINAL


def told(error: CiaoError) -> Sequence[str]:
    """The lines of an error. Magics become options (``%worker=2``: ``--worker 2``), unless it is about a file's own."""
    if not isinstance(error, UserError):
        return [TERMINAL.said(line) for line in error.lines()]
    speak = TERMINAL.commands if _is_in_source(error.place) else TERMINAL.said
    return UserError(speak(error.message), error.place, speak(error.hint)).lines()


def title(error: CiaoError) -> str:
    """The name of an error; whoever wrote options has made no mistake in a magic."""
    if isinstance(error, MagicError) and not _is_in_source(error.place):
        return UserError.title
    return error.title


def _is_in_source(place: Place | None) -> bool:
    """A line of a file or a cell, where magics are written as magics; an option has a column at most."""
    return place is not None and place.line > 0
