"""HTTP/1.1 upon sockets, with or without TLS: requests and answers of ``messages``, and connections that break."""

from __future__ import annotations

import http.server
import re
import socket
import socketserver
import ssl
import struct
import threading
import urllib.parse
from collections.abc import Callable, Iterator

from attrs import define, evolve

from .messages import Answer, Request

_PIECE = 1 << 16
_TLS_BEGINS = b"\x16"
_ORIGIN = re.compile(r"http://[^/]*")
"""Before a path when one is asked as a proxy; then one is both."""
_RESET = struct.pack("ii", 1, 0)


class Reset(Exception):
    """Break this connection now."""


@define
class Outcome:
    """``sends``: bytes of the answer's body after which the connection is reset, None: all are sent.
    ``closes``: the request's body is not read to its end.
    """

    answer: Answer
    sends: int | None = None
    closes: bool = False


Exchange = Callable[[Request], Outcome]


class Listener(socketserver.ThreadingMixIn, http.server.HTTPServer):
    """A port on 127.0.0.1; ``exchange`` answers, in a thread for each connection. ``errors``: what it raised."""

    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(self, exchange: Exchange, tls: ssl.SSLContext | None = None, port: int = 0) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self.exchange, self.tls = exchange, tls
        self.errors: list[BaseException] = []
        self._open: set[socket.socket] = set()
        self._thread = threading.Thread(target=self.serve_forever, args=(0.02,), daemon=True)

    @property
    def port(self) -> int:
        return int(self.server_address[1])

    @property
    def scheme(self) -> str:
        return "https" if self.tls else "http"

    def begin(self) -> None:
        """Answering when this returns."""
        self._thread.start()

    def end(self) -> None:
        """No connection is left."""
        self.shutdown()
        self.server_close()
        for each in tuple(self._open):
            _break(each)
        self._thread.join(10)

    def process_request_thread(self, request, client_address):  # type: ignore[no-untyped-def]
        """TLS is spoken here, so that one slow handshake keeps nobody waiting."""
        request.settimeout(60)
        try:
            if self.tls is not None and request.recv(1, socket.MSG_PEEK) == _TLS_BEGINS:
                request = self.tls.wrap_socket(request, server_side=True)
            elif self.tls is not None:
                request.recv(_PIECE)
                request.sendall(b"HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n")
                request.close()
                return
        except OSError:
            request.close()
            return
        self._open.add(request)
        super().process_request_thread(request, client_address)

    def shutdown_request(self, request):  # type: ignore[no-untyped-def]
        self._open.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request, client_address):  # type: ignore[no-untyped-def]
        """Kept: a mistake in here must not look like one of who is tested."""
        import sys

        error = sys.exception()
        if error is not None and not isinstance(error, OSError):
            self.errors.append(error)


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Listener

    def _exchanged(self) -> None:
        self._left = True
        try:
            outcome = self.server.exchange(self._request())
            self._answer(outcome)
            if outcome.closes:
                self.connection.shutdown(socket.SHUT_WR)  # and goes on reading: a reset would overtake the answer
            for _ in self._pieces():
                pass
        except Reset:
            self.close_connection = True
            _break(self.connection)

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = _exchanged

    def _request(self) -> Request:
        path, _, query = _ORIGIN.sub("", self.path).partition("?")
        length = self.headers.get("Content-Length")
        return Request(
            method=self.command,
            path=urllib.parse.unquote(path),
            query=urllib.parse.parse_qs(query, keep_blank_values=True),
            headers={name.lower(): value for name, value in self.headers.items()},
            base=f"{self.server.scheme}://{self.headers.get('Host', '')}",
            length=int(length) if length else None,
            pieces=self._pieces,
        )

    def _pieces(self) -> Iterator[bytes]:
        """What has not been read yet of the body."""
        if not self._left:
            return
        self._left = False
        if self.headers.get("Transfer-Encoding", "").lower() == "chunked":
            while size := int(self.rfile.readline().partition(b";")[0], 16):
                yield self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
            return
        left = int(self.headers.get("Content-Length", 0))
        while left:
            piece = self.rfile.read1(min(left, _PIECE))
            if not piece:
                raise ConnectionResetError("the client went away in the middle of a body")
            left -= len(piece)
            yield piece

    def _answer(self, outcome: Outcome) -> None:
        answer = outcome.answer
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        if answer.status not in (204, 304):
            self.send_header("Content-Length", str(len(answer.body)))
        if outcome.closes:
            self.send_header("Connection", "close")
            self.close_connection = True
        self.end_headers()
        body = b"" if self.command == "HEAD" else answer.body
        self.wfile.write(body if outcome.sends is None else body[: outcome.sends])
        self.wfile.flush()
        if outcome.sends is not None:
            raise Reset

    def log_message(self, format: str, *args: object) -> None:
        """The log is the registry's own."""


def counted(request: Request, got: Callable[[int], None], most: int | None = None) -> Request:
    """The same request; ``got`` hears of each piece of its body, and after ``most`` bytes there is a Reset."""

    def pieces() -> Iterator[bytes]:
        left = most
        for piece in request.pieces():
            if left is not None and len(piece) >= left:
                got(left)
                yield piece[:left]
                raise Reset
            left = None if left is None else left - len(piece)
            got(len(piece))
            yield piece

    return evolve(request, pieces=pieces)


def _break(connection: socket.socket) -> None:
    """Reset it: whoever reads or writes at the other end has an error at once."""
    try:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass  # it is gone already
