"""A proxy that knows the names of registries, so that a registry of a test may have any name.

Only ``CONNECT``: for plain HTTP a registry of a test is its own proxy (it takes whole URLs).
"""

from __future__ import annotations

import contextlib
import http.server
import socket
import threading
from collections.abc import Iterator, Mapping

_PIECE = 1 << 16


class Proxy(http.server.ThreadingHTTPServer):
    """``names``: the port on this machine of each host. ``asked``: hosts that it was asked for."""

    daemon_threads = True
    block_on_close = False

    def __init__(self, names: Mapping[str, int]) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.names, self.asked = dict(names), []

    asked: list[str]

    @property
    def environ(self) -> dict[str, str]:
        """For who is to go through it."""
        url = f"http://127.0.0.1:{self.server_address[1]}"
        return {"HTTPS_PROXY": url}


class _Handler(http.server.BaseHTTPRequestHandler):
    server: Proxy

    def do_CONNECT(self) -> None:
        there = self._there(self.path)
        if there is not None:
            with there:
                self.send_response(200, "Connection established")
                self.end_headers()
                self._carry(there)
        self.close_connection = True

    def _there(self, host: str) -> socket.socket | None:
        self.server.asked.append(host)
        port = self.server.names.get(host.removesuffix(":443"))
        if port is None:
            self.send_error(502, "no such host")
            return None
        return socket.create_connection(("127.0.0.1", port), timeout=30)

    def _carry(self, there: socket.socket) -> None:
        """Both ways, until both have ended."""
        back = threading.Thread(target=_copy, args=(there.recv, self.connection), daemon=True)
        back.start()
        _copy(self.rfile.read1, there)  # type: ignore[attr-defined]
        back.join(30)

    def log_message(self, format: str, *args: object) -> None:
        """``asked`` says it."""


def _copy(read, to: socket.socket) -> None:  # type: ignore[no-untyped-def]
    with contextlib.suppress(OSError):
        while piece := read(_PIECE):
            to.sendall(piece)
    with contextlib.suppress(OSError):
        to.shutdown(socket.SHUT_WR)


@contextlib.contextmanager
def proxying(**names: int) -> Iterator[Proxy]:
    """A proxy for names with ``_`` instead of a dot (``registry_test=5000``)."""
    proxy = Proxy({name.replace("_", "."): port for name, port in names.items()})
    thread = threading.Thread(target=proxy.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield proxy
    finally:
        proxy.shutdown()
        proxy.server_close()
        thread.join(10)
