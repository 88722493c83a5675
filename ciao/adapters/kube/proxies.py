"""Through which proxy a server is reached: as kubectl decides it (golang.org/x/net/http/httpproxy). Pure.

aiohttp's own way (``trust_env``) reads this process's environment, takes ALL_PROXY, which kubectl does not, and knows
no networks (10.0.0.0/8) in NO_PROXY.

- HTTPS_PROXY for https, HTTP_PROXY for http, in capitals first; ALL_PROXY is not asked.
- NO_PROXY: ``*``; addresses and networks; names, which stand for all below them, too; ``.name`` and ``*.name``, for
  those below alone; all but networks may have a port. This machine itself is never asked for by proxy.
- Not as kubectl: SOCKS proxies are refused, with a word about it; names are compared as they are written (no IDNA).
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from urllib.parse import SplitResult, urlsplit

from ciao.adapters.kube.apierrors import AccessError

_PORTS = {"http": 80, "https": 443}
_Address = ipaddress.IPv4Address | ipaddress.IPv6Address


def proxy_for(server: str, named: str, environ: Mapping[str, str]) -> str:
    """The proxy's URL, or nothing. ``named``: the cluster's own ``proxy-url``, which always counts.

    AccessError for one that Ciao cannot go through.
    """
    if named:
        return _usable(named, "proxy-url of the kubeconfig")
    parts = urlsplit(server)
    variable = f"{parts.scheme.upper()}_PROXY"
    found = _either(environ, variable)
    if not found or _is_direct(parts, _either(environ, "NO_PROXY")):
        return ""
    return _usable(found, f"${variable}")


def _either(environ: Mapping[str, str], variable: str) -> str:
    return environ.get(variable) or environ.get(variable.lower()) or ""


def _usable(url: str, where: str) -> str:
    whole = url if "://" in url else f"http://{url}"
    scheme, host = urlsplit(whole).scheme, _hostname(whole)
    if scheme not in _PORTS:
        raise AccessError(
            f"{where} names a proxy of the kind {scheme}; Ciao goes through HTTP proxies only.",
            hint="Name an HTTP proxy there, or reach the cluster without one (VPN, ssh -L).",
        )
    if not host:
        raise AccessError(f"{where} is no URL of a proxy.")
    return whole


def _hostname(url: str) -> str:
    try:
        parts = urlsplit(url)
        return (parts.hostname or "") if parts.port is None or parts.port >= 0 else ""
    except ValueError:  # a port that is no number, half a bracket
        return ""


def _is_direct(server: SplitResult, no_proxy: str) -> bool:
    host = (server.hostname or "").lower()
    port = str(server.port or _PORTS[server.scheme])
    address = _address(host)
    if host == "localhost" or (address is not None and address.is_loopback):
        return True
    entries = [each.strip().lower() for each in no_proxy.split(",")]
    return "*" in entries or any(_matches(each, host, port, address) for each in entries if each)


def _matches(entry: str, host: str, port: str, address: _Address | None) -> bool:
    if "/" in entry:
        return address is not None and _contains(entry, address)
    name, wanted = _split(entry)
    if not name or wanted not in ("", port):
        return False
    if (literal := _address(name)) is not None:
        return literal == address
    name = name.removeprefix("*")
    if name.startswith("."):
        return host.endswith(name)
    return host == name or host.endswith(f".{name}")


def _split(entry: str) -> tuple[str, str]:
    """Name and port; the port of a bare IPv6 address is none."""
    if entry.startswith("["):
        name, _, rest = entry[1:].partition("]")
        return name, rest.removeprefix(":")
    if entry.count(":") == 1:
        name, _, port = entry.partition(":")
        return name, port
    return entry, ""


def _address(text: str) -> _Address | None:
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None


def _contains(network: str, address: ipaddress._BaseAddress) -> bool:
    try:
        return address in ipaddress.ip_network(network, strict=False)
    except (ValueError, TypeError):
        return False
