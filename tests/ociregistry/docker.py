"""Docker's config.json and its credential helpers, in a directory of the test's own."""

from __future__ import annotations

import base64
import json
import os
from pathlib import Path
from typing import Any

from attrs import frozen

_HELPER = """#!/bin/sh
{{ printf '%s ' "$@"; cat; echo; }} >> '{log}'
cat <<'END'
{said}
END
exit {status}
"""
_HANGING = """#!/bin/sh
exec sleep 600
"""


@frozen
class Docker:
    """``home``: where config.json lies; ``bin``: on the PATH."""

    home: Path
    bin: Path

    @classmethod
    def at(cls, root: Path) -> Docker:
        """Two directories below one."""
        made = cls(root / "docker", root / "bin")
        made.home.mkdir(parents=True, exist_ok=True)
        made.bin.mkdir(parents=True, exist_ok=True)
        return made

    @property
    def environ(self) -> dict[str, str]:
        """For who reads the config and starts helpers."""
        return {
            "DOCKER_CONFIG": str(self.home),
            "PATH": f"{self.bin}{os.pathsep}{os.environ.get('PATH', '')}",
            "HOME": str(self.home.parent),
        }

    @property
    def path(self) -> Path:
        return self.home / "config.json"

    def config(self, **said: Any) -> Path:
        """config.json says this."""
        self.path.write_text(json.dumps(said))
        return self.path

    def login(self, host: str, name: str, password: str, **more: Any) -> Path:
        """As ``docker login`` leaves it where there is no helper."""
        return self.config(auths={host: {"auth": packed(name, password), **more}})

    def helper(self, name: str, *, said: dict[str, Any] | str, status: int = 0) -> Path:
        """``docker-credential-NAME``: it answers this, and ends so. Its log has a line for each call."""
        text = said if isinstance(said, str) else json.dumps(said)
        return self._program(name, _HELPER.format(log=self._log(name), said=text, status=status))

    def hanging(self, name: str) -> Path:
        """A helper that never answers."""
        return self._program(name, _HANGING)

    def calls(self, name: str) -> list[str]:
        """What a helper was called with, and what was on its standard input: ``get registry.test``."""
        log = self._log(name)
        return log.read_text().splitlines() if log.exists() else []

    def _log(self, name: str) -> Path:
        return self.bin / f"{name}.log"

    def _program(self, name: str, text: str) -> Path:
        path = self.bin / f"docker-credential-{name}"
        path.write_text(text)
        path.chmod(0o755)
        return path


def packed(name: str, password: str) -> str:
    """``auth`` of an entry."""
    return base64.b64encode(f"{name}:{password}".encode()).decode()
