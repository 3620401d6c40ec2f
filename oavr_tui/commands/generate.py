"""`oavr-tui generate`: one portrait and one voice become one video."""

from __future__ import annotations

import argparse
import asyncio
import os
from pathlib import Path

from oavr_tui.commands.reporting import Reporter, reporter
from oavr_tui.commands.session import (
    Left,
    Signals,
    follow,
    left_behind,
    left_running,
    open_engine,
    see_out,
    tell_others,
)
from oavr_tui.commands.talk import exit_code
from oavr_tui.engine.engine import Engine
from oavr_tui.engine.events import Event, JobChanged, JobProgressed
from oavr_tui.errors import BadInput, FailureCode, OavrError
from oavr_tui.models import PREVIEW, Failure, Job, JobState, Request
from oavr_tui.paths import Paths, expanded
from oavr_tui.settings import Settings, load_settings
from oavr_tui.text import safe, safe_url


def run(arguments: argparse.Namespace) -> int:
    paths = Paths.find()
    voice = reporter(arguments.json)
    try:
        settings = load_settings(paths)
        for note in settings.notes:
            voice.notice(note)
        request = _request(arguments, settings)
        return make(paths, settings, request, voice, arguments.output)
    except OavrError as error:
        voice.failed(Failure(error.code, error.message, error.can_retry))
        return exit_code(error.code)
    finally:
        voice.close()


def make(paths: Paths, settings: Settings, request: Request, voice: Reporter, output: str | None) -> int:
    """Make one video and copy it to `output` if that is given; returns the exit code."""
    target = None if output is None else _usable_target(output, request, expanded(settings.videos_folder))
    return asyncio.run(_make(paths, settings, request, voice, target))


async def _make(paths: Paths, settings: Settings, request: Request, voice: Reporter, target: Path | None) -> int:
    signals = Signals()
    with signals.caught():
        engine = open_engine(paths, settings)
        with engine.listen() as events:
            async with engine:
                job = await engine.submit(request)
                own = {job.id}

                def heard(event: Event) -> bool:
                    tell_others(event, own, voice)
                    if isinstance(event, JobProgressed) and event.progress.job_id == job.id:
                        voice.progress(event.progress)
                    if isinstance(event, JobChanged) and event.job.id == job.id:
                        voice.job(event.job)
                        return event.job.ended
                    return False

                try:
                    async with engine.driving_when_free():
                        await follow(engine, events, heard, lambda: engine.cancel(job.id), signals)
                        await see_out(engine, voice)
                except Left as left:
                    return _let_go(engine.job(job.id) or job, left, voice, kept=engine.kept)
                ended = engine.job(job.id) or job
                for rest in (left_behind(engine, own), left_running(engine)):
                    if rest:
                        voice.notice(rest)
                return await _conclude(engine, ended, voice, target)


async def _conclude(engine: Engine, job: Job, voice: Reporter, target: Path | None) -> int:
    video = await engine.video(job.video_id) if job.state is JobState.DONE else None
    if video is not None:
        if target is not None:
            try:
                await engine.export_video(video, target, overwrite=True)
            except OavrError as error:
                sentence = f"The video is made and stands at {video.path}, but it could not be copied: {error.message}"
                voice.failed(Failure(error.code, sentence, error.can_retry))
                return exit_code(error.code)
        voice.done(video)
        return 0
    failure = job.failure or Failure(FailureCode.LOST, f"{job.title} ended without a video.", can_retry=True)
    voice.failed(failure)
    return exit_code(failure.code)


def _let_go(job: Job, left: Left, voice: Reporter, *, kept: bool) -> int:
    if not job.ended and job.request.on != PREVIEW and kept:
        doing = f"{job.title} goes on in the background; 'oavr-tui jobs watch' shows it."
    elif job.sent and not job.ended:
        doing = f"{safe_url(job.request.on)} goes on making {job.title}; 'oavr-tui jobs watch' picks it up."
    else:
        doing = f"{job.title} stays in the queue; 'oavr-tui jobs watch' picks it up."
    sentence = f"Stopped. {doing}"
    voice.failed(Failure(FailureCode.CANCELLED, sentence, can_retry=True))
    return left.exit_code


def _request(arguments: argparse.Namespace, settings: Settings) -> Request:
    def given(value: object, otherwise: object) -> object:
        return otherwise if value is None else value

    return Request(
        image=arguments.image,
        audio=arguments.audio,
        prompt=str(given(arguments.prompt, settings.prompt)),
        shape=arguments.shape or settings.shape,
        seed=arguments.seed,
        quality=arguments.quality or settings.quality,
        audio_strength=arguments.audio_strength or settings.audio_strength,
        max_seconds=arguments.max_seconds,
        workflow=arguments.workflow,
        on=arguments.on or settings.on,
        mark=not arguments.no_mark,
    )


def _usable_target(output: str, request: Request, videos: Path) -> Path:
    """Where the copy goes; refuses at once what would fail after the work is done, or destroy what is there."""
    if output.strip() in ("", "-"):
        raise BadInput("-o needs a file or a folder; the video's path goes to standard output anyway.")
    target = expanded(output).absolute()
    try:
        return _free_of_harm(target, output, request, videos)
    except OSError as error:
        reason = error.strerror or "the system refuses it"
        raise BadInput(f"{safe(output, 120)} cannot be written to ({reason}). Choose another place for -o.") from None


def _free_of_harm(target: Path, output: str, request: Request, videos: Path) -> Path:
    folder = target if target.is_dir() else target.parent
    name = safe(output, 200)
    if not folder.is_dir():
        raise BadInput(f"The folder for {name} does not exist. Create it, or choose another place for -o.")
    if not os.access(folder, os.W_OK):
        raise BadInput(f"The folder for {name} cannot be written to. Choose another place for -o.")
    if target.exists() and not target.is_dir() and not target.is_file():
        raise BadInput(f"{name} is not a file. Choose another place for -o.")
    for given in (request.image, request.audio, request.workflow or ""):
        source = Path(given)
        if given and target.is_file() and source.is_file() and target.samefile(source):
            raise BadInput(f"{name} is what the video is made from and would be overwritten. Choose another -o.")
    if folder.resolve().is_relative_to(videos.resolve()):
        raise BadInput(f"{name} lies in the library, which keeps its own copy. Choose a place outside of it for -o.")
    return target
