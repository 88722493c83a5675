"""Every other way to be wrong: bad values, commands and options."""

from __future__ import annotations

import pytest

from ciao.core.errors import MagicError, SettingsError, SourceError, UserError
from ciao.core.frameworks.pytorch import PYTORCH
from ciao.core.magics import Vocabulary
from ciao.core.settings import resolve

from .speech import FRAMEWORKS, from_options, understand

P = "%framework=pytorch\n"


@pytest.mark.parametrize(
    ("cell", "problem"),
    [
        (P + "%gpu=1.5\nx", "'1.5' is not a whole number"), (P + "%gpu=-1\nx", "'-1' is not a whole number"),
        (P + "%retries=a\nx", "'a' is not"),
        (P + "%nproc=0\nx", "0 is too small: at least 1"), (P + "%timeout=0\nx", "over before they begin"),
        (P + "%name=\nx", "is missing"),
        (P + "%env=1A=b\nx", "'1A' is not a name of a variable"), (P + "%env=A=secret:b\nx", "NAME=secret:object/key"),
        (P + "%secret=No_Good\nx", "not a name of an object"), (P + "%pip=--index-url\nx", "not a requirement"),
        (P + "%var=a,,b\nx", "before or after a comma"), (P + "%var=a-b\nx", "'a-b' is not a name"),
        (P + "%volume=data\nx", "not a volume"),
        (P + "%volume=data:rel\nx", "not a volume"), (P + "%nodeSelector=ssd\nx", "LABEL=value"),
        (P + "%tolerations=a b\nx", "toleration"),
        (P + "%user=ada\nx", "'ada' is neither"), (P + "%on_exit=leave\nx", "none of keep and stop"),
        (P + "%detach=maybe\nx", "neither true"), (P + "é" * (26 * 2**20), "at most 52,428,800"),
        (P + "%args='a\\'\\\n x", "one line"), (P + "%args=a\\ \nx", "ends in a backslash"),
        (P + "%s2i=koniko\nx", "no way 'koniko'"),
        (P + "%file=''\nx", "not a pattern"), (P + "%env='A=b\0c'\nx", "NUL"), (P + "%=1\nx", "A name is missing"),
        (P + "%\nx", "no name"),
        (P + "%memory=1000000Ei\nx", "more than a quantity can be"), (P + "x\0 = 1", "null byte"),
        (P + "x = " + "(" * 250 + ")" * 250, "nested"),
        (P + "%namespace=Team\nx", "not a name of an object"), (P + "async for a in b: pass", "outside"),
        (P + "x = (" + "-" * 500_000 + "1)", ""),
        (P + "print?", "IPython's own syntax"), (P + "x = !ls", "IPython's own syntax"),
        (P + "%ciao jobs\nx", "is a command"),
        ("%logs", "needs the name"), ("%logs a b", "'b' is not a replica"),
        ("%logs a worker-1 c", "'c' is one word too many"),
        ("%logs a --tail", "--tail needs a value"), ("%logs a --tail x", "--tail: 'x' is not"),
        ("%logs a --since x", "--since: 'x' is not"),
        ("%logs a --grep (", "not a regular expression"), ("%logs a --follow=1", "--follow takes no value"),
        ("%jobs --target x", "no target 'x'"),
        ("%ciao config target=docker", "no target 'docker'"), ("%ciao help wroker", "Did you mean worker?"),
        ("%logs 'a", "never closed"),
        ("%doctor now", "one word too many"), ("%ciao config store.age 0", "over before they begin"),
        (P + "%rerun=1\nx", "%rerun is a command"),
    ],
)  # fmt: skip
def test_every_bad_value_is_refused(cell, problem):
    """Whatever cannot be meant is an error that says so, and never anything but a UserError."""
    with pytest.raises(UserError) as caught:
        understand(cell)
    assert problem in str(caught.value)


@pytest.mark.parametrize(
    ("cell", "kind"),
    [
        (P + "%cpu=lots\nx", MagicError),
        (P + "x = (", SourceError),
        ("%ciao config a=b", SettingsError),
        (P, SourceError),
    ],
)
def test_mistakes_are_told_apart_by_their_class(cell, kind):
    """A line of magics, the code and a setting are three things."""
    with pytest.raises(kind):
        understand(cell)


def test_a_default_target_that_does_not_exist_is_the_settings_fault():
    """The message names where the setting came from, not the cell."""
    settings = resolve(frameworks=[PYTORCH]).assign("target", "moon")
    with pytest.raises(SettingsError, match="There is no target 'moon'") as caught:
        understand(P + "print()", Vocabulary(frameworks=FRAMEWORKS, settings=settings))
    assert "%ciao config" in str(caught.value)


OPTIONS = {
    "a bad value": ({"framework": ["pytorch"], "cpu": ["lots"]}, """\
%cpu: 'lots' is not a quantity (a number with an optional suffix: 500m, 2, 1.5Gi).
  --cpu, column 1
    lots
    ^^^^
  For example: %worker=2;%cpu=1"""),
    "an unknown option": ({"framework": ["pytorch"], "wroker": ["2"]}, """\
There is no magic %wroker.
  --wroker, column 1
    2
    ^
  Did you mean %worker?"""),
    "no framework": ({}, """\
Which framework is this job of?
  Add %framework=pytorch or %framework=tensorflow"""),
    "a role's bad resource": ({"framework": ["pytorch"], "worker": ["2;cpu=lots"]}, """\
%cpu: 'lots' is not a quantity (a number with an optional suffix: 500m, 2, 1.5Gi).
  --worker, column 15
    %worker=2;cpu=lots
                  ^^^^
  For example: %worker=2;%cpu=1"""),
    "several lines in a value": ({"framework": ["pytorch"], "env": ["A=b\nc"]}, """\
The value of --env has more than one line.
  --env"""),
    "twice": ({"framework": ["pytorch"], "timeout": ["1m", "2m"]}, """\
%timeout is there twice with different values.
  --timeout, column 1
    2m
    ^^
  Keep one of them."""),
}  # fmt: skip


@pytest.mark.parametrize("mistake", OPTIONS)
def test_a_mistake_in_an_option_names_the_option(mistake):
    """The command line and the library go through the very same checks; the place is the option."""
    options, seen = OPTIONS[mistake]
    with pytest.raises(UserError) as caught:
        from_options(options)
    assert str(caught.value) == seen


@pytest.mark.parametrize("text", ["", "# nothing\n"])
def test_a_file_without_code_is_named(text):
    """There is no line of it to point to."""
    with pytest.raises(SourceError) as caught:
        from_options({"framework": ["pytorch"]}, text)
    assert str(caught.value) == "There is no code to run.\n  train.py"
