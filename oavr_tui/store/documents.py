"""The nouns as documents, and back. pydantic is loaded when the first document is read, not before."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, TypeVar, cast

from oavr_tui.models import Job, Measure, Pod, Request, Spell, Video

if TYPE_CHECKING:
    from pydantic import TypeAdapter

_LONGEST_REASON = 120
_ADAPTERS: dict[type[Any], Any] = {}
Noun = Job | Video | Request | Pod | Spell | Measure
_T = TypeVar("_T")


class Unreadable(Exception):
    """A document is not what it should be. The text says where, without showing what is in it."""


def to_document(noun: Noun) -> dict[str, Any]:
    """What is written to disk."""
    return asdict(noun)


def to_job(document: Mapping[str, Any]) -> Job:
    """Raises Unreadable."""
    return _checked(Job, document)


def to_video(document: Mapping[str, Any]) -> Video:
    """Raises Unreadable."""
    return _checked(Video, document)


def to_request(document: Mapping[str, Any]) -> Request:
    """Raises Unreadable."""
    return _checked(Request, document)


def to_pod(document: Mapping[str, Any]) -> Pod:
    """Raises Unreadable."""
    return _checked(Pod, document)


def to_spell(document: Mapping[str, Any]) -> Spell:
    """Raises Unreadable."""
    return _checked(Spell, document)


def to_measure(document: Mapping[str, Any]) -> Measure:
    """Raises Unreadable."""
    return _checked(Measure, document)


def _checked(kind: type[_T], document: Mapping[str, Any]) -> _T:
    from pydantic import ValidationError

    try:
        return _adapter(kind).validate_python(dict(document))
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "the whole"
        raise Unreadable(f"{where}: {first['type']}"[:_LONGEST_REASON]) from None


def _adapter(kind: type[_T]) -> TypeAdapter[_T]:
    if kind not in _ADAPTERS:
        from pydantic import TypeAdapter

        _ADAPTERS[kind] = TypeAdapter(kind)
    return cast("TypeAdapter[_T]", _ADAPTERS[kind])
