"""The question at the door: running studios cost money, and videos are being made."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence, Set
from dataclasses import dataclass
from typing import TYPE_CHECKING

from oavr_tui.app.dialogs.question import Answer, Question
from oavr_tui.app.live import Topic
from oavr_tui.engine.given import is_address
from oavr_tui.errors import OavrError
from oavr_tui.models import PREVIEW, Job, JobState, Pod, PodKind, PodWish
from oavr_tui.text import safe

if TYPE_CHECKING:
    from oavr_tui.app.heart import Heart
    from oavr_tui.app.live import Live
    from oavr_tui.engine.engine import Engine

_STOP_SECONDS = 60.0
"""How long leaving waits for pods to stop where nobody else sees to it."""


async def leaving(app: Heart) -> bool:
    """Whether to leave now; asks only where something goes on. Call it from a worker."""
    refused = ""
    while (now := Going.of(app)).something:
        answer = await app.push_screen_wait(Leaving(now, refused))
        if answer != "stop" or app.engine is None:
            return answer in ("stop", "leave")
        now = Going.of(app)  # it may have changed while the question was open
        refused = await _refusal(app, app.engine, now.pods, now.given_up)
        if not refused:
            return True
    return True


@dataclass(frozen=True, slots=True)
class Going:
    """What goes on. given_up: videos that must be canceled for the studios to stop. idle_minutes: after which a
    studio stops without work; None where nobody would see to that once this is closed."""

    pods: tuple[Pod, ...] = ()
    away: tuple[Job, ...] = ()
    here: tuple[Job, ...] = ()
    given_up: tuple[Job, ...] = ()
    idle_minutes: float | None = None

    @classmethod
    def of(cls, app: Heart) -> Going:
        """As it is now."""
        live, engine = app.live, app.engine
        kept = engine is not None and (engine.kept or not live.driving)  # else another window drives
        away = tuple(job for job in live.jobs if not job.ended and job.request.on != PREVIEW)
        return cls(
            pods=live.running_pods,
            away=away,
            here=tuple(job for job in live.jobs if not job.ended and job.request.on == PREVIEW),
            given_up=tuple(job for job in away if _is_rented(app, job)),
            idle_minutes=engine.fleet.plan.idle_minutes if kept and engine is not None else None,
        )

    @property
    def something(self) -> bool:
        """Whether there is anything to ask about."""
        return bool(self.pods or self.away or self.here)

    def lines(self) -> list[str]:
        """What it is, and what becomes of it."""
        lines: list[str] = []
        if self.pods:
            one = len(self.pods) == 1
            lines.append(f"{_studios(self.pods)}.")
            lines.append(
                "Left running, nobody stops it while this is closed, and it goes on costing."
                if self.idle_minutes is None
                else f"Left running, {'it is' if one else 'each is'} stopped after {self.idle_minutes:g} minutes "
                "without work, also when this is closed."
            )
        if self.away:
            lines.append(f"{_videos(len(self.away))} being made; that goes on, and is here at the next start.")
        if self.here:
            lines.append(f"{_previews(len(self.here))} starts over at the next start.")
        return lines or ["Nothing is being made any more, and nothing costs money."]

    def answers(self) -> list[Answer]:
        """What can be done about it."""
        stay = Answer("stay", "Stay")
        if not self.pods:
            return [Answer("leave", "Quit", "primary"), stay]
        it = "it" if len(self.pods) == 1 else "them"
        stop = f"Stop {it} and quit"
        if count := len(self.given_up):
            stop = f"Cancel the video{'s' * (count != 1)}, stop {it} and quit"
        return [Answer("stop", stop, "warning"), Answer("leave", f"Leave {it} running"), stay]

    @property
    def focus(self) -> str:
        """To leave was asked for: what does that, destroys nothing, and spends no more than what is made there costs
        anyway."""
        return "stop" if self.pods and not self.given_up and not self.away else "leave"


_ALL = (Answer("stop", "", "warning"), Answer("leave", ""), Answer("stay", ""))


class Leaving(Question):
    """The question at the door; it follows what happens while it is open. refused: why the last answer failed."""

    def __init__(self, going: Going, refused: str) -> None:
        title = "Still here" if refused else "Leave OpenAvathar?"
        super().__init__(title, [], _ALL, focus=going.focus)
        self._refused = refused
        self._going = going

    def on_mount(self) -> None:
        self._show()

    def draw(self, changed: Set[Topic]) -> None:
        """Take in how things stand."""
        if changed & _ABOUT:
            self._going = Going.of(self.oavr)
            self._show()

    def _show(self) -> None:
        lines = self._going.lines()
        self.tell([self._refused, *lines[:1]] if self._refused else lines, self._going.answers(), "stay")


_ABOUT = frozenset({Topic.JOBS, Topic.PODS, Topic.SETTINGS, Topic.DRIVING})


def _is_rented(app: Heart, job: Job) -> bool:
    """Whether a full video needs a rented pod; one on an address of the person's own goes on without."""
    own = {name for pod in app.live.pods if pod.kind is PodKind.ADDRESS for name in (pod.name, pod.id)}
    return not is_address(job.request.on) and job.request.on not in own and job.pod not in own


async def _refusal(app: Heart, engine: Engine, pods: Sequence[Pod], given_up: Sequence[Job]) -> str:
    """Have videos canceled and pods stopped. Empty once that is done or seen to; else why not."""
    try:
        for job in given_up:
            now = app.live.job(job.id)
            if now is not None and not now.ended:  # it may have been finished while the question was open
                await engine.cancel(job.id)
        for pod in pods:
            now_there = app.live.pod(pod.id)
            if now_there is not None and now_there.billed:
                await engine.fleet.ask(now_there, PodWish.STOP)
    except OavrError as error:
        return error.message
    if engine.kept:
        return ""
    # Nobody is there who would carry the wish out once this process has ended.
    app.say("Stopping first, then this closes.", seconds=_STOP_SECONDS)
    ids = {pod.id for pod in pods}
    with engine.listen() as told:
        try:
            async with asyncio.timeout(_STOP_SECONDS):
                while any(pod.billed and pod.id in ids for pod in engine.fleet.book.all()):
                    await told.next()
        except TimeoutError:
            return "It has not stopped yet and goes on costing. Look at Pods (3), or try to leave again."
    return ""


def _videos(count: int) -> str:
    return "1 full video is" if count == 1 else f"{count} full videos are"


def _previews(count: int) -> str:
    return "1 preview is unfinished and" if count == 1 else f"{count} previews are unfinished; each"


def _studios(pods: Sequence[Pod]) -> str:
    """How many run, and at what price."""
    price = f"${sum(pod.per_hour for pod in pods):.2f}/h"
    return f"1 studio is running ({price})" if len(pods) == 1 else f"{len(pods)} studios are running ({price})"


def farewell(live: Live, folder: str, since: float, idle_minutes: float | None, *, demo: bool) -> list[str]:
    """One line for the shell, once the app has gone: what goes on, and where the videos are; empty where nothing was
    made and nothing goes on.

    folder: of the videos. since: unix seconds of the app's start. idle_minutes: after which a studio stops without
    work; None where nobody would see to that.
    """
    pods = [pod for pod in live.running_pods if pod.asked not in (PodWish.STOP, PodWish.TERMINATE)]
    making = sum(1 for job in live.jobs if not job.ended and not job.cancel_asked and job.request.on != PREVIEW)
    made = sum(1 for job in live.jobs if job.state is JobState.DONE and job.updated_at >= since)
    if not (making or pods or made):
        return []
    parts = []
    if making:
        parts.append(f"{_videos(making)} being made; it goes on." if making == 1 else f"{_videos(making)} being made.")
    if pods:
        parts.append(f"{_studios(pods)}; {_stops(len(pods), idle_minutes)}.")
    parts.append(f"Your videos are in {safe(folder, 600)}")
    if demo:
        parts[-1] += "."
        parts.append("This was the demo: its studio and its prices are make-believe, and nothing was spent.")
    return [" ".join(parts)]


def _stops(pods: int, idle_minutes: float | None) -> str:
    if idle_minutes is None:
        return "nothing stops it while the app is closed: 'oavr-tui pods stop' does"
    it = "it stops by itself" if pods == 1 else "each stops by itself"
    return f"{it} after {idle_minutes:g} minutes without work"
