"""Certificates of an authority of the test's own."""

from __future__ import annotations

import ssl
from pathlib import Path

import trustme
from attrs import frozen


@frozen
class Authority:
    """A private CA; ``pem``: the file that one trusts it by."""

    ca: trustme.CA
    pem: Path

    @classmethod
    def at(cls, directory: Path, name: str = "ca") -> Authority:
        """A new one, with its file in a directory."""
        ca, pem = trustme.CA(), directory / f"{name}.pem"
        ca.cert_pem.write_to_path(str(pem))
        return cls(ca, pem)

    def server(self, *names: str) -> ssl.SSLContext:
        """For a server of these names; this machine's without any."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.ca.issue_cert(*(names or ("127.0.0.1", "localhost"))).configure_cert(context)
        return context
