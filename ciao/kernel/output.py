"""Where a cell's output goes: always to the cell that asked, from whichever thread and however late.

ipykernel gives what a plain thread prints to the *latest* cell. So nothing here goes through ``sys.stdout`` or
``display``: messages are sent as such, with the parent that was saved when the cell began. Sending only hands the
message to the IOPub thread, and never blocks.
"""

from __future__ import annotations

import sys
from typing import Any, Protocol


class Output(Protocol):
    """One cell's output. Both methods may be called from any thread, also after the cell has ended."""

    def write(self, text: str) -> None:
        """Append text (whole lines)."""

    def display(self, bundle: dict[str, str], display_id: str, *, update: bool) -> None:
        """Show a MIME bundle, or replace what was shown under the same ``display_id``."""


class CellOutput:
    """Messages ``stream``, ``display_data`` and ``update_display_data`` of the Jupyter protocol, by hand."""

    def __init__(self, kernel: Any, parent: dict[str, Any]) -> None:
        self._session, self._socket, self._parent = kernel.session, kernel.iopub_socket, parent
        self._topic = kernel.ident.encode()

    def write(self, text: str) -> None:
        self._send("stream", {"name": "stdout", "text": text})

    def display(self, bundle: dict[str, str], display_id: str, *, update: bool) -> None:
        content = {"data": bundle, "metadata": {}, "transient": {"display_id": display_id}}
        self._send("update_display_data" if update else "display_data", content)

    def _send(self, kind: str, content: dict[str, Any]) -> None:
        topic = b"kernel." + self._topic + b"." + kind.encode()
        self._session.send(self._socket, kind, content, parent=self._parent, ident=topic)


class TerminalOutput:
    """IPython in a terminal has one place for output, and shows no boards."""

    def write(self, text: str) -> None:
        sys.stdout.write(text)
        sys.stdout.flush()

    def display(self, bundle: dict[str, str], display_id: str, *, update: bool) -> None:
        """The states of replicas are told as lines anyway."""


def output_of(ip: Any) -> Output:
    """The output of the cell that runs now, on the calling thread."""
    kernel = getattr(ip, "kernel", None)
    return TerminalOutput() if kernel is None else CellOutput(kernel, ip.get_parent())
