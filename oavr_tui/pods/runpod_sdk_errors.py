"""What the SDK raises, turned into the app's errors.

The SDK says little: an AuthenticationError, a QueryError with the first error's text, and whatever Python raises where
an answer has another shape than it expects. A QueryError also holds the whole query, with the values of `env`: nothing
here looks at it, and the error made of it does not keep it.
"""

from __future__ import annotations

import re

from oavr_tui.errors import OavrError
from oavr_tui.pods import runpod_sentences as say
from oavr_tui.pods.runpod_sdk_import import Sdk
from oavr_tui.pods.runpod_sdk_thread import Errand
from oavr_tui.pods.runpod_sentences import Verb

_ODD_SHAPE = (KeyError, IndexError, TypeError, AttributeError, ValueError)

_TOO_OFTEN = re.compile(r"too many requests|rate.?limit")
_OWN_TROUBLE = re.compile(
    r"something went wrong|\binternal(?:\b|_)|try again later or contact|timed? ?out|unavailable$"
)
_NO_RIGHT = re.compile(r"\b(?:permissions?|unauthori[sz]ed|not authori[sz]ed|forbidden|access denied|not allowed)\b")
_WRONG_KEY = re.compile(r"invalid (?:api )?(?:key|token)|unauthenticated|not logged in|must be logged in")
_NO_SUCH_POD = re.compile(r"\bnot found\b|\bnot exist|\bno such\b|\bbeen (?:removed|terminated|deleted)\b")
_OF_THE_ACCOUNT = re.compile(r"\b(?:keys?|tokens?|users?|accounts?|teams?)\b")
_MONEY = re.compile(r"\b(?:funds?|balance|credits?)\b")
_NO_SUCH_KIND = re.compile(r"no gpu found")

_PAUSE = 30.0


def translated(error: Exception, sdk: Sdk, errand: Errand) -> OavrError:
    """The app's error for anything that a call of the SDK raised; what is a bug of ours is raised as it is."""
    if isinstance(error, OavrError):
        return error
    if isinstance(error, sdk.no_access):
        return say.wrong_key()
    if isinstance(error, sdk.refusal):
        return refused(str(error), errand)
    if isinstance(error, ValueError) and _NO_SUCH_KIND.search(str(error).lower()):
        return say.kind_refused()
    if isinstance(error, _ODD_SHAPE):
        return errand.lost(say.not_runpod())
    raise error


def refused(text: str, errand: Errand) -> OavrError:
    """The error for the text of a GraphQL error."""
    lowered, verb = text[:4000].lower(), errand.verb
    if _TOO_OFTEN.search(lowered):
        return say.slower(_PAUSE)
    if verb is not None and (known := _of_a_change(text, lowered, verb)) is not None:
        return known
    if say.says_api_gone(text):
        return say.api_gone()
    if _WRONG_KEY.search(lowered):
        return say.wrong_key()
    if _NO_RIGHT.search(lowered):
        return say.may_not_look() if verb is None else say.may_not_change(verb)
    if errand.status >= 500 or _OWN_TROUBLE.search(lowered):
        return errand.lost(say.in_trouble())
    reason = say.plain_reason(text, (errand.key, *errand.hidden))
    return say.question_refused(reason) if verb is None else say.refused(verb, reason)


def says_no_such_pod(text: str) -> bool:
    """Whether a GraphQL error of a question or a change that names one pod says that there is none."""
    lowered = text[:4000].lower()
    return _NO_SUCH_POD.search(lowered) is not None and _OF_THE_ACCOUNT.search(lowered) is None


def _of_a_change(text: str, lowered: str, verb: Verb) -> OavrError | None:
    """What only creating, starting, stopping or deleting can be told."""
    if verb in (Verb.CREATE, Verb.START) and (say.says_no_funds(text) or _MONEY.search(lowered)):
        return say.no_funds()
    if verb is Verb.START and say.says_host_full(text):
        return say.not_now()
    if verb is Verb.CREATE and say.says_no_capacity(text):
        return say.no_gpu()
    if verb is Verb.CREATE and say.says_api_gone(text) and say.says_this_kind(text):
        return say.kind_refused()
    if verb in (Verb.START, Verb.STOP) and says_no_such_pod(text):
        return say.machine_gone(verb)
    return None
