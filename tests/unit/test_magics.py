"""The one table of magics: consistent in itself, beside IPython, and on paper."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from ipykernel.zmqshell import KernelMagics
from IPython.core.interactiveshell import InteractiveShell

from ciao.core.grammar import Items, parse_line
from ciao.core.help import help_text
from ciao.core.interpreter.gather import read_item
from ciao.core.magics import COMMANDS, IPYTHON, ITEMS
from ciao.core.recognize import BARE, SHORT, Kind, kind_of
from ciao.core.words import key, nearest
from ciao.reference import main, pages

from .speech import VOCABULARY

ASKED = """
    framework image name namespace context target s2i cleanPolicy env secret pip file include var volume timeout
    retries ttl detach quiet args nproc queue priority nodeSelector tolerations serviceAccount pullSecret overlay
    on_exit python user cpu memory gpu resource render platform
"""  # fmt: skip
REPEATABLE = "resource env secret pip file include var volume nodeSelector tolerations"


def test_the_table_has_every_item_of_the_language_once():
    """No more, no less, and no two names that are one."""
    assert {each.name for each in ITEMS} == set(ASKED.split()) and len({key(each.name) for each in ITEMS}) == len(ITEMS)
    assert {each.name for each in ITEMS if each.repeatable} == set(REPEATABLE.split())
    assert {each.name for each in ITEMS if each.scoped} == {"cpu", "memory", "gpu", "resource", "image", "env"}


@pytest.mark.parametrize("magic", VOCABULARY.magics(), ids=lambda each: each.name)
def test_every_example_in_the_documentation_is_right(magic):
    """It is read by the very parser, and the magic's own reader accepts it."""
    line = parse_line(magic.example)
    assert isinstance(line, Items)
    (mine,) = [item for item in line.items if VOCABULARY.find(item.name) is magic or item.name == magic.name]
    read_item(magic, mine)
    assert magic.doc.endswith((".", "None by default.")) and magic.group


@pytest.mark.parametrize(
    "magic", [each for each in VOCABULARY.magics() if VOCABULARY.values(each)], ids=lambda each: each.name
)
def test_every_value_that_is_offered_is_accepted(magic):
    """Completion does not propose mistakes."""
    for value in VOCABULARY.values(magic):
        read_item(magic, parse_line(f"%{magic.name}={value}").items[0])


def test_short_forms_are_names_that_ipython_does_not_have():
    """%rerun and %config stay IPython's; so do names that mark a job without a value."""
    shell = InteractiveShell.instance()
    theirs = {*shell.magics_manager.magics["line"], *shell.magics_manager.magics["cell"], *KernelMagics.magics["line"]}
    InteractiveShell.clear_instance()
    assert not theirs & {*SHORT, *BARE, "ciao", "kubeflow", "render"}
    assert {name.lower() for name in theirs} <= IPYTHON  # each of IPython's own gets its own message


def test_every_short_form_is_a_command():
    """The recogniser, which imports nothing, and the table say the same."""
    assert set(SHORT) <= {each.name for each in COMMANDS}
    assert {name for name in BARE if name not in VOCABULARY.roles()} <= {each.name for each in ITEMS}


@pytest.mark.parametrize("command", COMMANDS, ids=lambda each: each.name)
def test_every_command_has_help(command):
    """Usage, what it does, every option."""
    text = help_text(VOCABULARY, command.name)
    assert (
        text.startswith(command.usage)
        and command.doc in text
        and all(f"--{each.name}" in text for each in command.options)
    )


def test_help_without_a_topic_names_everything():
    """%ciao help is the whole language on one page."""
    text = help_text(VOCABULARY)
    assert all(f"%{each.name}" in text for each in VOCABULARY.magics()) and all(each.doc in text for each in COMMANDS)


def test_plain_cells_are_let_through_without_importing_anything_heavy():
    """The check before every cell needs neither attrs nor difflib, ast or anything else of Ciao."""
    code = "import sys, ciao.core.recognize as r; r.kind_of('x % 1'); print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not {"attr", "attrs", "ast", "difflib", "shlex", "fractions", "inspect", "asyncio"} & set(loaded)
    assert {each for each in loaded if each.startswith("ciao.core.")} == {"ciao.core.recognize", "ciao.core.lexer"}


def test_the_check_is_right_for_a_large_cell_that_only_mentions_percent():
    """A % operator or a % line of IPython does not make a job."""
    assert kind_of("x = a % b\n" * 100_000) is Kind.PLAIN


@pytest.mark.parametrize(
    ("word", "found"), [("wroker", "worker"), ("clean-polcy", "cleanPolicy"), ("zzz", None), ("", None)]
)
def test_the_nearest_word(word, found):
    """Compared as names are, and silent when nothing is near."""
    assert nearest(word, ["worker", "cleanPolicy", "cpu"]) == found


@pytest.mark.parametrize("page", ["magics.md", "settings.md"])
def test_the_reference_pages_are_current(page):
    """`python -m ciao.reference` was run after the last change of the tables."""
    committed = Path(__file__).parents[2] / "docs" / page
    assert committed.read_text(encoding="utf-8") == pages()[page]


def test_the_command_writes_both_pages(tmp_path):
    """Into the folder that it is given."""
    main([str(tmp_path)])
    assert {each.name: each.read_text(encoding="utf-8") for each in tmp_path.iterdir()} == pages()
