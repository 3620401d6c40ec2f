"""The screen Pods: the machines that make full videos, what they cost, and their logs."""

from __future__ import annotations

from collections.abc import Sequence, Set
from dataclasses import replace
from typing import ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Button, Static

from oavr_tui.app.actions import bindings
from oavr_tui.app.live import Topic
from oavr_tui.app.screens.pods_acts import PodActs
from oavr_tui.app.screens.pods_rows import Facts, in_order, money_line, name_width, pod_pieces
from oavr_tui.app.widgets.line_list import LineList, Piece
from oavr_tui.app.widgets.log_pane import LogPane
from oavr_tui.app.widgets.one_line import OneLine
from oavr_tui.engine.spending import Spending
from oavr_tui.errors import OavrError
from oavr_tui.models import Pod, PodKind
from oavr_tui.text import safe

_LOOK_SECONDS = 30.0
"""At least so long between two looks at the account."""
_SELECTED, _LOGGED = "pods.selected", "pods.log"
_ROWS = frozenset({Topic.PODS, Topic.JOBS, Topic.SETTINGS, Topic.CLOCK, Topic.DRIVING})
_WITH_A_POD = ("log", "start_stop", "terminate", "open_comfyui", "save_log", "use")
_NONE = "No pods. A full video starts one when it is needed."
_WHAT_A_POD_IS, _WHOLE_HEAD = "  A pod is a rented machine: your studio.", 60
"""What the head says where it is so wide."""
_NO_KEY = "Full videos are made on a machine of your own RunPod account, and there is no RunPod key yet."


class Pods(PodActs):
    """The list above, the log of one pod below it. The account is asked only while this is seen."""

    BINDINGS: ClassVar[list[BindingType]] = [*bindings("pods"), Binding("escape", "back", "Back", show=False)]
    DEFAULT_CSS = """
    Pods {
        & #pods-money { color: $text-muted; }
        & #pods-word { height: auto; max-height: 3; display: none; }
        & #pods-list { margin-top: 1; height: 1fr; }
        & #pods-none { height: 1fr; padding: 1 2; }
        & #pods-none Horizontal { height: auto; margin-top: 1; }
        & #pods-none Button { margin-right: 2; }
        & #pods-log { display: none; height: 1fr; min-height: 4; }
        &.logging #pods-log { display: block; }
        &.logging #pods-list { max-height: 45%; }
        &.full #pods-head, &.full #pods-money, &.full #pods-word, &.full #pods-list { display: none; }
        &.full #pods-log { height: 1fr; }
    }
    """

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._pods: Sequence[Pod] = ()
        self._facts = Facts(0.0, {}, {}, {}, {})
        self._spending: Spending | None = None
        self._names = 8
        self._looked_at = -_LOOK_SECONDS
        self._logged = ""
        self._word, self._money = Static("", id="pods-word", classes="bad"), OneLine(id="pods-money")

    def compose(self) -> ComposeResult:
        yield OneLine(id="pods-head")
        yield self._money
        yield self._word
        yield LineList(self._draw_row, lines=2, id="pods-list")
        with Vertical(id="pods-none"):
            yield Static(Content(_NONE), id="pods-none-words")
            with Horizontal():
                yield Button("New pod", variant="primary", id="pods-new")
                yield Button("Add an address", id="pods-add")
        yield LogPane(id="pods-log", ticks_per_second=self.oavr.terminal.ticks)

    def on_mount(self) -> None:
        self.query_one("#pods-log").add_class("owns-log")
        self.query_one("#pods-none").display = False

    # --- being shown

    def first_focus(self) -> Widget | None:
        return self.query_one("#pods-list" if self._pods or not self.live.ready else "#pods-new")

    def was_shown(self) -> None:
        super().was_shown()
        if self._logged:
            self.query_one(LogPane).resume_reading()

    def was_hidden(self) -> None:
        self.query_one(LogPane).pause_reading()
        self._give_screen_back()

    def draw(self, changed: Set[Topic]) -> None:
        engine = self.oavr.engine
        if engine is None:
            return
        if changed & _ROWS:
            self._take_in()
        elif Topic.STEPS in changed:
            self._facts = replace(self._facts, steps=self.live.steps)
            for index, pod in enumerate(self._pods):
                if pod.starting:
                    self.query_one("#pods-list", LineList).redraw(index)
        if Topic.CLOCK in changed:
            self._look(fresh=False)
        elif changed & {Topic.PODS, Topic.SETTINGS}:
            self._ask_for_money(fresh=False)
        if Topic.PODS in changed:
            self._ask_about_deletion()

    # --- the list

    @property
    def rows(self) -> LineList:
        return self.query_one("#pods-list", LineList)

    @property
    def pod(self) -> Pod | None:
        """The pod under the cursor, as it is now: the rows may be a tick behind."""
        index = self.rows.index
        if not 0 <= index < len(self._pods):
            return None
        return self.live.pod(self._pods[index].id) or self._pods[index]

    def _take_in(self) -> None:
        engine = self.oavr.engine
        assert engine is not None
        first = not self._pods
        selected = self.oavr.memory.views.get(_SELECTED, "") if first or self.pod is None else self.pod.id
        self._pods = in_order(self.live.pods)
        outlook, on = engine.outlook(), self.oavr.memory.draft
        chosen, deletes = on.on if on.full else "", engine.fleet.plan.terminate_after_hours > 0
        self._facts = Facts(engine.now(), self.live.steps, outlook.costs, outlook.videos, outlook.due, chosen, deletes)
        self._names = name_width(self._pods)
        at = next((index for index, pod in enumerate(self._pods) if pod.id == selected), None)
        self.rows.show_rows(len(self._pods), at)
        self._size_list()
        if first is bool(self._pods):
            self.refresh_bindings()  # what is done with a pod is offered from now on, or no longer
        self._show_which(engine.fleet.rental.has_key)
        self._show_money()
        if first and self._pods and (logged := self.oavr.memory.views.get(_LOGGED, "")):
            self._open_log(next((pod for pod in self._pods if pod.id == logged), None))

    def _show_which(self, has_key: bool) -> None:
        """The list, or the words in its place."""
        some, rows, none = bool(self._pods), self.rows, self.query_one("#pods-none")
        if rows.display is some and none.display is not some:
            return
        lost = self.screen.focused is not None and self in self.screen.focused.ancestors
        rows.display, none.display = some, not some
        words = _NONE if has_key else f"{_NO_KEY} New pod asks for one."
        self.query_one("#pods-none-words", Static).update(Content(words))
        if not some:
            self.remove_class("logging")
        if lost and (first := self.first_focus()) is not None:
            first.focus()

    def _size_list(self) -> None:
        """No more room for the list than it needs, where the log can use it."""
        self.rows.styles.height = 2 * len(self._pods) if self.has_class("logging") else "1fr"

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """What is done with a pod is offered where there is one."""
        return action not in _WITH_A_POD or bool(self._pods)

    def on_resize(self) -> None:
        said = _WHAT_A_POD_IS if self.size.width >= _WHOLE_HEAD else ""
        self.query_one("#pods-head", OneLine).show(
            [("Pods", "strong", ""), (said, "dim", "")], [("[ + New pod ]", "key", "pods.new")]
        )
        self._show_money()

    def _draw_row(self, index: int, line: int, width: int) -> Sequence[Piece]:
        return pod_pieces(self._pods[index], self._facts, line, width, self._names)

    def _show_money(self) -> None:
        has_key = self.oavr.engine is not None and self.oavr.engine.fleet.rental.has_key
        self._money.show([(money_line(self._spending, has_key, self.size.width - 2), "dim", "")])

    @on(LineList.Moved, "#pods-list")
    def moved(self) -> None:
        if self.pod is not None:
            self.remember(_SELECTED, self.pod.id)

    @on(LineList.Chosen, "#pods-list")
    def chosen(self) -> None:
        self.action_log()

    def select(self, pod_id: str) -> None:
        """Put the cursor on a pod, and open its log."""
        self._take_in()
        at = next((index for index, pod in enumerate(self._pods) if pod.id == pod_id), None)
        if at is not None:
            self.rows.move_to(at)
            self._open_log(self._pods[at])

    def remember(self, name: str, value: str) -> None:
        """Keep something to be found again at the next start."""
        memory = self.oavr.memory
        self.oavr.memory = replace(memory, views={**memory.views, name: value})

    # --- the account

    @work(exclusive=True, group="pods-look")
    async def _look(self, *, fresh: bool) -> None:
        """Ask the account how things stand, if that is some time ago. What it tells must not begin this anew: that
        would cut it short."""
        engine = await self.engine()
        word = ""
        if fresh or self.oavr.clock() - self._looked_at >= _LOOK_SECONDS:
            self._looked_at = self.oavr.clock()
            try:
                await engine.look_at_account()
                if fresh and engine.driving and engine.fleet.rental.has_key:
                    await engine.fleet.driver.look()
            except OavrError as error:
                word = f"Your RunPod account could not be looked at, so this may be out of date. {error.message}"
            self._say_here(word)
        self._ask_for_money(fresh=fresh)
        if fresh and not word:
            self.oavr.say("This is how things stand now.", seconds=3)

    @work(exclusive=True, group="pods-money")
    async def _ask_for_money(self, *, fresh: bool) -> None:
        engine = await self.engine()
        self._spending = await engine.spending(fresh=fresh)
        self._show_money()

    def _say_here(self, text: str) -> None:
        self._word.update(Content(safe(text, 500)))  # not by its id: while the app ends it is out of the tree already
        self._word.display = bool(text)

    def action_look(self) -> None:
        self._look(fresh=True)

    # --- the log

    def action_log(self) -> None:
        pod = self.pod_with_log()
        if pod is None:
            return
        self._open_log(pod)
        self.query_one(LogPane).focus()

    def _open_log(self, pod: Pod | None) -> None:
        if pod is None or pod.kind is PodKind.ADDRESS:
            return
        self.add_class("logging")
        self._size_list()
        if self._logged != pod.id:
            self._logged = pod.id
            self.remember(_LOGGED, pod.id)
            pane = self.query_one(LogPane)
            pane.show(pod.name, self.oavr.paths.pod_log(pod.id), self.oavr.log_redactor())
            pane.resume_reading()

    def action_back(self) -> None:
        """From the whole screen to the log, from the log to the list; from the list, close the log."""
        if self.has_class("full"):
            self.query_one(LogPane).action_full()
        elif self.query_one(LogPane) in (self.screen.focused.ancestors_with_self if self.screen.focused else ()):
            self.rows.focus()
        elif self._logged:
            self._logged = ""
            self.remember(_LOGGED, "")
            self.query_one(LogPane).pause_reading()
            self.remove_class("logging")
            self._size_list()

    @on(LogPane.FullScreen)
    def full_screen(self, event: LogPane.FullScreen) -> None:
        event.stop()
        self.set_class(event.on, "full")
        self.screen.query_one("#sidebar").display = not event.on
        self.query_one(LogPane).focus()

    def _give_screen_back(self) -> None:
        if self.has_class("full"):
            self.query_one(LogPane).full_screen = False
            self.remove_class("full")
            self.screen.query_one("#sidebar").display = True
