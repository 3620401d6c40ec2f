"""Textual's driver for a terminal that may stall or vanish: nobody waits for it, and its end is noticed at once."""

from __future__ import annotations

import os
import select
import threading
from typing import TYPE_CHECKING, Any

from textual.drivers.linux_driver import LinuxDriver

from oavr_tui.app.outside.outlet import Outlet
from oavr_tui.app.outside.terminal import RESTORE_TITLE, SAVE_TITLE, erases
from oavr_tui.app.outside.thrift import FORGET

if TYPE_CHECKING:
    from oavr_tui.app.outside.guard import GuardedApp

GIVE_BACK = (
    "\x1b[?2004l\x1b[?7h\x1b[?1000l\x1b[?1003l\x1b[?1015l\x1b[?1006l\x1b[<u\x1b[?1049l\x1b[?25h\x1b[?1004l"
    + RESTORE_TITLE
)
"""What gives the terminal back: no bracketed paste, wrapping, no mouse, the plain keys, the first screen, a cursor."""


class SteadyDriver(LinuxDriver):
    """Differs from its parent in who writes, and in that it looks out for the terminal's end."""

    def __init__(self, app: GuardedApp, **how: Any) -> None:
        super().__init__(app, **how)
        self._guarded = app
        self._outlet: Outlet | None = None
        self._watch_end = -1
        self._begun = False

    # --- writing

    def write(self, data: str) -> None:
        if self._outlet is not None:
            self._outlet.write(data)

    def forget_screen(self) -> None:
        """What stands on the screen is not known any more: what is drawn from now on is sent whole."""
        self.write(FORGET)

    def start_application_mode(self) -> None:
        assert self._file is not None
        self._outlet = Outlet(self._file.fileno(), self._is_gone, self._caught_up, erases=erases(os.environ))
        self._begin_watch()
        self.write(SAVE_TITLE)
        super().start_application_mode()  # type: ignore[no-untyped-call]
        if self._writer_thread is not None:
            self._writer_thread.stop()  # the parent's own, which has nothing to write
        if self._begun:
            self._caught_up()  # back from the shell or a pager: the screen is empty, and Textual thinks it is drawn
        self._begun = True

    def stop_application_mode(self) -> None:
        if self._outlet is not None:
            self._outlet.leave()
        super().stop_application_mode()
        self.write(RESTORE_TITLE)

    def close(self) -> None:
        self._end_watch()
        if self._outlet is not None:
            self._outlet.close()
        super().close()

    def _caught_up(self) -> None:
        self._guarded.call_soon(self._guarded.refresh)

    # --- reading

    def _run_input_thread(self) -> None:
        try:
            self.run_input_thread()
        except OSError:
            self._is_gone()
        except Exception as error:
            self._guarded.call_soon(self._guarded._handle_exception, error)

    # --- the end of the terminal

    def _begin_watch(self) -> None:
        """SIGHUP alone will not do: nohup, sudo and some terminals keep it from us, and reading then spins for ever."""
        ear, self._watch_end = os.pipe()
        threading.Thread(target=self._watch, args=(ear,), name="terminal-watch", daemon=True).start()

    def _end_watch(self) -> None:
        if self._watch_end >= 0:
            os.close(self._watch_end)
            self._watch_end = -1

    def _watch(self, ear: int) -> None:
        """Sleeps until the terminal hangs up, or the driver is closed."""
        try:
            poll = select.poll()
            poll.register(self.fileno, 0)
            poll.register(ear, 0)
            for descriptor, what in poll.poll():
                if descriptor == self.fileno and what & (select.POLLHUP | select.POLLERR):
                    self._is_gone()
        finally:
            os.close(ear)

    def _is_gone(self) -> None:
        self.exit_event.set()  # there is nothing to read any more, and trying it would take a whole processor
        self._guarded.call_soon(self._guarded.terminal_gone)
