"""Passing on news no faster than a screen can use it, without ever losing the latest."""

from __future__ import annotations

from collections.abc import Callable

from oavr_tui.clients.comfyui_types import FollowUpdate


class Throttle:
    """Holds back progress that comes too soon after the last, and drops what says nothing new.

    every: seconds between two reports of progress. Other news passes at once, after what is held back.
    """

    def __init__(self, passed_on: Callable[[FollowUpdate], None], clock: Callable[[], float], every: float) -> None:
        self._pass_on = passed_on
        self._clock = clock
        self._every = every
        self._last_time = float("-inf")
        self._node = ""
        self._held: FollowUpdate | None = None

    def update(self, update: FollowUpdate) -> None:
        """Take in one piece of news."""
        if update.kind == "node":
            if update.node == self._node:
                return
            self._node = update.node
        if update.kind != "progress":
            self.flush()
            self._pass_on(update)
            return
        if self._held is not None and self._held.node != update.node:
            self.flush()
        self._held = update
        if update.value >= update.max or self._clock() - self._last_time >= self._every:
            self.flush()

    def flush(self) -> None:
        """Pass on what is held back, if anything."""
        if self._held is not None:
            held, self._held = self._held, None
            self._last_time = self._clock()
            self._pass_on(held)
