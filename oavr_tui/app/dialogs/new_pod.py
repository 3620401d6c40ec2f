"""Renting a machine by hand: which GPU, whose, under what name, and what that costs."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from textual import events, on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.widgets import Button, Input, Static

from oavr_tui.app.dialogs.own_dialog import OwnDialog
from oavr_tui.app.widgets.choice import Choice, Pick
from oavr_tui.app.widgets.line_list import LineList, Piece
from oavr_tui.app.widgets.text_field import TextField
from oavr_tui.errors import BadInput, OavrError
from oavr_tui.text import safe

if TYPE_CHECKING:
    from oavr_tui.engine.engine import Engine
    from oavr_tui.pods.catalogue import Row
    from oavr_tui.pods.provider import Offer, Volume

_ASK_SECONDS = 40.0
_ROOMY = 67
"""Cells of a row from which on it is said in full what speaks against a machine."""
_CLOUDS = (
    Pick("any", "Any"),
    Pick("community", "Community: cheaper", "Community"),
    Pick("secure", "Secure: more reliable", "Secure"),
)
_LOW = 24
_STOCKS = {"high": "many", "medium": "some", "low": "few", "none": "none now", "unknown": "not said"}


class NewPod(OwnDialog[str]):
    """Returns the id of the pod that is being rented, "" where none is."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "dismiss('')", "Back", show=False)]
    DEFAULT_CSS = """
    NewPod {
        & LineList { height: 1fr; min-height: 3; background: $surface; }
        & #new-head { color: $text-muted; height: 1; text-wrap: nowrap; }
        & .row { height: auto; }
        & .row > Static { width: 9; }
        & .row Input { width: 1fr; max-width: 42; background: $panel; }
        & .row #new-idle { width: 8; }
        & #new-deploy { width: 21; }
        & #new-idle-words { width: 1fr; height: 1; color: $text-muted; text-wrap: nowrap; }
        & #new-volume-row { display: none; }
        & #new-word { height: auto; min-height: 3; margin-top: 1; }
        &.narrow #new-word { margin-top: 0; }
    }
    """

    def __init__(self) -> None:
        super().__init__()
        self._offers: Sequence[Offer] = ()
        self._volumes: Sequence[Volume] = ()
        self._rows: list[Row] = []
        self._busy = False

    @property
    def engine(self) -> Engine:
        engine = self.oavr.engine
        assert engine is not None  # this is opened only when there is one
        return engine

    def compose(self) -> ComposeResult:
        plan = self.engine.fleet.plan
        with Vertical(classes="dialog", id="new-dialog"):
            yield Static(Content("New pod"), classes="title")
            with Horizontal(classes="row"):
                yield Static(Content("Cloud"))
                yield Choice(_CLOUDS, plan.cloud, id="new-cloud")
            yield Static(Content(f"  {'GPU':<14}{'VRAM':>6}  {'Price':<8} {'Cloud':<10} Free now"), id="new-head")
            yield LineList(self._draw, id="new-gpus")
            with Horizontal(classes="row"):
                yield Static(Content("Name"))
                yield TextField(placeholder=self._free_name(), id="new-name")
            with Horizontal(classes="row", id="new-volume-row"):
                yield Static(Content("Volume"))
                yield Choice([], plan.volume, id="new-volume")
            with Horizontal(classes="row"):
                yield Static(Content("Idle"))
                yield TextField(f"{plan.idle_minutes:g}", id="new-idle", max_length=6)
                yield Static(Content(" minutes without work, then it stops"), id="new-idle-words")
            yield Static("", id="new-word", classes="hint")
            with Horizontal(classes="answers"):
                yield Button("Deploy", variant="primary", id="new-deploy")
                yield Button("Back", id="new-back")

    def _free_name(self) -> str:
        from oavr_tui.engine.needs import free_name

        return free_name(self.engine.fleet.book.all())

    def on_mount(self) -> None:
        # It holds more than other dialogs, and these go before the app's style sheet.
        dialog = self.query_one("#new-dialog")
        dialog.styles.width, dialog.styles.height, dialog.styles.max_height = 84, "96%", 28
        dialog.styles.padding = (0, 2)
        self.query_one(".title").styles.margin = 0
        self.query_one("#new-gpus").focus()
        self._load()

    def on_resize(self, event: events.Resize) -> None:
        self.set_class(event.size.height < _LOW, "narrow")

    # --- what there is

    @work(exclusive=True, group="new-pod")
    async def _load(self) -> None:
        """Ask RunPod what is free now."""
        self._word("Asking RunPod what is free now…", "hint")
        rental = self.engine.fleet.rental
        try:
            async with asyncio.timeout(_ASK_SECONDS):
                self._offers = await rental.offers()
                self._volumes = await (await rental.provider()).volumes()
        except OavrError as error:
            self._word(f"{error.message} Press Deploy to ask again.", "bad")
            return
        except TimeoutError:
            self._word("RunPod took too long to answer. Nothing was started. Press Deploy to ask again.", "bad")
            return
        self._show_volumes()
        self._show_rows()

    def _show_volumes(self) -> None:
        self.query_one("#new-volume-row").display = bool(self._volumes)
        picks = [] if self.engine.fleet.plan.volume else [Pick("", "None")]
        for volume in self._volumes:
            name = safe(volume.name, 24)
            picks.append(Pick(volume.id, f"{name} · {volume.size} GB · {safe(volume.data_center, 12)}", name))
        self.query_one("#new-volume", Choice).show(picks)

    def _show_rows(self) -> None:
        from oavr_tui.pods.catalogue import catalogue
        from oavr_tui.pods.provider import Cloud

        cloud = self.query_one("#new-cloud", Choice).value
        only = None if cloud == "any" else Cloud(cloud)
        plan = self.engine.fleet.plan
        self._rows = catalogue(self._offers, plan, cloud=only, on_volume=bool(self._volume()))
        self.query_one("#new-gpus", LineList).show_rows(len(self._rows), 0)
        self._summary()

    def _volume(self) -> str:
        return self.query_one("#new-volume", Choice).value if self._volumes else self.engine.fleet.plan.volume

    def _draw(self, index: int, _line: int, width: int) -> Sequence[Piece]:
        row = self._rows[index]
        chosen = index == self.query_one("#new-gpus", LineList).index
        look = "dim" if row.against else ""
        stock = (row.against if width > _ROOMY else row.short) or _STOCKS[row.offer.stock]
        return (
            ("▸ " if chosen else "  ", "accent"),
            (f"{row.name[:13]:<13} {row.offer.vram:>3} GB  ", look),
            (f"{_price(row.per_hour):<8} ", look or "money"),
            (f"{row.offer.cloud.capitalize():<10} ", look),
            (stock, "bad" if row.against else "good"),
        )

    def _chosen(self) -> Row | None:
        index = self.query_one("#new-gpus", LineList).index
        return self._rows[index] if 0 <= index < len(self._rows) else None

    @on(LineList.Moved)
    @on(Choice.Chosen)
    def changed(self, event: LineList.Moved | Choice.Chosen) -> None:
        if isinstance(event, Choice.Chosen):
            self._show_rows()
        else:
            event.list.refresh()
            self._summary()

    @on(LineList.Chosen)
    def row_chosen(self) -> None:
        self.query_one("#new-deploy").focus()

    # --- what it means

    def _word(self, text: str, look: str) -> None:
        word = self.query_one("#new-word", Static)
        word.update(Content(safe(text, 500)))
        word.set_classes(look)

    def _summary(self) -> None:
        row = self._chosen()
        deploy = self.query_one("#new-deploy", Button)
        if row is None:
            deploy.label = "Deploy"
            self._word("There is no machine of that kind. Choose another cloud or volume.", "bad")
            return
        deploy.label = f"Deploy · {_price(row.per_hour)}"
        if row.against:
            self._word(f"{row.name} cannot be had: {row.against}. Settings can change the cap.", "bad")
            return
        running = self.oavr.live.running_pods
        more = f" {_count(len(running))} already." if running else ""
        self._word(
            f"{row.name} in the {row.offer.cloud.capitalize()} cloud, {_price(row.per_hour)} from now until it is "
            f"stopped, billed by the second. The first start usually takes 8-20 minutes.{more}",
            "",
        )

    # --- renting

    @on(Button.Pressed, "#new-back")
    def back(self) -> None:
        self.dismiss("")

    @on(Input.Submitted)
    def field_done(self) -> None:
        self.query_one("#new-deploy").focus()

    @on(Button.Pressed, "#new-deploy")
    def wanted(self) -> None:
        row = self._chosen()
        if not self._offers:
            self._load()
        elif row is not None and not row.against and not self._busy:
            self._deploy(row)

    @work(exclusive=True, group="deploy")
    async def _deploy(self, row: Row) -> None:
        from oavr_tui.settings import pod_name

        self._busy = True
        name = self.query_one("#new-name", Input).value.strip()
        try:
            await self._save_idle()
            pod = await self.engine.fleet.deploy(
                name=pod_name(name) if name else "",
                gpu=row.offer.gpu,
                cloud=row.offer.cloud.value,
                volume=self._volume(),
            )
        except ValueError as reason:
            self._word(f"This name cannot be used: {reason}.", "bad")
            self.query_one("#new-name").focus()
        except OavrError as error:
            self._word(error.message, "bad")
        else:
            self.dismiss(pod.id)
        finally:
            self._busy = False

    async def _save_idle(self) -> None:
        """It is one setting for all pods; left as it is where the person left it as it is."""
        text = self.query_one("#new-idle", Input).value.strip()
        if text == f"{self.engine.fleet.plan.idle_minutes:g}":
            return
        settings = await self.engine.change_setting("pods.idle_minutes", text)
        if f"{settings.pods_idle_minutes:g}" != text and settings.origin("pods.idle_minutes") != "file":
            raise BadInput(
                f"The idle time is set by {settings.origin('pods.idle_minutes')} to "
                f"{settings.pods_idle_minutes:g} minutes; change it there."
            )


def _price(per_hour: float) -> str:
    from oavr_tui.pods.cost import rate

    return rate(per_hour)


def _count(running: int) -> str:
    return "1 pod is running" if running == 1 else f"{running} pods are running"
