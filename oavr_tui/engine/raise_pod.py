"""From a machine that was just rented or woken to a ComfyUI that answers on it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from oavr_tui.engine.events import Step
from oavr_tui.engine.pod_book import Overtaken
from oavr_tui.engine.yard import Yard
from oavr_tui.models import Pod, PodState
from oavr_tui.text import clock

if TYPE_CHECKING:
    from oavr_tui.clients.log_fold import LogLine
    from oavr_tui.clients.pod_log import PodLog
    from oavr_tui.pods.phases import BootLog

_ROUND_SECONDS = 2.0
_EARLY_ROUND_SECONDS = 0.3
_EARLY_SECONDS = 5.0
_ROWS = 5000
_MOST_FRESH_STARTS = 3
"""How often a container may begin anew by itself before its machine is given up."""

_STEPS = {PodState.BOOTING: Step.BOOTING, PodState.FETCHING: Step.FETCHING, PodState.WARMING: Step.WARMING}
_TEXTS = {
    PodState.BOOTING: "The machine is starting",
    PodState.FETCHING: "Fetching the video engine",
    PodState.WARMING: "Warming up",
}


class BadHost(Exception):
    """This machine will not do; another may. The text is a sentence for a person."""


class RaisePod:
    """Watches one start. `died` is set by the fleet when the account says that the machine is gone, stopped or broken.

    A machine that was not started here is only waited for: nobody else may judge it.
    """

    def __init__(self, yard: Yard, pod: Pod, log: PodLog, *, expected_files: int) -> None:
        from oavr_tui.pods.phases import BootLog

        self.yard = yard
        self.pod = pod
        self.died = asyncio.Event()
        self._log = log
        self._expected = expected_files
        self._news: BootLog = BootLog(expected=expected_files)
        self._told: tuple[PodState, int, int] | None = None
        self._began = yard.around.clock()
        self._fresh_starts = 0

    async def until_ready(self) -> Pod:
        """Returns the pod, ready. Raises BadHost when it gets no further, or cannot do the work, and Overtaken when it
        is no longer starting."""
        if self.pod.state is not PodState.BOOTING:  # another driver saw how it began
            self._heard(self._log.lines(_ROWS))
        done_listening = self._log.listen(self._heard)
        try:
            self._tell()
            while True:
                self._look_whether_it_still_starts()
                await self._note_phase()
                self._look_at_trouble()
                if await self._answers():
                    return await self._ready()
                self._look_at_deadline()
                waited = self.yard.around.clock() - self._began
                await self.yard.around.sleep(_EARLY_ROUND_SECONDS if waited < _EARLY_SECONDS else _ROUND_SECONDS)
        finally:
            done_listening()

    def _look_whether_it_still_starts(self) -> None:
        current = self.yard.book.get(self.pod.id)
        if current is None or current.state is not self.pod.state:
            raise Overtaken
        if self.died.is_set():
            self._judge(f"{self.pod.name} stopped while it was starting.")

    def _judge(self, reason: str) -> None:
        if not self.pod.found:
            raise BadHost(reason)

    def _heard(self, rows: list[LogLine]) -> None:
        for row in rows:
            before = self._news.phase
            self._news.feed(row.text)
            self._fresh_starts += before is not PodState.BOOTING and self._news.phase is PodState.BOOTING

    def _look_at_trouble(self) -> None:
        """A file that cannot be had, and a container that starts over again and again: each time it would look like
        progress, and cost money for ever."""
        if self._news.failed:
            self._judge(f"{self.pod.name} could not fetch {self._news.failed[0]}.")
        if self._fresh_starts >= _MOST_FRESH_STARTS:
            self._judge(f"{self.pod.name} started over {self._fresh_starts} times and never became ready.")

    async def _note_phase(self) -> None:
        news, was = self._news, self._told
        now = (news.phase, news.done, news.total)
        if now == was:
            return
        if news.phase is not self.pod.state and news.phase in _STEPS:
            self.pod = await self.yard.book.move(self.pod, news.phase)
        else:
            self.pod = await self.yard.book.note(self.pod, progress_at=self.yard.around.clock())
        self._tell()

    def _tell(self) -> None:
        news = self._news
        self._told = (news.phase, news.done, news.total)
        text = _TEXTS[news.phase]
        if news.phase is PodState.FETCHING and news.total:
            # Before a start has been seen to its end, nobody knows how many there will be.
            so_far = f"{news.done} of {news.total} files" if self._expected else f"{news.done} files so far"
            text = f"{text}: {so_far}"
        total = news.total if self._expected else 0
        counts = (news.done, total) if news.phase is PodState.FETCHING else (0, 0)
        self.yard.step(self.pod, _STEPS[news.phase], text, *counts)

    async def _answers(self) -> bool:
        """Whether ComfyUI itself answers: a proxy's friendly page is no answer."""
        from oavr_tui.pods.start_up import bad_host

        info = await self.yard.ask_comfyui(self.pod, lambda server: server.info())
        if info is None:
            return False
        reason = bad_host(info.ram_total / 1e9 if info.ram_total else None)
        if reason is not None:
            self._judge(f"{self.pod.name}: {reason}")
        return True

    def _look_at_deadline(self) -> None:
        from oavr_tui.pods.start_up import DEADLINES, overdue

        if overdue(self.pod, self.yard.around.clock()):
            minutes = clock(DEADLINES[self.pod.state])
            self._judge(f"{self.pod.name} got no further for {minutes} ({_TEXTS[self.pod.state].lower()}).")

    async def _ready(self) -> Pod:
        yard, now = self.yard, self.yard.around.clock()
        self.pod = await yard.book.move(self.pod, PodState.READY, last_used=now, note="", tries=())
        await yard.book.measured("wake" if self.pod.resumed else "start", self.pod.gpu, now - self._asked_at())
        if self._news.total:
            await yard.book.measured("files", "", 1.0, count=self._news.total)
        yard.step(self.pod, Step.READY, f"{self.pod.name} is ready")
        return self.pod

    def _asked_at(self) -> float:
        return self.pod.created_at if not self.pod.resumed else self._began
