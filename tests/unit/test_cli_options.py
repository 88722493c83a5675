"""The words of a command line: the table of magics as options, and mistakes in them."""

import pytest

from ciao.cli.options import add_options, chosen
from ciao.cli.parser import Parser, split_program
from ciao.core.errors import UserError
from ciao.core.frameworks.pytorch import PYTORCH
from ciao.core.frameworks.tensorflow import TENSORFLOW
from ciao.core.magics import ITEMS
from ciao.core.voice import option


def parser():
    made = Parser(prog="ciao run")
    made.add_argument("source")
    add_options(made, (PYTORCH, TENSORFLOW))
    return made


def read(*words, program=()):
    return chosen(parser().read(["train.py", *words]), program)


@pytest.mark.parametrize("magic", ITEMS, ids=lambda magic: magic.name)
def test_every_magic_is_an_option(magic):
    """What a cell can say, a command line can say: the table is one."""
    value = [] if magic.flag else ["x"]
    assert read(option(magic.name), *value) == {magic.name: ("x",) if value else ("",)}


def test_the_roles_of_all_frameworks_are_options():
    """A framework's roles come from the framework, in any number."""
    assert read("--master", "1", "--ps", "2", "-w", "3;cpu=1") == {
        "master": ("1",),
        "ps": ("2",),
        "worker": ("3;cpu=1",),
    }


def test_what_is_said_twice_is_kept_twice():
    """Whether that is a mistake is the interpreter's to say, as in a cell."""
    assert read("--env", "A=1", "--env", "B=2", "-f", "x", "-f", "y") == {
        "env": ("A=1", "B=2"),
        "framework": ("x", "y"),
    }


def test_what_is_not_said_is_not_there():
    """Defaults are filled in by the interpreter alone."""
    assert read() == {}


def test_words_behind_two_dashes_go_to_the_program_untouched():
    """Blanks, quotes and Ciao's own options among them."""
    words, program = split_program(["run", "x.py", "-w", "2", "--", "--lr", "0.1", "a b", "it's", "--", "-w"])
    assert words == ["run", "x.py", "-w", "2"]
    assert program == ("--lr", "0.1", "a b", "it's", "--", "-w")


def test_the_programs_words_survive_the_way_through_args():
    """The magic's value is split as a shell does; no blank or quote is lost on the way."""
    from ciao.core.magics.items import ARGS
    from ciao.core.scan import Value

    program = ("--lr", "0.1", "a b", "it's", "", '"')
    (text,) = read(program=program)["args"]
    assert tuple(ARGS.read(Value(text))) == program


def test_arguments_said_twice_are_refused():
    """Neither half is silently dropped."""
    with pytest.raises(UserError, match="said twice"):
        read("--args", "x", program=("y",))


@pytest.mark.parametrize(
    ("word", "hint"),
    [
        ("--workr=2", "--worker"),
        ("--cleanPolicy", "--clean-policy"),
        ("--clean_policy", "--clean-policy"),
        ("--jsn", "--"),
    ],
)
def test_an_unknown_option_is_an_error_with_the_nearest_one(word, hint):
    """Unknown is never ignored, and an option's beginning is never taken for the option."""
    with pytest.raises(UserError, match=f"no option {word.partition('=')[0]}(.|\n)*{hint}"):
        parser().read(["train.py", word])


def test_a_beginning_of_an_option_is_not_the_option():
    """``--work 2`` would change its meaning with the next framework."""
    with pytest.raises(UserError, match="no option --work"):
        parser().read(["train.py", "--work=2"])


def test_a_word_too_many_is_an_error():
    """A forgotten ``--`` before the program's words is seen."""
    with pytest.raises(UserError, match="'10' is one word too many"):
        parser().read(["train.py", "10"])


def test_a_missing_value_is_an_error_not_a_usage_dump():
    """One sentence and where to look."""
    with pytest.raises(UserError, match=r"expected one argument\.\n  ciao run --help"):
        parser().read(["train.py", "--cpu"])


def test_help_names_options_not_magics():
    """The table's texts are written for cells; here they speak of options."""
    text = parser().format_help()
    assert "--clean-policy All|Running|None" in text
    assert "%attach" not in text
