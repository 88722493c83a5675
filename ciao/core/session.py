"""What a notebook, the command line and the library can ask of Ciao, with everything it needs passed in.

A job is known by its record in the store; what a record claims is checked with its target before
anybody is told: a record without an end, of a job that its target does not know, is of a lost job. A target may
know jobs that this store does not (another machine's kernel started them): they are listed too, and get a record
here when somebody follows them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import closing

from attrs import evolve, frozen

from ciao.core import launcher, records
from ciao.core.errors import CiaoError, NameInUseError, UnknownJobError, UserError
from ciao.core.events import Ended
from ciao.core.frameworks.base import Framework
from ciao.core.launcher import Emit, Ports
from ciao.core.measures import ago
from ciao.core.model import JobSpec, Replica
from ciao.core.ports import (
    Backend,
    Clock,
    Document,
    Inbox,
    JobRecord,
    JobStore,
    JobSummary,
    Names,
    Query,
    S2IClient,
    Stop,
)
from ciao.core.redact import redacted
from ciao.core.requests import Attach, Describe, Jobs, Launch, Rerun, StopJob
from ciao.core.settings import TARGET, Settings
from ciao.core.words import nearest

LAST = "last"
_NEWEST = 20


@frozen
class Description:
    """All that is known of one job: its record, and per replica how many bytes and lines its log has."""

    record: JobRecord
    sizes: Mapping[Replica, int]
    lines: Mapping[Replica, int]
    troubles: Mapping[Replica, str]


@frozen(kw_only=True)
class Session:
    """The use cases. ``backends`` raises UserError for a target that does not exist; ``owner`` names this process."""

    frameworks: Mapping[str, Framework]
    backends: Callable[[str], Backend]
    builder: Callable[[JobSpec], S2IClient]
    store: JobStore
    clock: Clock
    names: Names
    settings: Settings
    owner: str = ""

    async def launch(self, request: Launch, inbox: Inbox, emit: Emit) -> Ended:
        """Run a job to its end; see ``core.launcher.launch``. NameInUseError while one of its name runs."""
        ports = self._ports(request.spec)
        await self._free(request.spec)
        return await launcher.launch(request, self._framework(request.spec.framework), ports, inbox, emit)

    async def attach(self, request: Attach, inbox: Inbox, emit: Emit) -> Ended:
        """Follow a job, or tell again how one went that has ended. UnknownJobError for one that never was."""
        record = await self._known(request.name, request.target)
        if not record.handle.uid:  # else its target knows best how it went, also when it has just ended
            record = await self._checked(record)
        ports = self._ports(records.spec_of(record))
        return await launcher.attach(record, self._framework(record.framework), ports, inbox, emit)

    async def stop(self, request: StopJob) -> str:
        """Ask a job to end, whoever follows it; the sentence that says what was done. Over already: no error."""
        record = await self._checked(await self._known(request.name, request.target))
        name = record.handle.name
        if record.outcome is not None:
            when = "" if record.ended is None else f" {ago(self.clock.now() - record.ended)}"
            return f"{name} has ended already: {record.outcome.value}{when}."
        if not record.handle.uid:
            raise UserError(
                f"{name} is just being started.", hint="Try again in a moment, or stop it where it was started."
            )
        await self.backends(record.handle.target).stop(record.handle, Stop(grace=0.0 if request.force else None))
        return f"{name} is being ended by force." if request.force else f"{name} was asked to stop."

    async def jobs(self, request: Jobs) -> tuple[JobRecord, ...]:
        """All jobs, newest first, checked with their targets; those that were lost have an end."""
        known = [each for each in self.store.list() if request.target in (None, each.handle.target)]
        asked = {each.handle.target for each in known if each.ended is None}
        found = {target: await self._found(target) for target in sorted(asked | {request.target or self._default})}
        checked = [self._reconciled(each, found.get(each.handle.target)) for each in known]
        uids = {each.handle.uid for each in known}
        others = [each for jobs in found.values() for each in (jobs or {}).values() if each.handle.uid not in uids]
        foreign = [self._reconciled(records.adopted(each), {each.handle.uid: each}) for each in others]
        whole = sorted([*checked, *foreign], key=lambda each: -each.created)
        return tuple(whole if request.all else whole[:_NEWEST])

    async def describe(self, request: Describe) -> Description:
        """All that is known of one job. UnknownJobError for one that never was."""
        record = await self._checked(await self._known(request.name, request.target))
        sizes, lines, troubles = {}, {}, {}
        for replica in record.replicas:
            with closing(self.store.reader(record.handle, replica)) as log:
                sizes[replica], lines[replica], troubles[replica] = log.size, log.lines, log.trouble()
        return Description(record, sizes, lines, troubles)

    async def render(self, request: Launch) -> tuple[Document, ...]:
        """What a launch would create; nothing is created."""
        ports = self._ports(request.spec)
        artifact = await ports.builder.preview(request.source, request.spec)
        return ports.backend.render(request.spec, artifact)

    def record(self, name: str, target: str | None = None) -> JobRecord:
        """What the store knows of a job; ``last`` is the newest. UnknownJobError, with the nearest name."""
        known = [each for each in self.store.list() if target in (None, each.handle.target)]
        for each in known:
            if name in (LAST, each.handle.name):
                return each
        if name == LAST:
            raise UnknownJobError("There is no job yet.")
        found = nearest(name, (each.handle.name for each in known))
        hint = f"Did you mean {found}? " if found else ""
        raise UnknownJobError(f"There is no job named {name}.", hint=f"{hint}%jobs lists them all.")

    def rerun(self, request: Rerun) -> JobRecord:
        """The record whose ``source`` is to run again, to be interpreted anew under a fresh name.

        UserError when values were taken out of it: they are not kept.
        """
        record = self.record(request.name, request.target)
        if redacted(record.source):
            raise UserError(
                f"{record.handle.name} was given values with %env, and Ciao does not keep those.",
                hint=f"%describe {record.handle.name} shows the cell: run it again with the values.",
            )
        return record

    # -- what records claim, and what is so -----------------------------------------------------------

    @property
    def _default(self) -> str:
        return self.settings[TARGET]

    async def _known(self, name: str, target: str | None) -> JobRecord:
        """As ``record``; a job that only its target knows gets a record. UnknownJobError for one that never was."""
        try:
            return self.record(name, target)
        except UnknownJobError:
            found = await self._on_target(name, target or self._default) if name != LAST else None
            if found is None:
                raise
        record = records.adopted(found)
        self.store.create(record)
        return record

    async def _on_target(self, name: str, target: str) -> JobSummary | None:
        try:
            found = await self.backends(target).find(Query(name=name))
        except CiaoError:
            return None
        return next((each for each in found if each.roles), None)

    async def _free(self, spec: JobSpec) -> None:
        """Refuse the name of a job that runs, before anything is built; a lost job gives its name back."""
        known = self.store.get(spec.target, spec.name)
        if known is None or known.ended is not None:
            return
        checked = await self._checked(known)
        if checked.ended is None:
            hint = f"Stop it (%stop {spec.name}), watch it (%attach {spec.name}), or choose another %name."
            raise NameInUseError(f"A job named {spec.name} still runs.", hint=hint)
        self.store.update(checked)

    async def _checked(self, record: JobRecord) -> JobRecord:
        if record.ended is not None:
            return record
        return self._reconciled(record, await self._found(record.handle.target))

    async def _found(self, target: str) -> Mapping[str, JobSummary] | None:
        """The jobs that a target knows, by uid; None when it cannot be asked."""
        try:
            return {each.handle.uid: each for each in await self.backends(target).find(Query())}
        except CiaoError:
            return None

    def _reconciled(self, record: JobRecord, found: Mapping[str, JobSummary] | None) -> JobRecord:
        now = self.clock.now()
        if record.ended is not None or found is None or records.starting(record, now):
            return record
        summary = found.get(record.handle.uid)
        if summary is None:
            # Who follows it may have seen its end since the record was read.
            known = self.store.get(record.handle.target, record.handle.name)
            return known if known is not None and known.ended is not None else records.lost(record, now)
        if summary.outcome is None:
            return record
        return evolve(record, ended=now, outcome=summary.outcome, summary=summary.outcome.value)

    def _ports(self, spec: JobSpec) -> Ports:
        return Ports(
            backend=self.backends(spec.target),
            builder=self.builder(spec),
            store=self.store,
            clock=self.clock,
            owner=self.owner,
        )

    def _framework(self, name: str) -> Framework:
        try:
            return self.frameworks[name]
        except KeyError:
            known = ", ".join(sorted(self.frameworks))
            raise UserError(f"The framework {name} is not installed here.", hint=f"Installed: {known}.") from None
