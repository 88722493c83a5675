"""Plug-ins by entry point: frameworks, targets and builders, Ciao's own ones among them."""

from __future__ import annotations

from importlib import metadata
from typing import Any

from ciao.core.errors import TargetError, UserError
from ciao.core.words import did_you_mean


class PlugIns:
    """All of one group (``ciao.backends``), none imported yet; ``what`` is one of them in a sentence (``target``)."""

    def __init__(self, group: str, what: str) -> None:
        self._found = {each.name: each for each in metadata.entry_points(group=group)}
        self._what = what

    @property
    def names(self) -> tuple[str, ...]:
        """All, by name."""
        return tuple(sorted(self._found))

    def load(self, name: str) -> Any:
        """Import one. UserError when there is none of that name, TargetError when it cannot be imported."""
        if name not in self._found:
            hint = f"{did_you_mean(name, self.names)} Here are: {', '.join(self.names)}.".strip()
            raise UserError(f"There is no {self._what} {name!r}.", hint=hint)
        try:
            return self._found[name].load()
        except (ImportError, AttributeError) as error:
            raise TargetError(f"The plug-in of the {self._what} {name} cannot be loaded: {error}") from error

    def preload(self, name: str) -> None:
        """Import what one needs, if it says what that is (its attribute ``preload``)."""
        if name in self._found:
            getattr(self._found[name].load(), "preload", lambda: None)()
