"""Tab, Shift-Tab and Enter in cells of Ciao."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ciao.core.completion import complete, help_at, is_complete

from .speech import VOCABULARY


def offered(marked: str) -> list[str]:
    """What completion offers at the bar."""
    cursor = marked.index("|")
    found = complete(marked.replace("|", "", 1), cursor, VOCABULARY)
    return [match.text for match in found.matches] if found else []


@pytest.mark.parametrize(
    ("marked", "some"),
    [
        ("%frame|", ["framework="]), ("%wor|", ["worker="]),
        ("%framework=pytorch\n%worker=2;%c|", ["cpu=", "cleanPolicy="]),
        ("%framework=|", ["pytorch", "tensorflow"]), ("%framework=py|", ["pytorch"]), ("%target=l|", ["local"]),
        ("%framework=pytorch\n%clean_p|", ["cleanPolicy="]), ("%cleanPolicy=|", ["All", "Running", "None"]),
        ("%on_exit=|", ["keep", "stop"]),
        ("%deta|", ["detach"]), ("%jo|", ["jobs"]), ("%ciao |", ["jobs", "config", "rerun", "help"]),
        ("%ciao config st|", ["store.size=", "store.path="]),
        ("%ciao config target=|", ["local"]), ("%logs a --|", ["--tail", "--grep"]),
        ("%logs a --ta|", ["--tail", "--target"]),
        ("%kubeflow framework=tensorflow |", ["chief=", "ps="]), ("%%ciao fr|", ["framework="]),
        ("%kubeflow framework=py|", ["pytorch"]),
        ("%ciao help wor|", ["worker"]), ("%ciao rerun a --t|", ["--target"]), ("x = 1\n%wor|\ny = 2", ["worker="]),
    ],
)  # fmt: skip
def test_what_fits_is_offered(marked, some):
    """Names, values, commands, options and settings, from the table and what is installed."""
    assert set(some) <= set(offered(marked))


@pytest.mark.parametrize(
    ("marked", "jobs"),
    [
        ("%attach |", ["last", "mnist-2", "mnist"]), ("%logs mn|", ["mnist-2", "mnist"]), ("%ciao stop l|", ["last"]),
        ("%ciao rerun mnist-|", ["mnist-2"]), ("%logs mnist |", []), ("%jobs |", []), ("%stop x|", []),
    ],
)  # fmt: skip
def test_a_command_of_a_job_is_offered_the_names_of_jobs(marked, jobs):
    """Newest first, in the place of its first word and nowhere else."""
    found = complete(marked.replace("|", ""), marked.index("|"), VOCABULARY, lambda: ["last", "mnist-2", "mnist"])
    assert [match.text for match in found.matches] == jobs if jobs else found is None


@pytest.mark.parametrize(
    "marked",
    [
        "x|",
        "x = '''\n%wor|\n'''",
        "f(\n%wor|)",
        "%framework=pytorch\npr|",
        "%env A|",
        "%framework=zzz|",
        "%worker=2 |",
        "|%wor",
        "%name=a|",
    ],
)
def test_nothing_is_offered_where_nothing_fits(marked):
    """Code, text and IPython's magics are IPython's."""
    assert offered(marked) == []


def test_only_roles_of_the_chosen_framework_are_offered():
    """PyTorch has no parameter servers; without a framework all roles are offered."""
    assert (
        "ps=" not in offered("%framework=pytorch\n%|")
        and "ps=" in offered("%framework=tensorflow\n%|")
        and "ps=" in offered("%|")
    )


def test_the_match_replaces_what_was_typed():
    """Start and end are offsets of the cell."""
    found = complete("x\n%worker=2;%mem", 16, VOCABULARY)
    assert (
        found is not None
        and (found.start, found.end) == (13, 16)
        and found.matches[0].doc.startswith("Memory of one replica")
    )


@pytest.mark.parametrize(
    ("marked", "begins"),
    [
        ("%frame|work=pytorch", "%framework=NAME"), ("%worker=2;%memory=2G|i", "%memory=QUANTITY"),
        ("%wo|rker=2", "%worker=COUNT"),
        ("%lo|gs a", "%logs JOB"), ("%ciao conf|ig x", "%ciao config"), ("%kube|flow framework=a", "%kubeflow"),
        ("%%ci|ao framework=a", "%%ciao"),
        ("%kubeflow framework=pytorch wor|ker=1", "%worker"), ("%framework=pytorch\n%env=A|=1\nx", "%env=NAME=value"),
        ("%detach|", "%detach"),
        ("%ci|ao", "A cell with magics"),
    ],
)  # fmt: skip
def test_help_is_of_the_magic_under_the_cursor(marked, begins):
    """Also when the cursor is in its value."""
    found = help_at(marked.replace("|", ""), marked.index("|"), VOCABULARY)
    assert found is not None and found.startswith(begins)


@pytest.mark.parametrize(
    "marked",
    ["pri|nt", "%en|v A=1", "%pip inst|all x", "%who|", "x = '''\n%wor|ker\n'''", "%framework=pytorch\nfra|mework"],
)
def test_there_is_no_help_on_what_is_not_ciaos(marked):
    """IPython's magics in plain cells are IPython's."""
    assert help_at(marked.replace("|", ""), marked.index("|"), VOCABULARY) is None


@pytest.mark.parametrize(
    ("cell", "status"),
    [
        ("x = 1", None), ("%framework=pytorch", ("incomplete", "")), ("%framework=pytorch\nprint()", ("complete", "")),
        ("%framework=pytorch\nfor a in b:", ("incomplete", "    ")),
        ("%framework=pytorch\nfor a in b:\n    pass", ("incomplete", "    ")),
        ("%framework=pytorch\nfor a in b:\n    pass\n", ("complete", "")),
        ("%framework=pytorch\nx = (", ("incomplete", "")),
        ("%framework=pytorch\nx = )", ("invalid", "")), ("%framework=pytorch\nx = '''", ("incomplete", "")),
        ("%jobs", ("complete", "")),
        ("%wroker=1\nx", ("invalid", "")), ("%worker='1\nx", ("invalid", "")), ("%jobs\nx", ("invalid", "")),
        ("%framework=a\nx\0", ("invalid", "")),
    ],
)  # fmt: skip
def test_whether_enter_runs_a_cell(cell, status):
    """None for plain cells; a job that has only magics waits for its program."""
    assert is_complete(cell, VOCABULARY) == status


@given(st.text(alphabet="%ciaofwrk=;'\"\n \\?(:x-"), st.integers(0, 40))
def test_any_text_and_cursor_have_an_answer(text, cursor):
    """Typing never meets an exception; what is offered stands around the cursor."""
    found = complete(text, min(cursor, len(text)), VOCABULARY)
    assert found is None or (0 <= found.start <= found.end == min(cursor, len(text)) and found.matches)
    help_at(text, min(cursor, len(text)), VOCABULARY)
    is_complete(text, VOCABULARY)
