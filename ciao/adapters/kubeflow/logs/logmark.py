"""How far a container's log was read, as the text that is kept beside the replica's log."""

from __future__ import annotations

import base64
import json
import struct
from typing import Any

from attrs import evolve, frozen

from ciao.adapters.kubeflow.logs.logreceived import Position

_FORMAT = 1


@frozen
class Mark:
    """``container``: the containerID of the instance; ``over``: there is nothing more to read of it."""

    container: str
    position: Position
    over: bool = False

    def dump(self) -> str:
        """One line of JSON, at most 45,000 bytes: the recent keys take eleven each."""
        where = self.position
        recent = struct.pack(f"<{len(where.recent)}Q", *(each - _base(where) for each in where.recent))
        return json.dumps(
            {
                "format": _FORMAT,
                "container": self.container,
                "over": self.over,
                "horizon": where.horizon,
                "latest": where.latest,
                "recent": base64.b64encode(recent).decode(),
                "begun": where.begun,
                "given": where.given,
            },
            separators=(",", ":"),
        )

    @classmethod
    def load(cls, text: str) -> Mark | None:
        """None for whatever ``dump`` did not make."""
        try:
            mark = _mark(json.loads(text))
            return mark if mark.dump() == text else None
        except (ValueError, KeyError, TypeError, RecursionError, struct.error):
            return None


def _mark(found: dict[str, Any]) -> Mark:
    """What the fields say, when they have the types that ``dump`` gives them."""
    container, over, given = found["container"], found["over"], found["given"]
    if not (isinstance(container, str) and isinstance(over, bool) and type(given) is int):
        raise TypeError
    plain = Position(_whole(found["horizon"]), _whole(found["latest"]), (), _whole(found["begun"]), given)
    raw = base64.b64decode(found["recent"])
    keys = struct.unpack(f"<{len(raw) // 8}Q", raw)
    return Mark(container, evolve(plain, recent=tuple(each + _base(plain) for each in keys)), over)


def _whole(value: object) -> int | None:
    if value is None or type(value) is int:
        return value
    raise TypeError


def _base(position: Position) -> int:
    """All recent keys are above it, by less than 64 bits."""
    return (position.horizon or 0) << 32
