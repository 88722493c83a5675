"""For which platform an image is made: what the cell says, else what the target says, which is asked once."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from ciao.core.model import JobSpec


class Platforms:
    """``ask`` as ``Backend.platform``. The nodes of a cluster do not change their processors from cell to cell."""

    def __init__(self, ask: Callable[[JobSpec], Awaitable[str]]) -> None:
        self._ask = ask
        self._answers: dict[tuple[str, str | None, object], str] = {}

    async def __call__(self, spec: JobSpec) -> str:
        """``linux/amd64``; "": nobody knows."""
        if spec.platform:
            return spec.platform
        key = (spec.target, spec.placement.context, spec.placement.node_selector)
        if key not in self._answers:
            self._answers[key] = await self._ask(spec)
        return self._answers[key]
