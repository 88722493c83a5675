"""Tab, Shift-Tab and Enter in cells of Ciao: pure functions of text and cursor, over the one table.

Offsets are in characters (Python's), as in the Jupyter messaging spec's ``cursor_pos``.
"""

from __future__ import annotations

import codeop
import re
import warnings
from collections.abc import Callable, Iterable
from typing import Any

from attrs import frozen

from ciao.core.errors import UserError
from ciao.core.grammar import Items, Kind, parse
from ciao.core.help import help_text
from ciao.core.lexer import line_at, statement_lines
from ciao.core.magics import COMMANDS, IPYTHON, Magic, Vocabulary, command
from ciao.core.recognize import kind_of
from ciao.core.settings import AnySetting
from ciao.core.words import key

_FRAMEWORK = re.compile(r"framework\s*=\s*['\"]?([\w-]+)", re.IGNORECASE)
_WORD = re.compile(r"[\w.-]*\Z")
_COMMANDS = "|".join(each.name for each in COMMANDS if each.of_a_job)
_OF_A_JOB = re.compile(rf"%(?:ciao[ \t]+)?(?:{_COMMANDS})[ \t]+", re.IGNORECASE)
_UNDER = re.compile(r"[\w-]+")


@frozen
class Match:
    """One completion: the text, its kind (magic, role, command, option, value, setting, job), one line of help."""

    text: str
    kind: str
    doc: str = ""


@frozen
class Completion:
    """``matches`` replace the text from ``start`` to ``end``."""

    start: int
    end: int
    matches: tuple[Match, ...]


def complete(
    text: str, cursor: int, vocabulary: Vocabulary, jobs: Callable[[], Iterable[str]] = tuple
) -> Completion | None:
    """What may stand at the cursor, when it is in a magic line that is or may become Ciao's; else None.

    None also where nothing fits: then the completion of IPython is as good. ``jobs`` gives the names of
    known jobs, newest first; it is asked only where one of them may stand.
    """
    found = _magic_line(text, cursor)
    if found is None:
        return None
    start, before = found
    word = _WORD.search(before)
    prefix = word.group() if word else ""
    head = before[: len(before) - len(prefix)]
    matches = _jobs(head, prefix, jobs) or _matches(head, prefix, text, vocabulary)
    return Completion(start + len(before) - len(prefix), cursor, matches) if matches else None


def _magic_line(text: str, cursor: int) -> tuple[int, str] | None:
    """(offset of the magic line that the cursor is in, the line up to the cursor)."""
    for offset in statement_lines(text):
        if offset > cursor:
            break
        line = line_at(text, offset)
        if line.startswith("%") and offset < cursor <= offset + len(line):
            return offset, text[offset:cursor]
    return None


def _matches(before: str, prefix: str, text: str, vocabulary: Vocabulary) -> tuple[Match, ...]:
    head, *words = before.split() or [""]
    lowered = head.lower()
    if lowered == "%ciao" and before != head:
        return _after_ciao(words, prefix, vocabulary)
    if before != head and (known := command(lowered.lstrip("%"))) and known.short:
        return _options(known.name, before, prefix)
    blanks = lowered in ("%%ciao", "%kubeflow")
    item = re.split(r"[\s]" if blanks else ";", before)[-1].strip().lstrip("%")
    if "=" in item:
        return _values(item, prefix, vocabulary)
    if item or (blanks and before == head):
        return ()
    names = _names(text, vocabulary)
    if before.strip() == "%":
        shorts = (Match(each.name, "command", each.doc) for each in COMMANDS if each.short)
        names = [*names, *shorts, Match("ciao", "command", "Ciao's commands."), Match("kubeflow", "magic")]
    return _fitting(names, prefix)


def _jobs(before: str, prefix: str, jobs: Callable[[], Iterable[str]]) -> tuple[Match, ...]:
    """Names of jobs, right behind a command that wants one."""
    if prefix.startswith("-") or not _OF_A_JOB.fullmatch(before):
        return ()
    return tuple(Match(each, "job") for each in jobs() if each.startswith(prefix))


def _fitting(matches: Iterable[Match], prefix: str) -> tuple[Match, ...]:
    return tuple(each for each in matches if key(each.text).startswith(key(prefix)))


def _names(text: str, vocabulary: Vocabulary) -> list[Match]:
    """Names of items, with those roles that the framework of this cell has."""
    said = _FRAMEWORK.search(text)
    framework = vocabulary.frameworks.get(said[1].lower()) if said else None
    rules = {rule.name: rule for rule in framework.roles} if framework else vocabulary.roles()
    known = vocabulary.roles()
    found = [Match(_insert(each, "="), "role" if each.name in known else "magic", each.doc)
             for each in vocabulary.magics() if each.name not in known or each.name in rules]  # fmt: skip
    return sorted(found, key=lambda match: match.kind != "role")


def _insert(magic: Magic[Any], equals: str) -> str:
    return magic.name if magic.flag else magic.name + equals


def _values(item: str, prefix: str, vocabulary: Vocabulary) -> tuple[Match, ...]:
    name, _, rest = item.partition("=")
    magic = vocabulary.find(name.strip())
    if magic is None or rest.strip():
        return ()
    return _fitting((Match(each, "value", magic.doc) for each in vocabulary.values(magic)), prefix)


def _after_ciao(words: list[str], prefix: str, vocabulary: Vocabulary) -> tuple[Match, ...]:
    if not words:
        return _fitting((Match(each.name, "command", each.doc) for each in COMMANDS), prefix)
    if words[0] == "config" and len(words) == 1:
        return _fitting((_setting(each) for each in vocabulary.settings.schema), prefix)
    if words[0] == "config" and words[1] == "target=":
        return _fitting((Match(each, "value") for each in vocabulary.targets), prefix)
    if words[0] == "help":
        return _fitting((Match(each, "magic") for each in vocabulary.names()), prefix)
    return _options(words[0], " ", prefix)


def _setting(setting: AnySetting) -> Match:
    return Match(f"{setting.key}=", "setting", setting.doc)


def _options(name: str, before: str, prefix: str) -> tuple[Match, ...]:
    known = command(name)
    if known is None or not prefix.startswith("-") or not before[-1:].isspace():
        return ()
    return tuple(Match(f"--{each.name}", "option", each.doc) for each in known.options
                 if f"--{each.name}".startswith(prefix))  # fmt: skip


def help_at(text: str, cursor: int, vocabulary: Vocabulary) -> str | None:
    """Help on the magic or command under the cursor; None when there is none of Ciao's."""
    for offset in statement_lines(text):
        line = line_at(text, offset)
        if offset <= cursor <= offset + len(line):
            return _help_in(line, cursor - offset, vocabulary) if _ours(text, line) else None
    return None


def _ours(text: str, line: str) -> bool:
    """A magic line of Ciao: any in a job, elsewhere all but those of IPython (``%env``, ``%config``)."""
    if not line.startswith("%"):
        return False
    word = _UNDER.search(line)
    return kind_of(text) is not Kind.PLAIN or word is None or word.group().lower() not in IPYTHON


def _help_in(line: str, column: int, vocabulary: Vocabulary) -> str | None:
    if line.lower().startswith("%%ciao") and column <= len("%%ciao"):
        return help_text(vocabulary, "%%ciao")
    best = None
    for word in _UNDER.finditer(line):
        name = word.group()
        named = vocabulary.find(name) or name.lower() == "kubeflow" or command(name) or name.lower() == "ciao"
        is_name = line[: word.start()].rstrip()[-1:] in ("%", ";") or line[word.end() :].lstrip().startswith("=")
        follows = line.lower().startswith(("%ciao ", "%kubeflow ", "%%ciao ")) and word.start() > 0
        if word.start() <= column and named and (is_name or follows):
            best = name  # the cursor may be in the value: its magic is the last name before it
    return None if best is None else help_text(vocabulary, best)


def is_complete(text: str, vocabulary: Vocabulary) -> tuple[str, str] | None:
    """(``complete`` | ``incomplete`` | ``invalid``, indent) as in Jupyter's ``is_complete``; None for a plain cell.

    A job whose last line is a magic waits for its program.
    """
    if kind_of(text) is Kind.PLAIN:
        return None
    try:
        cell = parse(text)
    except UserError:
        return ("invalid", "")
    if cell.kind is Kind.COMMAND:
        return ("complete", "")
    known = all(vocabulary.find(item.name) for line in cell.lines if isinstance(line, Items) for item in line.items)
    if not known:
        return ("invalid", "")
    return _code_status(cell.body)


def _code_status(body: str) -> tuple[str, str]:
    """Of the program, as Python's own console sees it; an indented block goes on until a blank line."""
    if not body.strip():
        return ("incomplete", "")
    last = body.rstrip("\r\n").splitlines()[-1]
    indent = last[: len(last) - len(last.lstrip())]
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            code = codeop.compile_command(body, "cell.py", "exec")
    except (SyntaxError, ValueError, OverflowError, RecursionError, MemoryError):
        return ("invalid", "")
    if code is None:
        return ("incomplete", indent + "    " if last.rstrip().endswith(":") else indent)
    if indent and not body.endswith(("\n", "\r")):
        return ("incomplete", indent)
    return ("complete", "")
