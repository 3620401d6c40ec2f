"""A home in which everything stands still, and the app looking on at it: for snapshots of the screens.

Another process seems to drive, since its lock is held; what it would tell is told by hand. So nothing changes by
itself, and every time, price and path is the same wherever the tests run.
"""

from __future__ import annotations

import asyncio
import inspect
import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import av
import numpy as np
from PIL import Image
from textual.pilot import Pilot

from oavr_tui.app.app import OavrApp
from oavr_tui.app.live import Live
from oavr_tui.app.memory import Draft, Memory, save_memory
from oavr_tui.clients.log_store import Log
from oavr_tui.engine.engine import Engine
from oavr_tui.engine.events import DrivingChanged, Estimated, JobProgressed, PodStepped, Step
from oavr_tui.engine.lock import FileLock
from oavr_tui.engine.setup import pod_setup
from oavr_tui.engine.workshop import Surroundings
from oavr_tui.errors import FailureCode
from oavr_tui.models import (
    AUTO,
    PREVIEW,
    Failure,
    Job,
    JobState,
    Pod,
    PodKind,
    PodState,
    Progress,
    Request,
    Spell,
    SpellKind,
    Video,
)
from oavr_tui.paths import Paths
from oavr_tui.settings import Settings
from oavr_tui.store.store import Store
from tests.app.studios import WAIT_SECONDS, sample_files, until
from tests.media.makers import save_wav, tone

NOW = 1_790_000_000.0
"""A Monday afternoon in September."""
PORTRAIT, VOICE = "~/pictures/anna.png", "~/audio/welcome.wav"
FOLDER = "~/Videos/OpenAvathar"
_STAYING = frozenset({"engine", "asking", "browse", "leaving", "purchase"})
"""Groups of workers that go on as long as the app, or as a question is open."""


class StillApp(OavrApp):
    """The real app on an engine whose clock stands still as well."""

    CSS_PATH = str(
        Path(inspect.getfile(OavrApp)).parent / "styles" / "app.tcss"
    )  # else it is looked for beside this file

    async def _made_engine(self) -> tuple[Engine, list[str]]:
        around = Surroundings(clock=self.clock)
        setup = pod_setup(self.paths, self.settings, self.environ)
        engine = Engine(self.paths, settings=self.settings, environ=self.environ, around=around, pods=setup)
        return engine, []

    def _next_minute(self) -> None:
        """No minute ever passes."""


# --- what is in it


def furnish(me: Path) -> Paths:
    """Fill the home of a person with everything that the screens can show; `me` is to be $HOME."""
    paths = Paths.under(me / "oavr")
    _make_files(me)
    store = Store(paths.store_file)
    for job in _jobs():
        store.put_job(job)
    for video in _videos(me / "Videos" / "OpenAvathar"):
        store.put_video(video)
    for pod in _pods():
        store.put_pod(pod, _spells(pod))
    store.close()
    _write_logs(paths)
    return paths


def remembered(me: Path) -> Memory:
    """Where the person left off."""
    views = {"pods.asked_about_deletion": "yes", "pods.selected": "pod-1", "pods.log": "pod-1"}
    draft = Draft(image=PORTRAIT, audio=VOICE, full=True)
    folders = (str(me / "pictures"), str(me / "audio"))
    return Memory(draft=draft, consented=NOW - 9e5, welcomed=True, folders=folders, views=views)


def _make_files(me: Path) -> None:
    for folder in ("pictures/holidays", "audio", "Videos/OpenAvathar"):
        (me / folder).mkdir(parents=True)
    face = Image.new("RGB", (1024, 1366), "#8899aa")
    face.paste("#e0b090", (256, 300, 768, 1000))
    face.save(me / "pictures" / "anna.png")
    for size, name in enumerate(("anna.png", "ben.jpg", "日本語の写真.png", "team [2026].webp"), 12):
        with (me / "pictures" / name).open("ab") as file:
            file.truncate(size * 1000)  # the same with every version of every encoder
        os.utime(me / "pictures" / name, (NOW, NOW))
    os.utime(me / "pictures" / "holidays", (NOW, NOW))
    save_wav(me / "audio" / "welcome.wav", tone(12.0, rate=16_000), rate=16_000)
    for name in ("anna-welcome", "grüße"):
        _plain_video(me / "Videos" / "OpenAvathar" / f"{name}.mp4")


def _plain_video(path: Path) -> None:
    """One color, so that it is drawn alike with every version of every codec."""
    with av.open(str(path), "w") as output:
        stream = output.add_stream("libx264", rate=25)
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height, stream.pix_fmt = 480, 832, "yuv420p"
        frame = av.VideoFrame.from_ndarray(np.full((832, 480, 3), 120, np.uint8), format="rgb24")
        for index in range(2):
            frame.pts = index
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))


def _request(name: str, on: str = AUTO) -> Request:
    return Request(image=f"~/pictures/{name}.png", audio=f"~/audio/{name}.wav", on=on, seed=42)


def _jobs() -> list[Job]:
    def job(number: int, title: str, state: JobState, on: str = AUTO, **more: object) -> Job:
        at = NOW - 3600 + 60 * number
        made = Job(f"job-{number}", title, _request(title, on), state, at, at + 30, seed=42, duration=12.0, frames=300)
        return replace(made, **more)  # type: ignore[arg-type]

    memory = "The studio ran out of graphics memory, also on the second try. The video was not made; $0.06 was spent."
    no_gpu = (
        "None of the machines that your settings allow is free now: RTX 4090, L40S, A40. Nothing was rented, "
        "and it cost nothing."
    )
    return [
        job(1, "anna-welcome", JobState.GENERATING, pod="pod-1", making_since=NOW - 140),
        job(2, "anna-intro", JobState.STARTING, pod="pod-2"),
        job(3, "quarterly-results-for-everybody-in-the-company", JobState.QUEUED),
        job(4, "日本語のごあいさつ", JobState.QUEUED, PREVIEW),
        job(5, "team-update", JobState.DONE, video_id="video-2", duration=34.0),
        job(6, "promo", JobState.FAILED, failure=Failure(FailureCode.OUT_OF_MEMORY, memory, can_retry=True)),
        job(7, "launch", JobState.FAILED, failure=Failure(FailureCode.NO_GPU, no_gpu, can_retry=True)),
        job(8, "draft [red]2[/red]", JobState.CANCELLED, PREVIEW),
    ]


def _videos(folder: Path) -> list[Video]:
    names = (
        "anna-welcome",
        "grüße",
        "team-update",
        "日本語のごあいさつ",
        "promo [red]2[/red]",
        "intro",
        "a-very-long-title",
    )
    return [
        Video(
            id=f"video-{number}",
            job_id=f"old-{number}",
            title=title,
            path=str(folder / f"{title}.mp4"),
            duration=12.0 + 11 * number,
            width=480,
            height=832,
            fps=25.0,
            bytes=2_100_000 + 300_000 * number,
            seed=42 + number,
            made_on="this computer" if number % 3 == 1 else "RTX 4090",
            seconds_taken=7.0 if number % 3 == 1 else 238.0,
            created_at=NOW - 7200 - 50_000 * number,
            preview=number % 3 == 1,
            request=_request(title.split(" ")[0], PREVIEW if number % 3 == 1 else AUTO),
            cost=0.0 if number % 3 == 1 else 0.04,
        )
        for number, title in enumerate(names)
    ]


def _pods() -> list[Pod]:
    def rented(number: int, state: PodState, gpu: str, name: str, vram: int, cloud: str, price: float) -> Pod:
        at = NOW - 2520 / number
        pod = Pod(f"pod-{number}", f"studio-{number}", PodKind.RUNPOD, state, at, at, pod_id=f"simulated{number}")
        return replace(
            pod,
            gpu=gpu,
            gpu_name=name,
            vram=vram,
            cloud=cloud,
            per_hour=price,
            storage_per_hour=0.01,
            state_since=at,
            progress_at=at,
            last_used=NOW - 60,
        )

    own = Pod(
        "pod-4", "workshop", PodKind.ADDRESS, PodState.READY, NOW - 9e5, NOW - 9e5, url="http://192.168.1.20:8188"
    )
    return [
        rented(1, PodState.READY, "NVIDIA GeForce RTX 4090", "RTX 4090", 24, "community", 0.34),
        rented(2, PodState.FETCHING, "NVIDIA L40S", "L40S", 48, "secure", 0.86),
        rented(3, PodState.STOPPED, "NVIDIA GeForce RTX 4090", "RTX 4090", 24, "community", 0.34),
        own,
    ]


def _spells(pod: Pod) -> list[Spell]:
    def spell(kind: SpellKind, price: float, began: float, ended: float | None) -> Spell:
        return Spell(f"{pod.id}-{kind}", pod.id, pod.name, pod.gpu_name, kind, price, began, ended)

    if pod.kind is PodKind.ADDRESS:
        return []
    if pod.state is PodState.STOPPED:
        began = NOW - 4000
        return [
            spell(SpellKind.RUNNING, 0.34, began, pod.state_since),
            spell(SpellKind.STORAGE, 0.01, pod.state_since, None),
        ]
    return [spell(SpellKind.RUNNING, pod.per_hour, pod.created_at, None)]


def _write_logs(paths: Paths) -> None:
    pod, job = (
        [
            "Starting server",
            "To see the GUI go to: http://0.0.0.0:8188",
            "got prompt",
            "[INFO] Using pytorch attention",
            "[WARNING] a node of the workflow is older than it could be [red]x[/red]",
            *(
                f"Sampling {step}/4  {25 * step}%|{'█' * step}{' ' * (4 - step)}| {step}/4 [00:3{step}<00:10]"
                for step in (1, 2, 3)
            ),
            "[ERROR] 日本語の行 and a line that is longer than the window is wide: it has to be cut or wrapped",
            "Prompt executed in 238.20 seconds",
        ],
        ["queued", "checking", "generating", "failed: the studio ran out of graphics memory"],
    )
    for file, lines in (
        (paths.pod_log("pod-1"), pod),
        (paths.job_log("job-6"), job),
        (paths.job_log("job-1"), job[:3]),
    ):
        at = iter(range(int(NOW) - 600, int(NOW), 13))
        log = Log(file, clock=lambda at=at: float(next(at)))  # type: ignore[misc]
        for line in lines:
            log.add(line)
        log.close()


# --- looking at it


@dataclass
class _Clock:
    """now: unix seconds."""

    now: float = NOW

    def __call__(self) -> float:
        return self.now


@asynccontextmanager
async def standing(
    paths: Paths, memory: Memory, environ: Mapping[str, str], size: tuple[int, int] = (80, 24)
) -> AsyncIterator[Pilot[None]]:
    """The app before everything there is; nothing happens any more."""
    save_memory(paths.app_memory, memory)
    lock, clock = FileLock(paths.driver_lock), _Clock()
    assert lock.take()
    settings = Settings(videos_folder=FOLDER, pods_keeper=False)
    app = StillApp(paths, settings, environ=environ, clock=clock, samples=sample_files)
    try:
        async with app.run_test(size=size) as pilot:
            async with asyncio.timeout(WAIT_SECONDS):
                await app.engine_when_open()
            await _tell(pilot, app, clock)
            await calm(pilot)
            yield pilot
    finally:
        lock.release()


async def _tell(pilot: Pilot[None], app: OavrApp, clock: _Clock) -> None:
    """What the driver tells, as far as there is something in this home that it could tell."""
    engine, live = await app.engine_when_open(), app.live
    engine.bus.emit(DrivingChanged(True))
    if engine.jobs():
        for step, text, ago in _STEPS:
            clock.now = NOW - ago
            engine.bus.emit(PodStepped("pod-2", "studio-2", step, text, "L40S", 0.86, 11, 17))
            await until(pilot, partial(_reached, live, step))
        clock.now = NOW
        engine.bus.emit(JobProgressed(Progress("job-1", "generating", 62.0, 70.0, "part 3 of 4 · step 2 of 6")))
        engine.bus.emit(JobProgressed(Progress("job-2", "starting", 21.0)))
        engine.bus.emit(Estimated("job-2", 540.0, 240.0, 0.12, True, "About 13 min."))
    await until(pilot, lambda: live.driving and (not live.jobs or "job-2" in live.estimates))


def _reached(live: Live, step: Step) -> bool:
    told = live.steps.get("pod-2")
    return told is not None and told.step is step


_STEPS = (
    (Step.ASKED, "Asking for a machine", 372.0),
    (Step.BOOTING, "It starts", 360.0),
    (Step.FETCHING, "Fetching the video engine: 11 of 17 files", 290.0),
)
"""How far studio-2 is, and how many seconds ago it got there."""


async def calm(pilot: Pilot[None]) -> None:
    """Wait until nothing is being found out any more."""
    app = pilot.app
    assert isinstance(app, OavrApp)
    await until(pilot, lambda: not (_at_work(app) or app._redraw_waits))
    await pilot.pause(0.25)  # what waits for the cursor to rest begins only now
    await until(pilot, lambda: not (_at_work(app) or app._redraw_waits))
    app.clear_notifications()
    await pilot.pause()


def _at_work(app: OavrApp) -> list[str]:
    return [worker.name for worker in app.workers if worker.group not in _STAYING and not worker.is_finished]
