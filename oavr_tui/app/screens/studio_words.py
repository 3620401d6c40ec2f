"""What the Studio says about files, times and readiness; no widget in sight."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from oavr_tui.models import PREVIEW, SIZES, Job, JobState, Shape
from oavr_tui.text import clock, safe

if TYPE_CHECKING:
    from oavr_tui.engine.events import Estimated
    from oavr_tui.engine.looks import PictureLook, VoiceLook

SPEED = "studio.preview_speed"
"""Where Memory.views keeps how many seconds this computer takes for a second of preview."""
FIRST_STEPS = "studio.first_steps"
"""Where Memory.views keeps which of the first steps are done."""
_PARTS = re.compile(r" this time \([^)]*\)")
"""Of which parts the time of an estimate consists."""
_SLOWEST = 1000.0


def portrait_words(look: PictureLook, shape: Shape) -> str:
    """A portrait's size, and what becomes of it in a video of the wanted shape."""
    width, height = SIZES[look.shape(shape)]
    fate = f"will be cropped to {width}x{height}" if look.crop_note(shape) else f"fits {width}x{height}"
    return " · ".join([f"{look.info.width}x{look.info.height}", fate, *map(safe, look.info.notes[:1])])


def voice_words(look: VoiceLook, limit: float | None) -> str:
    """A voice's length, and how much of it is used. limit: seconds that are wanted at most."""
    whole = look.info.duration
    notes = [safe(note) for note in look.info.notes[:1]]
    if limit is not None and limit < whole:
        from oavr_tui.workflows.windows import frames_for

        used = min(limit, look.longest)
        return " · ".join([clock(whole), f"the first {clock(used)} is used", f"{frames_for(used)} frames", *notes])
    if look.too_long:
        return f"{clock(whole)} · longer than the {clock(look.longest)} that fit; Generate asks before it is cut"
    return " · ".join([clock(whole), f"{look.frames} frames", *notes])


def used_seconds(look: VoiceLook | None, limit: float | None) -> float:
    """Seconds of voice that become video; 0 while the voice is not known."""
    if look is None:
        return 0.0
    return look.used if limit is None else min(limit, look.used)


def preview_words(speed: str, seconds: float) -> tuple[str, ...]:
    """What a preview of so many seconds of voice takes. speed: as kept under SPEED, empty while unknown."""
    try:
        each = float(speed)
    except ValueError:
        each = 0.0
    known = 0 < each < _SLOWEST and seconds > 0
    takes = f"about {about(max(1.0, each * seconds))}" if known else "a few seconds" if seconds < 60 else "minutes"
    return f"free, on this computer, {takes}", f"free, here, {takes}", f"free, {takes}"


def full_words(told: Estimated) -> tuple[str, ...]:
    """What a full video takes: the estimate's own words, then fewer and fewer of them."""
    short = _PARTS.sub("", told.brief).replace("minutes", "min")
    time, _, cost = short.removeprefix("usually ").partition(" · ")
    time, cost = time.removesuffix(" the first time"), cost.removeprefix("about ").removeprefix("roughly ")
    whole = _whole(told)
    return f"your RunPod · {whole}", whole, told.brief, short, f"{time} · {cost}" if cost else time, time


def sentence(told: Estimated) -> str:
    """The same words as a line of their own."""
    whole = _whole(told)
    return f"{whole[:1].upper()}{whole[1:]}."


def _whole(told: Estimated) -> str:
    """The estimate's words; a studio's price by the hour may stand beside the price that is in them."""
    return f"{told.brief} this video" if told.dollars > 0 else told.brief


def key_works(told: Estimated | None, *, ready: bool = True, full: bool = True) -> str:
    """What to do with a key that was just accepted. told: what the video takes, None while that is not known.

    ready: the files are chosen. full: so is the full video."""
    if not full:
        return "Your key works. Choose Full video to use it."
    if not ready:
        return "Your key works. Choose a portrait and a voice; then ^g makes the full video."
    from oavr_tui.pods.cost import about as about_money

    price = f", {about_money(told.dollars)}" if told is not None and told.dollars > 0 else ""
    return f"Your key works. Press ^g to make the full video{price}."


NEEDS_KEY = ("your RunPod · needs a key · about $0.10 each", "needs a key · about $0.10 each", "needs a key")
LOADING = ("Loading…",)
NO_KEY_YET = "A full video needs your RunPod key: ^g asks for it."
ON_RUNPOD = ("on your RunPod, in the best quality", "on your RunPod")
ON_OWN = ("on your own server, in the best quality", "on your own server")


def about(seconds: float) -> str:
    """A rough duration: 5 s, 40 s, 3 min."""
    if seconds < 10:
        return f"{max(1, round(seconds))} s"
    if seconds < 90:
        return f"{round(seconds / 5) * 5} s"
    return f"{round(seconds / 60)} min"


def doubtful(look: VoiceLook, limit: float | None) -> bool:
    """Whether a voice will be cut, or may not be what was meant."""
    return (look.too_long and limit is None) or bool(look.info.notes)


def learned_speed(jobs: Iterable[Job]) -> str:
    """Seconds for a second of preview, from the last one that was made here; empty without one."""
    made = [
        (job.updated_at, (job.updated_at - job.making_since) / job.duration)
        for job in jobs
        if job.state is JobState.DONE and job.request.on == PREVIEW and job.making_since and job.duration > 0
    ]
    return f"{max(max(made)[1], 0.0):.3f}" if made else ""


def next_words(job: Job) -> str:
    """What to do after a video has ended; empty where its line in the queue says it."""
    if job.state is not JobState.DONE:
        return ""
    if job.request.on == PREVIEW:
        return "The preview is done: 2 shows it. Do you like it? Then choose Full video."
    return "The video is done: 2 shows it."


def done_steps(jobs: Iterable[Job]) -> set[str]:
    """Which of the first steps the finished videos show to be done."""
    done = [job for job in jobs if job.state is JobState.DONE]
    if not done:
        return set()
    return {"image", "audio"} | {"preview" if job.request.on == PREVIEW else "full" for job in done}


def learned(views: Mapping[str, str], jobs: Iterable[Job]) -> dict[str, str]:
    """Memory.views with what ended videos teach: how quick this computer is, and which first steps are done."""
    jobs = tuple(jobs)
    steps = done_steps(jobs) | set(views.get(FIRST_STEPS, "").split())
    speed = learned_speed(jobs) or views.get(SPEED, "")
    return {**views, SPEED: speed, FIRST_STEPS: " ".join(sorted(steps))}
