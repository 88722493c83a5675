"""How far a container's log was read: the text that is kept beside it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ciao.adapters.kubeflow.logs.logcursor import LogCursor
from ciao.adapters.kubeflow.logs.logmark import Mark
from ciao.adapters.kubeflow.logs.logreceived import MOST, SPAN, Position

from .kubelet import BEGIN, SECOND, stamp

MS = 10**6
CONTAINER = "containerd://" + "f" * 64
STEPS = st.lists(st.integers(-SECOND, SECOND) | st.integers(-50 * MS, 100 * MS), min_size=1, max_size=40)


def position_after(times: list[int]) -> Position:
    """A cursor's that has read lines with these times, one by one."""
    cursor = LogCursor.at()
    cursor.begin()
    for number, at in enumerate(times):
        cursor.feed(stamp(at) + b"%d\n" % number)
    return cursor.position


@st.composite
def positions(draw: st.DrawFn) -> Position:
    horizon = draw(st.integers(-(10**8), 2 * 10**18))
    above = st.integers((horizon + 1) << 32, ((horizon + SPAN) << 32) - 1)
    recent = draw(st.lists(above, max_size=20))
    begun = draw(st.none() | st.integers(0, 1 << 93))
    return Position(horizon, draw(st.integers(0, 2 * 10**18)), tuple(recent), begun, draw(st.integers(0, 1 << 40)))


@given(st.text(), st.just(Position()) | positions(), st.booleans())
def test_a_mark_is_read_back_as_it_was(container: str, position: Position, over: bool) -> None:
    """Every field, for any container's id."""
    mark = Mark(container, position, over)
    assert Mark.load(mark.dump()) == mark


@given(STEPS)
def test_wherever_a_cursor_is_there_is_a_mark_of_it(steps: list[int]) -> None:
    """Also when lines of two streams are out of order, and when the node's clock is set back."""
    times = [BEGIN]
    for step in steps:
        times.append(times[-1] + step)
    mark = Mark(CONTAINER, position_after(times))
    assert Mark.load(mark.dump()) == mark


def test_a_line_that_is_earlier_than_the_one_before_has_its_place() -> None:
    """The horizon has passed it while the one before is still recent."""
    position = position_after([BEGIN + 100 * MS, BEGIN + 80 * MS, BEGIN + 135 * MS])
    assert [key >> 32 for key in position.recent] == [BEGIN + 100 * MS, BEGIN + 135 * MS]
    assert Mark.load(Mark(CONTAINER, position).dump()) == Mark(CONTAINER, position)


def test_a_mark_fits_into_its_place() -> None:
    """One line of at most 45,000 bytes, with as many recent lines as there can be."""
    horizon = (1 << 61) - 1
    recent = tuple(((horizon + SPAN) << 32) - 1 - number for number in range(MOST))
    text = Mark(CONTAINER, Position(horizon, horizon + SPAN, recent, 1 << 93, 1 << 40), True).dump()
    assert len(text.encode()) <= 45_000
    assert "\n" not in text


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=5,
)


@given(st.text() | JSON.map(json.dumps))
def test_a_text_that_is_no_mark_is_none(text: str) -> None:
    """Whatever stands in the file."""
    assert Mark.load(text) is None


@pytest.mark.parametrize("text", ["", "{}", "[" * 50_000, "9" * 50_000, '{"format":1}', "null", "\x00" * 100])
def test_a_text_that_is_broken_is_none(text: str) -> None:
    """Too deep, too long, or not whole."""
    assert Mark.load(text) is None


FIELDS: dict[str, Any] = json.loads(Mark(CONTAINER, position_after([BEGIN, BEGIN + MS])).dump())
EMPTY: dict[str, Any] = json.loads(Mark(CONTAINER, Position()).dump())


@given(st.sampled_from([FIELDS, EMPTY]), st.sampled_from(sorted(FIELDS)), JSON)
def test_a_field_of_another_type_makes_it_none(fields: dict[str, Any], name: str, value: object) -> None:
    """What is loaded is what ``dump`` can have made, so nothing that reads on from it meets a surprise."""
    text = json.dumps(fields | {name: value}, separators=(",", ":"))
    found = Mark.load(text)
    assert found is None or found.dump() == text
    if name in ("horizon", "latest", "begun", "given") and not isinstance(value, int | None):
        assert found is None


@pytest.mark.parametrize("name", sorted(FIELDS))
def test_without_one_of_its_fields_it_is_none(name: str) -> None:
    """A mark of another format is none."""
    fewer = {key: value for key, value in FIELDS.items() if key != name}
    assert Mark.load(json.dumps(fewer, separators=(",", ":"))) is None
    assert Mark.load(json.dumps(FIELDS | {"format": 2}, separators=(",", ":"))) is None


@given(st.data())
def test_a_mark_that_was_changed_is_none_or_another_mark(data: st.DataObject) -> None:
    """Cut anywhere, or with one character changed."""
    text = Mark(CONTAINER, position_after([BEGIN, BEGIN + MS])).dump()
    place = data.draw(st.integers(0, len(text) - 1))
    assert Mark.load(text[:place]) is None
    changed = text[:place] + data.draw(st.characters()) + text[place + 1 :]
    found = Mark.load(changed)
    assert found is None or found.dump() == changed
