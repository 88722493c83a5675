"""Items of a cell, line by line -> what was said of the job and of each role, every word of it known.

Theory of scopes: ``cpu memory gpu image env`` on a line with roles belong to those roles, on a line without one
they are the job's default. Everything else belongs to the job wherever it stands.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

from attrs import field, frozen

from ciao.core.errors import MagicError, Place
from ciao.core.grammar import Item, Items, Value
from ciao.core.magics import COMMANDS, IPYTHON, ITEMS, Magic, Vocabulary
from ciao.core.magics.items import ENV
from ciao.core.words import did_you_mean, sentence

T = TypeVar("T")
_GAP = re.compile(r"[ \t]*(?:,[ \t]*|[ \t])%?(?=[\w-]+=)")
Said = Mapping[str, tuple[Item, ...]]


@frozen
class SaidRole:
    """A role that was named: its count as written, and what stood on its line."""

    item: Item
    own: Said


@frozen
class Given:
    """What was said: items by canonical magic name, and roles by name in their order."""

    job: Said = field(factory=dict)
    roles: Mapping[str, SaidRole] = field(factory=dict)
    start: Place | None = None

    def one(self, magic: Magic[T]) -> T | None:
        """The job's value of a magic, or None when it was not said."""
        return one(self.job, magic)

    def many(self, magic: Magic[T]) -> tuple[T, ...]:
        """All values of a repeatable magic, in order, each once."""
        return many(self.job, magic)

    def place(self, magic: Magic[Any]) -> Place | None:
        """Where the value of a magic of the job stands."""
        items = self.job.get(magic.name)
        return items[0].value_place if items else None


def one(said: Said, magic: Magic[T]) -> T | None:
    """The value of a magic that may be there once; MagicError when it is there twice with different values."""
    items = said.get(magic.name, ())
    read = [read_item(magic, item) for item in items]
    for value, item in zip(read, items, strict=True):
        if value != read[0]:
            earlier = f" (line {items[0].place.line})" if items[0].place.line else ""
            message = f"%{magic.name} is there twice with different values{earlier}."
            raise MagicError(message, item.place, "Keep one of them.")
    return read[0] if read else None


def many(said: Said, magic: Magic[T]) -> tuple[T, ...]:
    """All values of a magic, in order, each once."""
    found: list[T] = []
    for item in said.get(magic.name, ()):
        value = read_item(magic, item)
        if value not in found:
            found.append(value)
    return tuple(found)


def read_item(magic: Magic[T], item: Item) -> T:
    """The typed value of an item; MagicError, with its place, for a bad or a missing one."""
    if item.value is None and not magic.flag:
        hint = f"It is written %{magic.name}={item.rest or magic.syntax}"
        raise MagicError(f"%{magic.name} needs a value behind '='.", item.place, hint)
    try:
        return magic.read(item.value or Value("true"))
    except ValueError as error:
        raise MagicError(f"%{magic.name}: {sentence(str(error))}", item.value_place, _remedy(magic, item)) from None


def _remedy(magic: Magic[Any], item: Item) -> str:
    text = item.value.text if item.value else ""
    if "#" in text:
        return "A comment has a line of its own."
    return several_in_one(magic, text) or (f"For example: {magic.example}" if magic.example else "")


def several_in_one(magic: Magic[Any], text: str) -> str:
    """The remedy for items that blanks or commas separate (``pytorch, worker=2``); nothing for other values."""
    if _GAP.search(text) is None:
        return ""
    return f"Items on one line are separated by ';': %{magic.name}={_GAP.sub(';%', text)}"


def gather(lines: Iterable[Items], vocabulary: Vocabulary) -> Given:
    """Everything that the lines say; MagicError for an unknown name, an IPython magic, a role said twice."""
    job: dict[str, list[Item]] = {}
    roles: dict[str, SaidRole] = {}
    start: Place | None = None
    known = vocabulary.roles()
    for line in lines:
        start = start or line.place
        named: dict[str, Item] = {}
        scoped: dict[str, list[Item]] = {}
        for item in line.items:
            magic = _magic(item, vocabulary)
            if magic.name in known:
                earlier = roles[magic.name].item if magic.name in roles else named.get(magic.name)
                if earlier is not None:
                    raise _said_twice(item, earlier)
                named[magic.name] = item
            else:
                (scoped if magic.scoped else job).setdefault(magic.name, []).append(item)
        own = {name: tuple(items) for name, items in scoped.items()}
        roles.update((name, SaidRole(item, own)) for name, item in named.items())
        if not named:
            for name, items in scoped.items():
                job.setdefault(name, []).extend(items)
    return Given({name: tuple(items) for name, items in job.items()}, roles, start)


def _said_twice(item: Item, earlier: Item) -> MagicError:
    where = f" (line {earlier.place.line})" if earlier.place.line else ""
    hint = f"A role stands once, with all that belongs to it on its line: %{item.name}=2;%cpu=1;%memory=2Gi"
    return MagicError(f"%{item.name} is there twice{where}.", item.place, hint)


def _magic(item: Item, vocabulary: Vocabulary) -> Magic[Any]:
    magic = vocabulary.find(item.name)
    if magic is not None and not (item.rest and item.name.lower() in IPYTHON):
        if item.rest and magic.flag:
            raise MagicError(f"%{magic.name} stands alone: {item.rest!r} is too much.", item.place)
        if item.rest:
            hint = f"It is written %{magic.name}={item.rest}"
            raise MagicError(f"%{magic.name} needs a value behind '='.", item.place, hint)
        return magic
    if item.name.lower() in IPYTHON and item.value is None:
        remedy = "Put it in a cell of its own."
        if magic is not None:
            remedy += f" For replicas it is written %{magic.name}={magic.syntax}"
        raise MagicError(f"%{item.name} is IPython's: it runs in the kernel, not on replicas.", item.place, remedy)
    if any(item.name.lower() == each.name for each in COMMANDS):
        hint = "A command stands in a cell of its own."
        raise MagicError(f"%{item.name} is a command, and this cell is a job.", item.place, hint)
    hint = did_you_mean(item.name, vocabulary.names(), "%") or "%ciao help lists them all."
    raise MagicError(f"There is no magic %{item.name}.", item.place, hint)


def override(given: Given, by: Given) -> Given:
    """``given``, with what ``by`` says put over it: the command line over the file's own magics.

    A repeatable magic adds (a variable of the same name replaces). Resources said for the job as a
    whole win over what the file says of single roles: they were said later, and of everything.
    """
    repeatable = {magic.name for magic in ITEMS if magic.repeatable}
    replaced = {name for name, items in by.job.items() if name not in repeatable}
    names = {_variable(item) for item in by.job.get(ENV.name, ())}

    def kept(said: Said) -> Said:
        left = {name: items for name, items in said.items() if name not in replaced}
        if ENV.name in left:
            left[ENV.name] = tuple(item for item in left[ENV.name] if _variable(item) not in names)
        return left

    job = dict(kept(given.job))
    for name, items in by.job.items():
        job[name] = (*job.get(name, ()), *items)
    roles = {name: SaidRole(role.item, kept(role.own)) for name, role in given.roles.items()}
    for name, role in by.roles.items():
        before = roles[name].own if name in roles else {}
        roles[name] = SaidRole(role.item, {**before, **role.own})
    return Given(job, roles, given.start or by.start)


def _variable(item: Item) -> str:
    return item.value.text.partition("=")[0].strip() if item.value else ""
