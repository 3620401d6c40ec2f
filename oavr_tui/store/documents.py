"""Jobs and videos as documents, and back. pydantic is loaded when the first document is read, not before."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from functools import cache
from typing import TYPE_CHECKING, Any, TypeVar

from oavr_tui.models import Job, Request, Video

if TYPE_CHECKING:
    from pydantic import TypeAdapter

_LONGEST_REASON = 120
_T = TypeVar("_T")


class Unreadable(Exception):
    """A document is not what it should be. The text says where, without showing what is in it."""


def to_document(noun: Job | Video | Request) -> dict[str, Any]:
    """What is written to disk."""
    return asdict(noun)


def to_job(document: Mapping[str, Any]) -> Job:
    """Raises Unreadable."""
    return _checked(_job_adapter(), document)


def to_video(document: Mapping[str, Any]) -> Video:
    """Raises Unreadable."""
    return _checked(_video_adapter(), document)


def to_request(document: Mapping[str, Any]) -> Request:
    """Raises Unreadable."""
    return _checked(_request_adapter(), document)


def _checked(adapter: TypeAdapter[_T], document: Mapping[str, Any]) -> _T:
    from pydantic import ValidationError

    try:
        return adapter.validate_python(dict(document))
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "the whole"
        raise Unreadable(f"{where}: {first['type']}"[:_LONGEST_REASON]) from None


@cache
def _job_adapter() -> TypeAdapter[Job]:
    from pydantic import TypeAdapter

    return TypeAdapter(Job)


@cache
def _video_adapter() -> TypeAdapter[Video]:
    from pydantic import TypeAdapter

    return TypeAdapter(Video)


@cache
def _request_adapter() -> TypeAdapter[Request]:
    from pydantic import TypeAdapter

    return TypeAdapter(Request)
