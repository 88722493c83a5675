"""A package index (PEP 503) with one package that nobody else has, for ``%pip``."""

from __future__ import annotations

import base64
import hashlib
import io
import threading
import zipfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from ..commands import call

PACKAGE, MODULE, VERSION = "ciao-e2e-words", "ciao_e2e_words", "1.0"
_METADATA = f"Metadata-Version: 2.1\nName: {PACKAGE}\nVersion: {VERSION}\n"
_WHEEL = f"{MODULE}-{VERSION}-py3-none-any.whl"


class Index:
    """``url`` is what containers reach; ``fetched`` counts how often the package was."""

    def __init__(self) -> None:
        self.fetched = 0
        content, index = _wheel(), self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                body, kind = content, "application/octet-stream"
                if self.path.rstrip("/") == f"/simple/{PACKAGE}":
                    body, kind = f'<a href="/files/{_WHEEL}">{_WHEEL}</a>'.encode(), "text/html"
                elif self.path == f"/files/{_WHEEL}":
                    index.fetched += 1
                else:
                    return self.send_error(404)
                self.send_response(200)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)
                return None

            def log_message(self, *_: object) -> None:
                """Nobody reads it."""

        self._server = ThreadingHTTPServer(("0.0.0.0", 0), Handler)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        self.host = _gateway()
        self.url = f"http://{self.host}:{self._server.server_port}/simple"

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()


def _gateway() -> str:
    """What containers, of the cluster's network and of Docker's own, reach this machine by."""
    form = "{{range .IPAM.Config}}{{.Gateway}} {{end}}"
    found = call("docker", "network", "inspect", "kind", "--format", form).split()
    return next(each for each in found if "." in each)


def _wheel() -> bytes:
    files = {
        f"{MODULE}.py": b'def shout(text):\n    return text.upper() + "!"\n',
        f"{MODULE}-{VERSION}.dist-info/METADATA": _METADATA.encode(),
        f"{MODULE}-{VERSION}.dist-info/WHEEL": b"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = f"{MODULE}-{VERSION}.dist-info/RECORD"
    rows = [f"{name},sha256={_hash(content)},{len(content)}" for name, content in files.items()]
    files[record] = "\n".join([*rows, f"{record},,"]).encode() + b"\n"
    found = io.BytesIO()
    with zipfile.ZipFile(found, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return found.getvalue()


def _hash(content: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
