"""Settings: typed, layered, each with its origin."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ciao.core.errors import Place, SettingsError
from ciao.core.frameworks.pytorch import PYTORCH
from ciao.core.settings import (
    LOCAL_GRACE,
    LOCAL_PORTS,
    LOCAL_PYTHON,
    SETTINGS,
    STORE_AGE,
    STORE_LOG_SIZE,
    STORE_PATH,
    STORE_SIZE,
    TARGET,
    VIEW_BYTES,
    VIEW_RATE,
    Entry,
    Row,
    resolve,
    schema,
    variable_entry,
)  # fmt: skip
from ciao.core.values import PortRange


def entry(key: str, text: str, label: str = "ciao.toml", base: str = "") -> Entry:
    return Entry(key, text, Place(label, 3), base)


def test_defaults_are_typed_values():
    """Bytes, seconds, ports and texts, as the decisions say."""
    settings = resolve(home="/home/ada")
    assert (settings[TARGET], settings[STORE_PATH]) == ("local", "/home/ada/.ciao/jobs")
    assert (settings[STORE_SIZE], settings[STORE_LOG_SIZE], settings[STORE_AGE]) == (
        10 * 2**30,
        2 * 2**30,
        30 * 86400.0,
    )
    assert (settings[LOCAL_PYTHON], settings[LOCAL_GRACE], settings[LOCAL_PORTS]) == ("", 2.0, PortRange(20000, 29999))
    assert (settings[VIEW_BYTES], settings[VIEW_RATE]) == (512000, 700000)


def test_every_framework_brings_the_setting_of_its_image():
    """image.pytorch is there because the framework is."""
    assert resolve(frameworks=[PYTORCH]).value("image.pytorch") == PYTORCH.image
    with pytest.raises(SettingsError, match=r"no setting 'image\.pytorch'"):
        resolve([(entry("image.pytorch", "x"),)])


@given(st.lists(st.booleans(), min_size=5, max_size=5))
def test_the_highest_layer_that_says_something_wins(said):
    """Session over environment over project over user over default, in every combination."""
    layers = [
        (entry("store.size", f"{number + 1}Gi", f"layer {number}"),) if says else () for number, says in enumerate(said)
    ]
    settings = resolve(layers)
    first = said.index(True) if any(said) else None
    assert settings[STORE_SIZE] == (10 if first is None else first + 1) * 2**30
    assert settings.place("store.size").label == ("default" if first is None else f"layer {first}")


def test_assigning_gives_new_settings_for_the_session_only():
    """The former value object stays; a later assignment replaces an earlier one; the origin says %ciao config."""
    before = resolve([(), (entry("store.size", "1Gi"),)])
    after = before.assign("store.size", "2Gi", Place("Cell In [9]", 1)).assign("Store.Size", "3Gi")
    assert (before[STORE_SIZE], after[STORE_SIZE]) == (2**30, 3 * 2**30)
    assert str(after.place("store.size")) == "%ciao config" and len(after.layers[0]) == 1


def test_assigning_something_wrong_changes_nothing_and_names_the_place():
    """SettingsError with the cell's place."""
    with pytest.raises(SettingsError) as caught:
        resolve().assign("view.rate", "fast", Place("Cell In [9]", 1))
    assert caught.value.place == Place("Cell In [9]", 1)


def test_show_says_value_and_origin_of_every_setting():
    """Rows in the schema's order, for people."""
    rows = resolve(
        [(), (Entry("store.size", "1Gi", Place("CIAO_STORE_SIZE")),), (entry("target", "local"),)], [PYTORCH]
    ).show()
    assert [row.key for row in rows] == [each.key for each in schema([PYTORCH])]
    assert Row("store.size", "1Gi", "CIAO_STORE_SIZE") in rows and Row("target", "local", "ciao.toml, line 3") in rows
    assert Row("local.python", "(the one that Ciao runs in)", "default") in rows


@pytest.mark.parametrize(
    ("key", "text", "message"),
    [
        ("store.sise", "1", "There is no setting 'store.sise'.\n  ciao.toml, line 3\n  Did you mean store.size?"),
        ("zzz", "1", "There is no setting 'zzz'.\n  ciao.toml, line 3\n  %ciao config lists them all."),
        ("store.size", "big", "store.size: 'big' is not a quantity"),
        ("store.age", "0", "store.age: 0 seconds are over"),
        ("local.grace", "soon", "local.grace: 'soon' is not a duration"),
        ("local.ports", "9-1", "local.ports: '9-1' is not a range of ports"),
        ("local.ports", "1-70000", "is not a range of ports"), ("target", "", "target: a value is missing."),
    ],
)  # fmt: skip
def test_a_wrong_key_or_value_names_its_place(key, text, message):
    """In any layer, also one that a higher layer hides."""
    with pytest.raises(SettingsError) as caught:
        resolve([(), (entry("store.size", "1Gi"),), (entry(key, text),)])
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("text", "base", "path"),
    [
        ("~/jobs", "/p", "/home/ada/jobs"),
        ("~", "/p", "/home/ada"),
        ("/abs", "/p", "/abs"),
        ("jobs", "/p", "/p/jobs"),
        ("../j", "/p/q", "/p/j"),
    ],
)
def test_paths_start_where_they_were_written(text, base, path):
    """~ is the home directory; a relative path belongs to the directory of its file."""
    assert resolve([(entry("store.path", text, base=base),)], home="/home/ada")[STORE_PATH] == path


def test_a_bare_command_is_left_to_be_found_on_path():
    """local.python = python3.12 is no file of the project."""
    assert resolve([(entry("local.python", "python3.12", base="/p"),)])[LOCAL_PYTHON] == "python3.12"
    assert resolve([(entry("local.python", ".venv/bin/python", base="/p"),)])[LOCAL_PYTHON] == "/p/.venv/bin/python"


@pytest.mark.parametrize("setting", SETTINGS, ids=lambda each: each.key)
def test_every_setting_has_its_variable(setting):
    """CIAO_STORE_LOG_SIZE is store.log_size."""
    found = variable_entry(SETTINGS, setting.variable, setting.default, "/p")
    assert found is not None and found.key == setting.key and found.place == Place(setting.variable)


@pytest.mark.parametrize(
    "variable", ["CIAO_JOB", "CIAO_REPLICA", "CIAO_REPORT", "CIAO_PORT", "CIAO_SERVICE_HOST", "CIAO_PORT_80_TCP"]
)
def test_variables_that_only_look_like_ours_are_left_alone(variable):
    """A Service named ciao, or a kernel inside a replica, does not keep Ciao from starting."""
    assert variable_entry(SETTINGS, variable, "x", "/p") is None


@pytest.mark.parametrize(
    ("variable", "near"),
    [("CIAO_STORE_SISE", "CIAO_STORE_SIZE"), ("CIAO_STOER_PATH", "CIAO_STORE_PATH"), ("CIAO_TARGTE", "CIAO_TARGET")],
)
def test_a_misspelt_variable_is_an_error(variable, near):
    """It would be ignored else, and nobody would know."""
    with pytest.raises(SettingsError, match=f"There is no setting {variable}.\n  {variable}\n  Did you mean {near}?"):
        variable_entry(SETTINGS, variable, "x", "/p")


def test_an_unknown_name_is_a_key_error_for_programs():
    """value() is for names from the schema."""
    with pytest.raises(KeyError):
        resolve().value("nothing")
    assert resolve().text("store.size") == "10Gi"
