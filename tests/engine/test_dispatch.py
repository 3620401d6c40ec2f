"""The desk: one job for each pod, older ones first, everybody what is theirs, and no pod idle while somebody waits."""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, initialize, invariant, rule

from oavr_tui.engine.dispatch import Desk, News, Ticket
from oavr_tui.engine.events import PodStepped, Step
from oavr_tui.errors import NoGpu
from oavr_tui.models import Pod, PodState
from tests.engine.yards import job, pod

PODS = [pod(f"p{number}", PodState.READY, 1.0, name=f"studio-{number}", per_hour=number / 10) for number in range(4)]
CHOICES = st.lists(st.sampled_from(PODS), unique=True, max_size=4)


def news(ticket: Ticket) -> list[News]:
    heard = []
    while not ticket.news.empty():
        heard.append(ticket.news.get_nowait())
    return heard


def test_the_cheapest_pod_for_whom_nobody_waits_goes_first() -> None:
    desk = Desk()
    desk.ask(job("a", on="studio-0"), "p0")
    any_one = desk.ask(job("b", at=0.0), "")
    desk.settle(PODS[:3], PODS[:3])
    assert news(any_one) == [PODS[1]]
    assert desk.holder("p0") == "a"


def test_steps_and_refusals_are_heard_by_those_they_concern() -> None:
    desk = Desk()
    one, other, anybody = desk.ask(job("a"), "p0"), desk.ask(job("b"), "p1"), desk.ask(job("c"), "")
    step = PodStepped("p0", "studio-0", Step.BOOTING, "The machine is starting")
    desk.tell(step)
    assert (news(one), news(other), news(anybody)) == ([step], [], [step])
    error = NoGpu("There is none.")
    desk.refuse(error, "p1")
    desk.refuse(error)
    assert (news(one), news(other), news(anybody)) == ([], [error], [error])
    desk.settle(PODS, PODS)
    assert (news(one), news(other), news(anybody)) == ([PODS[0]], [], [])


def test_those_who_wait_for_a_name_follow_it_and_those_with_something_on_the_machine_do_not() -> None:
    desk = Desk()
    by_name, bound = desk.ask(job("a", on="studio-0"), "p0"), desk.ask(job("b", pod="p0"), "p0")
    assert desk.pins() == {"p0"}
    desk.follow("p0", "p3")
    assert desk.pins() == {"p0", "p3"}
    desk.refuse(NoGpu("It is gone."), "p0")
    assert [type(each) for each in news(bound)] == [NoGpu]
    desk.settle(PODS, PODS)
    assert news(by_name) == [PODS[3]]
    assert desk.pins() == set()


class DeskMachine(RuleBasedStateMachine):
    """Jobs come, wait, are served, leave and give back, in any order; pods are ready or not, open to all or not."""

    tickets = Bundle("tickets")

    @initialize()
    def open(self) -> None:
        self.desk = Desk()
        self.waiting: list[Ticket] = []
        self.held: dict[str, Ticket] = {}
        self.withdrawn: list[Ticket] = []
        self.count = 0

    @rule(target=tickets, at=st.integers(0, 5), pinned=st.sampled_from(["", "", "p0", "p1", "p2"]))
    def ask(self, at: int, pinned: str) -> Ticket:
        self.count += 1
        ticket = self.desk.ask(job(f"j{self.count:03}", at=float(at)), pinned)
        self.waiting.append(ticket)
        return ticket

    @rule(ready=CHOICES, open_to=CHOICES)
    def settle(self, ready: list[Pod], open_to: list[Pod]) -> None:
        open_to = [one for one in ready if one in open_to]
        before = list(self.waiting)
        self.desk.settle(ready, open_to)
        served = []
        for ticket in before:
            for told in news(ticket):
                assert isinstance(told, Pod)
                assert told in (ready if ticket.pinned else open_to)
                assert told.id not in self.held
                assert ticket.pinned in ("", told.id)
                self.held[told.id] = ticket
                self.waiting.remove(ticket)
                served.append(ticket)
        free = [one for one in ready if one.id not in self.held]
        for ticket in self.waiting:
            assert not [one for one in free if (one.id == ticket.pinned if ticket.pinned else one in open_to)]
            for younger in served:
                if younger.pinned == ticket.pinned:
                    assert younger.turn < ticket.turn

    @rule(ticket=consumes(tickets))
    def give_up_or_give_back(self, ticket: Ticket) -> None:
        self.desk.withdraw(ticket)
        if ticket in self.waiting:
            self.waiting.remove(ticket)
            self.withdrawn.append(ticket)
        for pod_id in [pod_id for pod_id, holder in self.held.items() if holder is ticket]:
            del self.held[pod_id]
            self.desk.free(pod_id)

    @rule(target=tickets, ticket=consumes(tickets), following=st.sampled_from(["p1", "p2", "p3"]))
    def another_machine_takes_its_place(self, ticket: Ticket, following: str) -> Ticket:
        if ticket.pinned and ticket in self.waiting:
            self.desk.follow(ticket.pinned, following)
            assert ticket.pinned == following
        return ticket

    @rule(ticket=consumes(tickets))
    def refuse(self, ticket: Ticket) -> None:
        if ticket not in self.waiting:
            return
        alike = [other for other in self.waiting if other.pinned == ticket.pinned]
        error = NoGpu("There is none.")
        self.desk.refuse(error, ticket.pinned)
        for other in alike:
            assert news(other) == [error]
            self.waiting.remove(other)
            self.desk.withdraw(other)

    @invariant()
    def everybody_has_what_is_theirs(self) -> None:
        if not hasattr(self, "desk"):
            return
        for each in PODS:
            holder = self.held.get(each.id)
            assert self.desk.holder(each.id) == (None if holder is None else holder.job_id)
        assert all(ticket.news.empty() for ticket in self.withdrawn)
        assert self.desk.pins() == {ticket.pinned for ticket in self.waiting if ticket.pinned}
        assert set(self.desk.waiting()) == {ticket for ticket in self.waiting if not ticket.pinned}


TestDesk = DeskMachine.TestCase
TestDesk.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
