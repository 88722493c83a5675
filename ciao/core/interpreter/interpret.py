"""The two ways in: a cell's text, and options of a command line or a library call."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from attrs import evolve

from ciao.core.errors import MagicError, Place
from ciao.core.grammar import Command, Item, Items, Kind, Value, parse, parse_line
from ciao.core.interpreter.commands import command_request
from ciao.core.interpreter.gather import Given, gather, override
from ciao.core.interpreter.launch import Scene, launch
from ciao.core.magics import Vocabulary
from ciao.core.requests import Launch, Request


def interpret(
    text: str, vocabulary: Vocabulary, *, fresh_name: Callable[[str], str], directory: str, label: str = "this cell"
) -> Request | None:
    """What a cell asks Ciao for; None for a cell that is IPython's.

    ``fresh_name("pytorch")`` names a job that has no ``%name``; ``directory`` is absolute. UserError for the first
    mistake, with its place in the cell.
    """
    cell = parse(text, label)
    if cell.kind is Kind.PLAIN:
        return None
    if cell.kind is Kind.COMMAND:
        (line,) = cell.lines
        assert isinstance(line, Command)
        return command_request(line, vocabulary)
    given = gather((line for line in cell.lines if isinstance(line, Items)), vocabulary)
    return launch(given, text, cell.body, vocabulary, Scene(fresh_name=fresh_name, directory=directory, label=label))


def launch_from_options(
    options: Mapping[str, Sequence[str]],
    text: str,
    vocabulary: Vocabulary,
    *,
    fresh_name: Callable[[str], str],
    directory: str,
    label: str = "this code",
    spelling: Callable[[str], str] = "--{}".format,
) -> Launch:
    """A job from options (``{"worker": ["2"], "env": ["A=1", "B=2"], "detach": [""]}``) and a file's text.

    Names and values are those of magics, with the very same checks; a role's value may go on as its magic's line does
    (``2;cpu=1;memory=2Gi``). Magics in the text count too, options win. ``spelling`` is how the user
    wrote an option's name, for messages. An empty value is none (flags).
    """
    cell = parse(text, label, job=True)
    by_text = gather((line for line in cell.lines if isinstance(line, Items)), vocabulary)
    by_options = _gather_options(options, vocabulary, spelling)
    given = override(by_text, by_options)
    return launch(given, text, cell.body, vocabulary, Scene(fresh_name=fresh_name, directory=directory, label=label))


def _gather_options(
    options: Mapping[str, Sequence[str]], vocabulary: Vocabulary, spelling: Callable[[str], str]
) -> Given:
    lines = [_option_line(name, value, vocabulary, spelling) for name, said in options.items() for value in said]
    return gather(lines, vocabulary)


def _option_line(name: str, value: str, vocabulary: Vocabulary, spelling: Callable[[str], str]) -> Items:
    place = Place(spelling(name), 0, 1 if value else 0, len(value), value)
    if "\n" in value or "\r" in value:
        raise MagicError(f"The value of {spelling(name)} has more than one line.", Place(spelling(name)))
    magic = vocabulary.find(name)
    if magic is not None and magic.name in vocabulary.roles() and ";" in value:
        line = parse_line(f"%{name}={value}", evolve(place, column=1, text=f"%{name}={value}"))
        assert isinstance(line, Items)
        return line
    item = Item(name, Value(value) if value else None, "", place, place)
    return Items((item,), place=place)
