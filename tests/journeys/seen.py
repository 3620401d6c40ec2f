"""What a person sees of a video in the app: its line, its dialog, what was said; and a video asked for in its form."""

from __future__ import annotations

from typing import Any

from textual.pilot import Pilot
from textual.widgets import Static

from oavr_tui.app.app import OavrApp
from oavr_tui.app.next_steps import plain
from oavr_tui.app.screens.studio import Studio
from oavr_tui.app.widgets.line_list import LineList
from oavr_tui.errors import FailureCode
from oavr_tui.models import AUTO, Job, JobState, Request
from tests.app.snapshot import text_of
from tests.app.studios import until
from tests.samples import portrait, voice


def oavr(pilot: Pilot[Any]) -> OavrApp:
    assert isinstance(pilot.app, OavrApp)
    return pilot.app


def wish(on: str = AUTO, **more: Any) -> Request:
    """A video of one second from the samples."""
    return Request(**{"image": str(portrait()), "audio": str(voice()), "max_seconds": 1.0, "on": on, **more})


def rows(pilot: Pilot[Any]) -> LineList:
    return oavr(pilot).screen_stack[0].query_one(Studio).query_one("#queue-rows", LineList)


def row(pilot: Pilot[Any], index: int = 0) -> str:
    """A line of the queue, as drawn."""
    return rows(pilot).render_line(index).text.rstrip()


def said(pilot: Pilot[Any]) -> str:
    """All that was said in the corner, where it stays for some seconds only."""
    return "\n".join(plain(each.text) for each in oavr(pilot).said)


def line(pilot: Pilot[Any], name: str) -> str:
    """A line of the dialog in front."""
    return str(pilot.app.screen.query_one(name, Static).render())


def whole(pilot: Pilot[Any]) -> str:
    """Everything on the screen."""
    return text_of(pilot.app).split("\n\n")[0]


async def ended(pilot: Pilot[Any], state: JobState = JobState.FAILED, index: int = 0) -> Job:
    """Wait until a video has ended; it must have ended this way."""
    live = oavr(pilot).live
    await until(pilot, lambda: len(live.jobs) > index and live.jobs[index].ended)
    assert live.jobs[index].state is state, live.jobs[index].failure
    return live.jobs[index]


async def failed(pilot: Pilot[Any], code: FailureCode, *words: str) -> Job:
    """Wait until the video has failed in this way, and look at all that the person is told of it.

    words: parts of the sentence. The line ends with keys, the corner and the log's dialog have the sentence and what
    to do next; none of it names a command, a pod or ComfyUI.
    """
    from oavr_tui.app.next_steps import advice, next_step

    job = await ended(pilot)
    assert job.failure is not None and job.failure.code is code, job.failure
    step = next_step(job.failure)
    while len(pilot.app.screen_stack) > 1:
        pilot.app.pop_screen()
        await pilot.pause()
    await until(pilot, lambda: step.keys in row(pilot), row(pilot))
    told = said(pilot)
    assert advice(job) in told, told
    rows(pilot).focus()
    await pilot.press("l")
    await until(pilot, lambda: pilot.app.screen.query("#job-next"))
    await until(pilot, lambda: line(pilot, "#job-next") == advice(job))
    dialog = line(pilot, "#job-words")
    for word in words:
        assert word in dialog, dialog
        assert word in told, told
    for text in (row(pilot), told, dialog, advice(job)):
        assert "oavr-tui" not in text and " --" not in text and "ComfyUI" not in text, text
        assert "pod" not in text.lower().split(), text
    return job
