"""When writes that wait are to be committed: a commit costs nearly as much for one as for many."""

from __future__ import annotations

from collections.abc import Callable

GROUP = 512
"""Writes in one commit, at most: bounds the time a turn of the loop takes."""
QUIET_TURNS = 8
"""Turns of the loop without another write, after which those that wait are committed."""
PATIENCE = 1.0
"""How long writes wait for others, at most: so many times what the last commit took."""


class Gathering:
    """Asked in each turn of the loop, from the first write on. `timer` gives seconds that only grow."""

    def __init__(self, timer: Callable[[], float]) -> None:
        self._timer = timer
        self._took = 0.001
        self._ends = 0.0
        self._count = self._quiet = 0

    def begin(self) -> None:
        """A first write waits."""
        self._count = self._quiet = 0
        self._ends = self._timer() + PATIENCE * self._took

    def is_over(self, count: int) -> bool:
        """Whether the `count` writes that wait by now are to be committed."""
        self._quiet = 0 if count > self._count else self._quiet + 1
        self._count = count
        return self._quiet >= QUIET_TURNS or count >= GROUP or self._timer() >= self._ends

    def time(self, commit: Callable[[], object]) -> None:
        """Commit, and learn how long that takes. Raises what `commit` raises."""
        begun = self._timer()
        commit()
        self._took = self._timer() - begun
