"""Which requests are sent again, when, and how often. Pure.

All that is sent to a registry may be sent twice: blobs are named by their content, and a manifest that is put again is
the same (oci-notes, 4).
"""

from __future__ import annotations

from attrs import frozen

from ciao.adapters.oci.errors import RegistryError


@frozen(kw_only=True)
class Patience:
    """``attempts`` in all; between them ``first`` seconds, and each time ``growth`` times as many, partly by
    chance; or what the registry asks for, up to ``longest``.
    """

    attempts: int = 4
    first: float = 0.3
    growth: float = 3.0
    longest: float = 30.0

    def pause(self, made: int, error: RegistryError, chance: float) -> float | None:
        """Seconds until the next attempt, after ``made``; None: there is to be none. ``chance``: 0 to 1."""
        if made >= self.attempts or not error.passing:
            return None
        grown = self.first * self.growth ** (made - 1) * (0.5 + chance / 2)
        wait = max(grown, error.after or 0.0)
        return wait if wait <= self.longest else None
