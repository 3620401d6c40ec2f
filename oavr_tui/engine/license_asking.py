"""Asking the license server about this device, and reporting its videos; all of it is written down as it happens."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from oavr_tui.engine import gate_rules as rules
from oavr_tui.engine.license_desk import Desk, masked_key
from oavr_tui.errors import LicenseRefused, LicenseUnreachable
from oavr_tui.models.ledger import DAY, HELD_SECONDS, Entry, EntryState, LicenseMemory

if TYPE_CHECKING:
    from oavr_tui.clients.license_api import Checked

PAUSE_SECONDS = 15.0
"""After a call in vain, videos are not held up by another one for so long."""
_OLD_CLAIMS_SECONDS = 180.0
"""How often it is asked for purchases that were begun before the last one."""

_FORGED = "The license server's answer is not signed as it should be, so Pro works only while it can be reached."
_LET_GO = "This device is not on a license any more. One full video a day stays free; activate it again in Settings."
_ELSEWHERE = (
    "The license that came along with these files is in use on the computer they came from: 'Move it here' brings it "
    "to this one."
)
_ENDED = ("REFUNDED", "REVOKED", "SUSPENDED")


class Asking(Desk):
    """The desk with the server on the line."""

    _claims_asked = float("-inf")

    async def ask(self) -> None:
        """Tell the server what it has not heard, and take in what it says of this device. Raises nothing."""
        try:
            await self.settle()
            checked = await self._check()
        except (LicenseUnreachable, LicenseRefused) as error:
            self.failed(error)
            await self.change()
            return
        if checked.is_pro:
            await self.take_pro(checked.token, checked.key, checked.at)
        else:
            day = int((checked.at or self.around.clock()) // DAY)
            await self._take_free(checked.used, checked.limit or 0, day, checked.at)

    async def _check(self) -> Checked:
        """One call while an offer is open, since an unknown word is answered as none is."""
        api, now = await self.line(), self.around.monotonic()
        words = rules.fresh_claims(self.memory, self.around.clock())
        if now - self._claims_asked < _OLD_CLAIMS_SECONDS:
            words = words[:1]
        else:
            self._claims_asked = now
        for word in words[:-1]:
            checked = await api.check(self.device.fingerprint, word)
            if checked.is_pro:
                return checked
        return await api.check(self.device.fingerprint, *words[-1:])

    # --- Pro

    async def take_pro(self, token: str, key: str, at: float, *more: Callable[[LicenseMemory], LicenseMemory]) -> None:
        """The server says that this device is licensed. That is written down, with `more`, before anything else is
        asked for, and nothing of what is asked for then can take it away. key: whole, masked or empty. Raises nothing.
        """
        from oavr_tui.secrets_file import save_license_key

        is_whole = bool(key) and "*" not in key
        if is_whole:
            self.hide(key)
        is_new, self.key = is_whole and key != self.key, key if is_whole else self.key
        shown = masked_key(self.key or key)
        proven = await self._is_signed(token, self.setup.vendor.public_keys or self.memory.pinned)
        self.answered()
        await self.change(
            rules.contacted(at, self.around.clock()),
            rules.pro_said(token if proven else "", self.who()),
            lambda memory: replace(memory, key=shown),
            *more,
        )
        self.note = ""
        if is_new:
            await asyncio.to_thread(save_license_key, self.paths, key)
        if token and not proven:
            await self._prove(token)
        await self._look_up_key()

    async def _is_signed(self, token: str, keys: tuple[str, ...]) -> bool:
        from oavr_tui.clients.license_token import read_token

        return bool(token) and await asyncio.to_thread(read_token, token, keys, self.device.fingerprint) is not None

    async def _prove(self, token: str) -> None:
        """Keep a token that was signed with a key we do not know, if the vendor names none and the server says that it
        is its own; a key that cannot be had now is asked for with the next token."""
        if not self.setup.vendor.public_keys:
            try:
                key = await (await self.api()).public_key()
            except (LicenseUnreachable, LicenseRefused):
                return
            if await self._is_signed(token, (key,)):
                await self.change(lambda memory: replace(memory, pinned=(key,), token=token) if memory.pro else memory)
                return
        self.note = _FORGED if self.token is None else ""

    async def _look_up_key(self) -> None:
        """What is shown of the license: when it was bought, and its devices."""
        if not self.key:
            return
        try:
            facts = await (await self.api()).validate(self.key)
        except (LicenseUnreachable, LicenseRefused):  # the kept key may be another one than that of this device
            return
        await self.change(
            lambda memory: replace(
                memory, purchased_on=facts.purchased_on, devices_used=facts.used, max_devices=facts.most
            )
        )

    # --- free

    async def _take_free(
        self, used: int, limit: int, day: int, at: float, *more: Callable[[LicenseMemory], LicenseMemory]
    ) -> None:
        """The server says that this device has no license. Why it has none any more is asked for afterwards."""
        why, self.note = self._why_over(), ""
        self.answered()
        await self.change(
            *((rules.contacted(at, self.around.clock()),) if at else ()),
            rules.free_said(used, limit, self.who(), day, why),
            *more,
        )
        if why != _LET_GO or not self.key:
            return
        try:
            await (await self.api()).validate(self.key)
        except LicenseRefused as refused:
            sentence = refused.message if refused.reason in _ENDED else why
            await self.change(lambda memory: memory if memory.pro else replace(memory, ended=sentence))
        except LicenseUnreachable:
            return

    def _why_over(self) -> str:
        """Why this device is not licensed, as a sentence; empty where it never was by a good token."""
        if self.token is not None:
            return _LET_GO
        previous = self.device.previous
        came_along = bool(self.key and self.memory.token and previous and previous == self.memory.device)
        return _ELSEWHERE if came_along else ""

    # --- reports

    async def settle(self) -> None:
        """Tell the server what it has not heard. Raises LicenseUnreachable."""
        wanted = self.wanted()
        lost = [job for job in rules.abandoned(self.memory, self.now()) if job not in wanted]
        if lost:
            await self.change(rules.withdrawn(*lost))
        for entry in rules.to_tell(self.memory, self.who(), self.now()):
            await self._tell(entry)

    async def _tell(self, entry: Entry) -> None:
        try:
            tracked = await (await self.line()).track(self.device.fingerprint, entry.job, entry.state.value)
        except LicenseRefused as refused:
            counted = refused.reason == "COMMITTED"
            await self.change(rules.told(entry, known=counted, counted=counted))
        else:
            told = rules.told(entry, known=entry.state is not EntryState.RELEASE, at=tracked.at)
            await self.change(told, *((rules.contacted(tracked.at, self.around.clock()),) if tracked.at else ()))

    async def reserve(self, job_id: str) -> None:
        """Have the server hold one of today's videos. Raises LimitReached; LicenseUnreachable, at once for a while.

        That it is asked for is written down first, so that what the server holds for somebody who is gone before the
        answer is given back.
        """
        if self.around.monotonic() - self._failed < PAUSE_SECONDS:
            raise LicenseUnreachable("The license server was out of reach a moment ago.")
        who = self.who()
        try:
            await self.settle()
            api = await self.line()
            await self.change(rules.asked(job_id, who, self.now()))
            tracked = await api.track(who.device, job_id, "reserve")
        except LicenseRefused as refused:
            if refused.reason != "DAILY_LIMIT":
                self.failed(refused)
                raise LicenseUnreachable(refused.message) from None
            await self._none_left(job_id)
        except LicenseUnreachable as error:
            self.failed(error)
            raise
        else:
            self.answered()
            if tracked.is_pro:
                clock = self.around.clock()
                await self.change(rules.contacted(tracked.at, clock), rules.pro_said("", who), rules.passed(job_id))
                return
            await self._held(job_id, tracked.used, tracked.limit or who.free, tracked.at)

    async def _held(self, job_id: str, used: int, limit: int, at: float) -> None:
        """The server holds it. What this computer has counted under another name today counts all the same."""
        who, now = self.who(), at or self.now()
        await self._take_free(used, limit, int(now // DAY), at, rules.held_by_server(job_id, who, now))
        others = [one for one in self.memory.counted(who.own, now, but=job_id) if one.device != who.device]
        if others and used + len(others) > limit:
            await self.change(rules.ended(job_id, EntryState.RELEASE, who, now))
            try:
                await self.settle()
            except LicenseUnreachable as error:
                self.failed(error)
            raise rules.limit_reached(self.memory, who, now, offline=False)

    async def _none_left(self, job_id: str) -> None:
        """The server has no video left for today: what it says is taken in, and LimitReached raised."""
        who, limit = self.who(), self.memory.limit
        await self.change(lambda memory: memory if _is_counted(memory, job_id) else memory.without_entry(job_id))
        await self._take_free(max(limit, 1), limit, int(self.now() // DAY), 0.0)
        await self.ask()  # the exact numbers, and the time
        raise rules.limit_reached(self.memory, who, self.now(), offline=False)

    async def renew(self, entry: Entry) -> None:
        """Hold on to a reservation, here and on the server. Raises nothing."""
        until, told = self.now() + HELD_SECONDS, entry.told
        if self.setup.vendor.license_url and entry.device == self.device.fingerprint:
            try:
                await (await self.line()).track(entry.device, entry.job, "reserve")
                told = True
            except LicenseUnreachable as error:
                self.failed(error)
                told = False  # it may run out there meanwhile, so it is said again before anything else is asked for
            except LicenseRefused:  # none is left for it, which is said when it is to be counted
                until = entry.until
        await self.change(
            lambda memory: (
                memory.with_entry(replace(now, until=until, told=told)) if (now := memory.entry(entry.job)) else memory
            )
        )


def _is_counted(memory: LicenseMemory, job_id: str) -> bool:
    entry = memory.entry(job_id)
    return entry is not None and entry.state is EntryState.COMMIT
