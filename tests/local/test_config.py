"""Settings as they are read from real files and an environment."""

from __future__ import annotations

from pathlib import Path

import pytest

from ciao.adapters.config import load
from ciao.adapters.toml_lines import key_lines, line_of
from ciao.core.errors import SettingsError
from ciao.core.frameworks.pytorch import PYTORCH
from ciao.core.settings import LOCAL_GRACE, LOCAL_PYTHON, STORE_AGE, STORE_PATH, STORE_SIZE, TARGET


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "home" / ".ciao").mkdir(parents=True)
    return tmp_path / "home"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "project" / "deep" / "er").mkdir(parents=True)
    return tmp_path / "project"


def test_each_layer_beats_the_next(home, project):
    """Override, environment, project file, user file, default; each with its origin."""
    (home / ".ciao/config.toml").write_text('target = "user"\n[store]\nsize = "1Gi"\nage = "1d"\npath = "~/u"\n')
    (project / "ciao.toml").write_text('[store]\nsize = "2Gi"\nage = "2d"\npath = "here"\n')
    environ = {"CIAO_STORE_SIZE": "3Gi", "CIAO_STORE_AGE": "3d", "PATH": "/bin"}
    settings = load(project / "deep" / "er", home, environ, {"store.age": "4d"})
    assert (settings[STORE_AGE], settings[STORE_SIZE]) == (4 * 86400, 3 * 2**30)
    assert (settings[STORE_PATH], settings[TARGET], settings[LOCAL_GRACE]) == (str(project / "here"), "user", 2)
    origins = {row.key: row.origin for row in settings.show()}
    assert (
        origins["store.size"] == "CIAO_STORE_SIZE" and origins["store.path"] == f"{project}/ciao.toml, line 4, column 1"
    )
    assert origins["target"] == "~/.ciao/config.toml, line 1, column 1" and origins["local.grace"] == "default"


def test_pyproject_counts_only_with_a_table_of_ciaos(home, project):
    """[tool.ciao] in the nearest pyproject.toml that has one; others are passed over."""
    (project / "pyproject.toml").write_text(
        '[project]\nname = "ciao-user"\n\n[tool.ciao]\nlocal.python = ".venv/bin/python"\n'
    )
    (project / "deep" / "pyproject.toml").write_text('[project]\nname = "ciao"\n')
    settings = load(project / "deep", home, {})
    assert settings[LOCAL_PYTHON] == str(project / ".venv/bin/python")
    assert str(settings.place("local.python")) == f"{project}/pyproject.toml, line 5, column 7"


def test_ciao_toml_beats_pyproject_beside_it(home, project):
    """One project file counts."""
    (project / "pyproject.toml").write_text('[tool.ciao]\ntarget = "a"\n')
    (project / "ciao.toml").write_text('target = "b"\n')
    assert load(project, home, {})[TARGET] == "b"


def test_nothing_there_is_no_mistake(home, project):
    """Without files and variables all is default; a table without keys says nothing."""
    (home / ".ciao/config.toml").write_text("[store]\n[local]\n")
    assert {row.origin for row in load(project, home, {}).show()} == {"default"}


def test_numbers_are_as_good_as_texts(home, project):
    """Grace = 2.5, size = 1000."""
    (project / "ciao.toml").write_text("local.grace = 2.5\nstore.size = 1000\n")
    settings = load(project, home, {})
    assert (settings[LOCAL_GRACE], settings[STORE_SIZE]) == (2.5, 1000)


def test_images_are_set_by_framework(home, project):
    """image.pytorch, from a file and from the environment."""
    (project / "ciao.toml").write_text('[image]\npytorch = "a"\n')
    assert load(project, home, {}, frameworks=[PYTORCH]).value("image.pytorch") == "a"
    assert load(project, home, {"CIAO_IMAGE_PYTORCH": "b"}, frameworks=[PYTORCH]).value("image.pytorch") == "b"


MISTAKES = {
    '# mine\n[store]\nsise = "1Gi"\n': """\
There is no setting 'store.sise'.
  {file}, line 3, column 1
    sise = "1Gi"
    ^^^^
  Did you mean store.size?""",
    '[store]\n  size = "big"': """\
store.size: 'big' is not a quantity (a number with an optional suffix: 500m, 2, 1.5Gi).
  {file}, line 2, column 3
      size = "big"
      ^^^^
  store.size is a QUANTITY. How much all jobs together may keep, in bytes; the oldest that have ended go first.""",
    "store = { size = true }": """\
store.size is neither a text nor a number.
  {file}, line 1, column 11
    store = {{ size = true }}
              ^^^^
  It is written store.size = "…\"""",
    "target = ['local']": """\
target is neither a text nor a number.
  {file}, line 1, column 1
    target = ['local']
    ^^^^^^
  It is written target = "…\"""",
    'store.size = "1Gi"\nstore.age =': """\
This file is not TOML: Invalid value.
  {file}, line 2, column 12
    store.age =
               ^""",
    "store.age = =": """\
This file is not TOML: Invalid value.
  {file}, line 1, column 13
    store.age = =
                ^""",
}


@pytest.mark.parametrize("text", MISTAKES)
def test_a_mistake_in_a_file_names_file_and_line(home, project, text):
    """The whole text that the user sees."""
    (project / "ciao.toml").write_text(text)
    with pytest.raises(SettingsError) as caught:
        load(project, home, {})
    assert str(caught.value) == MISTAKES[text].format(file=project / "ciao.toml")


def test_a_mistake_in_the_environment_names_the_variable(home, project):
    """There is no line there."""
    with pytest.raises(SettingsError, match=r"store\.size: 'big' is not a quantity.*\n  CIAO_STORE_SIZE\n"):
        load(project, home, {"CIAO_STORE_SIZE": "big"})


def test_a_file_that_is_not_utf8_is_the_users_mistake(home, project):
    """SettingsError, chained to what Python said."""
    (home / ".ciao/config.toml").write_bytes(b"target = '\xff'")
    with pytest.raises(SettingsError, match=r"not UTF-8.\n  ~/\.ciao/config\.toml") as caught:
        load(project, home, {})
    assert isinstance(caught.value.__cause__, UnicodeDecodeError)


def test_a_file_that_cannot_be_read_says_why(home, project):
    """A loop of links stands for every error of the system that is not 'no such file'."""
    (project / "ciao.toml").symlink_to(project / "ciao.toml")
    with pytest.raises(SettingsError, match="This file cannot be read") as caught:
        load(project, home, {})
    assert isinstance(caught.value.__cause__, OSError)


def test_lines_of_keys_are_found_in_every_way_of_writing_them():
    """Tables, dotted and quoted keys, inline tables."""
    lines = key_lines('a = 1\n[b]\nc.d = 2\n"e f" = 3\n[g."h"]\ni = { j = 1 }\n')
    found = {
        key: line_of(lines, key)[0] for key in [("a",), ("b", "c", "d"), ("b", "e f"), ("g", "h", "i", "j"), ("x",)]
    }
    assert found == {("a",): 1, ("b", "c", "d"): 3, ("b", "e f"): 4, ("g", "h", "i", "j"): 6, ("x",): 0}
