"""What can be said in this installation: the table, the roles of its frameworks, its targets and settings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from attrs import field, frozen

from ciao.core.frameworks.base import Framework, RoleRule
from ciao.core.magics.commands import COMMANDS
from ciao.core.magics.items import ITEMS
from ciao.core.magics.magic import Magic, role_magic
from ciao.core.settings import Settings
from ciao.core.words import key


@frozen(kw_only=True)
class Vocabulary:
    """Everything that words of a cell are compared with. ``settings`` are those that hold now."""

    frameworks: Mapping[str, Framework]
    settings: Settings
    targets: tuple[str, ...] = ("local",)
    builders: tuple[str, ...] = ("mounted",)
    _by_key: Mapping[str, Magic[Any]] = field(init=False, eq=False, repr=False)

    @_by_key.default
    def _index(self) -> Mapping[str, Magic[Any]]:
        return {key(each.name): each for each in self.magics()}

    def roles(self) -> dict[str, RoleRule]:
        """The roles of all frameworks, each name once."""
        found: dict[str, RoleRule] = {}
        for framework in self.frameworks.values():
            for rule in framework.roles:
                found.setdefault(rule.name, rule)
        return found

    def magics(self) -> tuple[Magic[Any], ...]:
        """The whole table: items, then roles."""
        return (*ITEMS, *(role_magic(rule) for rule in self.roles().values()))

    def find(self, name: str) -> Magic[Any] | None:
        """The magic that a name means, in any spelling; None for an unknown one."""
        return self._by_key.get(key(name))

    def names(self) -> tuple[str, ...]:
        """Every name that may follow ``%``."""
        return (*(each.name for each in self.magics()), *(each.name for each in COMMANDS))

    def values(self, magic: Magic[Any]) -> tuple[str, ...]:
        """What completion offers behind a magic's ``=``."""
        known = {"framework": tuple(self.frameworks), "target": self.targets, "s2i": self.builders}
        return known.get(magic.name, magic.choices)
