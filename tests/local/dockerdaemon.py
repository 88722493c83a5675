"""What answers like a Docker daemon, on a port of this machine: a test says what, and sees what was asked.

Only what a build and a push ask for (Docker Engine API 1.41).
"""

from __future__ import annotations

import http.server
import json
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

from attrs import define, field

HANG = object()
"""In place of a message: nothing more comes until who asked hangs up."""
Script = Sequence[Any]


@define
class Daemon:
    """``build`` and ``push`` are messages; a number in front of them is the status, 200 otherwise."""

    host: str = ""
    build: Script = ({"aux": {"ID": "sha256:1"}},)
    push: Script = ({"aux": {"Digest": "sha256:2"}},)
    asked: list[str] = field(factory=list)
    headers: dict[str, str] = field(factory=dict)
    contexts: list[bytes] = field(factory=list)
    silent: bool = False
    hung_up: threading.Event = field(factory=threading.Event)

    def script(self, path: str) -> Script | None:
        """What is answered; None for what is asked on the side."""
        if path.endswith("/build"):
            return self.build
        return self.push if path.endswith("/push") else None


@contextmanager
def serving(daemon: Daemon) -> Iterator[Daemon]:
    """It listens, at ``daemon.host``, as long as this lasts."""

    class Handler(_Handler):
        said = daemon

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        daemon.host = f"tcp://127.0.0.1:{server.server_port}"
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        try:
            yield daemon
        finally:
            daemon.hung_up.set()
            server.shutdown()


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    said: Daemon

    def do_GET(self) -> None:
        if self.said.silent:
            self.said.hung_up.wait(10)
        self._answer({"ApiVersion": "1.41", "Os": "linux", "Arch": "amd64"})

    def do_POST(self) -> None:
        path = self.path.partition("?")[0]
        self.said.asked.append(f"POST {path.partition('/v1.41')[2]}")
        self.said.headers |= dict(self.headers)
        body = self._body()
        script = self.said.script(path)
        if path.endswith("/build"):
            self.said.contexts.append(body)
        if script is None:
            return self._answer({}, 201)
        if script and isinstance(script[0], int):
            return self._answer(script[1], script[0])
        return self._stream(script)

    def do_DELETE(self) -> None:
        self.said.asked.append(f"DELETE {self.path.partition('?')[0].partition('/v1.41')[2]}")
        self._answer([])

    def _answer(self, body: Any, status: int = 200) -> None:
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def _stream(self, script: Script) -> None:
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for message in script:
            if message is HANG:
                self.close_connection = True
                with suppress(OSError):
                    self.rfile.read(1)  # the end of the connection
                self.said.hung_up.set()
                return
            self._chunk(message if isinstance(message, bytes) else json.dumps(message).encode() + b"\r\n")
        self._chunk(b"")

    def _chunk(self, data: bytes) -> None:
        with suppress(BrokenPipeError, ConnectionResetError):  # whoever has heard enough hangs up
            self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))
            self.wfile.flush()

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        whole = b""
        while True:
            line = self.rfile.readline()
            if not line.strip():
                self.close_connection = True  # cut in the middle
                return whole
            size = int(line, 16)
            whole += self.rfile.read(size)
            self.rfile.readline()
            if not size:
                return whole

    def log_message(self, *_: Any) -> None:
        pass
