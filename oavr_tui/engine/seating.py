"""Who sits where: waiting for a pod, holding it for one job, and giving it back."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from oavr_tui.carry import leaving, to_its_end
from oavr_tui.engine.dispatch import Desk, Ticket
from oavr_tui.engine.events import PodStepped
from oavr_tui.engine.needs import Needs
from oavr_tui.engine.seats import PodLost, Seat
from oavr_tui.engine.yard import Yard
from oavr_tui.errors import BadInput, OavrError
from oavr_tui.models import AUTO, Job, Pod, PodKind, PodState
from oavr_tui.text import safe


class Seating:
    """look: holds the book against the account. wake: what waits is looked at now. look_soon: the account is."""

    def __init__(
        self,
        yard: Yard,
        needs: Needs,
        desk: Desk,
        look: Callable[[], Awaitable[None]],
        wake: Callable[[], None],
        look_soon: Callable[[], None],
    ) -> None:
        self._yard = yard
        self._book = yard.book
        self._needs = needs
        self._desk = desk
        self._look = look
        self._wake = wake
        self._look_soon = look_soon
        self._seats: dict[str, Seat] = {}

    def silent_since(self, pod: Pod) -> float | None:
        """Since when whoever sits there has heard nothing (unix seconds); None where it is heard, or nobody sits."""
        seat = self._seats.get(pod.id)
        return None if seat is None else seat.silent_since

    def lost(self, pod: Pod) -> None:
        """A pod does not run any more: whoever sits there, or waits for it, hears of it."""
        self._desk.refuse(PodLost(f"{pod.name} does not run any more"), pod.id)
        seat = self._seats.get(pod.id)
        if seat is not None:
            seat.lost.set()

    @asynccontextmanager
    async def seat(self, job: Job, on_step: Callable[[PodStepped], Awaitable[None]]) -> AsyncIterator[Seat]:
        """Wait until a job may be made on a pod, and hold that pod for it. on_step: told how a start gets on.

        Raises what makes waiting useless.
        """
        pinned = self._pinned(job)
        ticket = self._desk.ask(job, pinned)
        self._wake()
        pod: Pod | None = None
        try:
            pod = await self._served(ticket, on_step)
            url, token = self._needs.address_of(pod)
            seat = Seat(pod.name, url, token, pod, self._is_lost, self._look_soon)
            self._seats[pod.id] = seat
            yield seat
        finally:
            self._desk.withdraw(ticket)
            while pod is None and not ticket.news.empty():  # it was served in the moment in which it was given up
                news = ticket.news.get_nowait()
                pod = news if isinstance(news, Pod) else None
            if pod is not None:
                self._seats.pop(pod.id, None)
                await to_its_end(self._give_back(pod), f"give-back-{pod.name}")

    def _pinned(self, job: Job) -> str:
        if job.pod:
            pod = self._book.get(job.pod)
            if pod is None or pod.state is PodState.GONE:
                raise PodLost("its studio is gone")
            return pod.id
        if job.request.on == AUTO:
            return ""
        pod = self._book.named(job.request.on)
        if pod is None:
            raise BadInput(f"There is no studio named {safe(job.request.on, 60)} any more. Choose another with --on.")
        return pod.id

    async def _served(self, ticket: Ticket, on_step: Callable[[PodStepped], Awaitable[None]]) -> Pod:
        while True:
            if leaving():  # whoever serves goes too
                raise asyncio.CancelledError
            news = await ticket.news.get()
            if isinstance(news, Pod):
                return news
            if isinstance(news, OavrError):
                raise news
            await on_step(news)

    async def _give_back(self, pod: Pod) -> None:
        self._desk.free(pod.id)
        self._wake()
        current = self._book.get(pod.id)
        if current is not None and current.state is PodState.READY:
            await self._book.note(current, last_used=self._yard.around.clock())

    async def _is_lost(self, pod: Pod) -> bool:
        """Look whether a pod that does not answer runs at all; where that cannot be learned, it counts as running."""
        if pod.kind is PodKind.ADDRESS:
            return False
        try:
            await self._look()
        except OavrError:
            return False
        current = self._book.get(pod.id)
        return current is None or current.state in (PodState.GONE, PodState.STOPPED)
