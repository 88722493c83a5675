"""Exceptions of aiohttp, the system and TLS -> one sentence with server, cause and remedy, and whether it was sent."""

from __future__ import annotations

import asyncio
import errno
import ssl
from types import SimpleNamespace
from typing import Any

import aiohttp
import pytest
from yarl import URL

from ciao.adapters.kube.login import Endpoint, Login, User
from ciao.adapters.kube.outages import LOST, broken, not_an_apiserver, unreachable
from ciao.adapters.kube.patience import Timeouts

ENDPOINT = Endpoint(server="https://api:6443", ca=b"", ca_from="/home/ann/config", proxy="http://u:s3cret@proxy:3128")
LOGIN = Login(context="kind", namespace="n", endpoint=ENDPOINT, user=User())
KEY: Any = SimpleNamespace(host="api", port=6443, is_ssl=True, ssl=True)
REQUEST: Any = SimpleNamespace(real_url=URL("https://api"))
SYSTEM = OSError(errno.ECONNREFUSED, "Connect call failed ('10.0.0.1', 6443)")
BOTH = OSError("Multiple exceptions: [Errno 111] Connect call failed ('::1', 1, 0, 0), [Errno 111] Connect call failed")


def untrusted(code: int, message: str = "") -> aiohttp.ClientConnectorCertificateError:
    cause = ssl.SSLCertVerificationError("certificate verify failed")
    cause.verify_code, cause.verify_message = code, message
    return aiohttp.ClientConnectorCertificateError(KEY, cause)


def spoken(reason: str) -> ssl.SSLError:
    error = ssl.SSLError(1, f"[SSL: {reason}] words")
    error.reason = reason
    return error


@pytest.mark.parametrize(
    ("error", "what", "sent", "passing"),
    [
        (aiohttp.ClientConnectorError(KEY, SYSTEM), "Connection refused", False, True),
        (aiohttp.ClientConnectorError(KEY, BOTH), "Connection refused", False, True),
        (aiohttp.ClientConnectorError(KEY, OSError(errno.ENETUNREACH, "x")), "Network is unreachable", False, True),
        (aiohttp.ClientConnectorDNSError(KEY, OSError(-2, "Name")), "there is no host api (DNS)", False, True),
        (aiohttp.ConnectionTimeoutError(), "there was no connection within 5 s", False, True),
        (aiohttp.SocketTimeoutError(), "there was no answer within 15 s", True, True),
        (TimeoutError(), "there was no answer within 15 s", True, True),
        (aiohttp.ServerDisconnectedError(), "it closed the connection without an answer", True, True),
        (aiohttp.ClientOSError(errno.ECONNRESET, "x"), "Connection reset by peer", True, True),
        (aiohttp.ClientPayloadError("half"), "half", True, True),
        (RuntimeError("Session is closed"), "Session is closed", True, True),
        (untrusted(18, "self-signed certificate"), "CA of /home/ann/config (self-signed certificate)", False, False),
        (untrusted(10), "its certificate has expired", False, False),
        (untrusted(9), "its certificate is not valid yet; is this machine's clock right?", False, False),
        (untrusted(62), "its certificate is not for api", False, False),
        (untrusted(64), "its certificate is not for api", False, False),
        (aiohttp.ClientConnectorSSLError(KEY, spoken("WRONG_VERSION_NUMBER")), "does not speak TLS", False, False),
        (aiohttp.ClientConnectorSSLError(KEY, spoken("NO_CIPHERS")), "made (NO_CIPHERS)", False, False),
        (spoken("TLSV13_ALERT_CERTIFICATE_REQUIRED"), "made (TLSV13_ALERT_CERTIFICATE_REQUIRED)", True, False),
        (aiohttp.ClientProxyConnectionError(KEY, SYSTEM), "http://proxy:3128 does not answer (Conn", False, True),
        (aiohttp.ClientHttpProxyError(REQUEST, (), status=407), "it wants a name and a password", False, False),
        (aiohttp.ClientHttpProxyError(REQUEST, (), status=503), "refuses (HTTP 503)", False, False),
        (aiohttp.InvalidURL("https://"), "https://", False, False),
    ],
)
def test_what_is_said(error, what, sent, passing):
    """Context and server, what failed, a remedy; whether it may have arrived, whether it is worth another attempt."""
    assert isinstance(error, LOST)
    found = unreachable(error, LOGIN, Timeouts())
    told = str(found)
    assert told.startswith("The cluster of the context kind (https://api:6443) cannot be reached: ")
    assert what in told and "s3cret" not in told and "\n" not in told and told.endswith((".", "?"))
    assert (found.sent, found.passing) == (sent, passing)


def test_cancelling_is_no_outage():
    """Nor is a mistake of Ciao's own."""
    assert not isinstance(asyncio.CancelledError(), LOST) and not isinstance(KeyError(), LOST)


@pytest.mark.parametrize(
    ("error", "idle", "what"),
    [
        (TimeoutError(), 130.0, "nothing came for 130 s."),
        (aiohttp.ClientOSError(errno.ETIMEDOUT, "x"), None, "Connection timed out."),
        (aiohttp.ClientPayloadError(""), None, "ClientPayloadError."),
    ],
)
def test_how_a_stream_breaks(error, idle, what):
    """Silence, a connection that the system gave up, an end in the middle."""
    assert str(broken(error, LOGIN, idle)) == f"The connection to https://api:6443 (context kind) broke: {what}"


def test_who_answers_is_no_apiserver():
    """Its own words are quoted."""
    assert "does not answer as an apiserver does (Log in). Is there a login page" in str(
        not_an_apiserver(LOGIN, "Log in")
    )
