"""How a reader would type a command, since one job is seen from a notebook, a terminal and a program.

Every text that tells people what to do next goes through a Voice: ``%logs NAME`` in a notebook,
``ciao logs NAME`` in a shell, ``ciao.logs("NAME")`` in a program.
"""

from __future__ import annotations

import enum
import re

from attrs import frozen

from ciao.core.model import Replica

_MAGIC = re.compile(r"(?<![\w%])%(?P<name>[A-Za-z]\w+)(?:=(?P<value>\S*\w))?")


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
                return f"--{name} {value}" if value else f"--{name}"
            case Style.CALL:
                return f'{name}="{value}"' if value else f"{name}="

    def said(self, text: str) -> str:
        """A sentence that was written with magics ("give it more with %memory"), in this voice."""
        return _MAGIC.sub(lambda match: self.item(match["name"], match["value"] or ""), text)


NOTEBOOK = Voice(Style.MAGIC, "this cell")
TERMINAL = Voice(Style.SHELL, "the source")
LIBRARY = Voice(Style.CALL, "the source")
