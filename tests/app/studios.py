"""A Studio under test: the whole app in a home of its own, and waiting for what it shows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from textual.pilot import Pilot
from textual.screen import ModalScreen
from textual.widgets import Button, Input, Static

from oavr_tui.app.app import OavrApp
from oavr_tui.app.memory import Memory, save_memory
from oavr_tui.app.screens.studio import Studio
from oavr_tui.models import Job, Request
from oavr_tui.paths import Paths
from oavr_tui.settings import Settings
from tests.samples import portrait, voice

WAIT_SECONDS = 25.0


def app(
    home: Paths,
    request: Request | None = None,
    *,
    at_once: bool = False,
    agreed: bool = True,
    memory: Memory | None = None,
    **settings: Any,
) -> OavrApp:
    """agreed: the line of consent was agreed to before. memory: what is remembered from before."""
    memory = memory or Memory()
    save_memory(home.app_memory, replace(memory, consented=1.0) if agreed else memory)
    made = Settings(videos_folder=str(home.videos), **settings)
    return OavrApp(home, made, request, at_once=at_once, samples=sample_files)


def sample_files() -> tuple[Path, Path]:
    return portrait(), voice()


async def until(pilot: Pilot[None], condition: Callable[[], object], what: str = "") -> None:
    waited = 0.0
    while not condition():
        assert waited < WAIT_SECONDS, what or seen(pilot)
        await pilot.pause(0.05)
        waited += 0.05


def seen(pilot: Pilot[None]) -> str:
    """What the screen in front says, for a failed test's message."""
    return "\n".join(str(each.render()) for each in pilot.app.screen.query(Static))


def studio(pilot: Pilot[None]) -> Studio:
    return pilot.app.screen_stack[0].query_one(Studio)


def text(pilot: Pilot[None], name: str) -> str:
    """What a line of the form says: status, found-image, found-audio."""
    return str(studio(pilot).query_one(f"#{name}", Static).render())


def field(pilot: Pilot[None], name: str) -> Input:
    return studio(pilot).query_one(f"#{name}", Input)


def label(pilot: Pilot[None]) -> str:
    return str(studio(pilot).query_one("#generate", Button).label).strip()


def jobs(pilot: Pilot[None]) -> tuple[Job, ...]:
    assert isinstance(pilot.app, OavrApp)
    return pilot.app.live.jobs


def all_made(pilot: Pilot[None]) -> bool:
    """Whether something was asked for, and nothing is being made any more."""
    return bool(jobs(pilot)) and all(job.ended for job in jobs(pilot))


async def in_front(pilot: Pilot[None], kind: type[ModalScreen[Any]] = ModalScreen) -> None:
    """Wait until a dialog (of this kind) is in front and has all its parts, which it has not yet when it is opened."""
    await until(pilot, lambda: isinstance(pilot.app.screen, kind) and pilot.app.screen.is_mounted, kind.__name__)


def dialog(pilot: Pilot[None]) -> str:
    """The title of the question in front; empty without one, "…" for one that only opens."""
    if len(pilot.app.screen_stack) == 1:
        return ""
    if not pilot.app.screen.is_mounted:
        return "…"
    return str(pilot.app.screen.query_one(".title", Static).render())
