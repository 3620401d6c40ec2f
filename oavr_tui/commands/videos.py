"""`oavr-tui videos`: list, show, export, delete, restore."""

from __future__ import annotations

import argparse
import asyncio
from datetime import datetime

from oavr_tui.commands.finding import find
from oavr_tui.commands.reporting import safe_path
from oavr_tui.commands.session import open_engine
from oavr_tui.commands.talk import put, put_json, say, video_record
from oavr_tui.engine.engine import Engine
from oavr_tui.models import Video
from oavr_tui.paths import Paths, expanded
from oavr_tui.settings import load_settings
from oavr_tui.text import clock, safe, size


def run(arguments: argparse.Namespace) -> int:
    return asyncio.run(_run(arguments))


async def _run(arguments: argparse.Namespace) -> int:
    paths = Paths.find()
    engine = open_engine(paths, load_settings(paths))
    for note in await engine.open():
        say(note)
    try:
        await _act(engine, arguments)
    finally:
        await engine.close()
    return 0


async def _act(engine: Engine, arguments: argparse.Namespace) -> None:
    here = list((await engine.snapshot()).videos)
    gone = await engine.deleted_videos()
    if arguments.action == "list":
        for video in gone if arguments.deleted else here:
            put_json(video_record(video)) if arguments.json else put(_line(video))
        if not (gone if arguments.deleted else here):
            say("The trash is empty." if arguments.deleted else "No videos yet. 'oavr-tui generate' makes one.")
        return
    video = find(gone if arguments.action == "restore" else here, arguments.video, "video")
    if arguments.action == "show":
        put_json(video_record(video)) if arguments.json else _show(video)
        return
    if arguments.action == "export":
        copy = await engine.export_video(video, expanded(arguments.target), overwrite=arguments.overwrite)
        put_json({"path": str(copy)}) if arguments.json else put(safe_path(str(copy)))
        return
    if arguments.action == "delete":
        changed = await engine.delete_video(video)
        say(f"{video.title} is in the trash. 'oavr-tui videos restore {video.id[:8]}' brings it back.")
    else:
        changed = await engine.restore_video(video)
        say(f"{video.title} is back.")
    if arguments.json:
        put_json(video_record(changed))


def _when(seconds: float) -> str:
    return datetime.fromtimestamp(seconds).astimezone().strftime("%Y-%m-%d %H:%M")


def _line(video: Video) -> str:
    kind = "preview" if video.preview else "full"
    return (
        f"{video.id[:8]}  {_when(video.created_at)}  {clock(video.duration):>7}  {video.width}x{video.height}  "
        f"{size(video.bytes):>8}  {kind:<7}  {safe(video.title)}"
    )


def _show(video: Video) -> None:
    request = video.request
    rows = {
        "name": video.title,
        "id": video.id,
        "file": video.path,
        "made": f"{_when(video.created_at)}, on {video.made_on}, in {clock(video.seconds_taken)}",
        "kind": "preview" if video.preview else "full video",
        "length": f"{clock(video.duration)} ({video.duration:.2f} s)",
        "picture": f"{video.width}x{video.height}, {video.fps:g} frames a second, {size(video.bytes)}",
        "portrait": request.image,
        "voice": request.audio,
        "prompt": request.prompt,
        "quality": f"{request.quality}, audio strength {request.audio_strength:g}",
        "seed": str(video.seed),
    }
    for name, value in rows.items():
        put(f"{name:<9} {safe(value, 1000)}")
