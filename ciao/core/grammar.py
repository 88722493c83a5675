r"""Cell text -> directives with their places + the body that replicas run; and back.

    line = "%" item { ";" item }            %worker=2;%cpu=1;%memory=2Gi
         | "%kubeflow" { ws item }          %kubeflow framework=tensorflow worker=2
         | "%%ciao" { ws item }             first line only: the whole cell is the job
         | "%ciao" command { ws argument }  %ciao config target=local
         | "%" command { ws argument }      %logs pytorch-k3f9x --tail 20
    item = [ "%" ] name [ "=" value ]

A value is bare (it ends at the separator; quotes that open a part of it keep separators inside) or quoted
as a whole, where ``\`` stands before a quote or a backslash. Lossless: ``restore(parse(text)) == text``, and
``parse_line(write(line)) == line``. Names and values are not judged here but by the interpreter.
Only a MagicError or a SourceError leaves this module, whatever the text.
"""

from __future__ import annotations

import enum
import re

from attrs import evolve, field, frozen

from ciao.core.errors import MagicError, Place, SourceError
from ciao.core.lexer import split_lines, statement_lines
from ciao.core.recognize import LARGEST, Kind, is_command, is_job_cell, is_whole, kind_of
from ciao.core.scan import Value, quote, scan_value, scan_words

__all__ = ["Cell", "Command", "Directive", "Form", "Item", "Items", "Kind", "Value", "Word"]
__all__ += ["is_job_cell", "kind_of", "parse", "parse_line", "restore", "write"]

_NAME = re.compile(r"[^\s=;]+")
_EQUALS = re.compile(r"[ \t]*=")
_HEAD = re.compile(r"%%ciao|%kubeflow|%ciao|%", re.IGNORECASE)
_HELP = re.compile(r"%[ \t]*([^\s?]+)[ \t]*\?{1,2}[ \t]*")


class Form(enum.Enum):
    """How a line of items is written; the value is its head."""

    ITEMS = "%"
    KUBEFLOW = "%kubeflow"
    WHOLE = "%%ciao"


@frozen
class Item:
    """``name=value``, or ``name`` alone (value None). ``rest``: text after a name without ``=``, as in
    IPython's ``%pip install x``. ``place`` is the whole item, ``value_place`` its value.
    """

    name: str
    value: Value | None = None
    rest: str = ""
    place: Place = field(default=Place(""), eq=False)
    value_place: Place = field(default=Place(""), eq=False)


@frozen
class Items:
    """One line of items. ``place`` covers the line, and its text is the line's."""

    items: tuple[Item, ...]
    form: Form = Form.ITEMS
    place: Place = field(default=Place(""), eq=False)


@frozen
class Word:
    """One argument of a command, without its quotes."""

    text: str
    place: Place = field(default=Place(""), eq=False)


@frozen
class Command:
    """``%name words…``; ``name`` is lower case, without ``%`` and without ``ciao``."""

    name: str
    words: tuple[Word, ...] = ()
    place: Place = field(default=Place(""), eq=False)


Directive = Items | Command


@frozen
class Cell:
    """A cell, taken apart. ``body`` has every line of it, the magic ones blank, with their line ends."""

    kind: Kind
    lines: tuple[Directive, ...]
    body: str


def parse(text: str, label: str = "this cell", *, job: bool = False) -> Cell:
    """Take a cell apart; ``job`` True: it is one, whatever it says (``ciao run FILE``).

    MagicError for a line that cannot be read and for cells that mix jobs, commands and code.
    """
    kind = Kind.JOB if job else kind_of(text)
    if kind is Kind.PLAIN:
        return Cell(kind, (), text)
    if len(text) > LARGEST:
        raise SourceError(f"The code is larger than 50 MB ({len(text) // 2**20} MB).", Place(label), _TOO_LARGE)
    numbers = _magic_lines(text)
    lines = split_lines(text)
    whole = is_whole(text)
    directives = []
    for number in numbers:
        line = lines[number - 1][0]
        place = Place(label, number, 1, len(line.rstrip()), line)
        if line.startswith("%%") and not (whole and number == numbers[0]):
            raise _stray_cell_magic(place)
        directives.append(parse_line(line, place))
    magic = set(numbers)
    cell = Cell(kind, tuple(directives), _blanked(lines, magic))
    _unmixed(cell)
    return cell


_TOO_LARGE = "Data does not belong in a cell: read it from a file (%file=PATTERN) or a volume (%volume=CLAIM:/PATH)."


def _magic_lines(text: str) -> list[int]:
    """Line numbers, from 1 and in order, of the lines that are magics."""
    numbers, number, seen = [], 1, 0
    for offset in statement_lines(text):
        number += len(split_lines(text[seen:offset])) - 1
        seen = offset
        if text.startswith("%", offset):
            numbers.append(number)
    return numbers


def _blanked(lines: list[tuple[str, str]], magic: set[int]) -> str:
    """The text with its magic lines empty; one between CR and LF keeps a blank, lest they become one end."""
    body, former = [], ""
    for number, (line, end) in enumerate(lines, 1):
        body.append((" " * (former == "\r" and end == "\n") if number in magic else line) + end)
        former = end
    return "".join(body)


def _stray_cell_magic(place: Place) -> MagicError:
    name = place.text.split()[0]
    hint = "A cell magic stands on a cell's first line and takes the whole cell for IPython; a job cell has none."
    return MagicError(f"{name} cannot stand here.", place, hint)


def _unmixed(cell: Cell) -> None:
    """MagicError unless the cell is either a job, or one command alone."""
    commands = [line for line in cell.lines if isinstance(line, Command)]
    if not commands:
        return
    first = commands[0]
    alone = "A command stands in a cell of its own."
    if cell.kind is Kind.JOB:
        raise MagicError(f"%{first.name} is a command, and this cell is a job.", first.place, alone)
    for line in cell.lines:
        if isinstance(line, Items):
            name = line.place.text.split()[0]
            raise MagicError(f"{name} cannot stand beside the command %{first.name}.", line.place, alone)
    if len(commands) > 1:
        raise MagicError("One command a cell: this is the second one.", commands[1].place, alone)
    for number, (code, _) in enumerate(split_lines(cell.body), 1):
        if code.strip() and not code.lstrip().startswith("#"):
            raise MagicError(f"%{first.name} is a command, and line {number} of this cell is code.", first.place, alone)


def parse_line(line: str, place: Place | None = None) -> Directive:
    """One magic line, from its ``%``; ``place`` says where it stands."""
    place = place or Place("", 1, 1, len(line), line)
    if line.endswith("\\"):
        where = evolve(place, column=len(line), width=1)
        raise MagicError(
            "A magic is one line.", where, "Write a second % line; a value that ends in \\ goes in quotes."
        )
    asked = _HELP.fullmatch(line)
    if asked and is_command(line):
        topic = Word(asked[1], evolve(place, column=2, width=len(asked[1])))
        return Command("help", () if topic.text.lower() == "ciao" else (topic,), place)
    if is_command(line):
        return _command(line, place)
    head = _HEAD.match(line)
    assert head is not None  # every magic line begins with %
    form = _form(line, head)
    return Items(_items(line, head.end() if form is not Form.ITEMS else 1, form, place), form, place)


def _form(line: str, head: re.Match[str]) -> Form:
    """``%kubeflowed`` is no ``%kubeflow``; ``%kubeflow=1`` is an item."""
    after = line[head.end() : head.end() + 1]
    form = {"%%ciao": Form.WHOLE, "%kubeflow": Form.KUBEFLOW}.get(head.group().lower(), Form.ITEMS)
    return form if not after or after.isspace() else Form.ITEMS


def _command(line: str, place: Place) -> Directive:
    words = [Word(text, evolve(place, column=start + 1, width=end - start)) for text, start, end in _words(line, place)]
    head, *rest = words
    name = head.text.lstrip("%").lower()
    if name == "ciao":
        if not rest:
            return Command("help", (), place)
        name, rest = rest[0].text.lower(), rest[1:]
    if name == "render" and not rest:  # asked for among a job's magics: show instead of run
        return Items((Item("render", place=place, value_place=place),), Form.ITEMS, place)
    return Command(name, tuple(rest), place)


def _words(line: str, place: Place) -> list[tuple[str, int, int]]:
    try:
        return scan_words(line)
    except ValueError as error:
        raise _unclosed(place, error.args[1]) from None


def _items(line: str, start: int, form: Form, place: Place) -> tuple[Item, ...]:
    separator = ";" if form is Form.ITEMS else " \t"
    items, position = [], start
    while True:
        while position < len(line) and (line[position] in separator or line[position].isspace()):
            position += 1
        if position >= len(line):
            break
        item, position = _item(line, position, separator, place)
        items.append(item)
    if form is Form.ITEMS and not items:
        raise MagicError("This magic has no name.", place, "%worker=2 is one; %ciao help lists them all.")
    return tuple(items)


def _item(line: str, start: int, separator: str, place: Place) -> tuple[Item, int]:
    """The item at ``start`` (not blank), and where it ends."""
    begin = start
    while begin < len(line) and (line[begin].isspace() or (begin == start and line[begin] == "%")):
        begin += 1
    name = _NAME.match(line, begin)
    if name is None:
        raise MagicError("A name is missing here.", evolve(place, column=start + 1, width=1), "%worker=2 has one.")
    equals = _EQUALS.match(line, name.end())
    if equals is None:
        return _valueless(line, name, separator, place)
    begin = equals.end()
    while separator == ";" and begin < len(line) and line[begin].isspace():
        begin += 1
    try:
        value, end = scan_value(line, begin, separator)
    except ValueError as error:
        raise _unclosed(place, error.args[1]) from None
    whole = evolve(place, column=name.start() + 1, width=len(line[name.start() : end].rstrip()))
    inner = evolve(place, column=begin + 1, width=max(1, len(line[begin:end].rstrip())))
    return Item(name.group(), value, place=whole, value_place=inner), end


def _valueless(line: str, name: re.Match[str], separator: str, place: Place) -> tuple[Item, int]:
    end, rest = name.end(), ""
    if separator == ";":
        rest, _, _ = line[name.end() :].partition(";")
        end, rest = name.end() + len(rest), rest.strip()
    whole = evolve(place, column=name.start() + 1, width=len(line[name.start() : end].rstrip()))
    return Item(name.group(), None, rest, whole, whole), end


def _unclosed(place: Place, offset: int) -> MagicError:
    mark = place.text[offset]
    return MagicError(f"This quote ({mark}) is never closed.", evolve(place, column=offset + 1, width=1))


def write(line: Directive) -> str:
    """A line that ``parse_line`` reads as this directive."""
    if isinstance(line, Command):
        return " ".join([f"%ciao {line.name}", *(quote(word.text) for word in line.words)])
    shown = [_written(item) for item in line.items]
    if line.form is Form.ITEMS:
        return "%" + ";%".join(shown)
    return " ".join([line.form.value, *shown])


def _written(item: Item) -> str:
    if item.value is None:
        return f"{item.name} {item.rest}".strip()
    return f"{item.name}={item.value.written()}"


def restore(cell: Cell) -> str:
    """The text that the cell was parsed from."""
    magic = {line.place.line: line.place.text for line in cell.lines}
    lines = split_lines(cell.body)
    return "".join(magic.get(number, text) + end for number, (text, end) in enumerate(lines, 1))
