"""Whose cell is it? Asked before every cell, so a plain one is let through at once.

Only ``re`` and ``enum`` are imported here: the kernel asks before anything else of Ciao is loaded.
A cell is a *job* when a magic in it is one that only Ciao knows, a *command* when a line of it asks
Ciao for something (``%jobs``, ``%ciao …``); every other cell is IPython's, whatever ``%`` lines it has.
"""

from __future__ import annotations

import enum
import re

from ciao.core.lexer import line_at, statement_lines

# Short forms of commands: names for which IPython has no magic (it has %rerun and %config).
SHORT = ("jobs", "logs", "attach", "stop", "describe", "doctor")
LARGEST = 50 * 2**20  # characters; more is refused before anything looks at it
# Names that mark a job even when their value was forgotten: nobody else's magic is called so.
BARE = ("framework", "master", "worker", "ps", "chief", "evaluator", "detach", "quiet")

# IPython's magics end at a space, so a name with "=" right behind it can only be Ciao's.
_ITEM = re.compile(rf"%[ \t]*(?:[^\W\d][\w-]*=|kubeflow(?![\w-])|(?:{'|'.join(BARE)})(?![\w?-]))", re.IGNORECASE)
_COMMAND = re.compile(rf"%(?:ciao|{'|'.join(SHORT)})(?![\w?=-])", re.IGNORECASE)
_HELP = re.compile(rf"%(?:ciao|kubeflow|render|{'|'.join(SHORT + BARE)})[ \t]*\?{{1,2}}[ \t]*", re.IGNORECASE)
_WHOLE = re.compile(r"%%ciao(?![\w-])", re.IGNORECASE)
_ANY = re.compile(
    rf"(?:^|[\r\n])(?:{_ITEM.pattern}|{_COMMAND.pattern}|{_HELP.pattern}|{_WHOLE.pattern})", re.IGNORECASE
)


class Kind(enum.Enum):
    """Whose a cell is: IPython's (PLAIN), or Ciao's (JOB, COMMAND)."""

    PLAIN = "plain"
    JOB = "job"
    COMMAND = "command"


def kind_of(text: str) -> Kind:
    """PLAIN, JOB or COMMAND; a cell that wrongly has both kinds of line is a JOB."""
    if "%" not in text or _ANY.search(text) is None:
        return Kind.PLAIN
    if len(text) > LARGEST:
        return Kind.JOB  # looks like one; the grammar refuses its size
    if text.lstrip().startswith("%%"):
        return Kind.JOB if is_whole(text) else Kind.PLAIN
    found, last = Kind.PLAIN, text.rfind("%")
    for offset in statement_lines(text):
        if offset > last:
            break
        if text.startswith("%", offset):
            line = line_at(text, offset)
            if _ITEM.match(line):
                return Kind.JOB
            if is_command(line):
                found = Kind.COMMAND
    return found


def is_job_cell(text: str) -> bool:
    """Does this cell run on replicas?"""
    return kind_of(text) is Kind.JOB


def is_whole(text: str) -> bool:
    """``%%ciao`` on the first line that is not blank, where IPython looks for cell magics too."""
    return _WHOLE.match(text.lstrip("\r\n")) is not None


def is_command(line: str) -> bool:
    """A line that asks Ciao for something: ``%jobs``, ``%ciao config``, ``%worker?``."""
    return _COMMAND.match(line) is not None or _HELP.fullmatch(line) is not None
