"""Every command: what a cell of its own, or the command line, asks Ciao for."""

from __future__ import annotations

from attrs import frozen

from ciao.core.recognize import SHORT


@frozen(kw_only=True)
class Option:
    """``--name VALUE``, or ``--name`` alone when ``syntax`` is empty."""

    name: str
    doc: str
    syntax: str = ""


@frozen(kw_only=True)
class Command:
    """``%ciao name``; ``arguments`` as documented (``[X]`` may be missing)."""

    name: str
    doc: str
    arguments: tuple[str, ...] = ()
    options: tuple[Option, ...] = ()

    @property
    def short(self) -> bool:
        """It may be written ``%name``: IPython has no magic of that name."""
        return self.name in SHORT

    @property
    def of_a_job(self) -> bool:
        """Its first argument is a job's name."""
        return bool(self.arguments) and self.arguments[0].strip("[]") == "JOB"

    @property
    def usage(self) -> str:
        """``%logs JOB [REPLICA] [--tail N]``."""
        options = [f"[--{each.name}{' ' + each.syntax if each.syntax else ''}]" for each in self.options]
        return " ".join([f"%{self.name}" if self.short else f"%ciao {self.name}", *self.arguments, *options])


_TARGET = Option(name="target", syntax="NAME", doc="only on this target")

COMMANDS = (
    Command(
        name="jobs", doc="The list of jobs, newest first.",
        options=(Option(name="all", doc="also those that ended long ago"), _TARGET),
    ),
    Command(
        name="logs", doc="What a job's replicas printed, also long after its end.", arguments=("JOB", "[REPLICA]"),
        options=(
            Option(name="tail", syntax="N", doc="the last N lines of each replica"),
            Option(name="since", syntax="DURATION", doc="only lines of the last 5m, 2h, …"),
            Option(name="grep", syntax="PATTERN", doc="only lines that match a regular expression"),
            Option(name="follow", doc="go on while the job runs"),
            Option(name="timestamps", doc="each line with its time"),
            _TARGET,
        ),
    ),
    Command(
        name="attach", doc="Show what a job has printed, then follow it to its end; the newest job by default.",
        arguments=("[JOB]",), options=(_TARGET,),
    ),
    Command(
        name="stop", doc="Stop a job; its logs stay.", arguments=("JOB",),
        options=(Option(name="force", doc="without waiting for its grace"), _TARGET),
    ),
    Command(name="describe", doc="All that is known of a job.", arguments=("JOB",), options=(_TARGET,)),
    Command(
        name="rerun", doc="Run a job's cell again, under a fresh name if it has no %name.",
        arguments=("JOB",), options=(_TARGET,),
    ),
    Command(
        name="config", doc="Show all settings and where they come from, or set one for this session.",
        arguments=("[KEY[=VALUE]]",),
    ),
    Command(name="doctor", doc="What this machine and the targets offer, and what is missing."),
    Command(name="help", doc="All magics, or one.", arguments=("[TOPIC]",)),
)  # fmt: skip


def command(name: str) -> Command | None:
    """The command of that name, or None."""
    return next((each for each in COMMANDS if each.name == name.lower()), None)
