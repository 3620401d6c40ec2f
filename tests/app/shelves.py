"""Homes with finished videos in them, and the app on its screen Videos."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from textual.pilot import Pilot

from oavr_tui.app.app import OavrApp
from oavr_tui.app.memory import Memory, save_memory
from oavr_tui.app.next_steps import plain
from oavr_tui.app.screens.videos import Videos
from oavr_tui.models import AUTO, PREVIEW, Request, Video
from oavr_tui.paths import Paths
from oavr_tui.settings import Settings
from oavr_tui.store.store import Store
from tests.media.makers import save_video

NOW = 1_790_000_000.0
WAIT_SECONDS = 60.0


def video(
    paths: Paths, number: int, title: str, *, prompt: str = "a person is speaking", preview: bool = True
) -> Video:
    """The higher its number, the older it is, and the longer; there is no file yet."""
    return Video(
        id=f"video-{number}",
        job_id=f"job-{number}",
        title=title,
        path=str(paths.videos / f"{number}.mp4"),
        duration=2.0 + number,
        width=480,
        height=832,
        fps=25.0,
        bytes=2_100_000,
        seed=42 + number,
        made_on="this computer" if preview else "RTX 4090",
        seconds_taken=238.0,
        created_at=NOW - 600 * number,
        preview=preview,
        request=Request(
            image=f"/p/{number}.png", audio=f"/v/{number}.wav", prompt=prompt, on=PREVIEW if preview else AUTO
        ),
        cost=0.0 if preview else 0.04,
    )


def keep(paths: Paths, videos: Sequence[Video], *, files: bool = True) -> None:
    """Put videos into the store, and their files into the folder."""
    store = Store(paths.store_file)
    for each in videos:
        store.put_video(each)
        if files:
            Path(each.path).parent.mkdir(parents=True, exist_ok=True)
            save_video(Path(each.path), 0.08)
    store.close()


def named(paths: Paths, *titles: str) -> list[Video]:
    return [video(paths, number, title) for number, title in enumerate(titles)]


@asynccontextmanager
async def opened(
    paths: Paths, size: tuple[int, int] = (120, 40), *, pictures: bool = True
) -> AsyncIterator[Pilot[None]]:
    """The app on its screen Videos, as soon as that knows what there is."""
    memory = paths.app_memory
    if not memory.exists():
        save_memory(memory, Memory(place="videos"))
    app = OavrApp(paths, Settings(videos_folder=str(paths.videos), app_pictures=pictures), clock=lambda: NOW)
    async with app.run_test(size=size) as pilot:
        await until(pilot, lambda: bool(app.query(Videos)) and pane(pilot).known)
        await pilot.pause()
        yield pilot


def pane(pilot: Pilot[None]) -> Videos:
    return pilot.app.screen_stack[0].query_one(Videos)


async def until(pilot: Pilot[None], condition: Callable[[], bool]) -> None:
    waited = 0.0
    while not condition():
        assert waited < WAIT_SECONDS, "\n".join(strip.text for strip in pilot.app.screen._compositor.render_strips())
        await pilot.pause(0.05)
        waited += 0.05


def screen(pilot: Pilot[None]) -> str:
    """All that is seen."""
    return "\n".join(strip.text for strip in pilot.app.screen._compositor.render_strips())


def said(pilot: Pilot[None]) -> str:
    """The last sentence that was said in the corner, where it stays for some seconds only."""
    assert isinstance(pilot.app, OavrApp)
    return plain(pilot.app.said[-1].text) if pilot.app.said else ""
