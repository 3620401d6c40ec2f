"""What an answer of RunPod's REST API means: the error for a person, or None where it did what it was asked.

Failures are RFC 9457 problems. What is no such problem comes from somewhere else (a proxy, a sign-in page), and nothing
about machines is believed of it. Loads pydantic; import it lazily.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC
from email.utils import parsedate_to_datetime

from oavr_tui.errors import OavrError
from oavr_tui.pods import runpod_sentences as say
from oavr_tui.pods import runpod_v2_wire as wire
from oavr_tui.pods.runpod_sentences import Verb
from oavr_tui.pods.runpod_v2_http import Answer

_USUAL_PAUSE = 10.0
"""Seconds to wait when RunPod asks for a pause without saying how long."""
_LEFT = re.compile(r"\b(?:r|remaining)=(\d{1,9})\b")
_UNTIL = re.compile(r"\b(?:t|reset)=(\d{1,9})\b")
_NUMBER = re.compile(r"\d{1,9}(?:\.\d{1,6})?")


def in_trouble(answer: Answer) -> bool:
    """Whether RunPod (or what stands before it) could not answer, and may in a moment."""
    return answer.status >= 500 or answer.status in (408, 425)


def says_none(answer: Answer) -> bool:
    """Whether RunPod itself says that there is nothing of this id."""
    return answer.status in (404, 410) and wire.is_problem(answer.document) and not say.says_api_gone(_said(answer))


def knows_no_memory_filter(answer: Answer) -> bool:
    """Whether a wish may have been refused because this RunPod cannot choose hosts by their memory: the filter came to
    the API later than the rest, and a field that is not known makes the body invalid."""
    return answer.status == 422 and answer.said_json


def question_refused(
    answer: Answer, now: float, hidden: Iterable[str] = (), *, collection: bool = True
) -> OavrError | None:
    """The error for an answer to a mere question; None where it is a document. now: unix seconds.

    collection: a list was asked for, which is always there as long as this way of asking exists.
    """
    status = answer.status
    if status == 200 and answer.said_json:
        return None
    if early := _whatever_was_asked(answer, now):
        return early
    if status == 403:
        return say.may_not_look() if answer.said_json else say.not_runpod()
    if status in (404, 410):
        if collection:
            return say.api_gone()
        return say.log_gone() if says_none(answer) else say.not_runpod()
    if in_trouble(answer):
        return say.in_trouble()
    if 400 <= status < 500 and _is_readable(answer):
        return say.question_refused(_reason(answer, hidden))
    return say.not_runpod()


def change_refused(verb: Verb, answer: Answer, now: float, hidden: Iterable[str]) -> OavrError | None:
    """The error for an answer to a request that changes something; None where it is done. now: unix seconds.

    Only a refusal that RunPod itself gave counts as not done; what is neither that nor a proper answer is Unclear.
    """
    status = answer.status
    if 200 <= status < 300:
        return None if _is_done(verb, answer) else say.unclear(verb)
    if in_trouble(answer) or not 400 <= status < 500:
        return say.unclear(verb)
    of_wish = verb is Verb.CREATE and status in (400, 403, 422) and say.says_the_wish(_said(answer))
    if early := _whatever_was_asked(answer, now, retired_is_told=not of_wish):
        return early
    if not _is_readable(answer):
        return say.api_gone() if status in (404, 410) and verb is Verb.CREATE else say.not_runpod()
    said = _said(answer)
    reason = _reason(answer, hidden)
    if status == 403:
        of_kind = verb is Verb.CREATE and say.says_this_kind(said)
        return say.kind_refused() if of_kind else say.may_not_change(verb)
    if status in (404, 410):
        return _not_there(verb, answer, reason)
    if status == 409 and verb is not Verb.CREATE:
        return say.not_as_it_is(verb)
    return _by_words(verb, said, reason)


def pause_asked_for(answer: Answer, now: float) -> float | None:
    """How many seconds RunPod wants to be left alone, within bounds; None where it does not. now: unix seconds.

    Retry-After (RFC 9110: seconds or a date) comes first, then RateLimit (the IETF's draft, of either generation): of
    several windows the one that is used up.
    """
    if answer.status != 429:
        return None
    said = _retry_after(answer.headers.get("retry-after", ""), now)
    if said is None:
        said = _rate_limit(answer.headers.get("ratelimit", ""))
    pause = _USUAL_PAUSE if said is None else said
    return min(max(pause, say.SHORTEST_PAUSE), say.LONGEST_PAUSE)


def _whatever_was_asked(answer: Answer, now: float, *, retired_is_told: bool = True) -> OavrError | None:
    """What may be said of any request. retired_is_told: "deprecated" is about this way of asking, not about what was
    asked for, as a kind of GPU."""
    if answer.status == 401:
        return say.wrong_key()
    if answer.status == 402:
        return say.no_funds()
    if (pause := pause_asked_for(answer, now)) is not None:
        return say.slower(pause)
    if answer.status == 405 or (retired_is_told and 400 <= answer.status < 500 and say.says_api_gone(_said(answer))):
        return say.api_gone()
    return None


def _is_done(verb: Verb, answer: Answer) -> bool:
    """A new pod must be in the answer; the others say the pod as it is now, or nothing at all."""
    if not answer.body and verb is not Verb.CREATE:
        return True
    try:
        wire.pod_of(answer.document)
    except wire.Malformed:
        return False
    return True


def _not_there(verb: Verb, answer: Answer, reason: str) -> OavrError | None:
    if verb is Verb.CREATE:
        # The list of pods is always there; what a wish names may be not.
        return say.refused(verb, reason) if say.says_the_wish(_said(answer)) else say.api_gone()
    if not says_none(answer):
        return say.not_runpod()
    return None if verb is Verb.TERMINATE else say.machine_gone(verb)


def _by_words(verb: Verb, said: str, reason: str) -> OavrError:
    """A broken rule, no capacity and no credit may all come as status 400, told apart by words alone."""
    if verb in (Verb.CREATE, Verb.START) and say.says_no_funds(said):
        return say.no_funds()
    if verb is Verb.START and say.says_host_full(said):
        return say.not_now()
    if verb is Verb.CREATE and say.says_no_capacity(said):
        return say.no_gpu()
    if verb is Verb.CREATE and say.says_api_gone(said):
        return say.kind_refused()
    return say.refused(verb, reason)


def _is_readable(answer: Answer) -> bool:
    return answer.said_json or _is_text(answer)


def _is_text(answer: Answer) -> bool:
    return answer.headers.get("content-type", "").partition(";")[0].strip().lower() == "text/plain"


def _said(answer: Answer) -> str:
    """All that a refusal says, to look for words in; never shown."""
    return ". ".join(_texts(answer))


def _reason(answer: Answer, hidden: Iterable[str]) -> str:
    """The most telling part of a refusal, as far as it may be shown."""
    return say.plain_reason(next(iter(_texts(answer)), ""), hidden)


def _texts(answer: Answer) -> list[str]:
    if answer.said_json:
        return wire.problem_texts(answer.document)
    return [answer.body[:4000].decode("utf-8", "replace")] if _is_text(answer) else []


def _retry_after(value: str, now: float) -> float | None:
    if _NUMBER.fullmatch(value.strip()):
        return float(value)
    try:
        at = parsedate_to_datetime(value)
        return (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp() - now
    except (ValueError, TypeError, OverflowError, IndexError):
        return None


def _rate_limit(value: str) -> float | None:
    """Windows like "minute";r=0;t=12, or the older limit=60, remaining=0, reset=12."""
    windows = value[:1000].split(",") if ";" in value else [value[:1000]]
    used_up: list[float] = []
    others: list[float] = []
    for window in windows:
        left, until = _LEFT.search(window), _UNTIL.search(window)
        if until is not None:
            (used_up if left is None or int(left[1]) == 0 else others).append(float(until[1]))
    return max(used_up) if used_up else min(others, default=None)
