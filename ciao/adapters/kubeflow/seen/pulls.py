"""Why an image cannot be pulled: from the words of a runtime or registry to a cause with a remedy.

Sources of the words: containerd, CRI-O and dockershim (``ErrImagePull``), Docker Hub, registries of the OCI
distribution specification. The order of the table matters: an answer that never came is quoted inside of "failed
to authorize".
"""

from __future__ import annotations

import re

from ciao.adapters.kube.phrases import shortened

REASONS = (
    "ErrImagePull",
    "ImagePullBackOff",
    "InvalidImageName",
    "ErrInvalidImageName",
    "ErrImageNeverPull",
    "RegistryUnavailable",
    "ImageInspectError",
    "SignatureValidationFailed",
)
FAILED = "ImageFailed"

_UNREACHABLE = (
    r"no such host|connection refused|connection reset|i/o timeout|no route to host|network is unreachable"
    r"|server misbehaving|TLS handshake timeout|deadline exceeded|dial tcp|proxyconnect|\bEOF\b|Temporary failure"
)
_CAUSES = (
    (r"x509|certificate", "ImageUntrusted", "its node does not trust the registry's certificate"),
    (r"HTTP response to HTTPS", "ImageUntrusted", "the registry speaks plain HTTP, and its node was not told so"),
    (_UNREACHABLE, "ImageUnreachable", "its node cannot reach the registry"),
    (r"\b429\b|toomanyrequests|rate limit", "ImageLimited", "the registry allows no more pulls for now (429)"),
    (
        r"\b40[13]\b|unauthorized|denied|no basic auth|insufficient_scope|authoriz",
        "ImageForbidden",
        "the registry gives no access to it",
    ),
    (r"no match for platform|exec format", "ImagePlatform", "it was not built for the processor of this node"),
    (r"no space left", "NodeFull", "the disk of its node is full"),
    (
        r"not found|unknown|does not exist|no such image|\b404\b",
        "ImageMissing",
        "there is no such image or tag in the registry",
    ),
)
ABOUT_IMAGES = frozenset({"ImageName", "ImageAbsent", FAILED, *(found for _, found, _ in _CAUSES)})
"""The words that ``why`` gives."""
_QUOTED = {"ImageUnreachable", "ImageForbidden"}  # whose own words say more: which host, which status


def why(image: str, reason: str, message: str) -> tuple[str, str, bool]:
    """(reason, sentence, whether the cause is known) for a container that waits for ``reason``."""
    if "InvalidImageName" in reason:
        return "ImageName", f"{image} is no name of an image: {shortened(message.rpartition(': ')[2])}", True
    if reason == "ErrImageNeverPull":
        return "ImageAbsent", f"the image {image} is not on its node, and it was not to be pulled", True
    words = message.replace(image, "")  # an image may well be called "denied"
    for pattern, found, cause in _CAUSES:
        if re.search(pattern, words, re.IGNORECASE):
            quoted = f" ({_tail(message)})" if found in _QUOTED else ""
            return found, f"the image {image} cannot be pulled: {cause}{quoted}", True
    known = re.search(r"status code|unexpected status|failed to", words) is not None
    cause = f": {_tail(message)}" if known else ""
    return FAILED, f"the image {image} cannot be pulled{cause}", known


def _tail(message: str) -> str:
    """``lookup registry.invalid: no such host``: what is left when the layers are taken off."""
    found = re.search(r"(?:dial \w+: lookup|lookup) (\S+?)(?: on \S+)?: ([^:]+)$", message)
    if found:
        return f"{found[1]}: {found[2]}"
    host = re.search(r"(?:host|tcp) (\S+?:\d+|[\w.-]+)[: ]", message)
    last = message.strip().rpartition(": ")[2]
    return shortened(f"{host[1]}: {last}" if host else last)
