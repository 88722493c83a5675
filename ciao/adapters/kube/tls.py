"""TLS as kubectl makes it: whom to trust and who one is, from memory.

- ``SSLContext`` itself, not ``create_default_context``: from Python 3.13 on that one is strict about what private CAs
  often lack.
- OpenSSL reads a certificate and its key from a file only. On Linux that is a file in memory which has no name and is
  gone with its descriptor; elsewhere one that only its owner may read, for as long as the reading takes.
- A key with a passphrase is refused: OpenSSL would ask for it on the kernel's terminal, for ever.
"""

from __future__ import annotations

import os
import re
import ssl
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

from ciao.adapters.kube.apierrors import AccessError
from ciao.adapters.kube.login import Endpoint, Pair

_CERTIFICATE = re.compile(rb"-----BEGIN (?:TRUSTED )?CERTIFICATE-----[^-]+-----END (?:TRUSTED )?CERTIFICATE-----")
_DESCRIPTORS = "/proc/self/fd"


def ssl_context(endpoint: Endpoint, pair: Pair | None) -> ssl.SSLContext | None:
    """None for plain HTTP. AccessError for certificates that are none."""
    if not endpoint.server.startswith("https:"):
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.set_alpn_protocols(["http/1.1"])
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN  # a CA that another one has signed is trusted, as in Go
    if not endpoint.verify:
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    elif endpoint.ca is None:
        context.load_default_certs()
    else:
        _trust(context, endpoint)
    if pair is not None:
        _identify(context, pair)
    return context


def _trust(context: ssl.SSLContext, endpoint: Endpoint) -> None:
    found = b"\n".join(_CERTIFICATE.findall(endpoint.ca or b""))
    try:
        context.load_verify_locations(cadata=found.decode("ascii"))
    except (ssl.SSLError, ValueError) as error:
        raise AccessError(
            f"The certificate authority of {endpoint.server} in {endpoint.ca_from} is no certificate."
        ) from error


def _identify(context: ssl.SSLContext, pair: Pair) -> None:
    with _as_file(pair.certificate.rstrip() + b"\n" + pair.key) as path:
        try:
            context.load_cert_chain(path, password=lambda: "")
        except (ssl.SSLError, ValueError, OSError) as error:
            locked = b"ENCRYPTED" in pair.key
            what = "has a passphrase, which kubectl does not take either" if locked else "do not belong together"
            raise AccessError(
                f"The client certificate {'' if locked else 'and key '}for the cluster {what}"
                f"{'' if locked else ', or are none'}."
            ) from error


@contextmanager
def _as_file(content: bytes) -> Iterator[str]:
    if hasattr(os, "memfd_create") and os.path.isdir(_DESCRIPTORS):  # noqa: PTH112 - one question to the system
        descriptor = os.memfd_create("key", os.MFD_CLOEXEC)
        try:
            with os.fdopen(descriptor, "wb", closefd=False) as file:
                file.write(content)
            yield f"{_DESCRIPTORS}/{descriptor}"
        finally:
            os.close(descriptor)
    else:
        with tempfile.NamedTemporaryFile(prefix="ciao-") as file:  # mode 0600
            file.write(content)
            file.flush()
            yield file.name
