"""How a reader would type a command, since one job is seen from a notebook, a terminal and a program.

Every text that tells people what to do next goes through a Voice: ``%logs NAME`` in a notebook,
``ciao logs NAME`` in a shell, ``ciao.logs("NAME")`` in a program.
"""

from __future__ import annotations

import enum
import re

from attrs import frozen

from ciao.core.model import Replica
from ciao.core.recognize import SHORT

_MAGIC = re.compile(r"(?<![\w%'\"])%(?P<name>[A-Za-z]\w+)(?:=(?P<value>\S*\w))?")
_COMMAND = re.compile(rf"(?<![\w%])%(?:ciao (?P<long>[a-z]+)|(?P<short>{'|'.join(SHORT)}))(?![\w=])")
_CONFIG = re.compile(r"(?<![\w%])%ciao config (?P<key>[a-z_]+\.[a-z_]+)=(?P<value>\S+)")


class Style(enum.Enum):
    """How a command is written."""

    MAGIC = "%{name} {words}"
    SHELL = "ciao {name} {words}"
    CALL = "ciao.{name}({words})"


@frozen
class Voice:
    """``place`` is what the reader calls the source that runs ("this cell")."""

    style: Style
    place: str

    def command(self, name: str, *words: str) -> str:
        """A command as the reader would type it."""
        said = ", ".join(f'"{word}"' for word in words) if self.style is Style.CALL else " ".join(words)
        return self.style.value.format(name=name, words=said).rstrip()

    def logs(self, job: str, replica: Replica | None = None) -> str:
        """The command that shows a job's output, or one replica's."""
        return self.command("logs", job, *([str(replica)] if replica else []))

    def item(self, name: str, value: str = "") -> str:
        """One of a job's parameters: ``%var=lr``, ``--var lr``, ``var="lr"``; without a value its name."""
        match self.style:
            case Style.MAGIC:
                return f"%{name}={value}" if value else f"%{name}"
            case Style.SHELL:
                return f"{option(name)} {_word(value)}" if value else option(name)
            case Style.CALL:
                return f'{name}="{value}"' if value else f"{name}="

    def said(self, text: str) -> str:
        """A sentence that was written with magics ("give it more with %memory"), in this voice."""
        return _MAGIC.sub(lambda match: self.item(match["name"], match["value"] or ""), self.commands(text))

    def commands(self, text: str) -> str:
        """A sentence that names commands as cells write them (``%logs``), for a shell (``ciao logs``).

        A program's calls have another form than words in a row: there the sentence stays.
        """
        if self.style is not Style.SHELL:
            return text
        text = _CONFIG.sub(r"ciao config set \g<key> \g<value>", text)
        return _COMMAND.sub(lambda match: f"ciao {match['long'] or match['short']}", text)


def option(name: str) -> str:
    """``nodeSelector`` -> ``--node-selector``."""
    return "--" + re.sub(r"(?<=[a-z])(?=[A-Z])", "-", name).replace("_", "-").lower()


def _word(value: str) -> str:
    """What goes on in the same magic's line (``2;%cpu=1``) is one word for a shell: ``'2;cpu=1'``."""
    return f"'{value.replace(';%', ';')}'" if ";" in value else value


NOTEBOOK = Voice(Style.MAGIC, "this cell")
TERMINAL = Voice(Style.SHELL, "the source")
LIBRARY = Voice(Style.CALL, "the source")
