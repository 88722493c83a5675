"""The builder ``docker`` with a real daemon and a real registry: what it pushes runs, and what fails leaves nothing."""

from __future__ import annotations

import asyncio
import base64
import http.server
import ipaddress
import json
import os
import threading
import time
import uuid
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest

from ciao.adapters.s2i.docker import create
from ciao.core.errors import SourceError, TargetError
from ciao.core.events import Progress
from ciao.core.model import Image, JobSpec, Source

from ..commands import call
from ..registry import push
from .wired import settings, spec, wiring

PYTHON = os.environ.get("CIAO_E2E_PYTHON_IMAGE") or "python:3.12-slim"
RUN_PYTHON = 'RUN ["python", "-c", {}]'


@pytest.fixture
def base(registry: Any) -> str:
    """A Python image, in the registry."""
    return push(PYTHON, registry.host, "base/python:3")


def build(
    source: Source, given: dict[str, str], job: JobSpec | None = None, environ: dict[str, str] | None = None
) -> tuple[Image, list[Progress]]:
    """What one builder makes of a source, and what it reports."""
    told: list[Progress] = []

    async def main() -> Image:
        builder = create(wiring(given, environ))
        try:
            return await builder.source_to_image(source, job or spec(), told.append)
        finally:
            await builder.close()

    return asyncio.run(main()), told


def run(image: Image, *options: str) -> str:
    """What the image's own command prints."""
    reference = f"{image.reference.rpartition(':')[0]}@{image.digest}"
    try:
        return call("docker", "run", "--rm", *options, reference)
    finally:
        call("docker", "rmi", reference)


def put(path: Path, text: str = "") -> None:
    """A file, with the directories above it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def test_a_cell_with_its_files_runs(registry: Any, base: str, tmp_path: Path) -> None:
    """Files of any name are where the cell finds them, for anybody; and the second time nothing is built."""
    put(tmp_path / "data/a.csv", "1,2")
    put(tmp_path / "it's $(a) [b] é.txt", "odd")
    code = "import os\nprint(open('data/a.csv').read(), *sorted(os.listdir('.')), sep='|')\n"
    source = Source(code=code, files=("data", "*.txt"), directory=str(tmp_path))
    given = settings(registry.host, base, tmp_path / "more")
    image, told = build(source, given)
    again, nothing = build(source, given)
    assert (image, nothing) == (again, [])
    assert any("COPY" in each.what for each in told)
    printed = run(image, "--user", "1234")
    assert printed.strip() == "1,2|cell.py|ciao_replica.py|data|it's $(a) [b] é.txt"


def test_packages_are_installed_once(registry: Any, base: str, tmp_path: Path) -> None:
    """From the index of pip.index, in an image of their own: another cell on top of it installs nothing."""
    version = f"1.{uuid.uuid4().int}"  # no daemon has installed it before
    with index("ciao_probe", version) as url:
        given = settings(registry.host, base, tmp_path, **{"pip.index": url})
        source = Source(code="import ciao_probe\nprint(ciao_probe.VERSION)\n", pip=("Ciao.Probe>=1",))
        image, told = build(source, given)
        assert any("Installing collected packages" in each.what for each in told)
    again, told = build(Source(code="import ciao_probe\nprint(2)\n", pip=("ciao-probe>=1",)), given)
    assert not any("pip" in each.what for each in told)
    assert (run(image).strip(), run(again).strip()) == (version, "2")


def test_a_package_that_is_not_there_is_the_users(registry: Any, base: str, tmp_path: Path) -> None:
    """What pip said last is in the error."""
    with index("ciao_probe", "1.5") as url, pytest.raises(SourceError, match="no-such-package") as error:
        given = settings(registry.host, base, tmp_path, **{"pip.index": url})
        build(Source(code="", pip=("no-such-package",)), given)
    assert "No matching distribution" in str(error.value)


def test_a_projects_dockerfile_is_what_the_cell_stands_on(registry: Any, base: str, tmp_path: Path) -> None:
    """Its steps run once, with the directory as their context; a changed cell changes nothing of it."""
    put(tmp_path / "made/given.txt", "given")
    put(tmp_path / ".dockerignore", "large\nmore")
    put(tmp_path / "large/file", "x")
    step = RUN_PYTHON.format(json.dumps("import os; open('/made', 'w').write(' '.join(sorted(os.listdir('/app'))))"))
    put(tmp_path / "Dockerfile", f"FROM {base}\nCOPY . /app\nWORKDIR /app\n{step}\nUSER 1234\n")
    given = settings(registry.host, "nowhere.invalid/none", tmp_path / "more")
    first, _ = build(Source(code="print(open('/made').read())\n", directory=str(tmp_path)), given)
    second, told = build(Source(code="import os\nprint(os.getuid())\n", directory=str(tmp_path)), given)
    assert not any("RUN" in each.what for each in told)
    assert {"Dockerfile", "made"} <= set(run(first).split())
    assert "large" not in run(first)
    assert run(second).strip() == "1234"


def test_an_image_that_is_named_beats_the_dockerfile(registry: Any, base: str, tmp_path: Path) -> None:
    """%image means that image."""
    put(tmp_path / "Dockerfile", "FROM nowhere.invalid/none\n")
    given = settings(registry.host, "nowhere.invalid/none", tmp_path / "more")
    image, _ = build(Source(code="print(1)\n", directory=str(tmp_path)), given, spec(base))
    assert run(image).strip() == "1"


def test_a_step_that_fails_is_told_with_its_last_lines(registry: Any, base: str, tmp_path: Path) -> None:
    """A SourceError: the Dockerfile is the user's. So is one that is no Dockerfile."""
    given = settings(registry.host, base, tmp_path / "more")
    failing = RUN_PYTHON.format(json.dumps("import sys; print('why it fails'); sys.exit(3)"))
    put(tmp_path / "Dockerfile", f"FROM {base}\n{failing}\n")
    with pytest.raises(SourceError, match=r"non-zero code: 3") as error:
        build(Source(code="", directory=str(tmp_path)), given)
    assert "why it fails" in str(error.value)
    put(tmp_path / "Dockerfile", f"FROM {base}\nRUNNING\n")
    with pytest.raises(SourceError, match=r"(?i)unknown instruction"):
        build(Source(code="", directory=str(tmp_path)), given)


def test_a_base_that_is_not_there_is_named(registry: Any, tmp_path: Path) -> None:
    """In a project's Dockerfile, whose FROM only the daemon reads."""
    put(tmp_path / "Dockerfile", f"FROM {registry.host}/no/such:1\n")
    with pytest.raises(TargetError, match=rf"{registry.host}/no/such:1 failed at {registry.host}: there is none"):
        build(Source(code="", directory=str(tmp_path)), settings(registry.host, "x", tmp_path / "more"))


def test_a_cancelled_build_leaves_nothing(registry: Any, base: str, tmp_path: Path) -> None:
    """No container runs on, and there is no tag."""
    mark = uuid.uuid4().hex
    slow = RUN_PYTHON.format(json.dumps(f"import time; print('{mark}', flush=True); time.sleep(60)"))
    put(tmp_path / "Dockerfile", f"FROM {base}\n{slow}\n")
    given = {**settings(registry.host, base, tmp_path / "more"), "registry.push": f"{registry.host}/cancelled/{mark}"}

    async def main() -> None:
        builder, running = create(wiring(given)), asyncio.Event()

        def report(progress: Progress) -> None:
            if progress.what == mark:
                running.set()

        source = Source(code="", directory=str(tmp_path))
        task = asyncio.ensure_future(builder.source_to_image(source, spec(), report))
        await asyncio.wait_for(running.wait(), 30)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await builder.close()

    asyncio.run(main())
    until(lambda: mark not in call("docker", "ps", "--all", "--no-trunc", "--format", "{{.Command}}"))
    assert f"cancelled/{mark}" not in call("docker", "images", "--format", "{{.Repository}}")


def test_a_registry_with_a_password(base: str, tmp_path: Path) -> None:
    """With the login of Docker's configuration it works; without one the error says how to log in."""
    with secured(tmp_path) as (host, login):
        (tmp_path / "anonymous").mkdir()
        given = settings(host, base, tmp_path / "more")
        image, _ = build(Source(code="print(1)\n"), given, environ={"DOCKER_CONFIG": str(login)})
        assert image.digest.startswith("sha256:")
        with pytest.raises(TargetError, match=f"docker login {host}"):
            build(Source(code="print(2)\n"), given, environ={"DOCKER_CONFIG": str(tmp_path / "anonymous")})


@contextmanager
def secured(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """A registry that wants a password, and a directory of Docker's configuration that has it."""
    # "secret", by bcrypt: htpasswd -nbB user secret
    put(tmp_path / "auth/htpasswd", "user:$2b$05$c4WoMPo3SXsafkva.HHa6u7b1XOWKqA7XZANDrnv4IVny/8ABNR66\n")
    image = os.environ.get("CIAO_E2E_REGISTRY_IMAGE") or "registry:2"
    name = f"ciao-e2e-secured-{uuid.uuid4().hex[:8]}"
    call(
        "docker", "run", "--detach", "--name", name, "--publish", "127.0.0.1::5000",
        "--volume", f"{tmp_path}/auth:/auth:ro", "--env", "REGISTRY_AUTH=htpasswd",
        "--env", "REGISTRY_AUTH_HTPASSWD_REALM=ciao", "--env", "REGISTRY_AUTH_HTPASSWD_PATH=/auth/htpasswd", image,
    )  # fmt: skip
    try:
        host = "localhost:" + call("docker", "port", name, "5000").split()[0].rpartition(":")[2]
        known = {"auths": {host: {"auth": base64.b64encode(b"user:secret").decode()}}}
        put(tmp_path / "login/config.json", json.dumps(known))
        yield host, tmp_path / "login"
    finally:
        call("docker", "rm", "--force", "--volumes", name)


@contextmanager
def index(name: str, version: str) -> Iterator[str]:
    """A package index with one package, as containers reach it on Docker's bridge."""
    found = json.loads(call("docker", "network", "inspect", "bridge"))
    subnet = found[0]["IPAM"]["Config"][0]["Subnet"]
    gateway = str(ipaddress.ip_network(subnet)[1])  # not every daemon says it
    wheel, files = f"{name}-{version}-py3-none-any.whl", {}
    files[f"/simple/{name.replace('_', '-')}/"] = f'<a href="/files/{wheel}">{wheel}</a>'.encode()
    files[f"/files/{wheel}"] = packed(name, version)

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = files.get(self.path)
            self.send_response(404 if body is None else 200)
            self.send_header("Content-Type", "text/html" if self.path.endswith("/") else "application/octet-stream")
            self.send_header("Content-Length", str(len(body or b"")))
            self.end_headers()
            self.wfile.write(body or b"")

        def log_message(self, *_: Any) -> None:
            pass

    with http.server.ThreadingHTTPServer((gateway, 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://{gateway}:{server.server_port}/simple"
        server.shutdown()


def packed(name: str, version: str) -> bytes:
    """A wheel with one module."""
    out, info = BytesIO(), f"{name}-{version}.dist-info"
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr(f"{name}.py", f"VERSION = {version!r}\n")
        archive.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{info}/RECORD", "")
    return out.getvalue()


def until(holds: Any, seconds: float = 10) -> None:
    """The daemon cleans up by itself, soon."""
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.1)
