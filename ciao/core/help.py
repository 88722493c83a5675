"""Help on magics and commands: one text for ``%ciao help``, Shift-Tab and ``ciao help``, from the one table."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ciao.core.magics import COMMANDS, Command, Magic, Vocabulary, command

_KUBEFLOW = "%kubeflow framework=tensorflow worker=2\n\nSeveral magics on one line, separated by blanks."
_WHOLE = "%%ciao framework=pytorch worker=2\n\nThe first line of a cell that runs as a job; magics separated by blanks."


def help_text(vocabulary: Vocabulary, topic: str = "") -> str:
    """Help on a magic or command; on all of them for an empty or unknown topic."""
    if topic.lower() == "kubeflow":
        return _KUBEFLOW
    if topic.lower() == "%%ciao":
        return _WHOLE
    magic = vocabulary.find(topic)
    if magic is not None:
        return magic_help(magic, vocabulary)
    known = command(topic)
    return command_help(known) if known else _overview(vocabulary)


def magic_help(magic: Magic[Any], vocabulary: Vocabulary) -> str:
    """Syntax, what it does, what it takes, an example."""
    lines = [f"%{magic.name}" if magic.flag else f"%{magic.name}={magic.syntax}", "", magic.doc]
    if offered := vocabulary.values(magic):
        lines += ["", f"Values: {', '.join(offered)}"]
    if magic.name in (roles := vocabulary.roles()):
        owners = [each.name for each in vocabulary.frameworks.values() if each.rule(magic.name)]
        lines += [
            "",
            f"A role of {', '.join(owners)}." + ("" if roles[magic.name].ends else " It never ends by itself."),
        ]
    notes = [("It may stand several times.", magic.repeatable)]
    lines += [text for text, holds in notes if holds]
    return "\n".join([*lines, "", f"Example: {magic.example}"] if magic.example else lines)


def command_help(known: Command) -> str:
    """Usage, what it does, its options."""
    lines = [known.usage, "", known.doc]
    if known.options:
        names = [f"--{each.name} {each.syntax}".strip() for each in known.options]
        width = max(len(name) for name in names)
        lines += ["", *(f"  {name:<{width}}  {each.doc}" for name, each in zip(names, known.options, strict=True))]
    return "\n".join(lines)


def groups(vocabulary: Vocabulary) -> dict[str, list[Magic[Any]]]:
    """All magics by group, the job's and the roles first."""
    found: dict[str, list[Magic[Any]]] = {"The job": [], "Roles": []}
    for magic in vocabulary.magics():
        found.setdefault(magic.group, []).append(magic)
    return found


def _overview(vocabulary: Vocabulary) -> str:
    lines = ["A cell with magics of a job runs on replicas; every other cell is ordinary Python.", ""]
    lines += ["    %framework=pytorch", "    %worker=2;%cpu=1;%memory=2Gi"]
    for group, magics in groups(vocabulary).items():
        rows = [(f"%{each.name}" + (f"={each.syntax}" if each.syntax else ""), each.doc) for each in magics]
        lines += ["", group, *_table(rows)]
    rows = [(each.usage.split(" [--")[0], each.doc) for each in COMMANDS]
    return "\n".join([*lines, "", "Commands (each in a cell of its own)", *_table(rows)])


def _table(rows: Iterable[tuple[str, str]]) -> list[str]:
    found = list(rows)
    width = max((len(left) for left, _ in found), default=0)
    return [f"  {left:<{width}}  {right}" for left, right in found]
