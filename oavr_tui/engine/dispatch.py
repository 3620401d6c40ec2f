"""Which job goes where, next: one job at a time in each place, in the order of asking, or as a
person has put them.

This is bookkeeping alone: it starts nothing and waits for nothing. The fleet tells it which pods are ready; whoever
waits holds a ticket and reads its news.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from oavr_tui.engine.events import PodStepped
from oavr_tui.errors import OavrError
from oavr_tui.models import Job, Pod

Turn = tuple[float, str]
"""What jobs are sorted by: the smaller goes first."""


class Lane:
    """A place that makes one video at a time. turn(job id): its place in the line at the moment."""

    def __init__(self, turn: Callable[[str], Turn]) -> None:
        self._turn = turn
        self._taken = False
        self._waiting: dict[str, asyncio.Future[None]] = {}

    @asynccontextmanager
    async def mine(self, job_id: str) -> AsyncIterator[None]:
        """Wait until it is this job's turn, and have the place for it while inside."""
        await self._take(job_id)
        try:
            yield
        finally:
            self._pass_on()

    async def _take(self, job_id: str) -> None:
        if not self._taken:
            self._taken = True
            return
        given = self._waiting[job_id] = asyncio.get_running_loop().create_future()
        try:
            await given
        except asyncio.CancelledError:
            if given.done() and not given.cancelled():  # it was given the place in the moment in which it gave up
                self._pass_on()
            raise
        finally:
            del self._waiting[job_id]

    def _pass_on(self) -> None:
        waiting = [job_id for job_id, given in self._waiting.items() if not given.done()]
        self._taken = bool(waiting)
        if waiting:
            self._waiting[min(waiting, key=self._turn)].set_result(None)


class Lanes:
    """Places outside the fleet that make one video at a time: this computer, or one server given by its address.

    turn(job id): its place in the line at the moment.
    """

    def __init__(self, turn: Callable[[str], Turn]) -> None:
        self._lanes: defaultdict[str, Lane] = defaultdict(lambda: Lane(turn))

    def of(self, place: str) -> Lane:
        """The lane of a place, which lets jobs in one at a time, whoever's turn it is."""
        return self._lanes[place]


News = PodStepped | OavrError | Pod
"""What a ticket hears: how a start gets on, that it is no use to wait, or, last, the pod that is its own now."""


@dataclass(eq=False, slots=True)
class Ticket:
    """A job that waits for a pod. turn: its place in the line. pinned: the id of the only pod it may have, or empty for
    any. bound: something of the job is on that pod already, so that another machine under the same name is of no use.
    """

    job_id: str
    turn: Turn
    pinned: str
    bound: bool
    news: asyncio.Queue[News] = field(default_factory=asyncio.Queue)
    served: bool = False


class Desk:
    """Hands out pods. A pod has at most one job; the ticket whose turn it is goes first."""

    def __init__(self) -> None:
        self._tickets: list[Ticket] = []
        self._holders: dict[str, str] = {}

    def ask(self, job: Job, pinned: str) -> Ticket:
        """Queue a job for a pod."""
        ticket = Ticket(job.id, job.turn, pinned, bool(job.pod))
        self._tickets.append(ticket)
        self._sort()
        return ticket

    def put_in_order(self, turns: Mapping[str, Turn]) -> None:
        """Take in where jobs stand in the line now, by their ids."""
        for ticket in self._tickets:
            ticket.turn = turns.get(ticket.job_id, ticket.turn)
        self._sort()

    def _sort(self) -> None:
        self._tickets.sort(key=lambda one: one.turn)

    def withdraw(self, ticket: Ticket) -> None:
        """Forget a ticket that was served, or whose job does not want it any more."""
        if ticket in self._tickets:
            self._tickets.remove(ticket)

    def free(self, pod_id: str) -> None:
        """The job that had this pod has let go of it."""
        self._holders.pop(pod_id, None)

    def holder(self, pod_id: str) -> str | None:
        """The id of the job that has this pod now."""
        return self._holders.get(pod_id)

    def waiting(self, pinned: str = "") -> list[Ticket]:
        """Those who wait for this pod, or, without one, for any; in the order of their turns."""
        return [ticket for ticket in self._tickets if not ticket.served and ticket.pinned == pinned]

    def pins(self) -> set[str]:
        """The ids of the pods that somebody waits for and would take no other."""
        return {ticket.pinned for ticket in self._tickets if ticket.pinned and not ticket.served}

    def follow(self, pod_id: str, following: str) -> None:
        """Another machine has taken the place of a pod: whoever is not bound to that very one waits for this one."""
        for ticket in self.waiting(pod_id):
            if not ticket.bound:
                ticket.pinned = following

    def settle(self, ready: Sequence[Pod], open_to_all: Sequence[Pod]) -> None:
        """Give out the pods that are ready and free. open_to_all: those of them that a job without a wish may have."""
        at_hand = {pod.id: pod for pod in ready}
        for ticket in list(self._tickets):
            if ticket.served:
                continue
            if ticket.pinned:
                choice = [at_hand[ticket.pinned]] if ticket.pinned in at_hand else []
            else:
                choice = sorted(open_to_all, key=lambda pod: (len(self.waiting(pod.id)), pod.per_hour, pod.name))
            pod = next((one for one in choice if one.id not in self._holders), None)
            if pod is not None:
                self._holders[pod.id] = ticket.job_id
                ticket.served = True
                ticket.news.put_nowait(pod)

    def tell(self, news: PodStepped) -> None:
        """Tell those who wait for this pod, or for any, how its start gets on."""
        for ticket in (*self.waiting(news.pod), *self.waiting()):
            ticket.news.put_nowait(news)

    def refuse(self, error: OavrError, pinned: str = "") -> None:
        """Tell those who wait for this pod, or for any, that it is no use."""
        for ticket in self.waiting(pinned):
            ticket.served = True
            ticket.news.put_nowait(error)
