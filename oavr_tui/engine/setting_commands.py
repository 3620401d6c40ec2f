"""Settings while the app runs: changed here, or in the file by anybody, and in force at once.

The file is looked at several times a second for whether it is another one (one stat call), and read only then, so a
process that drives in the background obeys what was changed in another.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from oavr_tui.engine.events import Notice, SettingsChanged
from oavr_tui.engine.parts import Parts
from oavr_tui.errors import BadInput
from oavr_tui.paths import expanded
from oavr_tui.pods.plan import plan_of
from oavr_tui.settings import Settings, changed, forget_setting, load_settings, save_setting

if TYPE_CHECKING:
    from oavr_tui.pods.plan import Plan

_ENTERED = "what you entered"


class SettingCommands(Parts):
    """The engine's part for settings. `settings` are those in force."""

    def _follow_settings(self) -> None:
        self._file_seen = self._file_mark()
        self._saving, self._looking = asyncio.Lock(), asyncio.Lock()

    async def change_setting(self, name: str, value: object | None) -> Settings:
        """Save a setting and put it in force; None goes back to the usual value. Returns the settings in force.

        The environment goes before the file: what it sets is saved and not in force, as `settings.origin(name)` tells.
        Raises BadInput, and nothing is saved, for a value that cannot be used or a name that is not known.
        """
        text = None if value is None else str(value)
        async with self._saving:
            await asyncio.to_thread(self._save_setting, name, text)
        await self.look_at_settings()
        return self.settings

    def _save_setting(self, name: str, text: str | None) -> None:
        if text is None:
            forget_setting(self.paths, name)
            return
        plan_of(changed(self.settings, self.paths, name, text, _ENTERED))  # a GPU that nobody knows is refused here
        save_setting(self.paths, name, text, _ENTERED)

    async def look_at_settings(self) -> None:
        """Put in force what the file says, if it is another one than last time; a wrong one changes nothing."""
        if self._file_mark() == self._file_seen:
            return
        async with self._looking:  # whoever comes second returns when what the first has read is in force
            mark = self._file_mark()
            if mark != self._file_seen:
                await self._take_in(mark)

    async def _take_in(self, mark: object) -> None:
        try:
            settings, plan = await asyncio.to_thread(self._read_settings)
        except BadInput as error:
            self._file_seen = mark
            self.bus.emit(Notice(f"{error.message} Until then everything goes on with the settings from before."))
            return
        self._file_seen = mark
        if settings != self.settings:
            self._put_in_force(settings, plan)

    def _read_settings(self) -> tuple[Settings, Plan]:
        settings = load_settings(self.paths, self._environ)
        return settings, plan_of(settings)

    def _put_in_force(self, settings: Settings, plan: Plan) -> None:
        moves = settings.videos_folder != self.settings.videos_folder
        self.settings = settings
        self._setup.plan, self._setup.keeper = plan, settings.pods_keeper
        if moves:
            self._move_library()
        self.bus.emit(SettingsChanged(settings))
        self._wake()
        self.fleet.driver.wake()

    def _move_library(self) -> None:
        """New videos go to another folder; those that there are stay where they are, and can be used as before."""
        from oavr_tui.store.library import Library

        self._library = Library(expanded(self.settings.videos_folder))
        if self._driving is not None:
            self._driving.put_videos_into(self._library)

    def _file_mark(self) -> object:
        try:
            found = self.paths.config_file.stat()
        except OSError:
            return None
        return found.st_mtime_ns, found.st_size, found.st_ino
