"""Choosing from an index: one manifest for a platform, as containerd's default matcher does. Pure."""

from __future__ import annotations

from typing import Any

from ciao.core.errors import SourceError
from ciao.core.words import listed

Json = dict[str, Any]
_SAME = {"x86_64": "amd64", "x86-64": "amd64", "aarch64": "arm64", "armhf": "arm", "i386": "386"}
_DEFAULT_VARIANTS = {"arm64": "v8", "arm": "v7"}


def normal(platform: str) -> tuple[str, str, str]:
    """(os, architecture, variant); the variant that everybody means is filled in."""
    system, _, rest = platform.partition("/")
    architecture, _, variant = rest.partition("/")
    architecture = _SAME.get(architecture, architecture)
    return system or "linux", architecture or "amd64", variant or _DEFAULT_VARIANTS.get(architecture, "")


def chosen(index: Json, platform: str, what: str) -> str:
    """The digest of the manifest for ``platform`` (``linux/arm64``). SourceError with those that there are."""
    wanted, known = normal(platform), []
    for each in index.get("manifests", ()):
        found = each.get("platform")
        if not found or found.get("architecture") in (None, "", "unknown"):
            continue  # attestations are listed so
        name = "/".join(filter(None, (found.get("os", ""), found["architecture"], found.get("variant", ""))))
        if normal(name) == wanted:
            return str(each["digest"])
        known.append(name)
    if not known and len(index.get("manifests", ())) == 1:
        return str(index["manifests"][0]["digest"])
    raise SourceError(
        f"{what} is not there for {platform}.",
        hint=f"It is there for {listed(known)}: say %platform, or choose another %image."
        if known
        else "Choose another %image.",
    )


def of_config(config: Json) -> str:
    """The platform that an image's config names."""
    return "/".join(
        filter(None, (config.get("os") or "linux", config.get("architecture") or "", config.get("variant")))
    )
