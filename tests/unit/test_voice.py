"""What people are advised, as the reader of it would type it."""

from __future__ import annotations

import pytest

from ciao.cli.told import title, told
from ciao.core.errors import MagicError, Place, StoreError, UserError
from ciao.core.magics import ITEMS
from ciao.core.voice import LIBRARY, NOTEBOOK, TERMINAL, option


@pytest.mark.parametrize(
    ("written", "typed"),
    [
        ("%jobs lists them all.", "ciao jobs lists them all."),
        ("Stop it (%stop a), or choose another %name.", "Stop it (ciao stop a), or choose another --name."),
        ("Widen it: %ciao config local.ports=20000-29999", "Widen it: ciao config set local.ports 20000-29999"),
        ("%ciao config lists them all.", "ciao config lists them all."),
        ("%ciao help lists them all.", "ciao help lists them all."),
        ("For example: %worker=2;%cpu=1", "For example: --worker '2;cpu=1'"),
        ("For example: %cleanPolicy=None", "For example: --clean-policy None"),
        ("Add %chief=1, %master=1 or %worker=1.", "Add --chief 1, --master 1 or --worker 1."),
        ("100% of it, 5%d and '%Y-name'", "100% of it, 5%d and '%Y-name'"),
    ],
)
def test_a_shell_is_advised_in_commands_and_options(written: str, typed: str) -> None:
    """Commands, settings and items each have their own form there; what is no magic stays."""
    assert TERMINAL.said(written) == typed


@pytest.mark.parametrize("voice", [NOTEBOOK, LIBRARY])
def test_commands_stay_where_they_have_no_other_form(voice: object) -> None:
    assert voice.commands("%jobs lists them all.") == "%jobs lists them all."


@pytest.mark.parametrize("magic", ITEMS, ids=lambda magic: magic.name)
def test_every_magic_that_a_shell_is_told_of_is_its_option(magic) -> None:
    """A remedy names the option as the parser knows it."""
    assert TERMINAL.said(f"Leave %{magic.name} out.") == f"Leave {option(magic.name)} out."


def test_a_mistake_in_an_option_is_told_in_options() -> None:
    """Also its title: no magic was written."""
    error = MagicError("%cpu: 'x' is none.", Place("--cpu", 0, 1, 1, "x"), "For example: %cpu=1")
    assert title(error) == "UserError"
    assert told(error) == ("--cpu: 'x' is none.", "  --cpu, column 1", "    x", "    ^", "  For example: --cpu 1")


def test_a_mistake_in_a_files_own_magics_is_told_in_magics() -> None:
    """There they are written as in a cell; only commands are a shell's."""
    error = MagicError("%cpu: 'x' is none.", Place("train.py", 2, 6, 1, "%cpu=x"), "Leave %cpu out; %jobs lists them.")
    assert title(error) == "MagicError"
    assert told(error)[0] == "%cpu: 'x' is none." and told(error)[-1] == "  Leave %cpu out; ciao jobs lists them."


def test_a_fault_of_the_store_is_told_with_a_command_that_works() -> None:
    error = StoreError("It is full.\nAnother place: %ciao config store.path=DIRECTORY")
    assert told(error) == ["It is full.", "Another place: ciao config set store.path DIRECTORY"]


@pytest.mark.parametrize(
    ("message", "shown"),
    [("train has no replica w-1", "train has no replica w-1."), ("No target 'x'", "No target 'x'."), ("Why?", "Why?")],
)
def test_a_message_is_a_sentence(message: str, shown: str) -> None:
    """Whoever raised it may have left the full stop out."""
    assert str(UserError(message)) == shown
