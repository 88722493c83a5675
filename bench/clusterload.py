"""A cluster under load: what a job asks of the apiserver, a flood of lines, and what many replicas cost the kernel."""

from __future__ import annotations

import re
import statistics
import sys
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from bench import kubectl
from bench.kernels import Answer, LiveKernel
from bench.measure import Row, pairs, ratio_row
from bench.place import Place, fresh_name, magics, rendered, succeeded
from ciao.adapters.jobstore.logfile import GAP, RECORD, Record
from tests.e2e.proxies import Between
from tests.e2e.tenant import config, sign, token

# The master outlives its workers. Every line stands well before the end, so that what the end causes comes after it.
_QUIET = """
import os, time
print("begun", flush=True)
time.sleep(SECONDS if os.environ["CIAO_REPLICA"] == "master-0" else SECONDS - 5)
print("done", flush=True)
time.sleep(1)
"""
# In blocks: written one by one, the producer would be the slowest of all. It lingers, because containerd may drop what
# is in the pipe when the process ends: that is in no log, so nobody could have it.
_PRODUCER = """
import sys, time
print("began", time.time())
for block in range(0, LINES, 1000):
    sys.stdout.write("".join(f"line {number}\\n" for number in range(block, block + 1000)))
sys.stdout.flush()
time.sleep(2)
"""
_LINE = re.compile(rb"^line (\d+)$", re.MULTILINE)
_BEGAN = re.compile(rb"began ([\d.]+)\n")
_SLEEPER = "import time\nprint('here', flush=True)\ntime.sleep(3600)\n"
# KFSDK 0.5.0, wait_for_job_status: every 2 s GET the job, GET its runtime once or twice, LIST its pods.
_POLL_EVERY, _POLLS = 2, (3, 4)


class _Timed(list[str]):
    """Requests as the proxy notes them, each with its time (perf_counter)."""

    def __init__(self) -> None:
        super().__init__()
        self.times: list[float] = []

    def append(self, request: str) -> None:
        self.times.append(time.perf_counter())
        super().append(request)


@dataclass(frozen=True)
class _Asked:
    """The requests of one job: up to a second after the first lines, from there to the end, and after."""

    start: tuple[str, ...]
    between: tuple[str, ...]
    end: tuple[str, ...]

    @property
    def whole(self) -> int:
        return len(self.start) + len(self.between) + len(self.end)

    @property
    def told(self) -> str:
        return f"{len(self.start)} to start, {len(self.end)} at the end, between: {_told(self.between)}"


def requests(place: Place, directory: Path, quick: bool) -> list[Row]:
    """Counted by a proxy between Ciao and the apiserver; first the first job of a kernel."""
    seconds = 20 if quick else 60
    tenant = place.tenant
    proxy = Between(tenant.cluster)
    try:
        user = {"token": token(tenant.cluster, place.namespace)}
        through = config(tenant.cluster, place.namespace, user, proxy.place)
        sign(directory / "kubeconfig", through)
        with place.kernel(directory, KUBECONFIG=str(directory / "kubeconfig")) as live:
            first, later = _asked(live, proxy, seconds), _asked(live, proxy, 8)
    finally:
        proxy.stop()
    polls = "{} to {} (kubeflow SDK 0.5, computed: 3 to 4 each 2 s)".format(
        *(each * seconds // _POLL_EVERY for each in _POLLS)
    )
    return [
        _requests_row(f"API requests of a 3-replica job of {seconds} s, first of its kernel", first, polls),
        _requests_row("API requests of a 3-replica job of 8 s, later in that kernel", later, "-"),
    ]


def flood(place: Place, directory: Path, quick: bool) -> list[Row]:
    """From the replica's beginning to the last byte in the file, by the file's own time."""
    lines = 100_000 if quick else 200_000  # one file of the kubelet's: what its rotation does, the fault cases ask
    lost: dict[str, list[int]] = {"ours": [], "theirs": []}
    with place.kernel(directory) as live:

        def ours() -> float:
            log = _flooded(live, directory, lines)
            lost["ours"].append(_lost(log, lines) + _gaps(log.with_suffix(".idx")))
            return _rate(log) / 1000

        def theirs() -> float:
            log = directory / "kubectl.log"
            _flooded_by_kubectl(place, live, directory / "manifest.yaml", log, lines)
            lost["theirs"].append(_lost(log, lines))
            return _rate(log) / 1000

        taken = pairs(ours, theirs, 1 if quick else 3, warmup=0)
    what = f"producer at full speed, {lines:,} short lines, kept beside kubectl logs -f into a file"
    return [ratio_row(what, taken, "thousand lines/s", at_least=1.2), _lost_row(lost)]


def memory(place: Place, directory: Path, quick: bool) -> list[Row]:
    """TFJobs of workers alone, because a PyTorchJob's wait for their master one after the other."""
    many = 16 if quick else 64
    with place.kernel(directory) as live:
        succeeded(live.execute(f"%framework=tensorflow;%name={fresh_name()}\n%worker=1\npass"))
        one, all_of_them = _held(live, 1), _held(live, many)
    each = (all_of_them - one) / (many - 1)
    what = f"kernel memory from 1 to {many} replicas"
    result = f"{each:.3f} MiB each ({one:.1f} to {all_of_them:.1f} MiB)"
    return [Row(what, f"{each:.3f} MiB each", "-", result, "<= 0.5 MiB each", each <= 0.5)]


# -- requests ---------------------------------------------------------------------------------------


def _asked(live: LiveKernel, proxy: Between, seconds: int) -> _Asked:
    noted = proxy.requests = _Timed()
    answer = succeeded(live.execute(magics(fresh_name(), workers=2) + _QUIET.replace("SECONDS", str(seconds))))
    time.sleep(1)  # for whatever is asked afterwards
    began, done = (_arrivals(answer, word) for word in ("begun", "done"))
    settled, ending = answer.began + max(began) + 1, answer.began + min(done)
    timed = list(zip(noted.times, noted, strict=True))
    for at, request in timed:
        print(f"  {at - answer.began:7.2f} s  {_brief(request)}", file=sys.stderr)
    return _Asked(
        start=tuple(request for at, request in timed if at < settled),
        between=tuple(request for at, request in timed if settled <= at < ending),
        end=tuple(request for at, request in timed if ending <= at),
    )


def _arrivals(answer: Answer, word: str) -> list[float]:
    """When the word came from each of the three replicas."""
    came: dict[str, float] = {}
    for each in answer.messages:
        for replica in re.findall(rf"^\[(\S+)\] {word}$", each.text, re.MULTILINE):
            came.setdefault(replica, each.at)
    if len(came) != 3:
        raise RuntimeError(f"{word} came only from {sorted(came)}: {answer.text[-500:]!r}")
    return list(came.values())


def _requests_row(what: str, asked: _Asked, peer: str) -> Row:
    streams = all(_is_stream(request) for request in asked.between)
    edges = len(asked.start) + len(asked.end)
    goal = "<= 25 at start and end, between only watches and streams"
    return Row(what, str(asked.whole), peer, asked.told, goal, edges <= 25 and streams)


def _brief(request: str) -> str:
    """Without the place, and of the query only what makes it another kind of request."""
    path, _, query = request.partition("?")
    kind = re.findall(r"(?:^|&)((?:watch|follow|dryRun|sinceTime|fieldSelector)=[^&]+)", query)
    return " ".join([re.sub(r"/apis?/\S*namespaces/[^/]+/", "", path), *kind])


def _is_stream(request: str) -> bool:
    return "watch=" in request or "follow=" in request


def _told(between: Iterable[str]) -> str:
    causes = [
        "a watch anew" if "watch=" in request else "a log's stream anew" if "follow=" in request else request
        for request in between
    ]
    return ", ".join(f"{causes.count(each)} x {each}" for each in dict.fromkeys(causes)) or "none"


# -- lines ------------------------------------------------------------------------------------------


def _flooded(live: LiveKernel, home: Path, lines: int) -> Path:
    name = fresh_name()
    succeeded(live.execute(magics(name) + _PRODUCER.replace("LINES", str(lines))))
    return home / "jobs" / "kubeflow" / name / "logs" / "master-0.log"


def _flooded_by_kubectl(place: Place, live: LiveKernel, manifest: Path, log: Path, lines: int) -> None:
    name = fresh_name()
    rendered(live, manifest, magics(name) + _PRODUCER.replace("LINES", str(lines)))
    kubectl.log_file(place, manifest, f"{name}-master-0", log)


def _rate(log: Path) -> float:
    """Lines kept per second."""
    data = log.read_bytes()
    began = _BEGAN.search(data)
    if began is None:
        raise RuntimeError(f"{log} lacks its first line: {data[:200]!r}")
    return len(set(_LINE.findall(data))) / (log.stat().st_mtime - float(began[1]))


def _lost(log: Path, lines: int) -> int:
    """How many lines are missing or stand there twice."""
    found = _LINE.findall(log.read_bytes())
    return lines - len(set(found)) + len(found) - len(set(found))


def _gaps(index: Path) -> int:
    """How often the log says that lines may be missing."""
    raw = index.read_bytes()
    records = (Record.unpack(raw[at : at + RECORD]) for at in range(0, len(raw), RECORD))
    return sum(each is not None and each.kind & 0xFF == GAP for each in records)


def _lost_row(lost: dict[str, list[int]]) -> Row:
    ours, theirs = (", ".join(map(str, lost[side])) for side in ("ours", "theirs"))
    whole = sum(lost["ours"])
    return Row("· lines lost, repeated or marked, run by run", ours, theirs, f"{whole} in all", "0", not whole)


# -- memory -----------------------------------------------------------------------------------------


def _held(live: LiveKernel, replicas: int) -> float:
    """MiB of the kernel while so many replicas sleep, each after one line; then the job is stopped."""
    began = time.perf_counter()
    request = live.client.execute(
        f"%framework=tensorflow;%name={fresh_name()}\n%worker={replicas}\n{_SLEEPER}", allow_stdin=False
    )
    text = ""
    while text.count("] here\n") < replicas:
        message = live.client.get_iopub_msg(timeout=120)
        if message["parent_header"].get("msg_id") == request:
            text += message["content"].get("text", "")
    time.sleep(2)
    held = statistics.median(live.memory() for _ in range(5))
    live.manager.interrupt_kernel()
    live.collect(request, began, timeout=180)
    return held
