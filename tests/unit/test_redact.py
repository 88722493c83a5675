"""What must not be kept is not kept, and what is kept can still be read."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ciao.core.model import EnvVar, JobSpec, Role, SecretRef
from ciao.core.redact import MASK, record_text, redact, redacted, secret_values


def spec(*env: EnvVar, role_env: tuple[EnvVar, ...] = ()) -> JobSpec:
    """A job with these variables."""
    return JobSpec(name="j", framework="pytorch", target="local", roles=(Role("master", 1, env=role_env),), env=env)


@pytest.mark.parametrize(
    ("line", "kept"),
    [
        ("%env=TOKEN=abc", "%env=TOKEN=•••"),
        ("%env=TOKEN=1;worker=2", "%env=TOKEN=•••;worker=2"),
        ("%worker=2;env=A=1;env=B=2;cpu=1", "%worker=2;env=A=•••;env=B=•••;cpu=1"),
        ("%ENV = TOKEN=abc", "%ENV = TOKEN=•••"),
        ('%env="TOKEN=a b"', '%env="TOKEN=•••"'),
        ('%env=TOKEN="a b; c"', "%env=TOKEN=•••"),
        ("%kubeflow framework=pytorch env=TOKEN=abc worker=1", "%kubeflow framework=pytorch env=TOKEN=••• worker=1"),
        ("%env=URL=postgres://u:p@h/d?x=y", "%env=URL=•••"),
        ("%env=EMPTY=", "%env=EMPTY=•••"),
        ("%worker=2", "%worker=2"),
    ],
)
def test_the_value_of_an_env_item_is_taken_out_where_it_stands(line: str, kept: str) -> None:
    """However short it is, and nothing beside it."""
    text = f"%framework=pytorch\n{line}\nprint(1)\n"
    assert record_text(text, spec()) == f"%framework=pytorch\n{kept}\nprint(1)\n"


def test_a_short_value_does_not_take_the_program_with_it() -> None:
    """``%env=VERBOSE=1`` leaves every other 1 alone."""
    text = "%framework=pytorch\n%env=VERBOSE=1\nx = 1 + 11\n"
    assert record_text(text, spec(EnvVar("VERBOSE", "1"))) == text.replace("VERBOSE=1", f"VERBOSE={MASK}")


def test_a_long_value_is_found_wherever_it_is() -> None:
    """A password that the cell repeats is no less a password."""
    text = "%framework=pytorch\n%env=PASSWORD=hunter2hunter2\nconnect('me:hunter2hunter2@db')\n"
    kept = record_text(text, spec(EnvVar("PASSWORD", "hunter2hunter2")))
    assert kept == f"%framework=pytorch\n%env=PASSWORD={MASK}\nconnect('me:{MASK}@db')\n"


def test_a_value_of_middle_length_is_found_as_a_word() -> None:
    """``info`` is taken out where it stands alone, not out of ``information``."""
    assert redact("info: information, log.info", ["info"]) == f"{MASK}: information, log.{MASK}"


def test_the_longest_value_goes_first() -> None:
    """One value within another leaves no rest of the longer one."""
    assert redact("secret-token-and-more", ["secret-token", "secret-token-and-more"]) == MASK


def test_values_are_text_not_patterns() -> None:
    """A value with a regular expression's characters means itself."""
    assert redact("a.*b(c)+ and axxb(c)+", ["a.*b(c)+"]) == f"{MASK} and axxb(c)+"


def test_a_reference_to_a_secret_is_no_value() -> None:
    """Its value never passes through Ciao, and its name may be kept."""
    assert secret_values(spec(EnvVar("A", SecretRef("vault", "key")), EnvVar("B", "b"))) == ("b",)


def test_the_values_of_roles_count() -> None:
    """``%env`` on a role's line belongs to the role."""
    assert secret_values(spec(EnvVar("A", "a"), role_env=(EnvVar("B", "b"),))) == ("a", "b")


def test_a_program_without_magics_is_searched_by_value() -> None:
    """A library call gives the environment beside the code; a ``%`` in the code is not a magic's."""
    text = "print('%env=A=1' % ())\nuse('long-password')\n"
    assert record_text(text, spec(EnvVar("P", "long-password"))) == text.replace("long-password", MASK)


def test_a_cell_that_cannot_be_read_is_searched_by_value() -> None:
    """A record is made of whatever was run; an error of the grammar is not the record's business."""
    text = "%framework=pytorch\n%env='never closed\nuse('long-password')\n"
    assert record_text(text, spec(EnvVar("P", "long-password"))) == text.replace("long-password", MASK)


def test_an_env_item_without_a_value_stays() -> None:
    """``%env=NAME`` (no ``=value``) is the interpreter's to refuse, and holds no value."""
    assert record_text("%framework=pytorch\n%env=NAME\n", spec()) == "%framework=pytorch\n%env=NAME\n"


def test_what_was_taken_out_can_be_told() -> None:
    """A text that cannot be run again says so."""
    assert redacted(record_text("%env=A=1\n", spec()))
    assert not redacted("print(1)\n")


@given(st.text(alphabet="ab %=;\n'\"TOKEN", max_size=40), st.text(alphabet="abc123-", min_size=8, max_size=12))
def test_no_long_value_survives_and_no_line_moves(text: str, value: str) -> None:
    """Whatever the cell looks like."""
    text = f"%framework=pytorch\n%env=TOKEN={value}\n{text}{value}\n"
    kept = record_text(text, spec(EnvVar("TOKEN", value)))
    assert value not in kept
    assert kept.count("\n") == text.count("\n")
