"""The keeper: the same engine without a screen, which goes on when whoever drove has gone, for whatever reason.

It is started with the first rented pod or video on a server, detached from the terminal, and waits. When nobody drives
and nobody wants to, it does: it follows jobs, brings videos home and stops idle pods. When a person comes back, it
makes way and waits again. It ends when nothing is left to do.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from oavr_tui.engine.lock import FileLock, Wanted
from oavr_tui.paths import Paths

if TYPE_CHECKING:
    from oavr_tui.engine.engine import Engine

_LOOK_SECONDS = 0.5
_AFTER_FAILURE_SECONDS = 30.0

_started: list[int] = []


def start_keeper(paths: Paths, environ: Mapping[str, str]) -> None:
    """See to it that there is a keeper for these folders; returns at once. Costs a look at a lock when there is one."""
    _reap()
    if not FileLock(paths.keeper_lock).is_free():
        return
    there = dict(environ)
    if Paths.find(environ) != paths:
        there["OAVR_HOME"] = str(paths.config.parent)
    nowhere = [(os.POSIX_SPAWN_OPEN, fd, os.devnull, os.O_RDWR, 0) for fd in (0, 1, 2)]
    # Not subprocess: a session of its own outlives the terminal, and nobody waits for it.
    try:
        pid = os.posix_spawn(
            sys.executable,
            [sys.executable, "-m", "oavr_tui", "keeper", "run"],
            there,
            file_actions=nowhere,
            setsid=True,
        )
    except OSError:
        return  # no process to be had right now: the driver goes on, and asks again in seconds
    _started.append(pid)


def _reap() -> None:
    """Let the system forget keepers that this process started and that have ended."""
    for pid in list(_started):
        try:
            ended, _status = os.waitpid(pid, os.WNOHANG)
        except ChildProcessError:
            ended = pid
        if ended:
            _started.remove(pid)


class Keeper:
    """lock: the keeper's, held. engine: an open engine of its own. say: a sentence for the log."""

    def __init__(self, paths: Paths, lock: FileLock, engine: Engine, say: Callable[[str], None]) -> None:
        self._lock = lock
        self._paths = paths
        self._engine = engine
        self._say = say
        self._driver = FileLock(paths.driver_lock)
        self._wanted = Wanted(paths.wanted_lock)

    async def keep(self) -> None:
        """Returns when nothing is left to do, or when it is switched off and somebody else drives."""
        from oavr_tui.engine.crash import write_crash
        from oavr_tui.errors import OavrError

        while self._lock.is_in_place():  # else the folder is gone, and with it all there was to keep
            try:
                if not await self._something_left():
                    return
                if self._wanted.by_others() or not self._driver.is_free():
                    if not self._engine.settings.pods_keeper:  # switched off meanwhile; alone it would not leave pods
                        return
                    await asyncio.sleep(_LOOK_SECONDS)
                else:
                    await self._drive()
            # Whatever it is: giving up would leave pods running that nobody watches.
            except OavrError as error:
                self._say(error.message)
                await asyncio.sleep(_AFTER_FAILURE_SECONDS)
            except Exception as error:
                self._say(write_crash(self._paths, error, "keeping").message)
                await asyncio.sleep(_AFTER_FAILURE_SECONDS)

    async def _something_left(self) -> bool:
        await self._engine.refresh()
        return self._engine.must_stay()

    async def _drive(self) -> None:
        with self._engine.listen() as events:
            async with self._engine.driving_when_free(as_keeper=True):
                while self._engine.must_stay() and not self._wanted.by_others() and self._lock.is_in_place():
                    try:
                        async with asyncio.timeout(_LOOK_SECONDS):
                            await events.next()
                    except TimeoutError:
                        continue
