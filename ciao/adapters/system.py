"""Time and chance of this machine: the ports ``Clock`` and ``Names``."""

from __future__ import annotations

import re
import secrets
import time

_LONGEST = 33
_LETTERS = "bcdfghjklmnpqrstvwxz2456789"  # Kubernetes' own: no vowels, so no words
_RANDOM = 5


class SystemClock:
    """Port ``Clock``."""

    def now(self) -> float:
        """Seconds since the epoch."""
        return time.time()

    def monotonic(self) -> float:
        """Seconds, never going back."""
        return time.monotonic()


class RandomNames:
    """Port ``Names``."""

    def job(self, framework: str) -> str:
        """``pytorch`` -> ``pytorch-k3f9x``; what cannot stand in a DNS-1035 label is left out."""
        stem = re.sub(r"[^a-z0-9]+", "-", framework.lower()).lstrip("-0123456789")
        stem = stem[: _LONGEST - _RANDOM - 1].rstrip("-") or "job"
        return f"{stem}-{''.join(secrets.choice(_LETTERS) for _ in range(_RANDOM))}"

    def uid(self) -> str:
        """32 hexadecimal digits."""
        return secrets.token_hex(16)
