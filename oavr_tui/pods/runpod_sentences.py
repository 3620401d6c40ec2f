"""What RunPod says, told apart by its words, and what a person is told: shared by every way of asking RunPod.

Most refusals carry no code, only a text. The texts below were seen in the wild; they are looked for loosely, since
RunPod changes its wording. Nothing of a text reaches a person but what `plain_reason` lets through.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from enum import StrEnum

from oavr_tui.errors import NoFunds, NoGpu, NoKey, Rejected, Unreachable
from oavr_tui.pods.provider import ApiGone, NotNow, Slower, Unclear
from oavr_tui.text import safe

SHORTEST_PAUSE = 1.0
LONGEST_PAUSE = 120.0
"""Seconds; bounds of how long RunPod may make us wait before the next question."""

_WHERE = "RunPod's console, under Settings, API keys"

_NO_CAPACITY = re.compile(
    r"no longer any (?:instances|machines|gpus)"
    r"|no (?:\w+ ){0,3}(?:instances|machines|hosts|gpus|capacity|stock)\b(?: \w+){0,3} (?:available|left|free)"
    r"|no (?:available|free) (?:instance|machine|host|gpu)"
    r"|no instances currently available"
    r"|does not have the resources"
    r"|not enough (?:free )?(?:gpus|capacity)"
    r"|(?:insufficient|out of|no|lack of) (?:gpu )?capacity"
    r"|out of stock|sold out"
    r"|(?:could not|cannot|can't) be placed"
    r"|gpus? (?:\w+ ){0,3}(?:not|un)(?: currently)? ?available"
)
_HOST_FULL = re.compile(r"not enough free gpus?|does not have the resources|no (?:free|available) gpus?")
_NO_FUNDS = re.compile(
    r"(?:insufficient|not enough|no|too little) (?:account )?(?:balance|funds?|credits?|money)"
    r"|(?:balance|credit|funds?) (?:is |are )?(?:too low|insufficient|exhausted|depleted)"
    r"|add (?:more )?(?:funds|credits?)|payment required|spend(?:ing)? limit"
)
_API_GONE = re.compile(r"deprecat|sunset|has been (?:retired|removed|shut down)|no longer (?:supported|served)")
_OF_THE_KIND = re.compile(r"\b(?:pool|gpu types?|gpus?|data ?cent(?:er|re)s?|clouds?)\b")
_OF_THE_WISH = re.compile(r"\b(?:template|volume|mount|registry|image|gpu|data ?cent(?:er|re))\b")
# A word that mixes letters and digits and is this long may be the id of a machine, which opens it to whoever knows it.
_LIKE_AN_ID = re.compile(r"(?=[A-Za-z_-]*\d)(?=[\d_-]*[A-Za-z])[A-Za-z0-9_-]{8,}|[A-Za-z0-9_-]{25,}")


class Verb(StrEnum):
    """What may be asked of RunPod that costs or saves money."""

    CREATE = "create"
    START = "start"
    STOP = "stop"
    TERMINATE = "terminate"


def says_no_capacity(text: str) -> bool:
    """Whether a refusal to create says that there is no such machine free."""
    return _NO_CAPACITY.search(_lowered(text)) is not None


def says_host_full(text: str) -> bool:
    """Whether a refusal to start says that the stopped machine's host has no GPU free."""
    return _HOST_FULL.search(_lowered(text)) is not None or says_no_capacity(text)


def says_no_funds(text: str) -> bool:
    """Whether a refusal says that the account has too little credit (loosely: the exact words are not known)."""
    return _NO_FUNDS.search(_lowered(text)) is not None


def says_api_gone(text: str) -> bool:
    """Whether an answer says that this way of asking is retired."""
    return _API_GONE.search(_lowered(text)) is not None


def says_this_kind(text: str) -> bool:
    """Whether a refusal is about the kind of machine asked for, not about the key."""
    return _OF_THE_KIND.search(_lowered(text)) is not None


def says_the_wish(text: str) -> bool:
    """Whether "not found" is about something that the wish names, not about the address asked."""
    return _OF_THE_WISH.search(_lowered(text)) is not None


def plain_reason(text: str, hidden: Iterable[str] = ()) -> str:
    """A short piece of RunPod's own words, without a full stop, fit to be shown; empty where it had better not be.

    hidden: the key, ids and values that must never be shown. What looks like an id is left out of the piece; a piece
    that is markup, code or an address is left out wholly.
    """
    cleaned = safe(text, 2_000)  # first of all, or what is taken out here could join the halves of a secret
    if any(secret and secret.lower() in cleaned.lower() for secret in hidden):
        return ""
    if "\n" in text.strip() or any(sign in cleaned for sign in "<>{}[]=\\`") or "://" in cleaned:
        return ""
    return safe(_LIKE_AN_ID.sub("…", cleaned), 160).rstrip(" .…")


def no_key_yet() -> NoKey:
    return NoKey(f"There is no RunPod key yet, so no machine can be started. Make one in {_WHERE}.")


def wrong_key() -> NoKey:
    return NoKey(f"RunPod does not accept this key, so nothing was done. Check it, or make a new one in {_WHERE}.")


def may_not_look() -> NoKey:
    return NoKey(f"This RunPod key may not look at machines. Make one with read and write permission in {_WHERE}.")


def may_not_change(verb: Verb) -> NoKey:
    """The key may read but not do this; for stopping that means that money goes on being spent."""
    meaning = "so nothing was started" if verb in (Verb.CREATE, Verb.START) else "so the machine still costs money"
    return NoKey(
        f"This RunPod key may look at machines but not start or stop them, {meaning}."
        f" Make one with write permission in {_WHERE}."
    )


def no_funds() -> NoFunds:
    return NoFunds(
        "RunPod starts nothing: the account has too little credit. Add some in RunPod's console, under Billing."
    )


def no_gpu() -> NoGpu:
    return NoGpu("RunPod has no machine of this kind free at present. Another kind may be, or wait a while.")


def kind_refused() -> NoGpu:
    return NoGpu("RunPod does not offer machines of this kind to this account. Choose another kind.")


def not_now() -> NotNow:
    return NotNow(
        "This machine cannot be started at present: its host has given the GPU to somebody else."
        " Try later, or start a new one.",
        can_retry=True,
    )


def refused(verb: Verb, reason: str) -> Rejected:
    """RunPod understood and will not. reason: as `plain_reason` gives it, may be empty."""
    because = f": {reason}" if reason else ", and does not say why"
    meaning = {
        Verb.CREATE: "No machine was started",
        Verb.START: "The machine was not started",
        Verb.STOP: "The machine was not stopped and may still cost money",
        Verb.TERMINATE: "The machine was not deleted and may still cost money",
    }[verb]
    return Rejected(f"RunPod refuses this{because}. {meaning}.")


def not_as_it_is(verb: Verb) -> Rejected:
    """The machine is in a state in which RunPod does not do this."""
    doing = {Verb.START: "started", Verb.STOP: "stopped", Verb.TERMINATE: "deleted"}.get(verb, "used")
    return Rejected(f"RunPod says that the machine cannot be {doing} in the state it is in. Look at it again shortly.")


def machine_gone(verb: Verb) -> Rejected:
    doing = "started" if verb is Verb.START else "stopped"
    return Rejected(f"The machine no longer exists at RunPod, so it cannot be {doing}. It costs nothing any more.")


def log_gone() -> Rejected:
    return Rejected("The machine no longer exists at RunPod, so there is nothing more to read from it.")


def question_refused(reason: str) -> Rejected:
    """A mere question that RunPod understood and does not answer."""
    because = f": {reason}" if reason else ""
    return Rejected(f"RunPod does not answer this question{because}. Nothing was changed.")


def api_gone() -> ApiGone:
    return ApiGone("RunPod no longer answers to this way of asking. Another way is tried, or update this program.")


def slower(seconds: float) -> Slower:
    """RunPod was asked too often. seconds: as it says, brought within bounds; not a number counts as the longest."""
    pause = min(max(seconds, SHORTEST_PAUSE), LONGEST_PAUSE) if seconds == seconds else LONGEST_PAUSE
    return Slower(
        f"RunPod is being asked too often. It is asked again in {round(pause)} seconds; nothing was changed.",
        seconds=pause,
    )


def unclear(verb: Verb) -> Unclear:
    """The request has left and no usable answer came: it may have been done."""
    return Unclear(
        {
            Verb.CREATE: "RunPod's answer got lost, so a machine may have been started. It is looked for by its name.",
            Verb.START: "RunPod's answer got lost, so the machine may be starting. Its state is looked up.",
            Verb.STOP: "RunPod's answer got lost, so the machine may still run and cost money. Its state is looked up.",
            Verb.TERMINATE: "RunPod's answer got lost, so the machine may still be there and cost money."
            " It is looked up.",
        }[verb]
    )


def silent() -> Unreachable:
    return Unreachable(
        "RunPod does not answer. Check this computer's connection; machines that run go on running and costing."
    )


def not_found() -> Unreachable:
    return Unreachable(
        "RunPod's address cannot be found. Check this computer's connection; machines that run go on running."
    )


def broken_off() -> Unreachable:
    return Unreachable("The connection to RunPod broke off. Machines that run go on running and costing.")


def in_trouble() -> Unreachable:
    return Unreachable(
        "RunPod has trouble of its own and does not answer. Machines that run go on running and costing."
    )


def not_runpod() -> Unreachable:
    return Unreachable(
        "Something answers in RunPod's place, but not as RunPod does. Check this computer's connection and its proxy."
    )


def not_trusted() -> Unreachable:
    return Unreachable(
        "The certificate of RunPod's address cannot be trusted, so nothing was sent. Check this computer's connection,"
        " its clock and its proxy."
    )


def bad_id() -> Rejected:
    return Rejected("The machine has an id that RunPod cannot have given it, so RunPod was not asked about it.")


def _lowered(text: str) -> str:
    return " ".join(text[:4000].lower().split())
