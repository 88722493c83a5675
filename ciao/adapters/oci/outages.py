"""aiohttp's exceptions, the system's and TLS's -> RegistryError: what failed, at which registry, and what to do.

One table, most special first.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable

import aiohttp
from attrs import frozen

from ciao.adapters.kube.outages import words
from ciao.adapters.kube.phrases import shortened
from ciao.adapters.oci.errors import RegistryError

LOST = (aiohttp.ClientError, OSError, TimeoutError, ssl.SSLError, RuntimeError)
"""What a request can raise. RuntimeError: aiohttp's word for a connection that was closed meanwhile."""
_SENDING = ("Can not write request body", "underlying connection")
_RUNNING = "Is the registry running, and the VPN on? Check registry.push and %image."
_PROXY = "Look at HTTPS_PROXY and NO_PROXY."


@frozen(kw_only=True)
class _Waited:
    connect: float
    answer: float


@frozen
class _Row:
    kind: type[BaseException] | tuple[type[BaseException], ...]
    says: Callable[[BaseException, _Waited], str]
    remedy: str = _RUNNING
    passing: bool = True


def lost(error: BaseException, host: str, what: str, *, connect: float, answer: float) -> RegistryError:
    """No answer came to ``what``; the error is one of ``LOST``. ``connect`` and ``answer`` are seconds."""
    if isinstance(error, RegistryError):
        return error
    row = next(each for each in _ROWS if isinstance(error, each.kind))
    why = row.says(error, _Waited(connect=connect, answer=answer))
    remedy = row.remedy.format(host=host)
    return RegistryError(f"{host} cannot be reached for {what}: {why}. {remedy}", passing=row.passing)


# -- rows -------------------------------------------------------------------------------------------


def _certificate(error: BaseException, waited: _Waited) -> str:
    cause = error.certificate_error if isinstance(error, aiohttp.ClientConnectorCertificateError) else error
    match getattr(cause, "verify_code", None):
        case 10:
            return "its certificate has expired"
        case 62 | 64:  # X509_V_ERR_HOSTNAME_MISMATCH, X509_V_ERR_IP_ADDRESS_MISMATCH
            return "its certificate is for another name"
    return f"its certificate is not trusted ({getattr(cause, 'verify_message', None) or shortened(str(cause))})"


def _tls(error: BaseException, waited: _Waited) -> str:
    said = words(error)
    plain = any(each in said for each in ("WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE", "UNKNOWN_PROTOCOL"))
    return "it does not speak TLS there" if plain else f"no TLS connection is made ({said})"


def _name(error: BaseException, waited: _Waited) -> str:
    return f"there is no host {getattr(error, 'host', '') or 'of that name'} (DNS)"


def _no_proxy(error: BaseException, waited: _Waited) -> str:
    return f"its proxy does not help ({_words(error)})"


def _no_connection(error: BaseException, waited: _Waited) -> str:
    return f"there was no connection within {waited.connect:g} s"


def _no_answer(error: BaseException, waited: _Waited) -> str:
    return f"there was no answer within {waited.answer:g} s"


def _no_url(error: BaseException, waited: _Waited) -> str:
    return "it leads to what is no URL"


def _refused(error: BaseException, waited: _Waited) -> str:
    return _words(error)


def _broke(error: BaseException, waited: _Waited) -> str:
    return f"the connection broke ({_words(error)})"


def _words(error: BaseException) -> str:
    said = words(error)
    return "it was closed in the middle of what was sent" if any(each in said for each in _SENDING) else said


_AUTHORITY = "Name its authority's file in registry.ca, or {host} in registry.insecure."
_INSECURE = "If that is right, put it among the insecure ones:  ciao config set registry.insecure {host}"
_ROWS = (
    _Row((aiohttp.ClientHttpProxyError, aiohttp.ClientProxyConnectionError), _no_proxy, _PROXY, passing=False),
    _Row(aiohttp.ClientConnectorCertificateError, _certificate, _AUTHORITY, passing=False),
    _Row((aiohttp.ClientSSLError, ssl.SSLError), _tls, _INSECURE, passing=False),
    _Row(aiohttp.ClientConnectorDNSError, _name, passing=False),
    _Row(aiohttp.ConnectionTimeoutError, _no_connection),
    _Row(TimeoutError, _no_answer),
    _Row(aiohttp.ClientConnectorError, _refused),
    _Row(aiohttp.InvalidURL, _no_url, passing=False),
    _Row(LOST, _broke, "Run the cell again."),
)
