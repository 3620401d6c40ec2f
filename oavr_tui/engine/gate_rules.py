"""The rules of the gate as pure functions on what is remembered: no server, no file, no clock in here.

Without the server, a device has so many videos a day by its own count; with it, the server decides, and the own count
is kept beside, so that nobody has both. Times are Unix seconds by the server's clock, as far as it is known.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from oavr_tui.errors import LimitReached
from oavr_tui.models.ledger import DAY, HELD_SECONDS, Entry, EntryState, LicenseMemory

CLAIM_SECONDS = 3 * DAY
"""How long a purchase that was begun is looked for."""
MOST_CLAIMS = 3
ASKING_SECONDS = 15.0
"""A reservation that is asked for is granted or refused within half of it, or whoever asked is gone."""
MOST_PRO_JOBS = 200
BACK_SECONDS = 600.0
"""A clock may be corrected by so much without being taken for one that was set back."""


@dataclass(frozen=True, slots=True)
class Who:
    """Whose videos are counted. own, device: as in Entry. free: a day, where no server says so."""

    own: str
    device: str
    free: int


def used_today(memory: LicenseMemory, who: Who, now: float, *, but: str = "") -> int:
    """Videos of today, made or under way: by the own count, or by the server's last word and what it has not heard."""
    counted = memory.counted(who.own, now, but=but)
    if memory.day != int(now // DAY) or memory.device != who.device:
        return len(counted)
    return max(len(counted), memory.used + sum(1 for one in counted if not one.known))


def resets_at(memory: LicenseMemory, who: Who, now: float) -> float:
    """When the next one comes: after the last day that counts."""
    return (max([int(now // DAY), *(one.day for one in memory.counted(who.own, now))]) + 1) * DAY


def limit_reached(memory: LicenseMemory, who: Who, now: float, *, offline: bool) -> LimitReached:
    """What to say to a person who may not."""
    seconds = max(60, int(resets_at(memory, who, now) - now))
    when = f"{seconds // 3600}h {seconds // 60 % 60}m"
    count = "Today's free full video is used" if who.free == 1 else f"Today's {who.free} free full videos are used"
    why = " (the license server is out of reach, so this computer's own count holds)" if offline else ""
    return LimitReached(
        f"{count}{why}. The next one is yours in {when}. Nothing was started and nothing was spent; previews stay free."
    )


def held_offline(job: str, who: Who, now: float, *, offline: bool) -> Callable[[LicenseMemory], LicenseMemory]:
    """Take one of today's videos by the own count, or hold on to it. Raises LimitReached."""

    def change(memory: LicenseMemory) -> LicenseMemory:
        before = memory.entry(job)
        if before is not None and before.state is EntryState.COMMIT:
            return memory
        if before is not None and before.own == who.own and before.counts(now):
            return memory.with_entry(replace(before, until=now + HELD_SECONDS))
        if used_today(memory, who, now, but=job) >= who.free:
            raise limit_reached(memory, who, now, offline=offline)
        day = before.day if before is not None and before.state is EntryState.RESERVE else int(now // DAY)
        entry = Entry(job, who.own, who.device, day, EntryState.RESERVE, now + HELD_SECONDS)
        return memory.with_entry(replace(entry, known=before is not None and before.known))

    return change


def asked(job: str, who: Who, now: float) -> Callable[[LicenseMemory], LicenseMemory]:
    """The server is about to be asked for this job's video; one that is held already stays so."""

    def change(memory: LicenseMemory) -> LicenseMemory:
        before = memory.entry(job)
        if before is not None and (before.state is EntryState.COMMIT or (before.own == who.own and before.counts(now))):
            return memory
        same = before is not None and before.state is EntryState.RESERVE and before.device == who.device
        day = before.day if before is not None and same else int(now // DAY)
        entry = Entry(job, who.own, who.device, day, EntryState.RESERVE, now + HELD_SECONDS, asked=True)
        return memory.with_entry(replace(entry, known=before is not None and before.known))

    return change


def withdrawn(*jobs: str) -> Callable[[LicenseMemory], LicenseMemory]:
    """What was asked for and not granted is given back: the server may hold it."""

    def change(memory: LicenseMemory) -> LicenseMemory:
        for one in memory.entries:
            if one.asked and one.job in jobs:
                memory = memory.with_entry(replace(one, state=EntryState.RELEASE, asked=False, told=False))
        return memory

    return change


def abandoned(memory: LicenseMemory, now: float) -> tuple[str, ...]:
    """Jobs that were asked for by somebody who cannot be waiting for the answer any more."""
    ages = {one.job: now - (one.until - HELD_SECONDS) for one in memory.entries if one.asked}
    return tuple(job for job, age in ages.items() if not -ASKING_SECONDS < age < ASKING_SECONDS)


def passed(job: str) -> Callable[[LicenseMemory], LicenseMemory]:
    """Pro lets this job through: it is not counted, also if Pro is over before it is made."""

    def change(memory: LicenseMemory) -> LicenseMemory:
        entry = memory.entry(job)
        memory = memory.without_entry(job) if entry is not None and entry.asked else memory
        others = tuple(one for one in memory.pro_jobs if one != job)
        return replace(memory, pro_jobs=(*others, job)[-MOST_PRO_JOBS:])

    return change


def held_by_server(job: str, who: Who, now: float) -> Callable[[LicenseMemory], LicenseMemory]:
    """The server holds this job's video."""

    def change(memory: LicenseMemory) -> LicenseMemory:
        before = memory.entry(job)
        if before is not None and before.state is EntryState.COMMIT:
            return memory.with_entry(replace(before, told=True, known=True))
        # As the server has it: a job that was given up begins anew, one that was held stays on its day.
        same = before is not None and before.state is EntryState.RESERVE and before.device == who.device
        day = before.day if before is not None and same else int(now // DAY)
        entry = Entry(job, who.own, who.device, day, EntryState.RESERVE, now + HELD_SECONDS, known=True)
        # Somebody else may have taken it for abandoned and have given it back meanwhile: then it is said once more.
        return memory.with_entry(replace(entry, told=before is None or before.state is not EntryState.RELEASE))

    return change


def ended(job: str, state: EntryState, who: Who, now: float) -> Callable[[LicenseMemory], LicenseMemory]:
    """The job's video is there (COMMIT), or it is given back (RELEASE). What is counted stays counted; a video of which
    nothing is written down counts too, unless Pro let it through."""
    today = int(now // DAY)

    def change(memory: LicenseMemory) -> LicenseMemory:
        before = memory.entry(job)
        if before is None and state is EntryState.COMMIT and job not in memory.pro_jobs:
            return memory.with_entry(Entry(job, who.own, who.device, today, state, now))
        if before is None or (not before.asked and before.state in (EntryState.COMMIT, state)):
            return memory
        given_back = state is EntryState.RELEASE and before.known and before.day == memory.day == today
        used = max(0, memory.used - 1) if given_back else memory.used
        return replace(memory, used=used).with_entry(replace(before, state=state, asked=False, told=False))

    return change


def told(
    entry: Entry, *, known: bool, at: float = 0.0, counted: bool = False
) -> Callable[[LicenseMemory], LicenseMemory]:
    """The server has heard this, unless something newer is to be told meanwhile. counted: it says that it counts.

    at: its time, 0 where it does not say; what is new to it counts on its day, whatever our clock showed.
    """

    def change(memory: LicenseMemory) -> LicenseMemory:
        now = memory.entry(entry.job)
        if now is None or now.state is not entry.state or now.asked:
            return memory
        state = EntryState.COMMIT if counted else now.state
        day = int(at // DAY) if at and known and not now.known else now.day
        return memory.with_entry(replace(now, state=state, day=day, told=True, known=known or now.known))

    return change


def to_tell(memory: LicenseMemory, who: Who, now: float) -> tuple[Entry, ...]:
    """What the server has not heard of this device. Videos of former days that it never knew of are no longer its
    business: it would count them today."""
    today = int(now // DAY)
    return tuple(
        one
        for one in memory.entries
        if not (one.told or one.asked)
        and one.device == who.device
        and (one.known or one.day >= today)
        and _matters(one, now)
    )


def _matters(entry: Entry, now: float) -> bool:
    """A release of what the server may never have held is told all the same: a reservation may have got lost on the
    way back. One that ran out is void there too."""
    return entry.state is not EntryState.RESERVE or now < entry.until


def contacted(at: float, clock: float) -> Callable[[LicenseMemory], LicenseMemory]:
    """The server was reached when our clock showed `clock`, and its own `at` (0: not said): what ours showed before is
    of no account any more, and what was written down for a day that is still to come was of today."""
    latest = int((at + BACK_SECONDS) // DAY)

    def timely(entry: Entry) -> Entry:
        if entry.day <= latest and entry.until <= at + HELD_SECONDS + BACK_SECONDS:
            return entry
        return replace(entry, day=min(entry.day, int(at // DAY)), until=min(entry.until, at + HELD_SECONDS))

    def change(memory: LicenseMemory) -> LicenseMemory:
        offset = round(at - clock, 1) if at else memory.offset
        # Small differences are the network's, and not worth a write.
        offset = memory.offset if abs(offset - memory.offset) < 2 else offset
        entries = tuple(timely(one) for one in memory.entries) if at else memory.entries
        return replace(memory, offset=offset, seen=clock, checked_at=clock, entries=entries)

    return change


def free_said(used: int, limit: int, who: Who, day: int, why: str) -> Callable[[LicenseMemory], LicenseMemory]:
    """The server says that this device has no license. why: what to tell a person who had one; empty for others."""

    def change(memory: LicenseMemory) -> LicenseMemory:
        return replace(
            memory,
            pro=False,
            token="",
            used=used,
            limit=limit,
            day=day,
            device=who.device,
            ended=why or memory.ended,
            ended_on=day if why else memory.ended_on,
        )

    return change


def ended_lately(memory: LicenseMemory, now: float) -> str:
    """Why Pro is over, on the day that it was found and the next; then it is known."""
    return memory.ended if int(now // DAY) <= memory.ended_on + 1 else ""


def pro_said(token: str, who: Who) -> Callable[[LicenseMemory], LicenseMemory]:
    """The server says that this device is licensed. token: one that was found good; empty where none came."""

    def change(memory: LicenseMemory) -> LicenseMemory:
        return replace(memory, pro=True, token=token or memory.token, device=who.device, ended="", claims=())

    return change


def fresh_claims(memory: LicenseMemory, clock: float) -> tuple[str, ...]:
    """Words of purchases that may still arrive, the latest first."""
    return tuple(word for word, at in reversed(memory.claims) if -DAY < clock - at < CLAIM_SECONDS)
