"""From a draft to a video in the queue: what has to be looked at and asked on the way, one thing after the other."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from oavr_tui.app.memory import Draft
from oavr_tui.app.request import LEAST_SECONDS, Wrong, longest, place, request_of
from oavr_tui.app.screens.studio_more import own_addresses, takes_videos
from oavr_tui.app.screens.studio_words import NEEDS_KEY, ON_OWN, ON_RUNPOD
from oavr_tui.errors import BadInput, DiskFull, LimitReached, OavrError, Unreachable
from oavr_tui.models import AUTO, PREVIEW, Job, Request

if TYPE_CHECKING:
    from collections.abc import Callable

    from oavr_tui.app.app import OavrApp
    from oavr_tui.engine.engine import Engine
    from oavr_tui.engine.events import Estimated
    from oavr_tui.engine.looks import VoiceLook

LOOKING, ASKING_PLAN = "Looking at your files…", "Asking about your plan…"


def needs_key(app: OavrApp, draft: Draft, *, has_key: bool) -> bool:
    """Whether the video that is wanted cannot be made without a key that is not there."""
    if not draft.full or has_key:
        return False
    own = {pod.name for pod in own_addresses(app.live)}
    return not ("://" in draft.on or draft.on in own or (not draft.on and own))


async def asked(
    app: OavrApp, draft: Draft, tell: Callable[[str], None], *, agreed: bool, unseen: bool = False
) -> Job | Wrong | None:
    """Put a video into the queue; None where the person has thought better of it. Call it from a worker.

    tell: takes what is being waited for. agreed: the line of consent need not be asked for. unseen: the person had no
    price before their eyes. Raises OavrError for what is not the fault of a field.
    """
    request = request_of(draft)
    if isinstance(request, Wrong):
        return request
    engine = await app.engine_when_open()
    counts = engine.counts(request)
    tell(ASKING_PLAN if counts and engine.license.status.left == 0 else LOOKING)
    if counts and await app.limit_reached(engine.license):
        if not await app.past_limit(engine.license):
            return None
        unseen = True  # the price was seen before, and what follows shall not come unasked
    tell(LOOKING)
    looked = await _looked(engine, draft, request)
    if isinstance(looked, Wrong):
        return looked
    if not agreed and not await _agreed(app):
        return None
    cut = await _cut(app, request, looked, full=draft.full)
    if cut is None:
        return None
    if needs_key(app, draft, has_key=engine.fleet.rental.has_key):
        from oavr_tui.app.dialogs.get_key import GetKey

        if not await app.push_screen_wait(GetKey()):
            return Wrong("full", "No key, no full video: a quick preview can be made without one.")
    if not await _studio_there(app, engine, cut, looked, unseen=unseen):
        return None
    if counts and engine.license.configured:
        tell(ASKING_PLAN)
    try:
        return await engine.submit(cut)
    except LimitReached:  # another window was quicker
        return await engine.submit(cut) if await app.past_limit(engine.license) else None


async def _looked(engine: Engine, draft: Draft, request: Request) -> VoiceLook | Wrong:
    """Both files can be used; else which of them cannot, and why."""
    name = "image"
    try:
        await engine.looks.picture(request.image)
        name = "audio"
        return await engine.looks.voice(request.audio, longest(draft))
    except (BadInput, Unreachable, DiskFull) as error:
        return Wrong(name, error.message)


async def _agreed(app: OavrApp) -> bool:
    """Whether the person has agreed to the line of consent, now or before."""
    if app.memory.consented:
        return True
    from oavr_tui.app.dialogs.consent import AGREED, consent

    if await app.push_screen_wait(consent()) != AGREED:
        return False
    app.memory = replace(app.memory, consented=app.clock())
    return True


async def _cut(app: OavrApp, request: Request, voice: VoiceLook, *, full: bool) -> Request | None:
    """The request, with a voice that is too long cut if the person wants that; None if not."""
    limit = request.max_seconds
    if not voice.too_long or (limit is not None and LEAST_SECONDS <= limit <= voice.longest):
        return request
    from oavr_tui.app.dialogs.voice_too_long import CUT, voice_too_long

    answer = await app.push_screen_wait(voice_too_long(voice.info.duration, voice.longest, full=full))
    return replace(request, max_seconds=voice.longest) if answer == CUT else None


async def _studio_there(app: OavrApp, engine: Engine, request: Request, voice: VoiceLook, *, unseen: bool) -> bool:
    """Whether there is a studio, or one starts by itself, or the person wants one started now; and whether the price
    is known to them."""
    from oavr_tui.models import PodKind

    there = any(pod.kind is PodKind.RUNPOD and takes_videos(pod) for pod in app.live.pods)
    asks = request.on == AUTO and not there and not engine.fleet.plan.auto_start
    if request.on == PREVIEW or not (asks or unseen):
        return True
    told: Estimated | None = None
    used = voice.used if request.max_seconds is None else min(request.max_seconds, voice.used)
    try:
        told = await engine.estimate(request.on, used, request.quality)
        if told is None and not asks:
            return True  # it costs nothing there
    except OavrError:
        pass  # the price is then told by what starts it, or why it cannot
    if not asks:
        return await _price_agreed(app, request, used, told)
    from oavr_tui.app.dialogs.start_studio import START, start_studio

    price = f"${told.per_hour:.2f}/h" if told is not None and told.per_hour else ""
    question = start_studio(price, told.text if told is not None else "", engine.fleet.plan.idle_minutes)
    if await app.push_screen_wait(question) != START:
        return False
    await engine.fleet.deploy()
    return True


async def _price_agreed(app: OavrApp, request: Request, seconds: float, told: Estimated | None) -> bool:
    """Whether a video is to be made at its price. seconds: of the voice."""
    from oavr_tui.app.dialogs.start_video import START, start_video
    from oavr_tui.pods.cost import about

    price = about(told.dollars) if told is not None and told.dollars > 0 else ""
    portrait, voice = (file.rstrip("/").rpartition("/")[2] for file in (request.image, request.audio))
    question = start_video(portrait, voice, seconds, price, told.text if told is not None else "")
    return await app.push_screen_wait(question) == START


def ready_place(draft: Draft, app: OavrApp) -> Draft:
    """The draft with its studio named, where only an address of the person's own can be meant."""
    own = [pod.name for pod in own_addresses(app.live)]
    if draft.full and place(draft) == AUTO and own and not _has_key(app):
        return replace(draft, on=own[0])
    return draft


def plain_full(app: OavrApp, draft: Draft, *, has_key: bool) -> tuple[str, ...]:
    """What is said of a full video before it is known what it takes, at length and briefly."""
    full = replace(draft, full=True)
    if needs_key(app, full, has_key=has_key):
        return NEEDS_KEY
    return ON_RUNPOD if place(ready_place(full, app)) == AUTO else ON_OWN


def _has_key(app: OavrApp) -> bool:
    return app.engine is not None and app.engine.fleet.rental.has_key
