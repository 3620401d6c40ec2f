"""The rounds in which idle pods are stopped, old ones terminated, and money that runs out is noticed."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from oavr_tui.engine.dispatch import Desk
from oavr_tui.engine.needs import Needs
from oavr_tui.engine.pod_book import Overtaken
from oavr_tui.engine.yard import Yard
from oavr_tui.errors import NoKey, OavrError
from oavr_tui.models import Pod, PodKind, PodState, PodWish

if TYPE_CHECKING:
    from oavr_tui.pods.idle_stop import Decision


class IdleRounds:
    """hold: nothing new may be started or given out, since the money runs out."""

    def __init__(self, yard: Yard, desk: Desk, needs: Needs) -> None:
        self._yard = yard
        self._desk = desk
        self._needs = needs
        self._worried = ""
        self._said: set[tuple[str, str]] = set()
        self.hold = False
        self.balance_seconds: float | None = None

    def worry(self, error: OavrError) -> None:
        """Say once that the account cannot be looked at; it is looked at again and again."""
        if error.code == self._worried:
            return
        running = [pod.name for pod in self._yard.book.all() if pod.billed and pod.pod_id]
        costly = f" {' and '.join(running)} may go on costing money meanwhile." if running else ""
        if running or self._desk.waiting():
            self._worried = error.code
            self._yard.tell(f"Your RunPod account cannot be looked at right now.{costly} {error.message}")

    def relieved(self) -> None:
        """The account could be looked at: should it fail again, that is said again."""
        self._worried = ""

    async def learn_balance(self) -> None:
        """Ask how long the money lasts while something costs. Raises OavrError when the account cannot be asked."""
        billed = any(pod.billed for pod in self._yard.book.all())
        self.balance_seconds = await self._balance_lasts() if billed else None

    async def round(self) -> None:
        """Decide about every pod once, by what was last learned of the account."""
        from oavr_tui.pods.idle_stop import Action, Facts, decide

        pods = [pod for pod in self._yard.book.all() if pod.kind is PodKind.RUNPOD and not pod.found and not pod.asked]
        spent = await self._yard.spent_today()
        hold = False
        for pod in pods:
            facts = Facts(
                now=self._yard.around.clock(),
                busy=self._desk.holder(pod.id) is not None or bool(self._needs.made_on(pod)),
                waiting=self._needs.wanted(pod),
                unsaved=self._needs.unsaved_on(pod),
                balance_seconds=self.balance_seconds,
                spent_today=spent,
            )
            decision = decide(pod, self._yard.setup.plan, facts)
            hold = hold or decision.action is Action.FETCH_FIRST
            try:
                await self._do(pod, decision)
            except Overtaken:
                continue  # decided about a state that it is no longer in
        self.hold = hold

    async def _do(self, pod: Pod, decision: Decision) -> None:
        from oavr_tui.pods.idle_stop import Action

        if decision.action is Action.FETCH_FIRST:
            self._say_once(pod, decision)
        elif decision.action is Action.STOP:
            if pod.volume and self._needs.unsaved_on(pod):
                self._say_once(pod, replace(decision, sentence=self._needs.against_ending(pod, PodWish.STOP)))
                return
            if pod.state is PodState.READY and await self._works_for_somebody(pod):
                await self._yard.book.note(pod, last_used=self._yard.around.clock())
                return
            current = self._yard.book.get(pod.id)
            if current is not None and current.state is pod.state and self._desk.holder(pod.id) is None:
                self._yard.tell(decision.sentence)
                await self._yard.book.move(current, PodState.STOPPING, note=decision.sentence)
        elif decision.action is Action.TERMINATE:
            self._yard.tell(decision.sentence)
            await self._yard.book.move(pod, PodState.TERMINATING, note=decision.sentence)

    def _say_once(self, pod: Pod, decision: Decision) -> None:
        if (pod.id, decision.action) not in self._said:
            self._said.add((pod.id, decision.action))
            self._yard.tell(decision.sentence)

    async def _balance_lasts(self) -> float | None:
        from oavr_tui.pods.cost import runway

        try:
            account = await self._yard.rental.account()
        except NoKey:
            raise
        except OavrError:
            return None
        return None if account is None else runway(account.balance, account.per_hour)

    async def _works_for_somebody(self, pod: Pod) -> bool:
        """Whether the pod's own queue is not empty: somebody may use its ComfyUI in a browser."""
        # Where it does not answer, nobody can be using it.
        return bool(await self._yard.ask_comfyui(pod, lambda server: server.queue_length()))
