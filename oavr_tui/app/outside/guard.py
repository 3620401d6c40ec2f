"""Leaving well, whatever the reason: a signal, a terminal that is gone, or a fault of the app itself.

In each case the app takes its ordinary way out, so that the terminal is given back, what is being made is left to the
keeper, and locks are freed. Nothing but plain sentences reaches the terminal.
"""

from __future__ import annotations

import asyncio
import os
import select
import signal
import sys
import threading
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from textual import events, on
from textual.app import App
from textual.worker import WorkerFailed

from oavr_tui.app.outside.driver import GIVE_BACK, SteadyDriver
from oavr_tui.app.outside.plain_lines import PlainLines
from oavr_tui.engine.crash import write_crash
from oavr_tui.errors import OavrError
from oavr_tui.paths import Paths

if TYPE_CHECKING:
    from rich.console import RenderableType
    from textual.driver import Driver
    from textual.filter import LineFilter

LEAVE_SECONDS = 20.0
"""How long the way out may take after a signal; then the process ends as it is, and the keeper takes over."""

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class GuardedApp(App[None]):
    """What the app is built on. Run it with `run_guarded`."""

    paths: Paths

    def __init__(self) -> None:
        super().__init__()
        self.parting: list[str] = []
        """What is to be said when the terminal is the shell's again."""
        self._last_resort: threading.Timer | None = None
        self._plain_lines = PlainLines()
        self._sized = False

    def get_driver_class(self) -> type[Driver]:
        return SteadyDriver

    def get_line_filters(self) -> Sequence[LineFilter]:
        """Textual's own, after the one that no text of anybody gets past."""
        return [self._plain_lines, *super().get_line_filters()]

    # --- signals, and the terminal's end

    def on_load(self) -> None:
        loop = asyncio.get_running_loop()
        for number in _SIGNALS:
            loop.add_signal_handler(number, self.leave, 128 + number)

    def leave(self, code: int) -> None:
        """Take the ordinary way out, with an exit code; after 20 seconds take it by force."""
        if self._last_resort is not None:
            return
        self._last_resort = threading.Timer(LEAVE_SECONDS, _by_force, (code,))
        self._last_resort.daemon = True
        if not self.is_headless:
            self._last_resort.start()
        self.exit(None, code)

    def terminal_gone(self) -> None:
        """Nobody sees or types anything any more: what is still written goes nowhere, and the app leaves."""
        nowhere = os.open(os.devnull, os.O_WRONLY | os.O_CLOEXEC)
        for descriptor in (1, 2):
            os.dup2(nowhere, descriptor)
        os.close(nowhere)
        self.leave(128 + signal.SIGHUP)

    def call_soon(self, what: Callable[..., object], *given: Any) -> None:
        """Have something called in the app, from any thread; nothing happens when the app is over."""
        loop = self._loop
        if loop is not None and not loop.is_closed():
            loop.call_soon_threadsafe(what, *given)

    @on(events.Resize)
    def _screen_unknown(self) -> None:
        """A terminal of another size has moved what stood on it, or lost it."""
        if self._sized and isinstance(self._driver, SteadyDriver):
            self._driver.forget_screen()
        self._sized = True  # the first time the size is only told

    def draw_anew(self) -> None:
        """Send everything again, whatever the terminal shows now."""
        if isinstance(self._driver, SteadyDriver):
            self._driver.forget_screen()
        self.screen.refresh(layout=True)

    # --- faults of our own

    def _handle_exception(self, error: Exception) -> None:
        """Textual would print a traceback with the values of all variables, keys among them."""
        self._return_code = 1
        if self._exception is None:  # tests are told of it by this
            self._exception = error
            self._exception_event.set()
        self._fault(error.error if isinstance(error, WorkerFailed) else error)
        self._close_messages_no_wait()

    def _fault(self, error: BaseException) -> None:
        sentence = write_crash(self.paths, error, "showing the screens").message
        if not self.parting:  # what follows is mostly the first one's doing; the file has them all
            self.parting.append(error.message if isinstance(error, OavrError) else sentence)

    def panic(self, *renderables: RenderableType) -> None:
        """Textual's other way to end: its renderables may hold anything, so that only the fault itself is kept."""
        self._handle_exception(RuntimeError("panic"))

    def _print_error_renderables(self) -> None:
        """Nothing of Textual's is printed; `run_guarded` says what there is to say."""
        self._exit_renderables.clear()


def run_guarded(app: GuardedApp, say: Callable[[str], None]) -> int:
    """Run the app and return its exit code; say: prints a sentence, once the terminal is the shell's again."""
    before = threading.excepthook
    threading.excepthook = lambda args: _thread_fault(app, args.exc_value)
    try:
        app.run()
    finally:
        threading.excepthook = before
    for sentence in app.parting:
        say(sentence)
    return app.return_code or 0


def _thread_fault(app: GuardedApp, error: BaseException | None) -> None:
    if error is not None and not isinstance(error, SystemExit):
        write_crash(app.paths, error, "working in the background")


def _by_force(code: int) -> None:
    """The end of a process that does not come to one. Whatever is on disk is whole at any moment."""
    error = sys.__stderr__
    if error is not None and select.select([], [error.fileno()], [], 0)[1]:
        os.write(error.fileno(), GIVE_BACK.encode())
    os._exit(code)
