"""``python -m ciao.kernel install``: tell Jupyter where this environment's Ciao kernel is.

The wheel brings a kernelspec for the Jupyter of its own environment. This writes one with the absolute path of this
interpreter, for a Jupyter that lives elsewhere.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

NAME = "ciao"
_CHECKOUT = Path(__file__).parents[2] / "kernelspec"


def kernel_json(
    executable: str = "python", display_name: str = "Ciao", env: Mapping[str, str] | None = None
) -> dict[str, object]:
    """The kernelspec (jupyter_client's ``KernelSpec``). ``executable`` ``python`` is the Jupyter server's own."""
    spec: dict[str, object] = {
        "argv": [executable, "-P", "-m", "ciao.kernel", "-f", "{connection_file}"],
        "display_name": display_name,
        "language": "python",
        # A signal reaches the main thread only; a message reaches jobs in subshells, too.
        "interrupt_mode": "message",
        "metadata": {"debugger": True, "supported_encryption": ["curve"]},
        "kernel_protocol_version": "5.5",
    }
    return spec | ({"env": dict(env)} if env else {})


def install(
    *,
    name: str = NAME,
    display_name: str = "Ciao",
    user: bool = False,
    prefix: str | None = None,
    env: Mapping[str, str] | None = None,
) -> str:
    """Install the kernelspec; the directory where it is.

    OSError when that cannot be written, ValueError for a name that Jupyter does not allow.
    """
    from jupyter_client.kernelspec import KernelSpecManager

    with tempfile.TemporaryDirectory() as staging:
        made = Path(staging) / "spec"
        made.mkdir()
        for logo in _logos():
            shutil.copy(logo, made)
        text = json.dumps(kernel_json(sys.executable, display_name, env), indent=1)
        (made / "kernel.json").write_text(text + "\n", encoding="utf-8")
        installed: str = KernelSpecManager().install_kernel_spec(str(made), kernel_name=name, user=user, prefix=prefix)
    return installed


def _logos() -> list[Path]:
    """In a checkout beside the package, else where the wheel's data files went."""
    if _CHECKOUT.is_dir():
        return sorted(_CHECKOUT.glob("logo-*"))
    from importlib.metadata import files

    return [Path(str(file.locate())) for file in files("ciao-kernel") or () if file.name.startswith("logo-")]


def arguments(parser: argparse.ArgumentParser) -> None:
    """The options, for this command and for ``ciao install``."""
    parser.set_defaults(prefix=sys.prefix)
    where = parser.add_mutually_exclusive_group()
    where.add_argument("--user", action="store_true", help="for this user")
    where.add_argument(
        "--sys-prefix",
        action="store_const",
        const=sys.prefix,
        dest="prefix",
        help="into this environment (the default)",
    )
    where.add_argument("--prefix", metavar="DIR", help="into DIR/share/jupyter/kernels")
    parser.add_argument("--name", default=NAME, help="directory of the kernelspec, and how `jupyter --kernel` calls it")
    parser.add_argument("--display-name", default="Ciao", metavar="TEXT", help="what the launcher shows")
    parser.add_argument(
        "--env",
        action="append",
        nargs=2,
        default=[],
        metavar=("NAME", "VALUE"),
        help="a variable for the kernel; may be repeated",
    )


def run(options: argparse.Namespace) -> int:
    """Install as the options say and report it; the exit code."""
    try:
        where = install(
            name=options.name,
            display_name=options.display_name,
            user=options.user,
            prefix=None if options.user else options.prefix,
            env=dict(options.env),
        )
    except (OSError, ValueError) as error:
        sys.stderr.write(f"The kernelspec was not installed: {error}\n")
        if isinstance(error, PermissionError):
            sys.stderr.write("Choose a place that you may write: --user, --sys-prefix or --prefix DIR.\n")
        return 1
    sys.stdout.write(f"Installed the kernel {options.display_name!r} in {where}\n")
    return 0


def main(argv: Sequence[str]) -> int:
    """``python -m ciao.kernel install [options]``."""
    parser = argparse.ArgumentParser(
        "python -m ciao.kernel install", description="Install the Ciao kernel for Jupyter."
    )
    arguments(parser)
    return run(parser.parse_args(argv))
