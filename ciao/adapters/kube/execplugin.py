"""Credentials from a program (client.authentication.k8s.io ExecCredential): aws, gke-gcloud-auth-plugin, kubelogin.

Why not the client library's ExecProvider (kubernetes 37.0.2): whoever calls it logs its errors and goes on without
credentials; it reads stdout to its end before stderr, and hangs when the program says much on stderr; it has no
timeout, is not ended when cancelled, and shares the kernel's stdin and its interrupts; it knows no
``provideClusterInfo``, no path relative to the kubeconfig, and no expiry of certificates.
"""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ciao.adapters.kube.apierrors import AccessError
from ciao.adapters.kube.expiry import due, epoch
from ciao.adapters.kube.login import INF, Credential, Pair, Plugin
from ciao.adapters.kube.phrases import shortened
from ciao.adapters.programs import end, started

_PATIENCE = 60.0  # seconds; some wait for a person at a browser
_QUOTED = 300  # characters of stderr
_TRY = "Try `kubectl get namespaces` in a terminal: it asks the same program."


async def run_plugin(plugin: Plugin, environ: Mapping[str, str], now: float, patience: float = _PATIENCE) -> Credential:
    """What the program gives. AccessError: it is not there, fails, says nothing of use, or takes too long.

    Cancelled, it ends the program and all that it started.
    """
    if plugin.interactive:
        raise _failed(plugin, "wants to ask on a terminal, and here is none")
    code, out, err = await _run(plugin, environ, patience)
    if code:
        raise _failed(plugin, f"failed (exit code {code})", err)
    return _credential(plugin, _status(plugin, out), now)


# -- the process ------------------------------------------------------------------------------------


async def _run(plugin: Plugin, environ: Mapping[str, str], patience: float) -> tuple[int, bytes, bytes]:
    env = {**environ, **dict(plugin.env), "KUBERNETES_EXEC_INFO": _info(plugin)}
    program = shutil.which(plugin.command, path=env.get("PATH"))
    if program is None:
        raise _missing(plugin)
    try:
        process = await started(program, *plugin.args, env=env, stdin=asyncio.subprocess.DEVNULL)
    except OSError as error:
        raise _failed(plugin, f"cannot be started ({error.strerror or error})") from error
    return await _outcome(process, plugin, patience)


async def _outcome(process: asyncio.subprocess.Process, plugin: Plugin, patience: float) -> tuple[int, bytes, bytes]:
    assert process.stdout is not None
    assert process.stderr is not None
    said = bytearray()
    reading = asyncio.ensure_future(_collect(process.stderr, said))
    try:
        async with asyncio.timeout(patience):
            out = await process.stdout.read()
            await reading
            return await process.wait(), out, bytes(said)
    except TimeoutError:
        raise _failed(plugin, f"gives no answer within {patience:g} s", bytes(said)) from None
    finally:
        reading.cancel()
        await end(process)


async def _collect(stream: asyncio.StreamReader, said: bytearray) -> None:
    while piece := await stream.read(4096):
        said += piece
        del said[:-4096]


def _info(plugin: Plugin) -> str:
    spec: dict[str, Any] = {"interactive": False}
    if plugin.cluster is not None:
        spec["cluster"] = dict(plugin.cluster)
    return json.dumps({"kind": "ExecCredential", "apiVersion": plugin.api_version, "spec": spec})


# -- what it says -----------------------------------------------------------------------------------


def _status(plugin: Plugin, out: bytes) -> dict[str, Any]:
    try:
        found = json.loads(out)
    except ValueError:
        raise _failed(plugin, "printed no credentials (no JSON)") from None
    if not isinstance(found, dict) or found.get("kind") != "ExecCredential":
        raise _failed(plugin, "printed no credentials (no ExecCredential)")
    if found.get("apiVersion") != plugin.api_version:
        raise _failed(plugin, f"speaks {found.get('apiVersion')}; the kubeconfig expects {plugin.api_version}")
    status = found.get("status")
    return status if isinstance(status, dict) else {}


def _credential(plugin: Plugin, status: Mapping[str, Any], now: float) -> Credential:
    token, certificate, key = (_text(status, each) for each in ("token", "clientCertificateData", "clientKeyData"))
    if bool(certificate) != bool(key):
        raise _failed(plugin, "gave only one of a certificate and its key")
    if not token and not certificate:
        raise _failed(plugin, "gave neither a token nor a certificate")
    said = status.get("expirationTimestamp")
    expires = epoch(said) if said else INF
    if expires is None:
        raise _failed(plugin, "gave credentials that expire at no time that can be read")
    pair = Pair(certificate.encode(), key.encode()) if certificate else None
    header = f"Bearer {token}" if token else ""
    return Credential(header=header, pair=pair, due=due(expires, now), expires=expires)


def _text(status: Mapping[str, Any], key: str) -> str:
    found = status.get(key)
    return found if isinstance(found, str) else ""


# -- what is wrong ----------------------------------------------------------------------------------


def _name(plugin: Plugin) -> str:
    """Without its arguments: passwords may stand among them."""
    return Path(plugin.command).name


def _failed(plugin: Plugin, what: str, err: bytes = b"") -> AccessError:
    lines = [line.strip() for line in err.decode("utf-8", "replace").splitlines() if line.strip()]
    said = shortened(" / ".join(lines[-3:]), _QUOTED)
    return AccessError(
        f"{_name(plugin)}, which {plugin.file} asks for credentials, {what}{f': {said}' if said else '.'}", hint=_TRY
    )


def _missing(plugin: Plugin) -> AccessError:
    where = "" if "/" in plugin.command else " on $PATH"
    return AccessError(
        f"{plugin.command}, which {plugin.file} asks for credentials, is not there{where}.",
        hint=plugin.install_hint.strip() or "Install it, or name a kubeconfig without it.",
    )
