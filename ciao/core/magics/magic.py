"""What a magic is, as a value."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

from attrs import field, frozen

from ciao.core.frameworks.base import RoleRule
from ciao.core.scan import Value
from ciao.core.values import count

T = TypeVar("T")


@frozen(kw_only=True)
class Magic(Generic[T]):
    """One magic that takes part in describing a job.

    ``read`` turns its value into what the job needs, ValueError (one sentence) for a bad one. ``syntax`` is the
    value as documented, empty for a flag. ``scoped``: beside a role, on its line, it belongs to that role.
    ``repeatable``: it may stand several times. ``choices`` are offered by completion; those that depend on
    what is installed come from the Vocabulary.
    """

    name: str
    doc: str
    read: Callable[[Value], T] = field(repr=False)
    syntax: str = ""
    example: str = ""
    group: str = ""
    repeatable: bool = False
    scoped: bool = False
    choices: tuple[str, ...] = ()

    @property
    def flag(self) -> bool:
        """It needs no value."""
        return not self.syntax


def role_magic(rule: RoleRule) -> Magic[int]:
    """A role of a framework, as a magic."""
    return Magic(name=rule.name, doc=rule.doc, read=count, syntax="COUNT", example=f"%{rule.name}=1", group="Roles")
