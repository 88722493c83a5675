"""Tab, Shift-Tab and Enter on Ciao's magics."""

from __future__ import annotations

from typing import Any

import pytest


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("%framew", "framework="),
        ("%framework=py", "pytorch"),
        ("%framework=pytorch\n%worker=2;%mem", "memory="),
        ("%jo", "jobs"),
        ("%ciao con", "config"),
        ("%ciao config store.si", "store.size="),
    ],
)
def test_completion_of_magics(kernel: Any, code: str, expected: str) -> None:
    """Names and values of magics and commands, where they can stand."""
    reply = kernel.ask("complete_request", {"code": code, "cursor_pos": len(code)})
    inserted = {code[: reply["cursor_start"]] + match for match in reply["matches"]}
    word = max(code.rfind(each) for each in "%=; ") + 1
    assert inserted == {code[:word] + expected}


def test_completion_leaves_ipythons_magics(kernel: Any) -> None:
    """In a cell that is no job yet, ``%timei`` may still become ``%timeit``."""
    reply = kernel.ask("complete_request", {"code": "%time", "cursor_pos": 5})
    assert {"%timeit", "%timeout="} <= {match if match.startswith("%") else f"%{match}" for match in reply["matches"]}


@pytest.mark.parametrize(
    ("code", "cursor", "expected"),
    [("%framework=pytorch", 4, "%framework=NAME"), ("%worker=2;%cpu=1", 12, "%cpu=QUANTITY"), ("%jobs", 3, "%jobs [")],
)
def test_help_on_a_magic(kernel: Any, code: str, cursor: int, expected: str) -> None:
    """Shift-Tab on a magic shows its syntax and what it does."""
    reply = kernel.ask("inspect_request", {"code": code, "cursor_pos": cursor, "detail_level": 0})
    assert reply["found"] and reply["data"]["text/plain"].startswith(expected)


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("%framework=pytorch", "incomplete"),
        ("%framework=pytorch\nfor n in range(3):", "incomplete"),
        ("%framework=pytorch\nprint(1)", "complete"),
        ("%wroker=2", "invalid"),
        ("%jobs", "complete"),
        ("%time x = 1", "complete"),
    ],
)
def test_is_complete(kernel: Any, code: str, status: str) -> None:
    """A console's Enter goes on after the magics, and runs a finished cell."""
    assert kernel.ask("is_complete_request", {"code": code})["status"] == status


def test_broken_settings_do_not_break_completion(start: Any) -> None:
    """A mistake in a settings file is told by the next cell of Ciao's; Tab keeps working."""
    broken = start(CIAO_STORE_SIZE="lots")
    assert broken.ask("complete_request", {"code": "%framew", "cursor_pos": 7})["status"] == "ok"
    cell = broken.run("%jobs")
    assert cell.error.startswith("SettingsError") and "CIAO_STORE_SIZE" in cell.error
    broken.close()
