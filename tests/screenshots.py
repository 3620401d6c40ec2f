"""The README's pictures, taken from the running app: `python -m tests.screenshots .github/screens`.

A whole journey in the demo: a preview, the key, a full video on the make-believe account, the gallery, the pod with its
log. Needs rsvg-convert (Debian: librsvg2-bin) and a monospace font.
"""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from textual.pilot import Pilot

from oavr_tui.app.app import OavrApp
from oavr_tui.app.demo import Demo
from oavr_tui.app.memory import Memory, save_memory
from oavr_tui.commands.demo import DEMO_SEED, samples
from oavr_tui.commands.demo_account import DEMO_KEY, open_demo_account
from oavr_tui.models import AUTO, JobState, PodState, PodWish, Request
from oavr_tui.paths import Paths
from oavr_tui.settings import load_settings

SIZE = (120, 36)
_WAIT_SECONDS = 300.0


async def until(pilot: Pilot[None], true: Callable[[], object], what: str) -> None:
    waited = 0.0
    while not true():
        if waited > _WAIT_SECONDS:
            raise TimeoutError(what)
        await pilot.pause(0.1)
        waited += 0.1


def picture(app: OavrApp, file: Path) -> None:
    """Write what is on the screen as a PNG."""
    # Without this the converter drops the spaces at the beginning of a line.
    drawing = re.sub(r"<text ", '<text xml:space="preserve" ', app.export_screenshot(title="oavr-tui"))
    subprocess.run(["rsvg-convert", "--zoom", "1.0", "-o", str(file)], input=drawing.encode(), check=True)


async def take(folder: Path, home: Path) -> None:
    os.environ |= {"OAVR_HOME": str(home), "TERM": "xterm-256color", "COLORTERM": "truecolor"}
    paths = Paths.under(home).demo()
    portrait, voice = samples(paths)
    demo = Demo(DEMO_KEY, lambda: open_demo_account(paths, os.environ))
    settings = replace(load_settings(paths), videos_folder=str(paths.videos))
    request = Request(str(portrait), str(voice), seed=DEMO_SEED)
    save_memory(paths.app_memory, Memory(consented=1.0))
    app = OavrApp(paths, settings, request, demo=demo)
    async with app.run_test(size=SIZE) as pilot:
        engine = await app.engine_when_open()

        async def made(wanted: Request) -> None:
            job = await engine.submit(wanted)
            await until(pilot, lambda: _state(app, job.id) is JobState.DONE, "a video")

        await made(request)
        await made(replace(request, on=AUTO, max_seconds=3.0))
        for seed in range(4):
            await made(replace(request, seed=seed, max_seconds=1.0 + seed))
        full = await engine.submit(replace(request, on=AUTO, seed=11))
        await until(pilot, lambda: app.live.progress.get(full.id) and _half(app, full.id), "half a video")
        picture(app, folder / "studio.png")
        await pilot.press("escape", "3")
        await until(pilot, lambda: any(pod.state is PodState.READY for pod in app.live.pods), "a pod")
        await pilot.press("enter")
        await pilot.pause(2.0)
        picture(app, folder / "pods.png")
        await until(pilot, lambda: _state(app, full.id) is JobState.DONE, "the last video")
        await pilot.press("escape", "2")
        await pilot.pause(3.0)
        picture(app, folder / "videos.png")
        for pod in app.live.running_pods:
            await engine.fleet.ask(pod, PodWish.TERMINATE)
        await until(pilot, lambda: not app.live.running_pods, "the end of the pods")


def _state(app: OavrApp, job_id: str) -> JobState | None:
    job = app.live.job(job_id)
    if job is not None and job.state is JobState.FAILED:
        raise RuntimeError(job.failure.message if job.failure else "failed")
    return None if job is None else job.state


def _half(app: OavrApp, job_id: str) -> bool:
    progress = app.live.progress.get(job_id)
    return progress is not None and progress.percent >= 60


if __name__ == "__main__":
    target = Path(sys.argv[1])
    target.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as home:
        asyncio.run(take(target, Path(home)))
