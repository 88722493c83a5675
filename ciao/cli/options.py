"""The one table of magics as options: ``%cleanPolicy=None`` is ``--clean-policy None``.

Values stay texts: the interpreter reads them as it reads a magic's, so that both give the same job and the same error.
"""

from __future__ import annotations

import argparse
import re
import shlex
from collections.abc import Iterable, Mapping
from typing import Any

from ciao.cli.parser import Parser
from ciao.core.errors import UserError
from ciao.core.frameworks.base import Framework, RoleRule
from ciao.core.magics import COMMANDS, ITEMS, Magic, role_magic

SHORT = {"framework": "-f", "worker": "-w"}
_PREFIX = "item_"  # apart from the command's own options
_OTHER = "Other"
_COMMAND = re.compile(rf"%(?:ciao )?({'|'.join(each.name for each in COMMANDS)})\b(?!=)")


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
            raise UserError("the program's arguments were said twice", hint="either --args or what stands after --")
        found["args"] = (shlex.join(program),)
    return found


def option(name: str) -> str:
    """``nodeSelector`` -> ``--node-selector``."""
    return "--" + re.sub(r"(?<=[a-z])(?=[A-Z])", "-", name).replace("_", "-").lower()


def spoken(text: str) -> str:
    """A sentence that names commands as cells write them (``%logs``), for a shell (``ciao logs``)."""
    return _COMMAND.sub(r"ciao \1", text)


def _names(magic: Magic[Any]) -> list[str]:
    short = [SHORT[magic.name]] if magic.name in SHORT else []
    return [*short, option(magic.name)]


def _keywords(magic: Magic[Any]) -> Mapping[str, Any]:
    """Every option collects: a second value is the interpreter's to refuse, as in a cell."""
    doc = _spoken(magic.doc).replace("%", "%%")
    common: dict[str, Any] = {"dest": _PREFIX + magic.name, "help": doc}
    if magic.flag:
        return {**common, "action": "append_const", "const": ""}
    return {**common, "action": "append", "metavar": magic.syntax.replace("%", "%%"), "default": None}


def _spoken(doc: str) -> str:
    """The table's words name magics and commands; here they are options and commands of the shell."""
    return re.sub(r"%([A-Za-z]\w*)", lambda match: option(match[1]), spoken(doc))
