"""Everything needed to make a video again, as it is written next to it and into it.

One dictionary serves both: the sidecar `<name>.json`, and the `comment` of the mp4 file. Paths below the home folder
are written with `~`, since a film that is passed on need not tell its maker's name; names and passwords never get in.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from oavr_tui import __version__
from oavr_tui.errors import BadInput
from oavr_tui.models import Request, Video
from oavr_tui.store.disk import open_plain
from oavr_tui.store.documents import Unreadable, to_document, to_request, to_video
from oavr_tui.text import safe

APP = "oavr-tui"
LARGEST_SIDECAR = 16 << 20
"""Bytes; ours have a few thousand, and up to some megabytes with a workflow of one's own."""

_PLACES = ("image", "audio", "workflow", "on")


def sidecar_for(video: Video, *, home: Path | None = None) -> dict[str, Any]:
    """All that is known of a video but where its file lies; created_at as ISO 8601 in UTC."""
    content = to_document(video)
    del content["path"], content["deleted_at"]
    content["created_at"] = datetime.fromtimestamp(video.created_at, UTC).isoformat()
    content["request"] = {
        name: _portable(value, home or Path.home()) if name in _PLACES and value is not None else value
        for name, value in content["request"].items()
    }
    return {"app": APP, "app_version": __version__, "schema": 1, **content}


def tags_for(video: Video, *, home: Path | None = None) -> dict[str, str]:
    """The mp4 file's metadata. `comment` holds the sidecar's JSON, but for the size, which is not known yet."""
    content = sidecar_for(video, home=home)
    del content["bytes"]
    kind = "Preview" if video.preview else "Full video"
    return {
        "title": safe(video.title),
        "description": f"{kind} made with OpenAvathar in the terminal",
        "comment": json.dumps(content, separators=(",", ":")),
    }


def request_from_tags(tags: Mapping[str, str], *, home: Path | None = None) -> Request:
    """What to ask for to make the same video again, the seed included. Raises BadInput for tags that are not ours."""
    comment = next((value for name, value in tags.items() if name.lower() == "comment"), "")
    if len(comment) > LARGEST_SIDECAR:
        raise _not_ours("This video")
    return _request(_parse(comment), "This video", home)


def request_from_sidecar(path: Path, *, home: Path | None = None) -> Request:
    """What to ask for to make the same video again, the seed included. Raises BadInput for a file that is not ours."""
    return _request(read_sidecar(path), safe(path.name, 80), home)


def video_from_sidecar(path: Path, *, home: Path | None = None) -> Video:
    """The video that a sidecar stands next to, as the store had it. Raises BadInput for a file that is not ours."""
    name = safe(path.name, 80)
    content = read_sidecar(path)
    request = _request(content, name, home)
    try:
        asked = content["request"]
        content["created_at"] = datetime.fromisoformat(content["created_at"]).timestamp()
        content["request"] = to_document(replace(request, seed=asked.get("seed")))
        return to_video({**content, "path": str(path.with_suffix(".mp4").absolute()), "deleted_at": None})
    except (Unreadable, KeyError, TypeError, ValueError, OverflowError):
        raise _not_ours(name) from None


def read_sidecar(path: Path) -> dict[str, Any]:
    """What a sidecar of ours holds; empty for any other file. Raises BadInput for one that cannot be opened."""
    fd = open_plain(path, safe(path.name, 80))
    try:
        raw = os.read(fd, LARGEST_SIDECAR + 1)
    except OSError:
        return {}
    finally:
        os.close(fd)
    return _parse(raw) if len(raw) <= LARGEST_SIDECAR else {}


def _parse(text: str | bytes) -> dict[str, Any]:
    try:
        content = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return content if isinstance(content, dict) and content.get("app") == APP else {}


def _request(content: Mapping[str, Any], name: str, home: Path | None) -> Request:
    asked = content.get("request")
    if not isinstance(asked, dict):
        raise _not_ours(name)
    home = home or Path.home()
    places = {key: _here(asked[key], home) for key in _PLACES if isinstance(asked.get(key), str)}
    try:
        return to_request({**asked, **places, "seed": content.get("seed", asked.get("seed"))})
    except Unreadable:
        raise _not_ours(name) from None


def _not_ours(name: str) -> BadInput:
    return BadInput(
        f"{name} does not say how it was made, so it cannot be made again from it. Choose the picture and"
        " the voice anew."
    )


def _portable(place: str, home: Path) -> str:
    if place.lower().startswith(("http://", "https://")):
        return _without_secret(place)
    root = str(home).rstrip(os.sep)
    if root and place.startswith(root + os.sep):
        return "~" + place[len(root) :]
    return f".{os.sep}{place}" if place.startswith("~") else place


def _here(place: str, home: Path) -> str:
    return str(home).rstrip(os.sep) + place[1:] if place.startswith("~" + os.sep) else place


def _without_secret(url: str) -> str:
    try:
        parts = urlsplit(url)
    except ValueError:
        return "http://address-that-cannot-be-read.invalid"
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))
