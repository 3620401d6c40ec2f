"""The media child: `python -m oavr_tui.media`. It alone opens foreign files; a crash here is a sentence there.

Tasks: check, probe, tags, poster, prepare, see, hear, draw. Each names its files as {"path", "name"} and says by a
progress line which of them it is reading, so that the parent can name the one that a decoder crashed or hung on.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from oavr_tui.child import child_main
from oavr_tui.errors import OavrError

MOST_MEMORY = 4 << 30
"""Bytes of address space. A picture of 100 megapixels needs under 1 GB; the libraries themselves map about 1 GB."""

Task = dict[str, Any]
Reading = Callable[[str], None]


def _bound_memory() -> None:
    import resource

    # macOS counts shared regions that no process can do without, and refuses; there the parent's deadline has to do.
    if sys.platform == "linux":
        _, hard = resource.getrlimit(resource.RLIMIT_AS)
        most = MOST_MEMORY if hard == resource.RLIM_INFINITY else min(MOST_MEMORY, hard)
        resource.setrlimit(resource.RLIMIT_AS, (most, hard))


def _check(task: Task, reading: Reading) -> dict[str, Any]:
    answer: dict[str, Any] = {}
    if image := task.get("image"):
        from oavr_tui.media.picture import look_at_picture

        reading("image")
        answer["picture"] = asdict(look_at_picture(Path(image["path"]), image["name"]))
    if audio := task.get("audio"):
        from oavr_tui.media.voice import listen

        reading("audio")
        voice = listen(
            Path(audio["path"]),
            audio["name"],
            max_seconds=task["max_seconds"],
            longest=task["longest"],
            alive=lambda: reading("audio"),
        )
        answer["voice"] = asdict(voice)
    return answer


def _probe(task: Task, reading: Reading) -> dict[str, Any]:
    from oavr_tui.media.video import look_at_video

    reading("video")
    return asdict(look_at_video(Path(task["video"]["path"]), task["video"]["name"]))


def _tags(task: Task, reading: Reading) -> dict[str, Any]:
    from oavr_tui.media.video import remux_with_tags

    reading("video")
    source, name = Path(task["video"]["path"]), task["video"]["name"]
    remux_with_tags(source, Path(task["part"]), Path(task["target"]), task["tags"], name)
    return {}


def _poster(task: Task, reading: Reading) -> dict[str, Any]:
    from oavr_tui.media.video import draw_poster

    reading("video")
    source, name = Path(task["video"]["path"]), task["video"]["name"]
    width, height = draw_poster(source, Path(task["part"]), Path(task["target"]), task["width"], name)
    return {"width": width, "height": height}


def _prepare(task: Task, reading: Reading) -> dict[str, Any]:
    from oavr_tui.media.outgoing import picture_to_send, voice_to_send

    image, audio, folder = task["image"], task["audio"], Path(task["folder"])
    reading("image")
    picture = picture_to_send(Path(image["path"]), image["name"], folder)
    reading("audio")
    voice = voice_to_send(
        Path(audio["path"]),
        audio["name"],
        folder,
        max_seconds=task["max_seconds"],
        max_bytes=task["max_bytes"],
        alive=lambda: reading("audio"),
    )
    return {"image": str(picture), "audio": str(voice)}


def _see(task: Task, reading: Reading) -> dict[str, Any]:
    from oavr_tui.media.thumbnail import look_and_draw

    reading("image")
    image = task["image"]
    facts, raster = look_and_draw(Path(image["path"]), image["name"], task["width"], task["height"])
    return {"picture": asdict(facts), "raster": raster}


def _hear(task: Task, reading: Reading) -> dict[str, Any]:
    from oavr_tui.media.waveform import listen_and_draw

    reading("audio")
    return listen_and_draw(
        Path(task["audio"]["path"]),
        task["audio"]["name"],
        longest=task["longest"],
        parts=task["parts"],
        alive=lambda: reading("audio"),
    )


def _draw(task: Task, send_progress: Callable[[dict[str, Any]], None]) -> dict[str, Any]:
    """Many files, each answered as soon as it is drawn: one that cannot be read must not cost the others."""
    from oavr_tui.media.thumbnail import draw

    for index, path in enumerate(task["paths"]):
        send_progress({"reading": index})
        try:
            raster = draw(Path(path), "It", task["width"], task["height"])
        except (OavrError, MemoryError):
            continue
        send_progress({"drawn": index, "raster": raster})
    return {}


_TASKS = {
    "check": _check,
    "probe": _probe,
    "tags": _tags,
    "poster": _poster,
    "prepare": _prepare,
    "see": _see,
    "hear": _hear,
}


def handle(task: Task, send_progress: Callable[[dict[str, Any]], None]) -> dict[str, Any]:
    """Do one task and return its answer; raises one of our errors."""
    _bound_memory()
    if task["task"] == "draw":
        return _draw(task, send_progress)
    return _TASKS[task["task"]](task, lambda which: send_progress({"reading": which}))


if __name__ == "__main__":
    sys.exit(child_main(handle))
