"""The one table of magics as options: ``%cleanPolicy=None`` is ``--clean-policy None``.

Values stay texts: the interpreter reads them as it reads a magic's, so that both give the same job and the same error.
"""

from __future__ import annotations

import argparse
import shlex
from collections.abc import Iterable, Mapping
from typing import Any

from ciao.cli.parser import Parser
from ciao.core.errors import UserError
from ciao.core.frameworks.base import Framework, RoleRule
from ciao.core.magics import ITEMS, Magic, role_magic
from ciao.core.voice import TERMINAL, option

SHORT = {"framework": "-f", "worker": "-w"}
_PREFIX = "item_"  # apart from the command's own options
_OTHER = "Other"


def add_options(parser: Parser, frameworks: Iterable[Framework]) -> None:
    """Every magic of this installation as an option, in the groups of the table."""
    roles: dict[str, RoleRule] = {}
    for rule in (rule for each in frameworks for rule in each.roles):
        roles.setdefault(rule.name, rule)
    groups: dict[str, argparse._ArgumentGroup] = {}
    for magic in (*ITEMS[:1], *(role_magic(rule) for rule in roles.values()), *ITEMS[1:]):
        title = magic.group or _OTHER
        group = groups.setdefault(title, parser.add_argument_group(title))
        group.add_argument(*_names(magic), **_keywords(magic))


def chosen(options: argparse.Namespace, program: tuple[str, ...]) -> dict[str, tuple[str, ...]]:
    """What was said: the magic's name to its values as texts; the program's arguments become ``args``."""
    said = {name.removeprefix(_PREFIX): value for name, value in vars(options).items() if name.startswith(_PREFIX)}
    found = {name: tuple(values) for name, values in said.items() if values}
    if program:
        if "args" in found:
            raise UserError("The program's arguments were said twice", hint="Either --args or what stands after --")
        found["args"] = (shlex.join(program),)
    return found


def _names(magic: Magic[Any]) -> list[str]:
    short = [SHORT[magic.name]] if magic.name in SHORT else []
    return [*short, option(magic.name)]


def _keywords(magic: Magic[Any]) -> Mapping[str, Any]:
    """Every option collects: a second value is the interpreter's to refuse, as in a cell."""
    doc = TERMINAL.said(magic.doc).replace("%", "%%")
    common: dict[str, Any] = {"dest": _PREFIX + magic.name, "help": doc}
    if magic.flag:
        return {**common, "action": "append_const", "const": ""}
    return {**common, "action": "append", "metavar": magic.syntax.replace("%", "%%"), "default": None}
