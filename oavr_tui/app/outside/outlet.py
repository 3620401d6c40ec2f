"""What the app writes on the terminal, by a thread of its own, so that a terminal that does not read stops nobody.

Textual's own queue holds 30 writes and then blocks the event loop: a frozen connection (a laptop asleep, ctrl+s) would
stop the engine too, which has machines to stop. A thread that met an error would leave that queue full for ever.
"""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Callable

from oavr_tui.app.outside.thrift import Thrift

MOST_WAITING = 1_000_000
"""Characters that may wait; beyond that frames are dropped, and the screen is drawn anew once the terminal reads."""

_CHUNK = 16_384
_NO_END = 1 << 30
_FAREWELL_SECONDS = 1.0


class Outlet:
    """on_gone: called once, from the thread, when nothing can be written any more. on_caught_up: called from the
    thread when everything is written after something had to be dropped. erases: of the terminal, as for Thrift.
    """

    def __init__(
        self, descriptor: int, on_gone: Callable[[], None], on_caught_up: Callable[[], None], *, erases: bool = False
    ) -> None:
        self._descriptor = descriptor
        self._thrift = Thrift(self._terminal_size, erases=erases)
        self._on_gone = on_gone
        self._on_caught_up = on_caught_up
        self._waiting: deque[str] = deque()
        self._size = 0
        self._dropped = self._leaving = self._closed = False
        self._change = threading.Condition()
        # A daemon, and past Python's own buffers: one that is stuck in a write must not keep the process.
        self._thread = threading.Thread(target=self._run, name="outlet", daemon=True)
        self._thread.start()

    def write(self, text: str) -> None:
        """Have a text written. Never waits."""
        with self._change:
            if self._closed or (not self._leaving and self._is_full()):
                return
            self._waiting.append(text)
            self._size += len(text)
            self._change.notify()

    def _terminal_size(self) -> tuple[int, int]:
        try:
            width, height = os.get_terminal_size(self._descriptor)
        except OSError:  # not a terminal
            width = height = 0
        return width or _NO_END, height or _NO_END

    def _is_full(self) -> bool:
        # Once one frame was dropped the following ones, which build on it, would draw nonsense.
        self._dropped = self._dropped or self._size > MOST_WAITING
        return self._dropped

    def leave(self) -> None:
        """What comes now gives the terminal back: it is not dropped, and what still waits is of no use any more."""
        with self._change:
            self._leaving = True
            if self._dropped:
                self._waiting.clear()
                self._size = 0

    def close(self) -> None:
        """Write what waits, if the terminal takes it within a second, and end."""
        with self._change:
            self._closed = True
            self._change.notify()
        self._thread.join(_FAREWELL_SECONDS)

    def _run(self) -> None:
        while (text := self._next()) is not None:
            try:
                self._put(self._thrift.spare(text).encode("utf-8", "replace"))
            except OSError:
                with self._change:
                    self._closed = True
                self._on_gone()
                return

    def _next(self) -> str | None:
        with self._change:
            while not self._waiting:
                if self._closed:
                    return None
                if self._dropped and not self._leaving:
                    self._dropped = False
                    self._thrift.forget()
                    self._on_caught_up()
                self._change.wait()
            text = "".join(self._waiting)
            self._waiting.clear()
            self._size = len(text)
            return text

    def _put(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            try:
                view = view[os.write(self._descriptor, view[:_CHUNK]) :]
            except BlockingIOError:
                import select

                select.select([], [self._descriptor], [])
        with self._change:
            self._size = sum(map(len, self._waiting))
