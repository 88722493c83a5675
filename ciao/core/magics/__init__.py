"""The one table of all magics and commands: parser, completion, help and docs/magics.md read it."""

from ciao.core.magics.commands import COMMANDS, Command, command
from ciao.core.magics.ipython import IPYTHON
from ciao.core.magics.items import ITEMS
from ciao.core.magics.magic import Magic, role_magic
from ciao.core.magics.vocabulary import Vocabulary

__all__ = ["COMMANDS", "IPYTHON", "ITEMS", "Command", "Magic", "Vocabulary", "command", "role_magic"]
