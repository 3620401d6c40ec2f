"""The one exception tree. Whatever goes wrong outside is turned into one of these at the border.

Every error carries a sentence for a person (what happened, what it means, what to do), a code that scripts can rely
on, and whether trying the same thing again can help. Nothing here ever holds a raw answer, a traceback or a secret.
"""

from __future__ import annotations

from enum import StrEnum
from typing import ClassVar


class FailureCode(StrEnum):
    """Why a job ended without a video. The values are an interface: they appear in JSON and in the store."""

    BAD_INPUT = "bad_input"
    NO_KEY = "no_key"
    NO_FUNDS = "no_funds"
    NO_GPU = "no_gpu"
    UNREACHABLE = "unreachable"
    REJECTED = "rejected"
    OUT_OF_MEMORY = "out_of_memory"
    LOST = "lost"
    LIMIT = "limit"
    DISK_FULL = "disk_full"
    CANCELLED = "cancelled"


class OavrError(Exception):
    """Base of every failure that a person may see.

    message: one or two plain sentences, safe to print (no control bytes, no secrets).
    can_retry: the same request may succeed when tried again unchanged.
    can_manual: the person can mend it by hand (choose another file, free some space) and then go on.
    """

    code: ClassVar[FailureCode] = FailureCode.REJECTED
    retry_by_default: ClassVar[bool] = False
    manual_by_default: ClassVar[bool] = False

    def __init__(self, message: str, *, can_retry: bool | None = None, can_manual: bool | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.can_retry = self.retry_by_default if can_retry is None else can_retry
        self.can_manual = self.manual_by_default if can_manual is None else can_manual


class BadInput(OavrError):
    """A picture, a voice, a workflow or a value cannot be used as it is."""

    code = FailureCode.BAD_INPUT
    manual_by_default = True


class Unreachable(OavrError):
    """A server does not answer, or stopped answering."""

    code = FailureCode.UNREACHABLE
    retry_by_default = True


class Rejected(OavrError):
    """A server or an engine answered, and will not or cannot do it."""

    code = FailureCode.REJECTED
    manual_by_default = True


class NoKey(OavrError):
    """There is no key for the person's account, or it is wrong, or it may not do this."""

    code = FailureCode.NO_KEY
    manual_by_default = True


class NoFunds(OavrError):
    """The person's account has not enough credit, or a cap of their own is reached."""

    code = FailureCode.NO_FUNDS
    manual_by_default = True


class NoGpu(OavrError):
    """No machine can be had that fits the person's wishes."""

    code = FailureCode.NO_GPU
    retry_by_default = True
    manual_by_default = True


class OutOfMemory(OavrError):
    """The machine that makes the video ran out of memory."""

    code = FailureCode.OUT_OF_MEMORY
    retry_by_default = True


class Lost(OavrError):
    """The server no longer knows the job: it restarted, or somebody removed it."""

    code = FailureCode.LOST
    retry_by_default = True


class LimitReached(OavrError):
    """The daily limit is used up."""

    code = FailureCode.LIMIT


class LicenseRefused(OavrError):
    """The license server answered, and the answer is no. reason: its own word for it, as DEVICE_LIMIT or NOT_FOUND."""

    manual_by_default = True

    def __init__(self, message: str, reason: str) -> None:
        super().__init__(message)
        self.reason = reason


class LicenseUnreachable(OavrError):
    """The license server gives no answer that can be used. sent: what was asked may have been done all the same."""

    code = FailureCode.UNREACHABLE
    retry_by_default = True

    def __init__(self, message: str, *, sent: bool = False) -> None:
        super().__init__(message)
        self.sent = sent


class LicenseBusy(LicenseUnreachable):
    """The license server wants not to be asked for so many seconds."""

    def __init__(self, message: str, seconds: float) -> None:
        super().__init__(message)
        self.seconds = seconds


class DiskFull(OavrError):
    """There is not enough room on the disk."""

    code = FailureCode.DISK_FULL
    retry_by_default = True
    manual_by_default = True


class Cancelled(OavrError):
    """The person cancelled the job."""

    code = FailureCode.CANCELLED
    retry_by_default = True


ERROR_BY_CODE: dict[str, type[OavrError]] = {
    kind.code: kind
    for kind in (
        BadInput,
        NoKey,
        NoFunds,
        NoGpu,
        Unreachable,
        Rejected,
        OutOfMemory,
        Lost,
        LimitReached,
        DiskFull,
        Cancelled,
    )
}


def error_for(code: str, message: str, *, can_retry: bool | None = None) -> OavrError:
    """Rebuild an error from its code, as a child process or the store gives it back; unknown codes are Rejected."""
    kind = next((kind for known, kind in ERROR_BY_CODE.items() if known == code), Rejected)
    return kind(message, can_retry=can_retry)
