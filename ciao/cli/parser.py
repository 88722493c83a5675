"""argparse, taught Ciao's manners: a mistake is one sentence with the nearest valid word, never a usage dump."""

from __future__ import annotations

import argparse
import re
from collections.abc import Sequence
from typing import Any, NoReturn

from ciao.core.errors import UserError
from ciao.core.words import did_you_mean

_CHOICE = re.compile(r"argument (?P<what>.+?): invalid choice: '?(?P<word>.*?)'? \(choose from (?P<all>.*)\)$")


class Parser(argparse.ArgumentParser):
    """Raises UserError where argparse would print and exit; options are never guessed from their beginnings."""

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("formatter_class", argparse.RawDescriptionHelpFormatter)
        super().__init__(allow_abbrev=False, **kwargs)

    def error(self, message: str) -> NoReturn:
        """The parser's own words, with the way to the help."""
        hint = f"{self.prog} --help shows what there is"
        if choice := _CHOICE.match(message):
            message = f"{choice['word']!r} is no valid {choice['what']}"
            hint = did_you_mean(choice["word"], re.findall(r"[\w-]+", choice["all"])) or f"One of {choice['all']}"
        raise UserError(message, hint=hint)

    def read(self, words: Sequence[str]) -> argparse.Namespace:
        """Parse all words; UserError for the first that means nothing here."""
        known, unknown = self.parse_known_args(words)
        if unknown:
            self._refuse(unknown[0])
        return known

    def _refuse(self, word: str) -> NoReturn:
        name = word.partition("=")[0]
        if not name.startswith("-"):
            raise UserError(f"{word!r} is one word too many for `{self.prog}`", hint=self.format_usage().strip())
        options = [option[2:] for action in self._actions for option in action.option_strings if option[:2] == "--"]
        hint = did_you_mean(name.lstrip("-"), options, "--") or f"{self.prog} --help lists the options"
        raise UserError(f"`{self.prog}` has no option {name}", hint=hint)


def split_program(words: Sequence[str]) -> tuple[list[str], tuple[str, ...]]:
    """(Ciao's words, the program's): what stands after the first ``--`` goes to the program untouched."""
    found = list(words)
    if "--" not in found:
        return found, ()
    at = found.index("--")
    return found[:at], tuple(found[at + 1 :])
