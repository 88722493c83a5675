"""The pump's pace and what a job's cell shows, without a thread, a kernel or a clock."""

from __future__ import annotations

from attrs import define, field

from ciao.core.errors import StoreError
from ciao.core.events import Ended, Exit, LogChunk, Note, Outcome, Phase, ReplicaChanged, Submitted
from ciao.core.model import JobHandle, JobSpec, Replica, Role
from ciao.core.presenter import event_lines
from ciao.kernel.board import Board
from ciao.kernel.feed import JobFeed
from ciao.kernel.pump import Pace, Pump

HANDLE = JobHandle("local", "", "", "LocalJob", "job-1", "uid")
SPEC = JobSpec(name="job-1", framework="pytorch", target="local", roles=(Role("master", 1), Role("worker", 2)))
WORKER = Replica("worker", 0)


@define
class Screen:
    """An Output that keeps what it was given."""

    texts: list[str] = field(factory=list)
    boards: list[tuple[str, bool]] = field(factory=list)
    order: list[str] = field(factory=list)

    def write(self, text: str) -> None:
        self.texts.append(text)
        self.order.append("text")

    def display(self, bundle: dict[str, str], display_id: str, *, update: bool) -> None:
        self.boards.append((bundle["text/plain"], update))
        self.order.append("board")


@define
class Log:
    """A View over lines in memory."""

    text: str = ""
    shown: int = 0
    known: int = 0
    broken: bool = False

    def note(self, chunk: LogChunk) -> None:
        self.known = chunk.end

    def pending(self) -> bool:
        return self.shown < self.known

    def take(self, limit: int) -> str:
        if self.broken:
            raise StoreError("the log is gone")
        end = self.text.rfind("\n", 0, min(self.known, self.shown + limit)) + 1
        found, self.shown = self.text[self.shown : end], max(end, self.shown)
        return found

    def finish(self) -> str:
        found, self.shown = self.text[self.shown :], len(self.text)
        return found


@define
class Stage:
    """A feed, its screen, its log, and a pump whose rounds are called by hand."""

    screen: Screen = field(factory=Screen)
    log: Log = field(factory=Log)
    quiet: bool = False
    rate: int = 700_000
    wakes: int = 0
    feed: JobFeed = field(init=False)
    pump: Pump = field(init=False)

    def __attrs_post_init__(self) -> None:
        self.feed = JobFeed(self.screen, event_lines, lambda _: self.log, self.wake, quiet=self.quiet)
        self.pump = Pump(rate=self.rate)
        self.pump.admit(self.feed)

    def wake(self) -> None:
        self.wakes += 1

    def submit(self) -> None:
        self.feed.put(Submitted(SPEC, HANDLE, 0.0))

    def print(self, text: str) -> None:
        start = len(self.log.text)
        self.log.text += text
        self.feed.put(LogChunk(WORKER, 0, text.count("\n"), start, start + len(text)))

    def end(self) -> None:
        self.feed.put(Ended(handle=HANDLE, outcome=Outcome.SUCCEEDED, seconds=8.2, at=8.2))


def test_the_first_line_is_shown_at_once() -> None:
    """Header, board and the first line do not wait for a batch."""
    stage = Stage()
    stage.submit()
    stage.pump.round(0.0)
    stage.print("[worker-0] hello\n")
    stage.pump.round(0.001)
    assert stage.screen.texts == ["job-1 · master 1, worker 2 · this machine\n", "[worker-0] hello\n"]
    assert stage.screen.order == ["text", "board", "text"]


def test_a_flood_makes_at_most_ten_messages_a_second() -> None:
    """However often lines and states change, a cell sends at most ten messages in any second, with its board's."""
    stage = Stage()
    stage.submit()
    times = []
    for tick in range(5_000):
        now = tick / 1000
        stage.print(f"[worker-0] {tick}\n")
        stage.feed.put(ReplicaChanged(WORKER, Phase.RUNNING if tick % 2 else Phase.WAITING, now))
        before = len(stage.screen.order)
        stage.pump.round(now)
        times += [now] * (len(stage.screen.order) - before)
    assert max(sum(at <= other < at + 1 for other in times) for at in times) <= 10
    assert len(times) > 20


def test_no_more_bytes_than_the_rate() -> None:
    """Over ten seconds of a flood, the pump sends its rate and the one second in its bucket, nothing more."""
    stage = Stage(rate=10_000)
    stage.submit()
    for tick in range(1_000):
        stage.print("x" * 999 + "\n")
        stage.pump.round(tick / 100)
    sent = sum(map(len, stage.screen.texts))
    assert 80_000 < sent <= 10_000 * 11 + 1_000


def test_the_pump_says_when_to_come_again() -> None:
    """What is held back is shown when its time has come, not with the next line."""
    stage = Stage()
    stage.submit()
    for number in range(4):
        stage.print(f"{number}\n")
        pause = stage.pump.round(0.0)
    assert "3\n" not in "".join(stage.screen.texts)
    assert pause is not None and pause > 0
    stage.pump.round(pause)
    assert "".join(stage.screen.texts).endswith("3\n")
    assert stage.pump.round(10.0) is None


def test_the_end_does_not_wait_for_its_turn() -> None:
    """A job that is over shows its rest and its footer at once, and only then resolves."""
    stage = Stage()
    stage.submit()
    for number in range(5):
        stage.print(f"{number}\n")
        stage.pump.round(0.0)
    assert not stage.feed.shown.done()
    stage.end()
    stage.pump.round(0.0)
    assert stage.feed.shown.result(0).outcome is Outcome.SUCCEEDED
    text = "".join(stage.screen.texts)
    assert text.splitlines()[1:6] == ["0", "1", "2", "3", "4"]
    assert text.splitlines()[-1].startswith("✓ job-1 succeeded in 8.2 s")


def test_one_wake_for_a_flood_of_chunks() -> None:
    """Ciao's loop wakes the pump once per look, not once per chunk."""
    stage = Stage()
    stage.submit()
    stage.pump.round(0.0)
    stage.wakes = 0
    for _ in range(1_000):
        stage.print("x\n")
    assert stage.wakes == 1


def test_a_launch_that_fails_resolves_with_its_error() -> None:
    """What was told before is shown, then whoever waits hears the error."""
    stage = Stage()
    stage.feed.put(Note("memory limits cannot be enforced here"))
    stage.feed.fail(StoreError("disk full"))
    stage.pump.round(0.0)
    assert stage.screen.texts == ["memory limits cannot be enforced here\n"]
    assert isinstance(stage.feed.shown.exception(0), StoreError)


def test_a_log_that_cannot_be_read_does_not_end_the_cell() -> None:
    """It is said once; the job's end still arrives."""
    stage = Stage()
    stage.submit()
    stage.log.broken = True
    stage.print("lost\n")
    stage.pump.round(0.0)
    stage.print("lost\n")
    stage.pump.round(1.0)
    stage.end()
    stage.pump.round(2.0)
    assert stage.feed.shown.result(0)
    assert "".join(stage.screen.texts).count("the log is gone") == 1


def test_a_mistake_of_ours_is_answered() -> None:
    """When showing fails in a way nobody thought of, the cell that waits gets the exception."""
    stage = Stage()
    stage.submit()
    stage.screen.order = None  # type: ignore[assignment]  # any defect in the way
    stage.pump.round(0.0)
    assert isinstance(stage.feed.shown.exception(0), AttributeError)


def test_quiet_shows_the_beginning_and_the_end() -> None:
    """With ``%quiet`` no log line is shown."""
    stage = Stage(quiet=True)
    stage.submit()
    stage.print("noise\n")
    stage.pump.round(0.0)
    stage.end()
    stage.pump.round(0.0)
    assert [line[:5] for line in "".join(stage.screen.texts).splitlines()] == ["job-1", "✓ job"]


def test_the_board_is_replaced_twice_a_second_at_most() -> None:
    """Only changes are sent, not more often than every half second, and the last state always."""
    stage = Stage()
    stage.submit()
    stage.pump.round(0.0)
    for tick in range(20):
        stage.feed.put(ReplicaChanged(WORKER, Phase.RUNNING if tick % 2 else Phase.WAITING, 0.0))
        stage.pump.round(tick / 20)
    assert len(stage.screen.boards) <= 3
    for replica in SPEC.replicas:
        stage.feed.put(ReplicaChanged(replica, Phase.SUCCEEDED, 1.0, Exit(code=0, reason="Completed", at=1.0)))
    stage.end()
    stage.pump.round(1.0)
    assert stage.screen.boards[-1] == ("master-0 succeeded · worker-0 succeeded · worker-1 succeeded", True)
    assert [update for _, update in stage.screen.boards][:2] == [False, True]


def test_pace_is_a_token_bucket() -> None:
    """Full at first, refilled with time, never over its capacity; debts are waited for."""
    pace = Pace(3, 2.0)
    assert pace.wait(0.0) == 0
    pace.spend(0.0, 5)
    assert pace.wait(0.0) == 1.5
    assert pace.wait(1.5) == 0
    assert pace.left(100.0) == 3


def test_many_replicas_are_summed_up_by_role() -> None:
    """Two hundred replicas fit into one line; those that failed are named."""
    board = Board()
    many = JobSpec(name="big", framework="pytorch", target="local", roles=(Role("master", 1), Role("worker", 200)))
    board.note(Submitted(many, HANDLE, 0.0))
    board.note(ReplicaChanged(Replica("worker", 7), Phase.FAILED, 1.0, Exit(code=137, reason="OOMKilled", at=1.0)))
    assert (
        board.bundle()["text/plain"]
        == "master 1 waiting · worker 1 failed · worker 199 waiting · worker-7 failed: OOMKilled"
    )


def test_the_board_shows_who_was_stopped() -> None:
    """A replica that ended because Ciao stopped it has not failed, and one that never ran is not waiting for ever."""
    board = Board()
    board.note(Submitted(SPEC, HANDLE, 0.0))
    board.note(ReplicaChanged(Replica("master", 0), Phase.FAILED, 1.0, Exit(code=1, reason="Error", at=1.0)))
    board.note(ReplicaChanged(WORKER, Phase.FAILED, 1.0, Exit(code=143, reason="Stopped", at=1.0)))
    board.note(Ended(handle=HANDLE, outcome=Outcome.FAILED, seconds=1.0, at=1.0))
    assert board.bundle()["text/plain"] == "master-0 failed: exit code 1 · worker-0 stopped · worker-1 stopped"


def test_the_boards_html_is_safe() -> None:
    """What a backend reports is text, not HTML."""
    board = Board()
    board.note(Submitted(SPEC, HANDLE, 0.0))
    board.note(ReplicaChanged(WORKER, Phase.WAITING, 1.0, detail='<script>"pull"</script>'))
    assert "<script>" not in board.bundle()["text/html"] and "&lt;script&gt;" in board.bundle()["text/html"]
