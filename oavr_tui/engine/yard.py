"""What the starting, watching and ending of one pod needs at hand, passed in as one thing."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from oavr_tui.engine.events import Bus, Notice, PodStepped, Step
from oavr_tui.engine.pod_book import PodBook
from oavr_tui.engine.rental import PodSetup, Rental
from oavr_tui.engine.workshop import Surroundings
from oavr_tui.errors import OavrError
from oavr_tui.models import Pod
from oavr_tui.paths import Paths

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from oavr_tui.clients.comfyui import ComfyUI

T = TypeVar("T")

COMFYUI_PORT = 8188
LOG_PORT = 8001
_ASK_SECONDS = 8.0

LOOKS = (0.0, 1.0, 2.0, 4.0, 6.0, 8.0)
"""Seconds between the looks for a pod whose creation got no answer; a created pod is listed within seconds."""


@dataclass(frozen=True, slots=True)
class Yard:
    """The tools of the process that drives. stepped: told of each step of a start."""

    paths: Paths
    setup: PodSetup
    rental: Rental
    book: PodBook
    bus: Bus
    around: Surroundings
    stepped: Callable[[PodStepped], None]

    async def ask_comfyui(self, pod: Pod, question: Callable[[ComfyUI], Awaitable[T]]) -> T | None:
        """What a rented pod's ComfyUI answers, or None where nothing that is ComfyUI does so within seconds."""
        from oavr_tui.clients.comfyui import ComfyUI

        url = self.setup.service(pod.pod_id, COMFYUI_PORT)
        try:
            async with (
                asyncio.timeout(_ASK_SECONDS),
                ComfyUI(url, client_id=pod.id.replace("-", ""), sleep=self.around.sleep) as server,
            ):
                return await question(server)
        except (OavrError, TimeoutError):
            return None

    async def spent_today(self) -> float:
        """Dollars since midnight UTC, for all pods."""
        from oavr_tui.pods.cost import day_began, total

        now = self.around.clock()
        return total(await self.book.spells(), now, day_began(now))

    def tell(self, text: str) -> None:
        self.bus.emit(Notice(text))

    def step(self, pod: Pod, step: Step, text: str, done: int = 0, total: int = 0) -> None:
        """Tell everybody how far a start is."""
        self.stepped(PodStepped(pod.id, pod.name, step, text, pod.gpu_name, pod.per_hour, done, total))
