"""Docker's credential helpers: ``docker-credential-NAME get``, the server's name on its standard input."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping

from attrs import field, frozen

from ciao.adapters.kube.phrases import shortened
from ciao.adapters.oci.errors import RegistryError
from ciao.adapters.programs import end, started

_PATIENCE = 30.0  # seconds
_NONE = "credentials not found"
"""What helpers say, word for word, when they have none (docker-credential-helpers, credentials/error.go)."""


@frozen
class Helper:
    """``name`` as in the configuration: ``osxkeychain``, ``ecr-login``."""

    name: str
    environ: Mapping[str, str] = field(repr=False)

    @property
    def program(self) -> str:
        """What is started."""
        return f"docker-credential-{self.name}"


async def ask(helper: Helper, server: str) -> tuple[str, str] | None:
    """(name, secret) for a server; None: it has none. RegistryError, without its output's secrets, when it fails."""
    if not helper.name.replace("-", "").replace("_", "").replace(".", "").isalnum():
        raise _failed(helper, server, "is not a helper's name")
    try:
        process = await started(helper.program, "get", env=helper.environ, stdin=asyncio.subprocess.PIPE)
    except OSError as error:
        raise _failed(helper, server, f"cannot be started ({error.strerror or error})") from error
    out, err, code = await _outcome(process, helper, server)
    if code:
        said = (out + err).decode("utf-8", "replace").strip()
        if _NONE in said.lower():
            return None
        raise _failed(helper, server, f"failed with exit code {code}{f' ({shortened(said)})' if said else ''}")
    return _understood(out, helper, server)


async def _outcome(process: asyncio.subprocess.Process, helper: Helper, server: str) -> tuple[bytes, bytes, int]:
    try:
        async with asyncio.timeout(_PATIENCE):
            out, err = await process.communicate(server.encode())
            return out, err, await process.wait()
    except TimeoutError:
        raise _failed(helper, server, f"gives no answer within {_PATIENCE:g} s") from None
    finally:
        await end(process)


def _understood(out: bytes, helper: Helper, server: str) -> tuple[str, str] | None:
    try:
        found = json.loads(out)
        name, secret = found["Username"], found["Secret"]
    except (ValueError, RecursionError, KeyError, TypeError):
        raise _failed(helper, server, "printed no credentials (JSON with Username and Secret)") from None
    return (str(name), str(secret)) if secret else None


def _failed(helper: Helper, server: str, what: str) -> RegistryError:
    return RegistryError(
        f"{helper.program}, which Docker's config.json names for {server}, {what}. "
        f"Correct credsStore or credHelpers there, or log in anew:  docker login {server}"
    )
