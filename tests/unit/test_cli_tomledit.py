"""Changing one value of a TOML file, which is the user's."""

import json
import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ciao.cli.tomledit import with_value
from ciao.core.errors import SettingsError

WRITTEN = """\
# my settings
target = "local"   # this machine

[store]            # a disk of its own
path = '/data/jobs'
size = "10Gi" # enough?

[local]
grace = 2
"""


def changed(text, key, value):
    """The lines that differ, as (before, after)."""
    before, after = text.splitlines(), with_value(text, key, value).splitlines()
    assert len(before) == len(after)
    return [(a, b) for a, b in zip(before, after, strict=True) if a != b]


@pytest.mark.parametrize(
    ("key", "value", "line"),
    [
        (("target",), "gke", ('target = "local"   # this machine', 'target = "gke"   # this machine')),
        (("store", "path"), "/x", ("path = '/data/jobs'", 'path = "/x"')),
        (("store", "size"), "1#Gi", ('size = "10Gi" # enough?', 'size = "1#Gi" # enough?')),
        (("local", "grace"), 5, ("grace = 2", "grace = 5")),
    ],
)
def test_a_value_that_stands_there_is_changed_in_its_line(key, value, line):
    """No other line is touched, and a comment behind the value stays."""
    assert changed(WRITTEN, key, value) == [line]


def test_a_new_key_joins_its_table():
    """It stands behind the table's last entry, not at the end of the file."""
    text = with_value(WRITTEN, ("store", "age"), "7d")
    assert 'size = "10Gi" # enough?\nage = "7d"\n\n[local]' in text


def test_a_new_table_is_added_at_the_end():
    """What was there stays in front of it."""
    text = with_value(WRITTEN, ("view", "bytes"), 1000)
    assert text == WRITTEN + "\n[view]\nbytes = 1000\n"


def test_a_root_key_never_falls_into_a_table():
    """A line appended to the file would belong to its last table."""
    assert tomllib.loads(with_value("[store]\nage = '1d'\n", ("target",), "x")) == {
        "target": "x",
        "store": {"age": "1d"},
    }


def test_dotted_keys_are_found():
    """``store.size = …`` at the root is the key store.size."""
    assert with_value("store.size = '1Gi'\n", ("store", "size"), "2Gi") == 'store.size = "2Gi"\n'


def test_what_cannot_be_changed_by_lines_is_refused_with_the_line_to_write():
    """A value over several lines is not guessed at; nothing is written."""
    with pytest.raises(SettingsError, match=r"(?s)cannot change.*store\.size = \"2Gi\""):
        with_value("store = { size = '1Gi' }\n", ("store", "size"), "2Gi")


def test_a_file_that_is_no_toml_is_not_made_worse():
    """The place of its own mistake is named."""
    with pytest.raises(SettingsError, match=r"~/x\.toml is not TOML.*line 1"):
        with_value("target == 3\n", ("target",), "x", "~/x.toml")


names = st.text(st.sampled_from('abz09_- é."#='), max_size=6)
values = st.text(st.sampled_from("abz09 é\"\\#=[]'\n\t\x7f"), max_size=8)
tables = st.dictionaries(names, values | st.integers() | st.booleans(), max_size=3)


def quoted(value):
    return json.dumps(value).replace("\x7f", "\\u007f")


def written(root, inner):
    def entries(table):
        return "".join(f"{quoted(name)} = {quoted(value)} # said\n" for name, value in table.items())

    return entries(root) + "".join(f"[{quoted(name)}]\n{entries(table)}" for name, table in inner.items())


@given(tables, st.dictionaries(names, tables, max_size=3), st.lists(names, min_size=1, max_size=2), values)
def test_any_file_says_the_same_afterwards_but_for_the_one_value(root, inner, path, value):
    """Whatever names and values look like; only a value where a table is needed, or the other way round, is refused."""
    inner = {name: table for name, table in inner.items() if name not in root}
    if path[0] in (root if len(path) == 2 else inner):
        with pytest.raises(SettingsError):
            with_value(written(root, inner), tuple(path), value)
        return
    expected = {**root, **{name: dict(table) for name, table in inner.items()}}
    (expected.setdefault(path[0], {}) if len(path) == 2 else expected)[path[-1]] = value
    assert tomllib.loads(with_value(written(root, inner), tuple(path), value)) == expected
