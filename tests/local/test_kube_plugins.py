"""Programs that give credentials: what they are told, what they may say, and how they fail."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from ciao.adapters.kube.access import Access
from ciao.adapters.kube.apierrors import AccessError
from ciao.adapters.kube.execplugin import run_plugin
from ciao.adapters.kube.keeper import Fetcher
from ciao.adapters.kube.login import Credential, Plugin

from .kubeserver import environ, kubeconfig, run

VERSION = "client.authentication.k8s.io/v1"


def program(root: Path, body: str, name: str = "plugin") -> Path:
    """A program of Python."""
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!{sys.executable}\nimport json, os, sys, time\n{body}\n")
    path.chmod(0o755)
    return path


def giving(**status: Any) -> str:
    """Prints an ExecCredential."""
    return f"print({json.dumps(json.dumps({'apiVersion': VERSION, 'kind': 'ExecCredential', 'status': status}))})"


def fetched(root: Path, fields: dict[str, Any], cluster: dict[str, Any] | None = None, **env: str) -> Credential:
    """What a kubeconfig in ``root`` with these fields of ``exec`` leads to."""
    path = kubeconfig(root / "config", "https://x:1", user={"exec": {"apiVersion": VERSION, **fields}}, cluster=cluster)
    surroundings = environ(**env)
    login = Access(kubeconfig=str(path), environ=surroundings).login()
    return run(Fetcher(surroundings, time.time)(login))


def refused(root: Path, fields: dict[str, Any], **env: str) -> str:
    with pytest.raises(AccessError) as error:
        fetched(root, fields, **env)
    return str(error.value)


def test_what_a_program_is_told(tmp_path):
    """Its arguments and variables, the environment that Ciao was given, ExecInfo; nothing on stdin."""
    say = "print(json.dumps([sys.argv[1:], dict(os.environ), sys.stdin.read()]), file=open('{0}/told', 'w'))"
    path = program(tmp_path, f"{say.format(tmp_path)}\n{giving(token='t')}")
    fields = {
        "command": str(path),
        "args": ["a", "b c"],
        "env": [{"name": "MINE", "value": "1"}],
        "provideClusterInfo": True,
    }
    cluster = {
        "certificate-authority-data": "eA==",
        "extensions": [{"name": "client.authentication.k8s.io/exec", "extension": {"audience": 7}}],
    }
    assert fetched(tmp_path, fields, cluster, GIVEN="2").header == "Bearer t"
    args, env, stdin = json.loads((tmp_path / "told").read_text())
    assert (args, env["MINE"], env["GIVEN"], stdin) == (["a", "b c"], "1", "2", "") and "HOME" not in env
    info = json.loads(env["KUBERNETES_EXEC_INFO"])
    assert (info["kind"], info["apiVersion"], info["spec"]["interactive"]) == ("ExecCredential", VERSION, False)
    told = {"server": "https://x:1", "certificate-authority-data": "eA==", "config": {"audience": 7}}
    assert info["spec"]["cluster"] == told


def test_a_program_is_found_on_the_path_or_beside_its_kubeconfig(tmp_path):
    """The PATH is that of the environment that Ciao was given; ``./bin/x`` is relative to the file."""
    path = program(tmp_path / "bin", giving(token="t"), name="give")
    assert fetched(tmp_path, {"command": "give"}, PATH=f"{path.parent}:{os.environ['PATH']}").header == "Bearer t"
    assert fetched(tmp_path, {"command": "./bin/give"}).header == "Bearer t"


def test_a_program_that_says_much_on_stderr(tmp_path):
    """Is not waited for in vain."""
    path = program(tmp_path, f"sys.stderr.write('x' * 1000000)\n{giving(token='t')}")
    assert fetched(tmp_path, {"command": str(path)}).header == "Bearer t"


def test_a_program_that_is_not_there(tmp_path):
    """Who asks for it, and how it is installed as the kubeconfig says."""
    told = refused(tmp_path, {"command": "aws-iam-authenticator", "installHint": "brew install it"})
    assert f"aws-iam-authenticator, which {tmp_path}/config asks for credentials, is not there on $PATH." in told
    assert "brew install it" in told
    assert "is not there." in refused(tmp_path, {"command": "./nowhere"})


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ("sys.exit('SSO session has expired\\n')", "failed (exit code 1): SSO session has expired"),
        ("os.kill(os.getpid(), 9)", "failed (exit code -9)."),
        ("print('hello')", "printed no credentials (no JSON)"),
        ("print('{}')", "printed no credentials (no ExecCredential)"),
        (giving(), "gave neither a token nor a certificate"),
        (giving(clientCertificateData="x"), "gave only one of a certificate and its key"),
        (giving(token="t", expirationTimestamp="soon"), "expire at no time that can be read"),
        (giving(token="t").replace("/v1", "/v1beta1"), "the kubeconfig expects client.authentication.k8s.io/v1"),
        (giving(token="a\nb"), "has characters in it that no token has"),
    ],
)
def test_a_program_that_fails(tmp_path, body, told):
    """What it is, and its own last words; not its arguments, which may hold a secret."""
    path = program(tmp_path, body)
    found = refused(tmp_path, {"command": str(path), "args": ["--client-secret=s3cr3t"]})
    assert told in found and "s3cr3t" not in found


def test_a_program_that_no_machine_can_run(tmp_path):
    """The system's word for it."""
    path = tmp_path / "broken"
    path.write_text("#!/nowhere/python\n")
    path.chmod(0o755)
    assert "broken, which" in refused(tmp_path, {"command": str(path)})


def test_a_program_that_wants_a_terminal(tmp_path):
    """interactiveMode: Always; there is nobody to answer."""
    path = program(tmp_path, giving(token="t"))
    assert "wants to ask on a terminal" in refused(tmp_path, {"command": str(path), "interactiveMode": "Always"})


def slow(root: Path) -> Plugin:
    """Says what to do, starts a child, and waits for ever."""
    body = (
        f"child = os.fork()\nopen({str(root / 'pids')!r}, 'a').write(f'{{os.getpid()}}\\n')\n"
        "print('Open https://login.test and enter ABCD', file=sys.stderr, flush=True)\ntime.sleep(60)"
    )
    return Plugin(command=str(program(root, body)), api_version=VERSION, file=root / "config")


async def ended(root: Path) -> bool:
    """Both processes are gone."""
    pids = [int(each) for each in (root / "pids").read_text().split()]
    for _ in range(200):
        if not any(_runs(each) for each in pids):
            return len(pids) == 2
        await asyncio.sleep(0.02)
    return False


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
        state = Path(f"/proc/{pid}/stat")
        return not state.exists() or state.read_text().rpartition(")")[2].split()[0] != "Z"
    except (ProcessLookupError, FileNotFoundError):
        return False


def test_a_program_that_takes_too_long(tmp_path):
    """Its last words say why; it is ended with its children."""

    async def main():
        with pytest.raises(AccessError) as error:
            await run_plugin(slow(tmp_path), environ(), 0.0, patience=1.0)
        return str(error.value), await ended(tmp_path)

    told, over = run(main())
    assert "gives no answer within 1 s: " in told and "Open https://login.test and enter ABCD" in told and over


def test_cancelled_it_ends_the_program(tmp_path):
    """Nothing of it is left."""

    async def main():
        running = asyncio.ensure_future(run_plugin(slow(tmp_path), environ(), 0.0))
        while not (tmp_path / "pids").exists() or len((tmp_path / "pids").read_text().split()) < 2:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        return await ended(tmp_path)

    assert run(main())


def test_interrupts_of_the_kernel_are_not_for_it(tmp_path):
    """It runs in a session of its own."""
    own = f"open({str(tmp_path / 'own')!r}, 'w').write(str(os.getsid(0) == os.getpid()))"
    fetched(tmp_path, {"command": str(program(tmp_path, f"{own}\n{giving(token='t')}"))})
    assert (tmp_path / "own").read_text() == "True"


def test_gcloud_of_former_times(tmp_path):
    """auth-provider gcp: the token that is written, or what its program gives when that has ended."""
    path = program(
        tmp_path, """print('{"credential": {"access_token": "new", "token_expiry": "2099-01-01T00:00:00Z"}}')"""
    )

    def header(**config: str) -> str:
        user = {"auth-provider": {"name": "gcp", "config": {"cmd-path": str(path), "cmd-args": "x", **config}}}
        login = Access(kubeconfig=str(kubeconfig(tmp_path / "c", "https://x", user=user))).login()
        return run(Fetcher(environ(), time.time)(login)).header

    assert header(**{"access-token": "old", "expiry": "2098-01-01T00:00:00Z"}) == "Bearer old"
    assert header(**{"access-token": "old", "expiry": "2020-01-01T00:00:00Z"}) == "Bearer new"
    path.write_text("#!/bin/false\n")
    with pytest.raises(AccessError, match=r"The auth-provider gcp in .* cannot be renewed by its cmd-path"):
        header()
