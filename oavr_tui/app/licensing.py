"""What can be done about plan and license everywhere in the app: upgrade, activate, see and release devices."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import TYPE_CHECKING

from textual import work

from oavr_tui.app import license_words as words
from oavr_tui.app.heart import Heart
from oavr_tui.errors import OavrError

if TYPE_CHECKING:
    from oavr_tui.app.screens.pane import Pane
    from oavr_tui.engine.license_commands import LicenseCommands
    from oavr_tui.models import LicenseStatus


class Licensing(Heart):
    """What a dialog or an answer of the server changes is told by the engine's event, and said once, in one place."""

    async def go(self, place: str) -> Pane:
        """Bring a screen to the front."""
        raise NotImplementedError

    @property
    def not_offered(self) -> frozenset[str]:
        """Actions that the palette does not name as things stand: nothing is offered that is not sold."""
        sold = self.engine is not None and self.engine.license.sells and not self.engine.license.status.is_pro
        return frozenset({"app.command_palette"} if sold else {"app.command_palette", "app.upgrade"})

    async def limit_reached(self, plan: LicenseCommands) -> bool:
        """Whether no full video is left today, also by what the server says now."""
        if plan.status.left == 0:
            await plan.refresh()  # it may have been bought, or given back, elsewhere
        return plan.status.left == 0

    async def past_limit(self, plan: LicenseCommands) -> bool:
        """Say that today's videos are used, and what else there is. Returns whether one may be made now all the same:
        Pro is unlocked, or a new day has begun. Call it from a worker."""
        from oavr_tui.app.dialogs.daily_limit import KEY, UPGRADE, DailyLimit

        answer = await self.push_screen_wait(DailyLimit(plan, self.clock))
        if answer == UPGRADE:
            await self._upgraded(plan)
        elif answer == KEY:
            await self._activated()
        return plan.status.left != 0

    async def _upgraded(self, plan: LicenseCommands) -> None:
        from oavr_tui.app.dialogs.upgrade import KEY, Upgrade

        if not plan.sells:
            self.say(words.NOT_SOLD)
            return
        if plan.status.is_pro:
            self.say("This device has Pro already.")
            return
        checkout = await plan.upgrade()
        if await self.push_screen_wait(Upgrade(checkout.url, checkout.price)) == KEY:
            await self._activated()

    async def _activated(self) -> None:
        from oavr_tui.app.dialogs.activate import Activate

        await self.push_screen_wait(Activate())

    async def _configured(self) -> LicenseCommands | None:
        """What licenses are asked about; None, with a word, where there is no server."""
        plan = (await self.engine_when_open()).license
        if plan.configured:
            return plan
        self.say(words.NO_SERVER)
        return None

    # --- actions

    @work(exclusive=True, group="asking")
    async def action_upgrade(self) -> None:
        """Show where Pro is bought, and wait for the purchase."""
        await self._done(self._upgraded((await self.engine_when_open()).license))

    @work(exclusive=True, group="asking")
    async def action_activate(self) -> None:
        """Ask for a license key."""
        if await self._configured() is not None:
            await self._activated()

    @work(exclusive=True, group="asking")
    async def action_devices(self) -> None:
        """Show the devices of the license."""
        from oavr_tui.app.dialogs.devices import Devices

        plan = await self._configured()
        if plan is not None and self._pro(plan):
            await self.push_screen_wait(Devices())

    @work(exclusive=True, group="asking")
    async def action_release_license(self) -> None:
        """Take this computer off its license."""
        from oavr_tui.app.dialogs.devices import RELEASE, ask_release

        plan = await self._configured()
        if plan is None or not self._pro(plan):
            return
        if await self.push_screen_wait(ask_release("")) == RELEASE:
            await self._done(plan.release_this_device())

    @work(exclusive=True, group="asking")
    async def action_move_license(self) -> None:
        """Move the license from the computer that this one was before."""
        from oavr_tui.app.dialogs.move_here import MOVE, MoveHere

        plan = await self._configured()
        if plan is None:
            return
        if not plan.can_move_here:
            self.say("There is no license to move: this computer is the one it was. A key can be activated any time.")
            return
        question = MoveHere()
        if await self.push_screen_wait(question) == MOVE:
            await self._done(self._moved(plan, question.computer))

    async def _moved(self, plan: LicenseCommands, computer: str | None) -> None:
        status = await plan.move_here(computer)
        if not status.is_pro:
            self.say(words.not_confirmed(status), bad=True)

    @work(exclusive=True, group="license-check")
    async def action_check_license(self) -> None:
        """Ask the license server how things stand."""
        if (plan := await self._configured()) is not None:
            status = await plan.refresh()
            self.say(self._plan_now(status))

    async def action_license(self) -> None:
        """Go to plan and license in the settings."""
        pane = await self.go("settings")
        self.call_after_refresh(pane.query_one("#license").scroll_visible, top=True, animate=False)

    def _plan_now(self, status: LicenseStatus) -> str:
        told = words.in_headline(status, self.clock(), narrow=False)
        return f"{told}. {status.trouble}" if status.trouble else f"{told}."

    def _pro(self, plan: LicenseCommands) -> bool:
        if not plan.status.is_pro:
            self.say("No license is used on this device.")
        return plan.status.is_pro

    async def _done(self, asked: Awaitable[object]) -> None:
        """Do something that the license server may refuse; then that is said."""
        try:
            await asked
        except OavrError as error:
            self.say(error.message, bad=True)
