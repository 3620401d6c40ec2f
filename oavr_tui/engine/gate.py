"""May this video be made? The one place that knows plan and daily limit, and speaks with the license server.

A full video is reserved with its job's id before anything is sent or rented, held while the job lives, counted when it
is saved, and given back when there will be none. Every report is written down first and told to the server as soon as
it can be, so that neither a kill nor a server out of reach loses one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from oavr_tui.engine import gate_rules as rules
from oavr_tui.engine.events import Bus, LicenseChanged
from oavr_tui.engine.license_asking import Asking
from oavr_tui.errors import LicenseRefused, LicenseUnreachable, LimitReached
from oavr_tui.models import PREVIEW, JobState, LicenseStatus, Plan, Source
from oavr_tui.models.ledger import DAY, HELD_SECONDS, EntryState, LicenseMemory
from oavr_tui.vendor import Vendor

if TYPE_CHECKING:
    from oavr_tui.clients.device import Device
    from oavr_tui.engine.workshop import Surroundings
    from oavr_tui.models import Job
    from oavr_tui.paths import Paths

LOOK_SECONDS = 60.0
"""How long an answer is fresh enough for a look that nobody asked for."""
RENEW_SECONDS = 3600.0
"""How often a reservation is renewed, which is held for six hours."""


@dataclass(frozen=True, slots=True)
class GateSetup:
    """What differs between one installation and another.

    free_daily: full videos a day where no server says so. find_device: blocks; None: this machine. make_believe: the
    account on which studios are rented is the demo's own, and what they make is not counted. hide(secret): no log and
    no file may show it. seconds: the deadline of a call to the server.
    """

    vendor: Vendor = field(default_factory=Vendor)
    free_daily: int = 1
    find_device: Callable[[], Device] | None = None
    make_believe: bool = False
    hide: Callable[[str], None] = lambda _secret: None
    seconds: float = 6.0


class Gate:
    """paths: whose license and count it is. rented: whether a job is made on a studio of the account, now or when it
    was made."""

    def __init__(
        self,
        setup: GateSetup,
        paths: Paths,
        bus: Bus,
        around: Surroundings,
        rented: Callable[[Job], bool] = lambda _job: False,
    ) -> None:
        self.vendor = setup.vendor
        self._rented = rented
        self._setup = setup
        self._bus = bus
        self._around = around
        self.desk = Asking(setup, paths, around)
        self._told: LicenseStatus | None = None
        self.asking = asyncio.Lock()
        """Whoever speaks with the server about this device holds it, so that no older answer undoes a newer one."""

    async def open(self) -> None:
        """Read what was known last; asks nobody."""
        await self.desk.open()
        self._told = self.status

    async def close(self) -> None:
        await self.desk.close()

    # --- what is known

    @property
    def status(self) -> LicenseStatus:
        """What is known now, without asking anybody; a new day shows by itself."""
        desk, memory = self.desk, self.desk.memory
        source = Source.NONE if not self.vendor.license_url else Source.OFFLINE if desk.trouble else Source.SERVER
        if not desk.is_open:
            return LicenseStatus(source=source, limit=self._setup.free_daily)
        known = LicenseStatus(
            source=source,
            checked_at=memory.checked_at,
            key=memory.key,
            purchased_on=memory.purchased_on,
            devices_used=memory.devices_used,
            max_devices=memory.max_devices,
        )
        if desk.is_pro():
            expires = desk.token.expires_at - memory.offset if desk.token is not None else 0.0
            trouble = desk.trouble or desk.note or self.vendor.refused or desk.warning
            return replace(known, plan=Plan.PRO, limit=None, expires_at=expires, trouble=trouble)
        who, now = desk.who(), desk.now()
        return replace(
            known,
            used=rules.used_today(memory, who, now),
            limit=memory.limit if source is Source.SERVER and memory.checked_at else who.free,
            resets_at=rules.resets_at(memory, who, now) - memory.offset,
            trouble=rules.ended_lately(memory, now) or desk.trouble or self.vendor.refused or desk.warning,
        )

    async def refresh(self) -> None:
        """Take in what other processes wrote. Costs a look at the file when nobody did."""
        if await self.desk.refresh():
            self.tell()

    def tell(self) -> None:
        """Tell whoever listens, if anything is another."""
        if (status := self.status) != self._told:
            self._told = status
            self._bus.emit(LicenseChanged(status))

    # --- asking

    async def look(self, *, now: bool = False) -> LicenseStatus:
        """Tell the server what it has not heard, and ask it, unless it was asked lately. Raises nothing."""
        if self.vendor.license_url:
            async with self.asking:
                if now or self.desk.is_due(LOOK_SECONDS):
                    await self.desk.ask()
        self.tell()
        return self.status

    # --- one video

    def counts(self, job: Job) -> bool:
        """Whether a job's video is one of the day's: every one but a preview, and but what a studio makes that only the
        demo's own account believes in. Where it is made decides, not who asks."""
        if job.request.on == PREVIEW:
            return False
        return self.memory.entry(job.id) is not None or not (self._setup.make_believe and self._rented(job))

    def owes(self, job: Job) -> bool:
        """Whether a video that was made today is written down nowhere, though it counts: the file is gone, or whoever
        made it was killed first. In the folders of a demo only what was made elsewhere can be told from its own."""
        desk, memory = self.desk, self.memory
        if job.state is not JobState.DONE or not self.counts(job) or desk.is_pro():
            return False
        if memory.entry(job.id) is not None or job.id in memory.pro_jobs or (desk.paths.is_demo and self._rented(job)):
            return False
        now, ended, begun = desk.now(), job.updated_at + memory.offset, job.created_at + memory.offset
        return int(ended // DAY) == int(now // DAY) and now - begun < 2 * DAY

    async def reserve(self, job_id: str) -> None:
        """Take one of today's videos for a job, or hold on to the one it has. Raises LimitReached."""
        try:
            async with self.asking:
                await self._reserve(job_id)
        finally:
            self.tell()

    async def _reserve(self, job_id: str) -> None:
        desk = self.desk
        if self.vendor.license_url:
            try:
                await desk.reserve(job_id)
                return
            except LicenseUnreachable:
                await desk.change()  # how late it is, so that a clock set back is noticed
                if desk.is_pro():
                    await desk.change(rules.passed(job_id))
                    return
        who = desk.who()
        try:
            await desk.change(rules.held_offline(job_id, who, desk.now(), offline=bool(self.vendor.license_url)))
        except LimitReached:
            await desk.change(rules.withdrawn(job_id))
            raise

    async def renew(self, job_id: str) -> None:
        """Hold on to a job's video, if that is due. Raises nothing: what is being made is made."""
        entry = self.desk.memory.entry(job_id)
        if entry is None or entry.state is not EntryState.RESERVE or entry.asked:
            return
        if entry.until - self.desk.now() > HELD_SECONDS - RENEW_SECONDS:
            return
        async with self.asking:
            await self.desk.renew(entry)

    async def commit(self, job_id: str) -> None:
        """The job's video is saved: it counts. Raises nothing."""
        await self._end(job_id, EntryState.COMMIT)

    async def release(self, job_id: str) -> None:
        """There will be no video of this job: it counts no more. Raises nothing."""
        await self._end(job_id, EntryState.RELEASE)

    async def _end(self, job_id: str, state: EntryState) -> None:
        desk = self.desk
        await desk.refresh()  # it may have been written down by another process
        entry = desk.memory.entry(job_id)
        if entry is None and (state is EntryState.RELEASE or desk.is_pro()):
            return
        if entry is not None and entry.state is state and entry.told and not entry.asked:
            return
        await desk.change(rules.ended(job_id, state, desk.who(), desk.now()))
        if self.vendor.license_url:
            async with self.asking:
                try:
                    await desk.settle()
                except (LicenseUnreachable, LicenseRefused) as error:
                    desk.failed(error)
        self.tell()

    @property
    def held(self) -> tuple[str, ...]:
        """Jobs whose videos are reserved."""
        return tuple(one.job for one in self.memory.entries if one.state is EntryState.RESERVE and not one.asked)

    @property
    def memory(self) -> LicenseMemory:
        return self.desk.memory
