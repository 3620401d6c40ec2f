"""Following a prompt to its end: the queue and the history are the truth, the socket says when to look sooner."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from oavr_tui.clients.comfyui_http import Http
from oavr_tui.clients.comfyui_jobs import Jobs
from oavr_tui.clients.comfyui_messages import Messages
from oavr_tui.clients.comfyui_socket import Listener
from oavr_tui.clients.comfyui_types import FollowUpdate, PromptStatus, Timings
from oavr_tui.clients.throttle import Throttle
from oavr_tui.errors import Lost, Rejected, Unreachable
from oavr_tui.models import OutputFile

_HURRIED_LOOKS = 5
_ABSENT_TWICE = 2


class Follow:
    """One prompt being followed. clock and sleep are the caller's."""

    def __init__(
        self,
        http: Http,
        jobs: Jobs,
        prompt_id: str,
        client_id: str,
        timings: Timings,
        sleep: Callable[[float], Awaitable[object]],
        clock: Callable[[], float],
        on_update: Callable[[FollowUpdate], None] | None,
    ) -> None:
        self._http = http
        self._jobs = jobs
        self._prompt_id = prompt_id
        self._timings = timings
        self._sleep = sleep
        self._clock = clock
        self._throttle = Throttle(on_update or _ignore, clock, timings.update_every)
        self._ended = asyncio.Event()
        self._running = False
        self._hurried = 0
        self._absent = 0
        self._ahead = -1
        self._connected = True
        self._last_answer = clock()
        self._listener = Listener(
            http.address,
            client_id,
            Messages(prompt_id),
            timings,
            sleep,
            is_running=lambda: self._running,
            on_update=self._throttle.update,
            on_end=self._ended.set,
        )

    async def run(self) -> tuple[OutputFile, ...]:
        """The files that the prompt wrote; raises what ended it otherwise (see ComfyUI.follow)."""
        listening = asyncio.create_task(self._listener.run(), name="comfyui-socket")
        try:
            while True:
                outputs = await self._look()
                if outputs is not None:
                    return outputs
                await self._wait(self._pause(), listening)
        finally:
            listening.cancel()
            await asyncio.gather(listening, return_exceptions=True)

    async def _look(self) -> tuple[OutputFile, ...] | None:
        """The files once the prompt is finished, None while it is not."""
        try:
            status = await self._jobs.find(self._prompt_id)
        except (Unreachable, Rejected) as error:
            self._without_answer(error)
            return None
        self._with_answer(status)
        if status.kind == "finished":
            return status.outputs
        if status.error is not None:
            raise status.error
        self._absent = self._absent + 1 if status.kind == "absent" else 0
        if self._absent >= _ABSENT_TWICE:
            raise Lost("The server no longer knows this video: it was restarted, or somebody took it out of its queue.")
        return None

    def _with_answer(self, status: PromptStatus) -> None:
        self._last_answer = self._clock()
        self._running = status.kind == "running"
        if not self._connected:
            self._connected = True
            self._throttle.update(FollowUpdate("connection", ok=True, text="The server answers again."))
        if status.kind == "pending" and status.ahead != self._ahead:
            self._ahead = status.ahead
            self._throttle.update(FollowUpdate("queued", position=status.ahead))
        self._throttle.flush()

    def _without_answer(self, error: Unreachable | Rejected) -> None:
        """A hiccup changes nothing for the job, which goes on over there; only a long one is the end."""
        if self._clock() - self._last_answer >= self._timings.give_up:
            raise Unreachable(
                f"{error.message} Nothing is lost: if the server comes back, so does the video."
            ) from None
        if self._connected:
            self._connected = False
            self._throttle.update(FollowUpdate("connection", ok=False, text=error.message))

    def _pause(self) -> float:
        if self._ended.is_set():
            self._ended.clear()
            self._hurried = _HURRIED_LOOKS
        if self._absent:
            return self._timings.absent_again
        if self._hurried:
            self._hurried -= 1
            return self._timings.hurried_poll
        return self._timings.poll

    async def _wait(self, seconds: float, listening: asyncio.Task[None]) -> None:
        """Until it is time to look again, or the socket says that there is something to see."""
        pause = asyncio.ensure_future(self._sleep(seconds))
        sign = asyncio.create_task(self._ended.wait(), name="comfyui-sign")
        try:
            await asyncio.wait({pause, sign, listening}, return_when=asyncio.FIRST_COMPLETED)
            if listening.done():
                listening.result()
        finally:
            pause.cancel()
            sign.cancel()
            await asyncio.gather(pause, sign, return_exceptions=True)


def _ignore(update: FollowUpdate) -> None:
    """For callers that only want the end."""
