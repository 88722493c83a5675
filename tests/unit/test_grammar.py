"""Cell text -> directives and body, and back."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ciao.core.errors import UserError
from ciao.core.grammar import (
    Cell,
    Command,
    Form,
    Item,
    Items,
    Kind,
    Value,
    Word,
    is_job_cell,
    kind_of,
    parse,
    parse_line,
    restore,
    write,
)  # fmt: skip
from ciao.core.lexer import split_lines

JUMBLE = st.lists(
    st.sampled_from(["%", "%%ciao", "%kubeflow", "%ciao", "framework=pytorch", "worker=2", ";", "=", "'", '"', "\\",
                     " ", "\t",
                     "\n", "\r\n", "\r", "\f", "\0", "\ud800", "é", "(", ")", "'''", "f'{", "}", "x = 1", "#", "?",
                     "!", "%jobs",
                     "logs a", "\u2028", "\ufeff", "%detach", "env A=1"]),
    max_size=25,
).map("".join)  # fmt: skip
TEXTS = st.one_of(st.text(), JUMBLE, JUMBLE.map("%framework=pytorch\n".__add__))


def items(cell: Cell) -> list[Item]:
    return [item for line in cell.lines if isinstance(line, Items) for item in line.items]


@pytest.mark.parametrize(
    ("cell", "said"),
    [
        ("%framework=pytorch", [("framework", "pytorch")]),
        ("%worker=2;%cpu=1;%memory=2Gi", [("worker", "2"), ("cpu", "1"), ("memory", "2Gi")]),
        ("%worker=2; cpu=1 ;\tmemory = 2Gi;", [("worker", "2"), ("cpu", "1"), ("memory", "2Gi")]),
        ("%kubeflow framework=tensorflow worker=2", [("framework", "tensorflow"), ("worker", "2")]),
        ("%kubeflow %framework=pytorch\tdetach", [("framework", "pytorch"), ("detach", None)]),
        ("%%ciao framework=pytorch args='--lr 0.1'", [("framework", "pytorch"), ("args", "--lr 0.1")]),
        ("\n\n%%ciao worker=1", [("worker", "1")]),
        ("%worker=1;%args=--a 1;%env=B=c=d", [("worker", "1"), ("args", "--a 1"), ("env", "B=c=d")]),
        ("%env='A=x;y';%worker=1", [("env", "A=x;y"), ("worker", "1")]),
        ('%worker=1;%args=--msg "a;b" it\'s', [("worker", "1"), ("args", '--msg "a;b" it\'s')]),
        (r'%worker=1;%args="a\"b\\c\d"', [("worker", "1"), ("args", r'a"b\c\d')]),
        ("%detach;%worker=2", [("detach", None), ("worker", "2")]),
        ("%worker=", [("worker", "")]),
    ],
)  # fmt: skip
def test_every_form_of_the_grammar_is_read(cell, said):
    """The three forms of a line of items, with bare and quoted values and flags."""
    assert [(item.name, item.value.text if item.value else None) for item in items(parse(cell))] == said


def test_a_name_without_equals_keeps_what_follows():
    """IPython's form is recognised as such: %pip install x."""
    assert items(parse("%worker=1\n%pip install x"))[1] == Item("pip", None, "install x")


def test_places_are_lines_columns_and_widths_of_the_cell():
    """An item knows its line, column and width, from 1, and its line's text."""
    cell = parse("x = 1\n%worker=2;%cpu='lots of'\n", "Cell In [3]")
    item = items(cell)[1]
    whole, value = item.place, item.value_place
    assert (whole.label, whole.line, whole.column, whole.width) == ("Cell In [3]", 2, 12, 13)
    assert whole.text[whole.column - 1 : whole.column - 1 + whole.width] == "cpu='lots of'"
    assert value.text[value.column - 1 : value.column - 1 + value.width] == "'lots of'"


@pytest.mark.parametrize(
    ("line", "name", "words"),
    [
        ("%jobs", "jobs", []), ("%ciao jobs --all", "jobs", ["--all"]),
        ("%logs a 'b c' --grep='x y'", "logs", ["a", "b c", "--grep=x y"]),
        ("%LOGS a", "logs", ["a"]), ("%ciao", "help", []), ("%ciao help worker", "help", ["worker"]),
        ("%worker?", "help", ["worker"]),
        ("%jobs??", "help", ["jobs"]), ("%ciao?", "help", []), ("%stop it's", "stop", ["it's"]),
        ("%ciao rerun a", "rerun", ["a"]),
    ],
)  # fmt: skip
def test_commands_are_read_in_both_forms(line, name, words):
    """%ciao COMMAND, the short forms, and IPython's question mark behind a name of Ciao's."""
    (found,) = parse(line).lines
    assert found == Command(name, tuple(Word(each) for each in words))


PLAIN = [
    "", "x = 1", "x % y", "%time f()", "%env A=1\nprint()", "%pip install x", "%config Inline.format='svg'", "%rerun",
    "%%time\n%framework=pytorch", "%%writefile a.py\n%worker=2\n", "s = '''\n%framework=pytorch\n'''",
    "f(\n%worker=2\n)", "x = 1 + \\\n%worker=2", "# %worker=2", " %worker=2", "%%ciaox", "%timeit x=1", "%jobsx",
    "%ciaox", "x = %jobs", "%env?",
    "!echo %worker=2", "%who", "%image foo.png", "\n%%bash\n%jobs",
]  # fmt: skip


@pytest.mark.parametrize("cell", PLAIN)
def test_a_cell_that_is_not_ciaos_stays_as_it_is(cell):
    """Everything that only Ciao does not know is IPython's, whole cell magics included."""
    assert parse(cell) == Cell(Kind.PLAIN, (), cell)


@pytest.mark.parametrize(
    "cell",
    ["%framework=pytorch", "x\n%worker=2", "%kubeflow a=b", "%kubeflow", "%%ciao", "%Worker=1", "%clean_policy=All",
     "%worker", "%detach\nx", "%timeout=5m\nx", "%env=A=1\nx", "%launcher=1",
     "'''\n%x\n'''\n%worker=2", "%matplotlib inline\n%worker=2"],
)  # fmt: skip
def test_one_magic_that_only_ciao_knows_makes_a_job(cell):
    """framework, a role, or any name with = right behind it, which IPython never has."""
    assert is_job_cell(cell) and parse(cell).kind is Kind.JOB


def test_a_job_cells_magic_lines_are_blank_in_its_body_and_all_others_untouched():
    """Line numbers, line ends and everything that is not a magic stay."""
    cell = "%framework=pytorch\r\nimport a\n%worker=2\rx = '''\n%y\n'''\n  %z\n%cpu=1"
    assert parse(cell).body == "\r\nimport a\n\rx = '''\n%y\n'''\n  %z\n"


@given(TEXTS)
@example("%worker=2\x0c\n\x0b%x")
@example("%framework=pytorch;%args='\ud800'\n")
@example("\r%CIAO\n")
def test_any_text_is_parsed_or_refused_with_a_usererror(text):
    """No text whatever makes the grammar fail otherwise, and nothing of an accepted one is lost."""
    try:
        cell = parse(text)
    except UserError as error:
        assert error.lines()
        return
    assert restore(cell) == text and parse(restore(cell)) == cell
    assert len(split_lines(cell.body)) == len(split_lines(text))
    assert [end for _, end in split_lines(cell.body)] == [end for _, end in split_lines(text)]


@given(TEXTS)
def test_line_numbers_are_kept(text):
    """Every line of the body is the cell's own line of that number, or blank where a magic was."""
    try:
        cell = parse(text)
    except UserError:
        return
    magic = {line.place.line for line in cell.lines}
    for number, (was, now) in enumerate(zip(split_lines(text), split_lines(cell.body), strict=True), 1):
        assert (now[0].strip(" "), now[1]) == ("", was[1]) if number in magic else now == was


@given(
    st.sampled_from(["'''", '"""', "(", "[", "{"]), st.sampled_from(["%framework=pytorch", "%jobs", "%%ciao", "%x=1;'"])
)
def test_a_magic_inside_a_string_or_brackets_is_text(opening, line):
    """What stands inside them is never a magic, in any cell."""
    closing = {"(": ")", "[": "]", "{": "}"}.get(opening, opening)
    cell = f"%framework=pytorch\nx = {opening}\n{line}\n{closing}\n"
    assert [found.place.line for found in parse(cell).lines] == [1]


names = st.from_regex(r"[A-Za-z][A-Za-z0-9_-]{0,9}", fullmatch=True).filter(
    lambda name: name.lower() not in ("ciao", "kubeflow")
)
one_line = st.text(st.characters(exclude_characters="\r\n", exclude_categories=()), max_size=20)
bare = st.from_regex(r"[A-Za-z0-9:/.,_=+-]{1,12}", fullmatch=True)
written = st.one_of(one_line.map(lambda text: Value(text, quoted=True)), bare.map(Value))
valued = st.builds(Item, names, written)
flags = st.builds(Item, names)
lines = st.one_of(
    st.builds(Items, st.lists(valued, min_size=1, max_size=4).map(tuple), st.just(Form.ITEMS)),
    st.builds(
        Items, st.lists(st.one_of(valued, flags), max_size=4).map(tuple), st.sampled_from([Form.KUBEFLOW, Form.WHOLE])
    ),
    st.builds(
        Command, st.sampled_from(["jobs", "logs", "config"]), st.lists(one_line.map(Word), max_size=3).map(tuple)
    ),
)


@given(lines)
@example(Items((Item("args", Value("a'b\\", quoted=True)),)))
def test_what_is_written_is_read_again(line):
    """parse(print(x)) == x for every directive, whatever its values hold."""
    assert parse_line(write(line)) == line


@given(st.lists(valued, min_size=1, max_size=3))
def test_whole_cells_of_written_lines_are_read_again(found):
    """The same with the lines standing in a cell."""
    wanted = [Items((item,)) for item in found]
    cell = parse("\n".join([*map(write, wanted), "x = 1"]))
    assert list(cell.lines) == wanted and cell.kind is Kind.JOB


def test_a_job_file_is_a_job_whatever_it_says():
    """With job=True (a file that is run) every % line is Ciao's."""
    assert parse("%env A=1\nx = 1", job=True).kind is Kind.JOB
    assert parse("x = 1", job=True) == Cell(Kind.JOB, (), "x = 1")


def test_a_large_cell_is_refused_before_anything_reads_it():
    """50 MB of source with a magic is an error at once; without one it is none of Ciao's business."""
    large = "x" * (50 * 2**20 + 1)
    with pytest.raises(UserError, match="larger than 50 MB"):
        parse("%framework=pytorch\n" + large)
    assert kind_of(large) is Kind.PLAIN
