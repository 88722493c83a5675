"""``python -m bench``: every number of the README, measured here and now, with its goal and the verdict.

    python -m bench                    all of it (minutes)
    python -m bench --only flood       what has "flood" in its name
    python -m bench --quick --write    few repetitions; the table also into bench/RESULTS.md
    python -m bench --cluster          what needs a cluster (minutes); one is made as tests/e2e makes it, or
                                       CIAO_E2E_CONTEXT names one
    python -m bench --images           source to image, beside docker and buildah (minutes); needs docker

Exit code 1 when a goal is missed or a measurement fails.
"""

from __future__ import annotations

import argparse
import os
import platform
import sys
import tempfile
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

import psutil

from bench import flood, interrupt, many, results, small, start
from bench.measure import Row

Measurement = Callable[[Path, bool], list[Row]]
ALL: dict[str, Measurement] = {
    "start": start.start,
    "cell": start.cell,
    "first-line": small.first_line,
    "empty": small.empty,
    "flood-rate": flood.rate,
    "flood-memory": flood.memory,
    "interrupt": interrupt.interrupt,
    "many": many.many,
}


@dataclass(frozen=True)
class Suite:
    """Measurements that belong together. ``begun`` gives lines about where they are made, and the measurements."""

    title: str
    names: tuple[str, ...]
    begun: AbstractContextManager[tuple[list[str], Mapping[str, Measurement]]]


def main() -> int:
    """Measure, print, and say by the exit code whether every goal is met."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=f"Measurements: {', '.join(ALL)}")
    where = parser.add_mutually_exclusive_group()
    where.add_argument("--cluster", action="store_true", help="measure what needs a cluster, which is made for it")
    where.add_argument("--images", action="store_true", help="measure source to image, with a registry made for it")
    parser.add_argument("--only", action="append", metavar="NAME", help="those whose name contains NAME")
    parser.add_argument("--quick", action="store_true", help="few repetitions: does it work, roughly what comes out")
    parser.add_argument("--write", action="store_true", help="write the section of these in bench/RESULTS.md")
    chosen = parser.parse_args()
    suite = _suite(chosen.cluster, chosen.images)
    names = [name for name in suite.names if not chosen.only or any(word in name for word in chosen.only)]
    if not names:
        parser.error(f"no measurement of that name; there are: {', '.join(suite.names)}")
    machine = describe()
    with suite.begun as (about, measurements):
        machine += about
        print("\n".join(machine), flush=True)
        rows = [row for name in names for row in measured(name, measurements[name], chosen.quick)]
    print("\n" + "\n".join(results.table(rows)))
    if chosen.write:
        flags = (f" --{name}" for name in ("cluster", "images", "quick") if getattr(chosen, name))
        command = f"`python -m bench{''.join(flags)}`"
        body = [command, "", *machine, "", *results.table(rows)]
        results.write(Path(__file__).with_name("RESULTS.md"), suite.title, body)
    return 0 if all(row.good is not False for row in rows) else 1


def _suite(cluster: bool, images: bool) -> Suite:
    if cluster:
        from bench import cluster as far  # with what the end-to-end tests need

        return Suite(results.CLUSTER, tuple(far.ALL), far.on_cluster())
    if images:
        from bench.images import suite

        return Suite(results.IMAGES, tuple(suite.ALL), suite.beside_registry())
    return Suite(results.LOCAL, tuple(ALL), nullcontext(([], ALL)))


def measured(name: str, measurement: Measurement, quick: bool) -> list[Row]:
    """The rows of one measurement; one that fails is a missed row, and the others go on."""
    print(f"… {name}", file=sys.stderr, flush=True)
    with tempfile.TemporaryDirectory(prefix="ciao-bench-") as directory:
        try:
            return measurement(Path(directory), quick)
        except Exception as error:  # noqa: BLE001 - whatever failed, the other numbers are still wanted
            return [Row(name, "-", "-", f"{type(error).__name__}: {error}".replace("\n", " ")[:300], "-", False)]


def describe() -> list[str]:
    """The machine and what was measured, as lines of Markdown."""
    packages = ("ciao-kernel", "ipykernel", "jupyter-client", "pyzmq", "tornado", "torch")
    memory = psutil.virtual_memory().total / 2**30
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return [
        f"- {cores} cores, {memory:.0f} GiB, load {os.getloadavg()[0]:.1f}; "
        f"{platform.system()} {platform.release()} {platform.machine()}",
        f"- Python {platform.python_version()}; " + ", ".join(f"{name} {_version(name)}" for name in packages),
        "- medians; ratios and differences are of pairs taken one after the other in this run (least-greatest)",
    ]


def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return "absent"


if __name__ == "__main__":
    raise SystemExit(main())
