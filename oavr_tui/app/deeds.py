"""What can be done everywhere: the actions of the app itself, and how any action of the table finds its owner."""

from __future__ import annotations

from collections.abc import Iterable

from textual import work
from textual.app import SystemCommand
from textual.screen import Screen
from textual.widget import Widget
from textual.widgets import Input

from oavr_tui.app.actions import ACTIONS, BY_ID, OWNERS
from oavr_tui.app.frame import PLACES
from oavr_tui.app.keys import shown_keys
from oavr_tui.app.licensing import Licensing
from oavr_tui.app.themes import NAMES
from oavr_tui.errors import OavrError

_HOMES = {"queue": "studio", "log": "pods"}
"""Where the owners are at home that are not screens themselves."""
_UNSEEN = {"studio.generate": "generate_unseen"}
"""What is done instead where the person is on another screen, and so does not see what it costs."""
_FIRST = {
    "queue": "the queue is empty; a video stands in it once you press ^g.",
    "log": "open a log first; choose a pod here and press enter.",
}
"""What to do first where an owner is not in sight even where it is at home."""


class Deeds(Licensing):
    """Carries out the actions whose owner is the app."""

    def get_system_commands(self, screen: Screen[object]) -> Iterable[SystemCommand]:
        """The palette: every action by a name that only it has, with its key and where that key acts."""
        for action in ACTIONS:
            if action.id not in self.not_offered:
                key = f"{shown_keys(action)} · " if action.keys else ""
                where = f"{OWNERS[action.owner]} · " if action.owner != "app" else ""
                yield SystemCommand(
                    action.title,
                    f"{key}{where}{action.help}",
                    lambda wanted=action.id: self.call_later(self.action_act, wanted),
                )

    async def action_act(self, action_id: str) -> None:
        """Do any action of the table, wherever the person is."""
        action = BY_ID[action_id]
        if action.owner == "app":
            await self.run_action(f"app.{action.name}")
            return
        owner = self._owner(action.owner)
        if owner is None:
            owner = await self.go(_HOMES.get(action.owner, action.owner))
            if action.id in _UNSEEN:
                await self.run_action(_UNSEEN[action.id], owner)
                return
        elif action.owner in PLACES:
            await self.go(action.owner)
        target = owner if action.owner in PLACES else self._owner(action.owner)
        if target is None:
            self.say(f"{action.title}: {_FIRST[action.owner]}")
            return
        await self.run_action(action.name, target)

    def _owner(self, owner: str) -> Widget | None:
        """The widget in sight that carries an owner's actions out."""
        pane = self._panes.get(self.place)
        if owner in PLACES:
            return pane if owner == self.place else None
        if pane is None:
            return None
        return next((widget for widget in pane.query(f".owns-{owner}") if widget.display), None)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """While a question is open, the keys of what lies beneath do nothing."""
        below = action in ("act", "help", "command_palette") or action.startswith("go_")
        return len(self.screen_stack) == 1 or not below

    async def action_go_studio(self) -> None:
        await self.go("studio")

    async def action_go_videos(self) -> None:
        await self.go("videos")

    async def action_go_pods(self) -> None:
        await self.go("pods")

    async def action_go_settings(self) -> None:
        await self.go("settings")

    async def action_go_docs(self) -> None:
        await self.go("docs")

    def action_help(self) -> None:
        from oavr_tui.app.dialogs.help import Help, keys_everywhere

        owners = [self.place]
        if self.focused is not None:
            for node in self.focused.ancestors_with_self:
                owners += [name.removeprefix("owns-") for name in node.classes if name.startswith("owns-")]
        self.push_screen(Help(keys_everywhere(list(dict.fromkeys(reversed(owners)))), palette=True))

    def action_theme(self) -> None:
        self._choose_theme()

    @work(exclusive=True, group="theme")
    async def _choose_theme(self) -> None:
        from oavr_tui.app.dialogs.pick_one import PickOne
        from oavr_tui.app.themes import LABELS

        def show(name: str) -> None:
            self.theme = NAMES[name]

        before = self.settings.app_theme
        chosen = await self.push_screen_wait(PickOne("Colors", tuple(LABELS.items()), before, show))
        show(chosen or before)
        if chosen and chosen != before:
            try:
                await (await self.engine_when_open()).change_setting("app.theme", chosen)
            except OavrError as error:
                self.say(error.message, bad=True)

    def action_notices(self) -> None:
        from oavr_tui.app.dialogs.notices import Notices

        self.push_screen(Notices(tuple(self.said)))

    def action_redraw(self) -> None:
        self.draw_anew()

    def action_release_mouse(self) -> None:
        """Give the mouse to the terminal, or take it again."""
        self.say(
            "The mouse is the terminal's now: F8 takes it again."
            if self.free_mouse()
            else "The mouse works here again."
        )

    def action_leave_field(self) -> None:
        if isinstance(self.focused, Input):
            pane = self._panes.get(self.place)
            self.set_focus(None if pane is None else pane.resting_focus())

    def action_help_quit(self) -> None:
        """What ^C does; it ends programs elsewhere."""
        self.say("^q quits. What is being made goes on.")

    async def action_quit(self) -> None:
        """Leave; what goes on, and what it costs, is said first."""
        self._leave()

    @work(exclusive=True, group="leaving")
    async def _leave(self) -> None:
        from oavr_tui.app.dialogs.leaving import Going, farewell, leaving

        if await leaving(self):
            stops = Going.of(self).idle_minutes
            folder, demo = self.settings.videos_folder, self.demo is not None
            self.parting += farewell(self.live, folder, self._since, stops, demo=demo)
            self.exit()
