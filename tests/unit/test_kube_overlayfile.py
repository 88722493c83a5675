"""The file of an overlay: whatever is wrong with it is told with its name and, where there is one, its place."""

from __future__ import annotations

from pathlib import Path

import pytest
from attrs import evolve

from ciao.adapters.kubeflow.overlayfile import overlaid
from ciao.core.errors import UserError

from .kubejobs import PYTORCHJOB, Json, made, spec_of

JOB = made("%master=1")


def over(path: str | None) -> Json:
    """The job with the overlay at that path over it."""
    spec = spec_of("%master=1")
    return overlaid(JOB, evolve(spec, placement=evolve(spec.placement, overlay=path)), PYTORCHJOB)


def refused(path: Path | str) -> UserError:
    """What is said of a bad one."""
    with pytest.raises(UserError) as refusal:
        over(str(path))
    return refusal.value


@pytest.fixture
def patch(tmp_path: Path) -> Path:
    """Where the overlay is."""
    return tmp_path / "patch.yaml"


def test_without_an_overlay_the_job_stays_as_it_is() -> None:
    """No file is looked for."""
    assert over(None) is JOB


@pytest.mark.parametrize(
    "text", ["spec: {runPolicy: {suspend: true}}", '{"spec": {"runPolicy": {"suspend": true}}}'], ids=["yaml", "json"]
)
def test_an_overlay_is_yaml_or_json(patch: Path, text: str) -> None:
    """Also with the mark that editors of some systems put in front."""
    for mark in ("", "\ufeff"):
        patch.write_text(f"{mark}{text}\n", encoding="utf-8")
        assert over(str(patch))["spec"]["runPolicy"]["suspend"] is True


def test_an_empty_file_changes_nothing(patch: Path) -> None:
    """Nor does one of comments."""
    for text in ("", "# not yet\n"):
        patch.write_text(text)
        assert over(str(patch)) == JOB


def test_a_path_may_begin_with_the_home_directory(patch: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a shell."""
    monkeypatch.setenv("HOME", str(patch.parent))
    patch.write_text("spec: {runPolicy: {suspend: true}}")
    assert over("~/patch.yaml") != JOB


def test_a_file_that_cannot_be_read_is_named(patch: Path) -> None:
    """With the reason, as the cell wrote it."""
    assert refused(patch).message == f"%overlay={patch} cannot be read: No such file or directory."
    assert "Is a directory" in refused(patch.parent).message
    assert refused("~nobody-of-that-name/p.yaml").message.startswith("%overlay=~nobody-of-that-name/p.yaml cannot be")
    assert "cannot be read" in refused("p\0.yaml").message
    patch.write_bytes(b"a: \xff")
    assert refused(patch).message == f"%overlay={patch} cannot be read: it is no UTF-8 text."


@pytest.mark.parametrize(
    ("text", "line", "column", "problem"),
    [
        ("spec:\n  a: b: c\n", 2, 7, "mapping values are not allowed here"),
        ("spec: [1,\n", 2, 1, "expected the node content, but found '<stream end>'"),
        ("a: 1\n---\nb: 2\n", 2, 1, "but found another document"),
        ("a: !!python/object:os.x {}\n", 1, 4, "could not determine a constructor"),
        ("a: 1\nb: \a\n", 2, 4, "special characters are not allowed"),
    ],
)
def test_what_is_no_yaml_is_told_with_its_place(patch: Path, text: str, line: int, column: int, problem: str) -> None:
    """The file, the line and the column, as an editor counts them."""
    patch.write_text(text)
    error = refused(patch)
    assert error.place is not None
    assert (error.place.label, error.place.line, error.place.column) == (str(patch), line, column)
    assert problem in error.message


@pytest.mark.parametrize(
    "text", ["day: 2026-13-45\n", f"a: {'1' * 5000}\n", f"a: {'[' * 500}", "spec: &a {b: *a}\n"],
    ids=["no date", "no number", "too deep", "in itself"],
)  # fmt: skip
def test_what_cannot_be_understood_is_the_users_mistake(patch: Path, text: str) -> None:
    """Whatever the parser raises; the file is named."""
    patch.write_text(text)
    error = refused(patch)
    assert error.place is not None
    assert error.place.label == str(patch)


def test_what_it_may_not_change_is_told_with_the_file(patch: Path) -> None:
    """The path inside of it, and the file as the cell names it."""
    patch.write_text("kind: TFJob\n")
    error = refused(patch)
    assert error.place is not None
    assert error.place.label == str(patch)
    assert error.message.startswith("kind:")
