"""Makes the virtual environment that a make target needs, and nothing more.

    python3 tools/environment.py --venv .venv test torch

Every make target calls this first, so it must be quick when there is nothing to do (a stamp per extra holds a hash of
what decides it) and say what it does when there is. It runs under the system's Python, so: standard library only, and
the check of the version comes before anything that an older Python cannot read.

PyTorch is no extra: from PyPI it would bring several GB of CUDA on Linux. It comes from PyTorch's index of CPU builds,
or, where that cannot be reached, from wherever pip is configured to look; a build that needs CUDA is refused.
"""

import argparse
import contextlib
import hashlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
OLDEST = (3, 11)
TORCH = "torch"
CPU_INDEX = "https://download.pytorch.org/whl/cpu"
FALLBACK = "torch==2.13.0"


def main() -> int:
    """Bring the environment up to date; 0 when it is, 1 with one sentence when it cannot be."""
    parser = argparse.ArgumentParser(description="Make or update the virtual environment of this tree.")
    parser.add_argument("--venv", type=Path, default=ROOT / ".venv")
    parser.add_argument("extras", nargs="*", help="extras of pyproject.toml; the word torch for PyTorch's CPU build")
    chosen = parser.parse_args()
    if sys.version_info < OLDEST:
        return complain(f"Ciao needs Python 3.11 or newer, {sys.executable} is older: make PYTHON=python3.12 ...")
    try:
        update(chosen.venv, chosen.extras)
    except subprocess.CalledProcessError as error:
        return complain(f"this failed with exit code {error.returncode}: {' '.join(map(str, error.cmd))}")
    except Refused as error:
        return complain(str(error))
    return 0


class Refused(Exception):
    """What is asked for would harm; the message says what to do instead."""


def update(venv: Path, wanted: list[str]) -> None:
    """Install what the stamps say is missing or out of date; two at once wait for each other."""
    with locked(ROOT / "pyproject.toml"):
        make(venv)
        now = fingerprint()
        stale = [extra for extra in wanted if stamp(venv, extra) != now]
        packages = [extra for extra in stale if extra != TORCH]
        if packages:
            with told(f"installing ciao-kernel[{','.join(packages)}] into {venv.name}"):
                pip(venv, "--editable", f"{ROOT}[{','.join(packages)}]")
        if TORCH in stale and not has_torch(venv):
            with told("installing PyTorch, the build for CPUs (about 200 MB)"):
                install_torch(venv)
        for extra in stale:
            write_stamp(venv, extra, now)


def make(venv: Path) -> None:
    """A virtual environment with a Python that starts; one that a system upgrade has broken is made again."""
    python = venv / "bin" / "python"
    if python.exists() and subprocess.run([python, "-c", ""], check=False, capture_output=True).returncode == 0:
        return
    command = [sys.executable, "-m", "venv", "--clear", str(venv)]
    with told(f"making {venv.name} with Python {sys.version.split()[0]}"):
        made = subprocess.run(command, check=False, capture_output=True, text=True)
    if made.returncode:
        said = made.stdout + made.stderr
        raise Refused(f"python -m venv failed (on Debian and Ubuntu: apt install python3-venv).\n{said}")


def fingerprint() -> str:
    """Changes when the packages, the entry points or the kernelspec may have: not when a tool's settings do."""
    import tomllib

    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    parts = [project["build-system"], project["project"], project["tool"]["hatch"]]
    digest = hashlib.sha256(json.dumps(parts, sort_keys=True).encode())
    for file in sorted((ROOT / "kernelspec").iterdir()):
        digest.update(file.name.encode() + b"\0" + file.read_bytes())
    return f"{digest.hexdigest()} {ROOT}"


def stamp(venv: Path, extra: str) -> str:
    """What an earlier run wrote, or nothing."""
    file = venv / ".ciao" / extra
    return file.read_text(encoding="utf-8") if file.exists() else ""


def write_stamp(venv: Path, extra: str, text: str) -> None:
    """Only after everything succeeded."""
    folder = venv / ".ciao"
    folder.mkdir(exist_ok=True)
    (folder / extra).write_text(text, encoding="utf-8")


def has_torch(venv: Path) -> bool:
    """Any build that is there already stays, a CUDA one too: it is the user's own."""
    code = "import importlib.util as u, sys; sys.exit(u.find_spec('torch') is None)"
    return subprocess.run([venv / "bin" / "python", "-c", code], check=False).returncode == 0


def install_torch(venv: Path) -> None:
    """PyTorch's CPU index first, not waiting long for it; else what pip finds, unless that is a CUDA build."""
    try:
        pip(venv, "--retries", "0", "--timeout", "5", "--index-url", CPU_INDEX, TORCH, quiet=True)
    except subprocess.CalledProcessError:
        print(f"  {CPU_INDEX} cannot be reached; asking pip for {FALLBACK}", flush=True)
        refuse_cuda(venv)
        pip(venv, FALLBACK)


def refuse_cuda(venv: Path) -> None:
    """Resolve without installing: several GB must not come by surprise."""
    command = [str(venv / "bin" / "python"), "-m", "pip", "install", "-q", "--dry-run", "--report", "-", FALLBACK]
    plan = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)
    names = [item["metadata"]["name"].lower() for item in plan["install"]]
    if any(name.startswith(("nvidia-", "cuda-")) for name in names):
        raise Refused(
            f"only a CUDA build of PyTorch can be reached, several GB of download; Ciao's demo needs the CPU build.\n"
            f"Make {CPU_INDEX} reachable, or install a PyTorch of your choice: {venv}/bin/pip install torch"
        )


def pip(venv: Path, *arguments: str, quiet: bool = False) -> None:
    """Pip's own progress in a terminal; in a log only what goes wrong."""
    command = [str(venv / "bin" / "python"), "-m", "pip", "install", "--disable-pip-version-check", *arguments]
    if not sys.stdout.isatty() or quiet:
        command.insert(4, "-qq")
    environment = {**os.environ, "PIP_ROOT_USER_ACTION": "ignore"}
    errors = subprocess.DEVNULL if quiet else None
    subprocess.run(command, check=True, env=environment, stderr=errors)


@contextlib.contextmanager
def told(what: str) -> Iterator[None]:
    """Say what is being done, then how long it took."""
    print(f"· {what}", flush=True)
    begin = time.monotonic()
    yield
    print(f"  done in {time.monotonic() - begin:.0f} s", flush=True)


@contextlib.contextmanager
def locked(file: Path) -> Iterator[None]:
    """Two makes of the same tree install one after the other; the lock is on a file that is there anyway."""
    import fcntl

    with file.open() as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def complain(message: str) -> int:
    """One message, and the exit code that stops make."""
    print(message, file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
