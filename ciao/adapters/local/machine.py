"""What the local target asks of this machine and of its settings, as values: a test gives others."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

from attrs import Factory, field, frozen

from ciao.adapters.local import devices
from ciao.adapters.local.supervisor import cgroups
from ciao.core.errors import TargetError

Place = cgroups.Place


def usable_cores() -> int:
    """The cores that this process may run on."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:
        return os.cpu_count() or 1


@frozen(kw_only=True)
class Options:
    """The settings ``local.*`` and ``store.log_size``. ``grace`` in seconds, ``log_size`` in bytes."""

    python: str = ""
    grace: float = 2.0
    ports: tuple[int, int] = (20000, 29999)
    log_size: int = 2 << 30


@frozen(kw_only=True)
class Machine:
    """``gpus`` names the devices that CUDA may use here; ``group`` finds where limits of a controller can be set;
    ``runtime`` is a private directory for sockets and leases (mode 0700), by default ``runtime_directory(environ)``.
    """

    environ: Mapping[str, str] = field(repr=False)
    platform: str = sys.platform
    cores: int = Factory(usable_cores)
    gpus: Callable[[Mapping[str, str]], tuple[str, ...]] = devices.visible
    group: Callable[[str], Place | None] = cgroups.find
    runtime: Path | None = None

    @property
    def interpreter(self) -> str:
        """The running one; "" when this Python is embedded in another program."""
        return sys.executable

    @property
    def runtime_path(self) -> Path:
        """Where ``runtime_directory`` is, made or not."""
        return self.runtime or _usual_place(self.environ)

    def runtime_directory(self) -> Path:
        """Made when it is not there. TargetError when it is somebody else's or open to others."""
        path = self.runtime_path
        try:
            path.mkdir(mode=0o700, parents=True, exist_ok=True)
            found = path.lstat()
        except OSError as error:
            raise TargetError(f"{path} cannot be made: {error.strerror}") from error
        if found.st_uid != os.getuid() or found.st_mode & 0o077:
            raise TargetError(f"{path} must belong to you and be closed to others (chmod 700)")
        return path


def _usual_place(environ: Mapping[str, str]) -> Path:
    given = environ.get("XDG_RUNTIME_DIR", "")
    base = Path(given)
    # Root that came by su or sudo often has another user's variable.
    if given and base.is_dir() and base.stat().st_uid == os.getuid():
        return base / "ciao"
    return Path(tempfile.gettempdir()) / f"ciao-{os.getuid()}"
