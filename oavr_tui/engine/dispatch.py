"""Which job goes where, next: one job at a time in each place, in the order of asking.

This is bookkeeping alone: it starts nothing and waits for nothing. The fleet tells it which pods are ready; whoever
waits holds a ticket and reads its news.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

from oavr_tui.engine.events import PodStepped
from oavr_tui.errors import OavrError
from oavr_tui.models import Job, Pod


class Lanes:
    """Places outside the fleet that make one video at a time: this computer, or one server given by its address."""

    def __init__(self) -> None:
        self._locks: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    def of(self, place: str) -> asyncio.Lock:
        """The lock of a place; asyncio's lock serves in order."""
        return self._locks[place]


News = PodStepped | OavrError | Pod
"""What a ticket hears: how a start gets on, that it is no use to wait, or, last, the pod that is its own now."""


@dataclass(eq=False, slots=True)
class Ticket:
    """A job that waits for a pod. pinned: the id of the only pod it may have, or empty for any. bound: something of the
    job is on that pod already, so that another machine under the same name is of no use."""

    job_id: str
    since: float
    pinned: str
    bound: bool
    news: asyncio.Queue[News] = field(default_factory=asyncio.Queue)
    served: bool = False


class Desk:
    """Hands out pods. A pod has at most one job; an older ticket goes first."""

    def __init__(self) -> None:
        self._tickets: list[Ticket] = []
        self._holders: dict[str, str] = {}

    def ask(self, job: Job, pinned: str) -> Ticket:
        """Queue a job for a pod."""
        ticket = Ticket(job.id, job.created_at, pinned, bool(job.pod))
        self._tickets.append(ticket)
        self._tickets.sort(key=lambda one: (one.since, one.job_id))
        return ticket

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
        """Those who wait for this pod, or, without one, for any; oldest first."""
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
