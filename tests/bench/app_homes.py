"""Homes to measure the app with: one that is empty, one with thousands of finished videos and jobs in its store."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from oavr_tui.errors import FailureCode
from oavr_tui.models import Failure, Job, JobState, Request, Video
from oavr_tui.paths import Paths
from oavr_tui.store.store import Store

_NEWEST = 1_790_000_000.0
_APART = 600.0
_NAMES = (
    "anna-welcome",
    "team update",
    "日本語のごあいさつ",
    "promo [red]2[/red]",
    "grüße",
    "quarterly-results-long-name",
)


def full_home(home: Path, *, videos: int, jobs: int) -> None:
    """A store of so many videos (their files are missing, as after a folder was moved) and ended jobs."""
    paths = Paths.under(home)
    store = Store(paths.store_file)
    try:
        for number in range(videos):
            store.put_video(_video(number, paths.videos))
        for number in range(jobs):
            store.put_job(_job(number))
        store.compact()
    finally:
        store.close()


def title(number: int) -> str:
    """What the video of this number, from 0 (the newest), is called."""
    return f"{_NAMES[number % len(_NAMES)]} {number}"


def _request(number: int) -> Request:
    return Request(image=f"/home/me/portraits/{number}.png", audio=f"/home/me/voices/{number}.wav", seed=number)


def _video(number: int, folder: Path) -> Video:
    return Video(
        id=f"video-{number}",
        job_id=f"old-job-{number}",
        title=title(number),
        path=str(folder / f"{number}.mp4"),
        duration=2.0 + number % 60,
        width=480,
        height=832,
        fps=25.0,
        bytes=100_000 + number,
        seed=number,
        made_on="this computer" if number % 2 else "RTX 4090",
        seconds_taken=3.0 + number % 200,
        created_at=_NEWEST - _APART * number,
        preview=bool(number % 2),
        request=_request(number),
        image_hash=f"{number:064x}",
        audio_hash=f"{number + 1:064x}",
        cost=0.0 if number % 2 else 0.04,
    )


def _job(number: int) -> Job:
    at = _NEWEST - _APART * number
    job = Job(f"job-{number}", f"wish {number}", _request(number), JobState.DONE, at, at + 200, seed=number)
    if number % 10 == 0:
        failure = Failure(FailureCode.OUT_OF_MEMORY, "The studio ran out of memory.", can_retry=True)
        return replace(job, state=JobState.FAILED, failure=failure)
    return replace(job, video_id=f"video-{number}", duration=4.0)
