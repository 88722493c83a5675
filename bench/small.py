"""Small jobs of two processes: Enter to the first line, and a job that takes no time, Enter to the answered cell."""

from __future__ import annotations

from pathlib import Path

from bench import peers
from bench.kernels import Answer, LiveKernel, ciao_kernel
from bench.measure import Row, difference_row, pairs

_MAGICS = "%framework=pytorch\n%master=1;%worker=1\n"
_HELLO = 'print("hello", flush=True)\n'


def first_line(directory: Path, quick: bool) -> list[Row]:
    """The line is seen when it arrives on iopub; the shell's, when a reader of its pipe has it."""
    script = directory / "hello.py"
    script.write_text(_HELLO)
    with ciao_kernel(directory) as live:
        taken = pairs(
            lambda: _run(live, _HELLO).first("] hello") * 1000,
            lambda: peers.shell(script).first * 1000,
            3 if quick else 20,
        )
    return [difference_row("Enter to first line, 2 replicas, beside a shell script", taken, "ms", at_most=100)]


def empty(directory: Path, quick: bool) -> list[Row]:
    """Against the floor (a shell script), torchrun, and TorchX."""
    script = directory / "empty.py"
    script.write_text("pass\n")
    missing = peers.install_torchx()
    rows: list[Row] = []
    with ciao_kernel(directory) as live:
        for name, peer, allowed, count in (
            ("a shell script", peers.shell, 150.0, 20),
            ("torchrun", peers.torchrun, 0.0, 5),
            ("TorchX local_cwd", peers.torchx, 0.0, 5),
        ):
            what = f"a job that takes no time, 2 processes, beside {name}"
            if peer is peers.torchx and missing:
                rows.append(Row(what, "-", "-", missing, "faster", None))
                continue
            taken = pairs(
                lambda: _run(live, "pass").seconds * 1000,
                lambda peer=peer: peer(script).whole * 1000,  # type: ignore[misc]  # mypy cannot infer defaults
                3 if quick else count,
            )
            rows.append(difference_row(what, taken, "ms", at_most=allowed))
    return rows


def _run(live: LiveKernel, code: str) -> Answer:
    answer = live.execute(_MAGICS + code)
    if answer.status != "ok":
        raise RuntimeError(answer.text)
    return answer
