"""aiohttp's exceptions, the system's and TLS's -> Unreachable and Broken: what failed, at which server, and what to do.

One table, most special first. A request that never left is told apart from one that may have arrived.
"""

from __future__ import annotations

import errno
import os
import re
import ssl
from collections.abc import Callable

import aiohttp
from attrs import frozen

from ciao.adapters.kube.apierrors import Broken, Unreachable
from ciao.adapters.kube.login import Endpoint, Login
from ciao.adapters.kube.patience import Timeouts
from ciao.adapters.kube.phrases import shortened

LOST = (aiohttp.ClientError, OSError, TimeoutError, ssl.SSLError, RuntimeError)
"""What a request can raise. RuntimeError: aiohttp's word for a connection that was closed meanwhile."""

_ELSEWHERE = "%target=local needs no cluster."
_RUNNING = f"Is the cluster running, and the VPN on? {_ELSEWHERE}"
_ANEW = "If the cluster was made anew, fetch its kubeconfig again."
_NUMBER = re.compile(r"\[Errno (\d+)\]")
_PROXY = "Look at proxy-url of the kubeconfig, else at HTTPS_PROXY and NO_PROXY."


@frozen
class _Row:
    kind: type[BaseException] | tuple[type[BaseException], ...]
    says: Callable[[BaseException, Endpoint, Timeouts], str]
    remedy: str = _RUNNING
    sent: bool = False
    passing: bool = True


def unreachable(error: BaseException, login: Login, timeouts: Timeouts) -> Unreachable:
    """No answer came; the error is one of ``LOST``."""
    row = next(each for each in _ROWS if isinstance(error, each.kind))
    what, endpoint = row.says(error, login.endpoint, timeouts), login.endpoint
    return Unreachable(
        f"The cluster of the context {login.context} ({endpoint.server}) cannot be reached: {what}. {row.remedy}",
        sent=row.sent,
        passing=row.passing,
    )


def not_an_apiserver(login: Login, said: str) -> Unreachable:
    """An answer came, and it is not JSON."""
    return Unreachable(
        f"{login.endpoint.server}, the server of the context {login.context}, does not answer as an apiserver does "
        f"({said or 'nothing was said'}). Is there a login page or a proxy in between?",
        sent=True,
        passing=False,
    )


def broken(error: BaseException, login: Login, idle: float | None) -> Broken:
    """A stream ended in its middle."""
    what = f"nothing came for {idle:g} s" if idle is not None and isinstance(error, TimeoutError) else words(error)
    return Broken(f"The connection to {login.endpoint.server} (context {login.context}) broke: {what}.")


# -- rows -------------------------------------------------------------------------------------------


def _certificate(error: BaseException, endpoint: Endpoint, timeouts: Timeouts) -> str:
    cause = error.certificate_error if isinstance(error, aiohttp.ClientConnectorCertificateError) else error
    match getattr(cause, "verify_code", None):
        case 9:
            return "its certificate is not valid yet; is this machine's clock right?"
        case 10:
            return "its certificate has expired"
        case 62 | 64:  # X509_V_ERR_HOSTNAME_MISMATCH, X509_V_ERR_IP_ADDRESS_MISMATCH
            return f"its certificate is not for {endpoint.server_name or endpoint.host}"
    said = getattr(cause, "verify_message", None) or str(cause)
    return f"its certificate is not trusted by the CA of {endpoint.ca_from} ({said})"


def _tls(error: BaseException, endpoint: Endpoint, timeouts: Timeouts) -> str:
    said = words(error)
    if "WRONG_VERSION_NUMBER" in said:
        return "it does not speak TLS there; is the server's URL http://?"
    return f"no TLS connection is made ({said})"


def _name(error: BaseException, endpoint: Endpoint, timeouts: Timeouts) -> str:
    host = getattr(error, "host", None) or endpoint.host
    return f"there is no host {host} (DNS)"


def _refused(error: BaseException, endpoint: Endpoint, timeouts: Timeouts) -> str:
    return words(error)


def _no_proxy(error: BaseException, endpoint: Endpoint, timeouts: Timeouts) -> str:
    return f"its proxy {endpoint.shown_proxy} does not answer ({words(error)})"


def _proxy_says(error: BaseException, endpoint: Endpoint, timeouts: Timeouts) -> str:
    status = getattr(error, "status", 0)
    why = "it wants a name and a password" if status == 407 else f"HTTP {status}"
    return f"its proxy {endpoint.shown_proxy} refuses ({why})"


def _no_connection(error: BaseException, endpoint: Endpoint, timeouts: Timeouts) -> str:
    return f"there was no connection within {timeouts.connect:g} s"


def _no_answer(error: BaseException, endpoint: Endpoint, timeouts: Timeouts) -> str:
    return f"there was no answer within {timeouts.answer:g} s"


def _closed(error: BaseException, endpoint: Endpoint, timeouts: Timeouts) -> str:
    return "it closed the connection without an answer"


def words(error: BaseException) -> str:
    """``Connection refused``: the system's words for it, without numbers and addresses."""
    inner = error.os_error if isinstance(error, aiohttp.ClientConnectorError) else error
    if isinstance(inner, ssl.SSLError):
        return inner.reason or shortened(str(inner))
    said = str(inner)
    number = _NUMBER.search(said)  # of several addresses the first one's
    if number is not None and int(number[1]) in errno.errorcode:
        return os.strerror(int(number[1]))
    return shortened(said.rstrip(".")) or type(error).__name__


_ROWS = (
    _Row(aiohttp.ClientHttpProxyError, _proxy_says, _PROXY, passing=False),
    _Row(aiohttp.ClientProxyConnectionError, _no_proxy, _PROXY),
    _Row(aiohttp.ClientConnectorCertificateError, _certificate, _ANEW, passing=False),
    _Row(aiohttp.ClientSSLError, _tls, _ANEW, passing=False),
    _Row(aiohttp.ClientConnectorDNSError, _name),
    _Row(aiohttp.ClientConnectorError, _refused),
    _Row(aiohttp.ConnectionTimeoutError, _no_connection),
    _Row(TimeoutError, _no_answer, sent=True),
    _Row(aiohttp.ServerDisconnectedError, _closed, sent=True),
    _Row(ssl.SSLError, _tls, _ANEW, sent=True, passing=False),
    _Row(aiohttp.InvalidURL, _refused, passing=False),
    _Row(LOST, _refused, sent=True),
)
