"""The SDK blocks and cannot be cancelled: each of its calls runs in a thread of its own, awaited from outside.

Whoever awaits a call may leave it: by its deadline, or cancelled. From that moment its thread sends nothing more
(`Errand.may_send`), its answer is dropped, and other calls are not held up, since none shares anything with it. What
is under way ends by the deadlines of runpod_sdk_post. Threads are daemons, so they never hold up the program's end.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

from oavr_tui.errors import OavrError
from oavr_tui.pods import runpod_sentences as say
from oavr_tui.pods.runpod_sentences import Verb

MOST_AT_ONCE = 16
"""Calls under way in this process, those that nobody awaits any more included."""

_free = threading.BoundedSemaphore(MOST_AT_ONCE)
_here = threading.local()

T = TypeVar("T")


@dataclass(slots=True)
class Errand:
    """One call: for whom, where to, and how far it is. verb: what it changes, None for a mere question.

    answer_within: seconds for each of its requests. hidden: what must never be shown of an answer. status: of the last
    answer, 0 before one came.
    """

    key: str = field(repr=False)
    base: str
    verb: Verb | None
    answer_within: float
    hidden: tuple[str, ...] = field(default=(), repr=False)
    status: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)
    _left: bool = False
    _sent: bool = False

    @property
    def sent(self) -> bool:
        """Whether the change itself was handed to the network, and not only a question before it."""
        return self._sent

    def may_send(self, *, change: bool) -> None:
        """Called before each request; raises Left where nobody awaits it any more."""
        with self._lock:
            if self._left:
                raise Left
            self._sent = self._sent or change

    def leave(self) -> bool:
        """Nothing is sent any more from now on. Returns whether the change had been sent."""
        with self._lock:
            self._left = True
            return self._sent

    def lost(self, otherwise: OavrError) -> OavrError:
        """What it means that no usable answer came: that it may have been done, or else the error given."""
        return say.unclear(self.verb) if self._sent and self.verb is not None else otherwise


class Left(Exception):
    """Nobody awaits this call any more."""


def errand_here() -> Errand:
    """The call that this thread is on."""
    errand = _here.errand
    assert isinstance(errand, Errand)
    return errand


async def run(errand: Errand, work: Callable[[], T], *, deadline: float) -> T:
    """Run `work` in a thread of its own. It returns a value or raises OavrError.

    deadline: seconds for the whole. Past it, raises Unclear where the change had been sent and Unreachable otherwise.
    """
    if not _free.acquire(blocking=False):
        raise say.silent()
    loop = asyncio.get_running_loop()
    done: asyncio.Future[T] = loop.create_future()
    thread = threading.Thread(target=_do, args=(errand, work, loop, done), name="runpod-sdk", daemon=True)
    try:
        thread.start()
    except RuntimeError:  # the system has no thread left
        _free.release()
        raise say.silent() from None
    try:
        async with asyncio.timeout(deadline):
            return await done
    except TimeoutError:
        errand.leave()
        raise errand.lost(say.silent()) from None
    finally:
        errand.leave()


def _do(errand: Errand, work: Callable[[], T], loop: asyncio.AbstractEventLoop, done: asyncio.Future[T]) -> None:
    _here.errand = errand
    try:
        value, error = work(), None
    except BaseException as caught:
        value, error = None, caught
    finally:
        _free.release()

    def settle() -> None:
        if done.done():
            return
        if error is not None:
            done.set_exception(error.with_traceback(None))  # its frames hold the key
        else:
            done.set_result(value)  # type: ignore[arg-type]

    with contextlib.suppress(RuntimeError):  # the loop is closed: nobody awaits anything any more
        loop.call_soon_threadsafe(settle)
