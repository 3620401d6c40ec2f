"""What can be done next: for each way in which a video fails the keys that help, and sentences of the engine put for
somebody who sits before screens.

The engine's sentences serve the command line too, and name its commands where something is to be done. Here the same
is done by keys.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from rich.cells import cell_len

from oavr_tui.app.actions import BY_ID
from oavr_tui.app.keys import shown_key
from oavr_tui.errors import FailureCode
from oavr_tui.models import PREVIEW, Failure, Job
from oavr_tui.text import safe


def _key(action_id: str) -> str:
    """The first key of an action, as it is shown."""
    return shown_key(BY_ID[action_id].keys.split(",")[0])


_RETRY, _PODS, _SETTINGS = (_key(each) for each in ("queue.retry", "app.go_pods", "app.go_settings"))
_LOG = shown_key(BY_ID["queue.open"].keys.split(",")[-1])
_PORTRAIT, _VOICE, _MORE = (_key(each) for each in ("studio.portrait", "studio.voice", "studio.more"))
_CANCEL, _FORGET = _key("queue.cancel"), _key("queue.forget")
_GENERATE, _NEW, _ADD, _TERMINATE = (
    _key(each) for each in ("studio.generate", "pods.new", "pods.add", "pods.terminate")
)


@dataclass(frozen=True, slots=True)
class NextStep:
    """brief: what happened, for a line with little room. keys: what to press, as short. full: the same in a sentence.

    actions: ids of what the sentence names, for the mouse.
    """

    brief: str
    keys: str
    full: str
    actions: tuple[str, ...] = ("queue.retry",)


_AGAIN = f"{_RETRY} Retry"
_WHY = f"{_LOG} Why"
_C = FailureCode

NEXT_STEPS: dict[FailureCode, NextStep] = {
    _C.BAD_INPUT: NextStep(
        "Cannot be used",
        f"{_WHY} · {_AGAIN}",
        f"Choose another file ({_PORTRAIT} portrait, {_VOICE} voice) and press {_GENERATE}; "
        f"or mend it and press {_RETRY}.",
        ("studio.portrait", "studio.voice", "queue.retry"),
    ),
    _C.NO_KEY: NextStep(
        "No key",
        f"{_SETTINGS} Settings · {_AGAIN}",
        f"Press {_SETTINGS} to enter your key in the settings, then {_RETRY} here. A quick preview needs no key.",
        ("app.go_settings", "queue.retry"),
    ),
    _C.NO_FUNDS: NextStep(
        "No credit",
        f"{_WHY} · {_AGAIN}",
        f"Add credit at RunPod, or raise your own limit in the settings ({_SETTINGS}); then press {_RETRY}. "
        "Quick previews stay free.",
        ("app.go_settings", "queue.retry"),
    ),
    _C.NO_GPU: NextStep(
        "None is free",
        f"{_AGAIN} · {_WHY}",
        f"Press {_RETRY} to ask again, in a while; or {_SETTINGS} to allow other machines or a higher price.",
        ("queue.retry", "app.go_settings"),
    ),
    _C.UNREACHABLE: NextStep(
        "No answer",
        f"{_AGAIN} · {_WHY}",
        f"Check the connection, then press {_RETRY}: what was made already is fetched, not made again.",
    ),
    _C.REJECTED: NextStep(
        "Refused",
        f"{_WHY} · {_AGAIN}",
        f"The log below says more. Mend what it names, or change the form and press {_GENERATE}; "
        f"{_RETRY} tries the same again.",
    ),
    _C.OUT_OF_MEMORY: NextStep(
        "Out of memory",
        f"{_AGAIN} · {_WHY}",
        f"Choose Quality: Draft or another shape ({_MORE} More options) and press {_GENERATE}; "
        f"{_RETRY} tries the same again.",
        ("studio.more", "queue.retry"),
    ),
    _C.LOST: NextStep(
        "Lost",
        f"{_AGAIN} · {_WHY}",
        f"Press {_RETRY} to make it again, with the same seed.",
    ),
    _C.LIMIT: NextStep(
        "Daily limit",
        f"{_AGAIN} tomorrow",
        f"Press {_RETRY} tomorrow: a day begins at midnight UTC. Quick previews are free and not counted.",
    ),
    _C.DISK_FULL: NextStep(
        "Disk is full",
        f"{_AGAIN} · {_WHY}",
        f"With room again, press {_RETRY}.",
    ),
    _C.CANCELLED: NextStep("Cancelled", f"{_AGAIN}", f"Press {_RETRY} to try it again."),
}
"""For each way to fail. Every code has its own; a test holds that."""

_MENDED = NextStep(
    "Refused",
    f"{_WHY}",
    f"The log below says more. Mend what it names, or change the form and press {_GENERATE}.",
    ("studio.more", "queue.retry"),
)


_NOT_TWICE = " What was made already is fetched, not made again."


def next_step(failure: Failure) -> NextStep:
    """What helps after a failure."""
    if failure.code is FailureCode.REJECTED and not failure.can_retry:
        return _MENDED
    return NEXT_STEPS[failure.code]


def advice(job: Job) -> str:
    """What to press now, in a sentence or two, behind the sentence that says why; empty where nothing failed."""
    if job.failure is None:
        return ""
    kept = job.failure.code is FailureCode.DISK_FULL and job.request.on != PREVIEW
    return next_step(job.failure).full + _NOT_TWICE * kept


_SWAPS: tuple[tuple[str, str], ...] = (
    (r" 'oavr-tui jobs retry' makes it again\.", ""),  # the next step says so
    (r"'oavr-tui jobs retry' fetches it", rf"{_RETRY} fetches it"),
    (
        r"'oavr-tui jobs retry' brings it home; 'oavr-tui jobs forget' gives it up",
        f"In the Studio's queue {_RETRY} brings it home, {_FORGET} gives it up",
    ),
    (r"'oavr-tui jobs cancel'", f"{_CANCEL} in the Studio's queue"),
    (r"'oavr-tui jobs list' shows them all", "The Studio's queue shows them all"),
    (r"'oavr-tui pods terminate [^']*' (gives it up|ends it(?: for good)?)", rf"{_TERMINATE} on Pods ({_PODS}) \1"),
    (
        r"'oavr-tui pods deploy' starts one; 'oavr-tui config set pods.start_by_itself yes' allows it",
        f"{_NEW} on Pods ({_PODS}) starts one; the settings ({_SETTINGS}) allow it",
    ),
    (
        r"'oavr-tui pods list' shows them; --on auto starts one by itself",
        f"Pods ({_PODS}) shows them; any studio can be chosen under More options ({_MORE})",
    ),
    (r"'oavr-tui pods list' shows (those that are|them)", rf"Pods ({_PODS}) shows \1"),
    (r"'oavr-tui pods volumes' lists them", f"New pod ({_NEW} on Pods) lists them"),
    (r"with 'oavr-tui pods add --token'", f"on Pods ({_PODS}): {_ADD} there"),
    (r"(?:with|in) 'oavr-tui config set [\w.]+'(?: or pods\.\w+)?", f"in the settings ({_SETTINGS})"),
    (r"then run 'oavr-tui config key', or set RUNPOD_API_KEY", f"then enter it in the settings ({_SETTINGS})"),
    (r"Set RUNPOD_API_KEY, or run 'oavr-tui config key'", f"Enter it in the settings ({_SETTINGS})"),
    (r"'oavr-tui license devices' shows them", f"Devices in the settings ({_SETTINGS}) shows them"),
    (r"'oavr-tui config show' lists them", f"The settings ({_SETTINGS}) show them"),
    (r"A preview needs no key: --on preview", "A quick preview needs no key"),
    (r"Choose another with --on", f"Choose another under More options ({_MORE})"),
    (r"give its address with --on", "choose Full video"),
    (r"another name with --name", "another name"),
    (r"with --max-seconds (\d+)", rf"with a Length of \1 under More options ({_MORE})"),
)
_COMMAND_LINE = re.compile(r"'oavr-tui | --[a-z]")
_compiled: list[tuple[re.Pattern[str], str]] = []


def in_app(sentence: str) -> str:
    """A sentence of the engine with keys and screens where it names commands; all else is left as it is."""
    if not _COMMAND_LINE.search(sentence):
        return sentence
    if not _compiled:
        _compiled.extend((re.compile(pattern), words) for pattern, words in _SWAPS)
    for pattern, words in _compiled:
        sentence = pattern.sub(words, sentence)
    return sentence


def plain(sentence: str, limit: int = 600) -> str:
    """Any sentence, fit to be shown in the app: without control bytes, and with keys for commands."""
    return safe(in_app(sentence), limit)


def in_studio(sentence: str) -> str:
    """A sentence about a video in the Studio's words."""
    # Whoever uses a workflow of their own has to do with ComfyUI by its name; nobody else need know it.
    return sentence if "workflow" in sentence else sentence.replace("ComfyUI", "the video engine")


def why(job: Job) -> str:
    """Why a video failed, in full; empty where it did not."""
    if job.failure is None:
        return ""
    return plain(in_studio(job.failure.message))


def told_briefly(job: Job, room: int) -> str:
    """The end of a failed video's line. room: cells that it may take.

    Why as far as that leaves room for the keys, which matter more than the rest of a long sentence.
    """
    if job.failure is None:
        return ""
    step, whole = next_step(job.failure), why(job)
    first = whole.split(". ")[0].removesuffix(".") + "."
    for begin in (whole, first, f"{step.brief}."):
        if cell_len(begin) + 1 + len(step.keys) <= room:
            return f"{begin} {step.keys}"
    return step.brief
