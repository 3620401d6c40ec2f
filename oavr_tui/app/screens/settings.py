"""Settings: the key, studios, videos, usage, appearance, signing out. A field is saved when it is left."""

from __future__ import annotations

from collections.abc import Set
from typing import ClassVar

from textual import events, on, work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Button, Input, Label, Static

from oavr_tui.app.actions import bindings
from oavr_tui.app.license_words import usage_line
from oavr_tui.app.live import Topic
from oavr_tui.app.screens.pane import Pane
from oavr_tui.app.screens.settings_license import LicenseBox
from oavr_tui.app.screens.settings_rows import ROWS, SECTIONS, Row, forced_by, shown_value
from oavr_tui.app.screens.settings_usage import usage_lines
from oavr_tui.app.screens.videos_shelf import home_path
from oavr_tui.app.widgets.choice import Choice
from oavr_tui.app.widgets.small_button import SmallButton
from oavr_tui.app.widgets.text_field import TextField
from oavr_tui.errors import OavrError
from oavr_tui.settings import Settings

WHERE_TO_GET_A_KEY = "https://console.runpod.io/user/settings"
_CONFIG_HELP = "Each of these is also in the settings file: "


class SettingsPane(Pane):
    """One row a setting; a mark says when it is saved."""

    BINDINGS: ClassVar[list[BindingType]] = bindings("settings")
    SCOPED_CSS = False  # what is narrow is the house
    DEFAULT_CSS = """
    SettingsPane {
        & #settings { scrollbar-size-vertical: 1; }
        & .heading { margin-top: 1; }
        & .heading:first-child { margin-top: 0; }
        & .setting { height: auto; }
        & .name { width: 26; }
        & .unit { width: auto; color: $text-muted; padding: 0 1; }
        & .mark { width: auto; padding: 0 1; }
        & Input { width: 1fr; max-width: 60; height: 1; border: none; padding: 0; background: $surface; }
        & Input.number { width: 8; }
        & .buttons { height: 1; }
        & .buttons Button { margin-right: 2; }
        & #key-box { height: auto; }
        & #key-report { display: none; }
    }
    .narrow SettingsPane .name { width: 25; }
    .narrow SettingsPane Input.number { width: 6; }
    .narrow SettingsPane .unit { padding: 0; }
    """

    def compose(self) -> ComposeResult:
        with VerticalScroll(id="settings", can_focus=False):
            yield Label("RunPod", classes="heading")
            with Vertical(id="key-box"):
                yield Static("", id="key-line")
                with Horizontal(classes="buttons"):
                    yield SmallButton("Enter a key", id="key-enter")
                    yield SmallButton("Test", id="key-test")
                    yield SmallButton("Get a key", id="key-where")
                yield Static("", id="key-report")
            yield Label("License", classes="heading")
            yield LicenseBox(id="license")
            for title, rows in SECTIONS:
                yield Label(title, classes="heading")
                for row in rows:
                    yield from self._row(row)
            yield Label("Usage", classes="heading")
            yield Static("", id="usage")
            yield Label("This computer", classes="heading")
            yield Static(
                Content(_CONFIG_HELP + home_path(str(self.oavr.paths.config_file))), classes="hint", id="config-file"
            )
            with Horizontal(classes="buttons"):
                yield SmallButton("Sign out…", id="sign-out")

    def _row(self, row: Row) -> ComposeResult:
        settings = self.oavr.settings
        with Horizontal(classes="setting"):
            yield Label(Content(row.label), classes="name")
            if row.picks:
                yield Choice(row.picks, shown_value(settings, row), id=row.widget_id)
            else:
                look = "number" if row.is_number else ""
                field = TextField(shown_value(settings, row), placeholder=row.empty, id=row.widget_id, classes=look)
                yield field
            yield Label(Content(row.unit), classes="unit")
            yield Label("", classes="mark", id=f"{row.widget_id}-mark")

    # --- drawing

    def draw(self, changed: Set[Topic]) -> None:
        """The settings as they are in force, unless the person is typing there; the key; what was used."""
        if Topic.SETTINGS in changed:
            self._show_settings(self.oavr.settings)
        if changed & {Topic.SETTINGS, Topic.JOBS, Topic.VIDEOS, Topic.PODS, Topic.CLOCK, Topic.LICENSE}:
            self._show_account()

    def _show_settings(self, settings: Settings) -> None:
        for name, row in ROWS.items():
            widget = self.query_one(f"#{name}")
            value = shown_value(settings, row)
            if isinstance(widget, Choice) or (isinstance(widget, Input) and not widget.has_focus):
                widget.value = value
            if forced_by(settings, row):
                self._mark(row, "set by the environment", good=False)

    @work(exclusive=True, group="settings-account")
    async def _show_account(self) -> None:
        engine = await self.engine()
        try:
            origin = await engine.key_origin()
            place = {"environment": f"from {origin.place}", "file": "kept on this computer", "none": ""}[origin.kind]
            key = (
                f"{origin.masked}  {place}"
                if origin.kind != "none"
                else "No key yet. Full videos need one; previews do not."
            )
        except OavrError as error:
            key = error.message
        demo = self.oavr.demo is not None
        used = usage_line(engine.license.status, self.oavr.clock(), demo=demo)
        usage = "\n".join([*([used] if used else []), *await usage_lines(engine)])
        if not self.oavr.is_running:  # while the app ends, parts of this are gone already
            return
        self.query_one("#key-line", Static).update(Content(key))
        self.query_one("#key-test").display = self.query_one("#key-test").has_focus or not key.startswith("No key")
        self.query_one("#key-enter", Button).label = "Enter a key" if key.startswith("No key") else "Change the key"
        self.query_one("#usage", Static).update(Content(usage))
        self.query_one(LicenseBox).draw(engine.license, self.oavr.clock(), demo=demo)

    def first_focus(self) -> Widget | None:
        return self.query_one("#key-enter")

    def _mark(self, row: Row, text: str, *, good: bool) -> None:
        mark = self.query_one(f"#{row.widget_id}-mark", Label)
        mark.set_class(good, "good").set_class(not good, "bad")
        mark.update(Content(text))

    # --- saving

    @on(Choice.Chosen)
    def chosen(self, event: Choice.Chosen) -> None:
        event.stop()
        if (row := ROWS.get(event.choice.id or "")) is not None:
            self._save(row, event.value)

    @on(Input.Blurred)
    def left(self, event: Input.Blurred) -> None:
        self._save_field(event.input)

    @on(Input.Submitted)
    def entered(self, event: Input.Submitted) -> None:
        event.stop()
        self._save_field(event.input)
        self.screen.focus_next()

    def _save_field(self, field: Input) -> None:
        row = ROWS.get(field.id or "")
        if row is not None and field.value.strip() != shown_value(self.oavr.settings, row):
            self._save(row, field.value.strip())

    @work(group="settings-saving")
    async def _save(self, row: Row, value: str) -> None:
        engine = await self.engine()
        try:
            settings = await engine.change_setting(row.option, value or None)
        except OavrError as error:
            self._mark(row, "✘ not saved", good=False)
            self.oavr.say(error.message, bad=True)
            return
        variable = forced_by(settings, row)
        self._mark(row, f"saved; {variable} decides" if variable else "✔ saved", good=not variable)

    # --- the key

    @on(Button.Pressed, "#key-enter")
    def enter_key(self) -> None:
        self._enter_key()

    @work(exclusive=True, group="settings-key")
    async def _enter_key(self) -> None:
        from oavr_tui.app.dialogs.get_key import GetKey

        await self.app.push_screen_wait(GetKey())
        self._show_account()

    @on(Button.Pressed, "#key-test")
    def action_test_key(self) -> None:
        self._test_key()

    @work(exclusive=True, group="settings-key")
    async def _test_key(self) -> None:
        said = self.query_one("#key-report", Static)
        said.display = True
        said.remove_class("bad", "good")
        said.update(Content("Asking RunPod…"))
        report = await (await self.engine()).test_key()
        said.set_class(report.ok, "good").set_class(not report.ok, "bad")
        said.update(Content(("✔ " if report.ok else "✘ ") + report.sentence))

    @on(Button.Pressed, "#key-where")
    async def where_to_get_a_key(self) -> None:
        await self.oavr.show_address(WHERE_TO_GET_A_KEY, "Your RunPod keys")

    @on(Button.Pressed, "#sign-out")
    def action_sign_out(self) -> None:
        from oavr_tui.app.dialogs.sign_out import SignOut

        self.app.push_screen(SignOut(), self._signed_out)

    def _signed_out(self, _forgotten: bool | None) -> None:
        self._show_account()

    def on_descendant_focus(self, event: events.DescendantFocus) -> None:
        """The row that has the focus is in sight, with a line above it."""
        event.widget.scroll_visible(animate=False)
