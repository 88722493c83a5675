r"""The target ``local``: each replica is a process on this machine, with the environment of Kubeflow's operator.

    backend ──link (socket pair)──▶ supervisor ──▶ replicas
       └──────watch, stop (Unix socket)──▶┘ └─▶ logs/, observations.jsonl

``LocalBackend`` starts one supervisor process per job and holds the other end of its link; when that
closes, or the process that holds it ends in whatever way, the supervisor ends the job. Everything else (watching,
stopping) goes over the supervisor's Unix socket, from any process of the user.

Under ``%nproc`` a line that local rank 3 printed begins in the replica's log with ``\x1e3\x1e``
(ASCII record separators); lines without that are torchrun's own. See ``supervisor/output.py``.

This package's ``__init__`` files import nothing: a supervisor passes through them on its way.
"""

from __future__ import annotations

# Not typing's: a supervisor passes here on its way, and starts twice as fast without it.
TYPE_CHECKING = False

if TYPE_CHECKING:
    from ciao.adapters.local.backend import LocalBackend
    from ciao.adapters.wiring import Wiring


def create(wiring: Wiring) -> LocalBackend:
    """The entry point ``local`` of ``ciao.backends``; reads the settings ``local.*`` and ``store.*`` now."""
    from pathlib import Path

    from ciao.adapters.local.backend import LocalBackend
    from ciao.adapters.local.machine import Machine, Options
    from ciao.core import settings as keys

    settings = wiring.settings()
    ports = settings[keys.LOCAL_PORTS]
    options = Options(
        python=settings[keys.LOCAL_PYTHON],
        grace=settings[keys.LOCAL_GRACE],
        ports=(ports.low, ports.high),
        log_size=settings[keys.STORE_LOG_SIZE],
    )
    return LocalBackend(
        root=Path(settings[keys.STORE_PATH]),
        frameworks=wiring.frameworks,
        uid=wiring.names.uid,
        machine=Machine(environ=wiring.environ),
        options=options,
    )
