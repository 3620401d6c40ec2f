"""One run of the engine without a screen: signals, following jobs, and what to say at the end.

ctrl+c cancels the job, on its server too; a second ctrl+c leaves at once. SIGTERM and SIGHUP (a closed terminal) only
let go: the job stays in the queue for the next driver, and a video that a server is making goes on being made.
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from oavr_tui.commands.reporting import Reporter
from oavr_tui.commands.talk import say
from oavr_tui.engine.engine import Engine
from oavr_tui.engine.events import Estimated, Event, JobChanged, Notice, PodStepped, Subscription
from oavr_tui.engine.logged import logged_engine
from oavr_tui.models import Job, JobState
from oavr_tui.paths import Paths
from oavr_tui.settings import Settings

EXIT_CANCELLED = 130
_NOT_SUSPENDED = (
    "This cannot be suspended while it works. ctrl+c cancels; closing the terminal leaves it to the keeper."
)
_SEE_OUT_SECONDS = 30.0


class Left(Exception):
    """The process was told to go; jobs stay where they are."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.exit_code = 128 + number


def open_engine(paths: Paths, settings: Settings) -> Engine:
    """An engine for these settings, which tells the app's own log what happens; use it as `async with`."""
    return logged_engine(paths, settings, say)


class Signals:
    """Signals as things to wait for on the event loop."""

    def __init__(self) -> None:
        self._arrived: asyncio.Queue[int] = asyncio.Queue()

    async def next(self) -> int:
        return await self._arrived.get()

    @contextmanager
    def caught(self) -> Iterator[None]:
        loop = asyncio.get_running_loop()
        numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
        for number in numbers:
            loop.add_signal_handler(number, self._arrived.put_nowait, int(number))
        # A suspended driver would keep the lock while nobody watches the studios.
        loop.add_signal_handler(signal.SIGTSTP, say, _NOT_SUSPENDED)
        try:
            yield
        finally:
            for number in (*numbers, signal.SIGTSTP):
                loop.remove_signal_handler(number)


async def follow(
    engine: Engine,
    events: Subscription,
    heard: Callable[[Event], bool],
    interrupted: Callable[[], object],
    signals: Signals,
) -> None:
    """Pass events to `heard` until it returns True. ctrl+c calls `interrupted` once; more, or SIGTERM, raise Left.

    The engine must be inside `driving_when_free`.
    """
    asked = False
    waiting_event = asyncio.ensure_future(events.next())
    waiting_signal = asyncio.ensure_future(signals.next())
    try:
        while True:
            await asyncio.wait({waiting_event, waiting_signal}, return_when=asyncio.FIRST_COMPLETED)
            if waiting_signal.done():
                number = waiting_signal.result()
                waiting_signal = asyncio.ensure_future(signals.next())
                if number != signal.SIGINT or asked:
                    raise Left(number)
                asked = True
                result = interrupted()
                if asyncio.iscoroutine(result):
                    await result
            if waiting_event.done():
                event = waiting_event.result()
                waiting_event = asyncio.ensure_future(events.next())
                if heard(event):
                    return
    finally:
        for waiting in (waiting_event, waiting_signal):
            waiting.cancel()
        await asyncio.gather(waiting_event, waiting_signal, return_exceptions=True)


async def see_out(engine: Engine, reporter: Reporter) -> None:
    """Wait a little until studios that turn back are gone: nobody should leave while one still costs money unseen."""
    with engine.listen() as events:
        try:
            async with asyncio.timeout(_SEE_OUT_SECONDS):
                while engine.fleet.needs.turning_back():
                    tell_others(await events.next(), set(), reporter)
        except TimeoutError:
            names = ", ".join(pod.name for pod in engine.fleet.needs.turning_back())
            reporter.notice(f"{names} is not gone yet; the background process sees to it.")


def tell_others(event: Event, own: set[str], reporter: Reporter) -> None:
    """What happens to other jobs while this process drives them: one sentence each, at their end."""
    if isinstance(event, Notice):
        reporter.notice(event.text)
    elif isinstance(event, PodStepped):
        reporter.step(event)
    elif isinstance(event, Estimated) and event.job_id in own:
        reporter.estimate(event)
    elif isinstance(event, JobChanged) and event.job.id not in own and event.job.ended:
        reporter.notice(ending(event.job))


def ending(job: Job) -> str:
    """One sentence on how a job ended."""
    if job.state is JobState.DONE:
        return f"{job.title} is done and in your videos."
    sentence = job.failure.message if job.failure else ""
    return f"{job.title} was cancelled. {sentence}" if job.state is JobState.CANCELLED else f"{job.title}: {sentence}"


def left_running(engine: Engine) -> str:
    """What to say about studios that go on costing money when this process ends; empty when there are none."""
    running = [pod for pod in engine.fleet.book.all() if pod.billed and pod.pod_id and not pod.found]
    if not running:
        return ""
    names = " and ".join(pod.name for pod in running)
    price = f"${sum(pod.per_hour for pod in running):.2f}/h"
    if engine.kept:
        minutes = engine.fleet.plan.idle_minutes
        if engine.paths.is_demo:
            return (
                f"{names} is ready for more at a make-believe {price}, and stops by itself after {minutes:g} minutes."
            )
        return f"{names} is ready for more at {price}, and is stopped after {minutes:g} minutes without work."
    return f"Nobody watches {names} now, at {price}: 'oavr-tui pods stop {running[0].name}' stops it."


def left_behind(engine: Engine, own: set[str]) -> str:
    """What to say about unfinished jobs when this process stops driving; empty when there are none."""
    others = [job for job in engine.jobs() if not job.ended and job.id not in own]
    if not others:
        return ""
    count = "1 other video is" if len(others) == 1 else f"{len(others)} other videos are"
    goes_on = "they go on in the background" if engine.kept else "'oavr-tui jobs watch' goes on with them"
    return f"{count} unfinished; {goes_on}."
