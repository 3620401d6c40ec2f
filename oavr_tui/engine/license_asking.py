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

_FORGED = "The license server's answer is not signed as it should be, so Pro works only while it can be reached."
_LET_GO = "This device is not on a license any more. One full video a day stays free; activate it again in Settings."
_ENDED = ("REFUNDED", "REVOKED", "SUSPENDED")


class Asking(Desk):
    """The desk with the server on the line."""

    async def ask(self) -> None:
        """Tell the server what it has not heard, and take in what it says of this device. Raises nothing."""
        try:
            await self.settle()
            checked = await self._check()
            await self._take_answer(checked)
        except (LicenseUnreachable, LicenseRefused) as error:
            self.failed(error)
            await self.change()

    async def _check(self) -> Checked:
        api, fingerprint = await self.api(), self.device.fingerprint
        for word in rules.fresh_claims(self.memory, self.around.clock()):
            checked = await api.check(fingerprint, word)
            if checked.is_pro:
                return checked
        return await api.check(fingerprint)

    async def _take_answer(self, checked: Checked) -> None:
        clock = self.around.clock()
        changes = [rules.contacted(checked.at, clock)]
        sentence = ""
        if checked.is_pro:
            token, sentence = await self._good_token(checked.token)
            changes.append(rules.pro_said(token, self.who()))
            changes += await self._key_facts(checked.key)
        else:
            day = int((checked.at or clock) // DAY)
            changes.append(rules.free_said(checked.used, checked.limit or 0, self.who(), day, await self._why_over()))
        self.answered()
        await self.change(*changes)
        self.note = sentence if self.token is None else ""

    async def _good_token(self, token: str) -> tuple[str, str]:
        """The token if its signature is good, else nothing and why. Where the vendor names no keys, the first that the
        server signs with is kept, and another one when the server itself says so."""
        from oavr_tui.clients import license_token

        if not token:
            return "", ""
        fingerprint, pinned = self.device.fingerprint, self.memory.pinned
        keys = self.setup.vendor.public_keys or pinned
        if await asyncio.to_thread(license_token.read_token, token, keys, fingerprint) is not None:
            return token, ""
        if not self.setup.vendor.public_keys:
            key = await (await self.api()).public_key()
            if await asyncio.to_thread(license_token.read_token, token, (key,), fingerprint) is not None:
                await self.change(lambda memory: replace(memory, pinned=(key,)))
                return token, ""
        return "", _FORGED

    async def _key_facts(self, told: str) -> list[Callable[[LicenseMemory], LicenseMemory]]:
        """What is shown of the license; a whole key is kept, so that this device can be released."""
        from oavr_tui.secrets_file import save_license_key

        if told and "*" not in told and told != self.key:
            self.hide(told)
            self.key = told
            await asyncio.to_thread(save_license_key, self.paths, told)
        shown = masked_key(self.key or told)
        changes: list[Callable[[LicenseMemory], LicenseMemory]] = [lambda memory: replace(memory, key=shown)]
        if self.key:
            try:
                facts = await (await self.api()).validate(self.key)
            except LicenseRefused:  # the kept key is another one than that by which this device is Pro
                return changes
            changes.append(
                lambda memory: replace(
                    memory, purchased_on=facts.purchased_on, devices_used=facts.used, max_devices=facts.most
                )
            )
        return changes

    async def _why_over(self) -> str:
        """Why this device is licensed no more, as a sentence; empty where it was not."""
        if not (self.memory.pro or self.memory.token):
            return ""
        if not self.key:
            return _LET_GO
        try:
            await (await self.api()).validate(self.key)
        except LicenseRefused as refused:
            return refused.message if refused.reason in _ENDED else _LET_GO
        except LicenseUnreachable:
            return _LET_GO
        return _LET_GO

    # --- reports

    async def settle(self) -> None:
        """Tell the server what it has not heard. Raises LicenseUnreachable."""
        for entry in rules.to_tell(self.memory, self.who(), self.now()):
            await self._tell(entry)

    async def _tell(self, entry: Entry) -> None:
        try:
            await (await self.api()).track(self.device.fingerprint, entry.job, entry.state.value)
        except LicenseRefused as refused:
            counted = refused.reason == "COMMITTED"
            await self.change(rules.told(entry, known=counted, counted=counted))
        else:
            await self.change(rules.told(entry, known=entry.state is not EntryState.RELEASE))

    async def reserve(self, job_id: str) -> None:
        """Have the server hold one of today's videos. Raises LimitReached; LicenseUnreachable, at once for a while."""
        if self.around.monotonic() - self._failed < PAUSE_SECONDS:
            raise LicenseUnreachable("The license server was out of reach a moment ago.")
        who = self.who()
        try:
            await self.settle()
            tracked = await (await self.api()).track(who.device, job_id, "reserve")
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
                await self.change(rules.contacted(tracked.at, self.around.clock()), rules.pro_said("", who))
                return
            await self._held(job_id, tracked.used, tracked.limit or who.free, tracked.at)

    async def _held(self, job_id: str, used: int, limit: int, at: float) -> None:
        """The server holds it. What this computer has counted under another name today counts all the same."""
        who, now = self.who(), at or self.now()
        day, why = int(now // DAY), await self._why_over()
        await self.change(
            rules.contacted(at, self.around.clock()),
            rules.free_said(used, limit, who, day, why),
            rules.held_by_server(job_id, who, now),
        )
        others = [one for one in self.memory.counted(who.own, now, but=job_id) if one.device != who.device]
        if others and used + len(others) > limit:
            await self.change(rules.ended(job_id, EntryState.RELEASE, day))
            try:
                await self.settle()
            except LicenseUnreachable as error:
                self.failed(error)
            raise rules.limit_reached(self.memory, who, now, offline=False)

    async def _none_left(self, job_id: str) -> None:
        """The server has no video left for today: what it says is taken in, and LimitReached raised."""
        who, why = self.who(), await self._why_over()
        await self.change(
            lambda memory: memory if _is_counted(memory, job_id) else memory.without_entry(job_id),
            rules.free_said(max(self.memory.limit, 1), self.memory.limit, who, int(self.now() // DAY), why),
        )
        self.answered()
        await self.ask()  # the exact numbers, and the time
        raise rules.limit_reached(self.memory, who, self.now(), offline=False)

    async def renew(self, entry: Entry) -> None:
        """Hold on to a reservation, here and on the server. Raises nothing."""
        until, told = self.now() + HELD_SECONDS, entry.told
        if self.setup.vendor.license_url and entry.device == self.device.fingerprint:
            try:
                await (await self.api()).track(entry.device, entry.job, "reserve")
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
