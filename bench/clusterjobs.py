"""Small jobs on a cluster: Enter to created, to the first line, to the answer; and how soon a cell shows a state.

When something happened at the apiserver is told by a watch of our own (``apiwatch``); when the cell showed it, by the
arrival of the message on iopub. Both are the clock of this process.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from bench import kubectl
from bench.apiwatch import ApiWatch, container, named, over
from bench.kernels import Answer, LiveKernel
from bench.measure import Row, limit_row, median_row, pairs, ratio_row
from bench.place import Place, fresh_name, magics, rendered, succeeded

_HELLO = 'import time\nprint("hello", time.time(), flush=True)\ntime.sleep(1)\n'
_SAID = re.compile(r"\] hello ([\d.]+)")
# The master outlives its workers, which wait for it before they start.
_THREE = """
import os, time
print("hello", time.time(), flush=True)
time.sleep(6 if os.environ["CIAO_REPLICA"] == "master-0" else 2)
"""
_SHOWN_AS = {"running": ("running", "succeeded", "failed"), "terminated": ("succeeded", "failed")}


@dataclass(frozen=True)
class Ran:
    """One job of one replica, in seconds since Enter.

    ``created``, ``running`` and ``over``: our watch had the job, its container as running, its condition as terminal.
    ``header``, ``line``, ``answered``: the cell had its first line of Ciao's, the replica's first line, its reply.
    ``late`` is from the replica's own clock in that line to the line's arrival.
    """

    created: float
    header: float
    running: float
    line: float
    late: float
    over: float
    answered: float


def cells(place: Place, directory: Path, quick: bool) -> list[Row]:
    """Pairs with kubectl; the other rows are of the very same jobs of Ciao's."""
    manifest = directory / "manifest.yaml"
    ran: list[Ran] = []
    with place.kernel(directory) as live, place.watch("pods") as pods, place.watch("pytorchjobs") as jobs:

        def ours() -> float:
            ran.append(_run(live, pods, jobs))
            return ran[-1].line

        def theirs() -> float:
            name = fresh_name()
            rendered(live, manifest, magics(name) + _HELLO)
            return kubectl.first_line(place, manifest, f"{name}-master-0", "hello")

        count = 3 if quick else 10
        taken = pairs(ours, theirs, count)
    ran = ran[-count:]
    return [
        median_row(
            "Enter to the job's header in the cell (job and ConfigMap created), live kernel",
            [each.header * 1000 for each in ran], "ms", at_most=150,
        ),
        median_row(
            "· Enter to the job at the apiserver (own watch)", [each.created * 1000 for each in ran], "ms", at_most=None
        ),
        median_row(
            "container running (own watch) to its first line in the cell",
            [each.line - each.running for each in ran], "s", at_most=0.4,
        ),
        median_row("· line printed (replica's clock) to the cell", [each.late for each in ran], "s", at_most=None),
        ratio_row(
            "Enter to first line, 1 replica, warm image, beside kubectl apply and logs -f", taken, "s", at_most=1.05
        ),
        limit_row(
            "job over (own watch) to the answered cell, no backlog",
            [each.answered - each.over for each in ran], "s", at_most=0.5,
        ),
    ]  # fmt: skip


def first_cell(place: Place, directory: Path, quick: bool) -> list[Row]:
    """Fresh kernels, the cell executed as soon as the kernel has answered: nothing is warmed up."""
    headers, created = [], []
    with place.watch("pytorchjobs") as jobs:
        for number in range(2 if quick else 5):
            home = directory / str(number)
            home.mkdir()
            name = fresh_name()
            with place.kernel(home) as live:
                answer = succeeded(live.execute(magics(name) + "pass"))
            headers.append(answer.first(name))
            created.append(jobs.first(named(name)).at - answer.began)
    return [
        limit_row("Enter to the job's header in the cell, first cell of a fresh kernel", headers, "s", at_most=1.5),
        median_row("· Enter to the job at the apiserver (own watch), the same cells", created, "s", at_most=None),
    ]


def states(place: Place, directory: Path, quick: bool) -> list[Row]:
    """A running or ended container of one of three pods, to the board that shows it."""
    begun: list[float] = []
    ended: list[float] = []
    with place.kernel(directory) as live, place.watch("pods") as pods:
        for _ in range(2 if quick else 4):
            name = fresh_name()
            answer = succeeded(live.execute(magics(name, workers=2) + _THREE))
            begun += _delays(answer, pods, name, "running")
            ended += _delays(answer, pods, name, "terminated")
    return [
        median_row(
            "pod's change at the apiserver (own watch) to the board in the cell, 3 replicas",
            [*begun, *ended], "s", at_most=0.2,
        ),
        median_row("· of these: running", begun, "s", at_most=None),
        median_row("· of these: ended (its log was read to its end before)", ended, "s", at_most=None),
    ]  # fmt: skip


def _run(live: LiveKernel, pods: ApiWatch, jobs: ApiWatch) -> Ran:
    name = fresh_name()
    answer = succeeded(live.execute(magics(name) + _HELLO))
    began = answer.began
    line = next(each for each in answer.messages if _SAID.search(each.text))
    said = _SAID.search(line.text)
    assert said is not None
    return Ran(
        created=jobs.first(named(name)).at - began,
        header=answer.first(name),
        running=pods.first(container(f"{name}-master-0", "running")).at - began,
        line=line.at,
        late=began + line.at - perf_counter_of(float(said[1])),
        over=jobs.first(over(name)).at - began,
        answered=answer.seconds,
    )


def perf_counter_of(wall: float) -> float:
    """A time since the epoch on the clock of ``time.perf_counter``."""
    return wall - (time.time() - time.perf_counter())


def _delays(answer: Answer, pods: ApiWatch, job: str, state: str) -> Iterator[float]:
    for replica in ("master-0", "worker-0", "worker-1"):
        seen = pods.first(container(f"{job}-{replica}", state)).at - answer.began
        words = [f"{replica} {word}" for word in _SHOWN_AS[state]]
        yield next(
            each.at - seen
            for each in answer.messages
            if each.kind.endswith("display_data") and any(word in each.text for word in words)
        )
