"""`oavr-tui jobs`: list, watch, cancel, retry."""

from __future__ import annotations

import argparse
import asyncio

from oavr_tui.commands.finding import find
from oavr_tui.commands.reporting import STAGE_WORDS
from oavr_tui.commands.session import Left, Signals, ending, follow, left_running, open_engine
from oavr_tui.commands.talk import EXIT_FAILED, exit_code, job_record, put, put_json, say
from oavr_tui.engine.engine import Engine
from oavr_tui.engine.events import Event, JobChanged, JobProgressed, Notice
from oavr_tui.errors import FailureCode
from oavr_tui.models import Job, JobState, Progress
from oavr_tui.paths import Paths
from oavr_tui.settings import load_settings
from oavr_tui.text import clock, safe

_GLYPHS = {JobState.DONE: "✔", JobState.FAILED: "✘", JobState.CANCELLED: "-", JobState.QUEUED: "○"}
_PLAIN_STEP = 10.0


def run(arguments: argparse.Namespace) -> int:
    return asyncio.run(_run(arguments))


async def _run(arguments: argparse.Namespace) -> int:
    paths = Paths.find()
    engine = open_engine(paths, load_settings(paths))
    for note in await engine.open():
        say(note)
    try:
        jobs = engine.jobs()
        if arguments.action == "list":
            for job in jobs:
                put_json(job_record(job)) if arguments.json else put(_line(job))
            if not jobs:
                say("No jobs yet. 'oavr-tui generate' starts one.")
            return 0
        if arguments.action == "watch":
            chosen = [find(jobs, word, "job") for word in arguments.job] or [job for job in jobs if not job.ended]
            if not chosen:
                say("Nothing to watch: every job has ended.")
                if engine.must_stay():
                    await engine.start_keeper()
                if rest := left_running(engine):
                    say(rest)
                return 0
            if engine.barred and any(not job.ended for job in chosen):  # said above: nobody goes on with them here
                return EXIT_FAILED
            return await _watch(engine, chosen, arguments.json)
        job = find(jobs, arguments.job, "job")
        if arguments.action == "forget":
            await engine.forget(job.id)
            say(f"{job.title} is forgotten.")
            if arguments.json:
                put_json(job_record(job))
            return 0
        if arguments.action == "cancel":
            return await _cancel(engine, job, arguments.json)
        retried = await engine.retry(job.id)
        return await _watch(engine, [retried], arguments.json)
    finally:
        await engine.close()


def _line(job: Job) -> str:
    glyph = _GLYPHS.get(job.state, "●")
    sentence = f"  {safe(job.failure.message)}" if job.failure else ""
    return f"{job.id[:8]}  {glyph} {job.state.value:<10}  {safe(job.title)}{sentence}"


class _Watcher:
    """Tells of several jobs at once, as lines, until all of them have ended."""

    def __init__(self, jobs: list[Job], as_json: bool) -> None:
        self._states = {job.id: job for job in jobs}
        self._json = as_json
        self._next_percent: dict[tuple[str, str], float] = {}
        for job in jobs:
            self._tell_job(job)

    def heard(self, event: Event) -> bool:
        if isinstance(event, Notice):
            say(event.text)
        elif isinstance(event, JobChanged) and event.job.id in self._states:
            before, self._states[event.job.id] = self._states[event.job.id], event.job
            if before.state is not event.job.state:
                self._tell_job(event.job)
        elif isinstance(event, JobProgressed) and event.progress.job_id in self._states:
            self._tell_progress(event.progress)
        return all(job.ended for job in self._states.values())

    @property
    def ended(self) -> bool:
        return all(job.ended for job in self._states.values())

    def exit_code(self) -> int:
        codes = [exit_code(job.failure.code) for job in self._states.values() if job.failure is not None]
        return codes[0] if codes else 0

    def _tell_job(self, job: Job) -> None:
        if self._json:
            put_json({"event": "job", **job_record(job)})
        elif job.ended:
            put(ending(job))

    def _tell_progress(self, progress: Progress) -> None:
        if self._json:
            put_json(
                {
                    "event": "progress",
                    "id": progress.job_id,
                    "stage": progress.stage,
                    "percent": progress.percent,
                    "eta_seconds": progress.eta_seconds,
                }
            )
            return
        key = (progress.job_id, progress.stage)
        if progress.percent < self._next_percent.get(key, 0.0):
            return
        self._next_percent[key] = progress.percent + _PLAIN_STEP
        left = "" if progress.eta_seconds is None else f", about {clock(progress.eta_seconds)} left"
        title = safe(self._states[progress.job_id].title)
        say(f"{title}: {STAGE_WORDS[JobState(progress.stage)].lower()}, {progress.percent:.0f}%{left}")


async def _watch(engine: Engine, jobs: list[Job], as_json: bool) -> int:
    signals = Signals()
    with signals.caught(), engine.listen() as events:
        watcher = _Watcher(jobs, as_json)
        if watcher.ended:
            return watcher.exit_code()
        try:
            async with engine.driving_when_free():

                def leave() -> None:
                    raise Left(2)  # watching is looking: ctrl+c leaves the jobs alone

                await follow(engine, events, watcher.heard, leave, signals)
        except Left as left:
            say("Stopped watching; unfinished jobs stay in the queue.")
            return left.exit_code
    return watcher.exit_code()


async def _cancel(engine: Engine, job: Job, as_json: bool) -> int:
    await engine.cancel(job.id)
    code = await _watch(engine, [job], as_json)
    ended = engine.job(job.id) or job
    return 0 if ended.failure is not None and ended.failure.code is FailureCode.CANCELLED else code
