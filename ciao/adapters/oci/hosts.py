"""How a registry is spoken to: TLS or not, whom to trust, through which proxy.

As Docker has it: TLS, checked, always; but registries on this machine and those that the user calls insecure are taken
with any certificate, and without TLS where they have none. ``certs.d/HOST/ca.crt`` of Docker counts, too.
"""

from __future__ import annotations

import ipaddress
import re
import ssl
from collections.abc import Mapping
from pathlib import Path

from attrs import field, frozen

from ciao.adapters.kube.apierrors import AccessError
from ciao.adapters.kube.proxies import proxy_for
from ciao.adapters.oci.errors import RegistryError
from ciao.adapters.oci.reference import HUB

_HUB_API = "registry-1.docker.io"
_CERTS = ("/etc/docker/certs.d",)
_BLOCK = re.compile(rb"-----BEGIN (?:TRUSTED )?CERTIFICATE-----[^-]+-----END (?:TRUSTED )?CERTIFICATE-----")


@frozen(kw_only=True)
class Trust:
    """``insecure``: hosts that need not say who they are; without a port it is all ports. ``ca``: a file, or ""."""

    insecure: tuple[str, ...] = ()
    ca: str = ""
    environ: Mapping[str, str] = field(factory=dict, repr=False)

    def is_insecure(self, host: str) -> bool:
        """True for registries whose certificate is not checked, and that may have none."""
        name = name_of(host)
        return host in self.insecure or name in self.insecure or _is_here(name)

    def proxy(self, url: str) -> str:
        """The proxy's URL, or "". RegistryError for one that cannot be gone through."""
        try:
            return proxy_for(url, "", self.environ)
        except (AccessError, ValueError) as error:
            variable = f"{url.partition(':')[0].upper()}_PROXY"
            raise RegistryError(
                f"{variable} names no HTTP proxy, and Ciao can go through no other to {url.split('/')[2]}. "
                "Correct it, or name the registry in NO_PROXY."
            ) from error

    def context(self, host: str) -> ssl.SSLContext:
        """RegistryError for a file of certificates that holds none."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.set_alpn_protocols(["http/1.1"])
        if self.is_insecure(host):
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
            return context
        context.load_default_certs()
        for path in self._authorities(host):
            _trust(context, path)
        return context

    def _authorities(self, host: str) -> list[Path]:
        home = self.environ.get("HOME")
        folders = [Path(each) / host for each in _CERTS]
        folders += [Path(home) / ".docker" / "certs.d" / host] if home else []
        found = [path for folder in folders if folder.is_dir() for path in sorted(folder.glob("*.crt"))]
        return [*([Path(self.ca)] if self.ca else []), *found]


def api_host(host: str) -> str:
    """Where the API of a registry is: Docker Hub's has another name than its images."""
    return _HUB_API if host == HUB else host


def name_of(host: str) -> str:
    """Without the port."""
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.partition(":")[0]


def _is_here(name: str) -> bool:
    if name == "localhost":
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def _trust(context: ssl.SSLContext, path: Path) -> None:
    try:
        found = b"\n".join(_BLOCK.findall(path.read_bytes()))
        context.load_verify_locations(cadata=found.decode("ascii"))
    except OSError as error:
        raise RegistryError(
            f"{path}, a file of certificates for registries, cannot be read ({error.strerror}). Correct registry.ca."
        ) from error
    except (ssl.SSLError, ValueError) as error:
        raise RegistryError(
            f"{path}, a file of certificates for registries, holds none. Correct registry.ca."
        ) from error
