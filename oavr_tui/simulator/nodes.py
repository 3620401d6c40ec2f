"""The everyday nodes of the simulated server: loading, saving, passing on, and ComfyUI's own test nodes."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from oavr_tui.simulator import video_files
from oavr_tui.simulator.making import Clip, Film, Made, Node, Picture, Tools

_SLEEP_TICK = 0.01
"""Seconds between two ticks of TestSleep, as in ComfyUI's testing pack."""
_MULTIPLE_OF_2 = 2


async def load_image(tools: Tools, given: Mapping[str, Any]) -> Made:
    """LoadImage: decodes the file and fails as the real node does where it is no picture."""
    picture = await asyncio.to_thread(video_files.picture_at, tools.folders.loadable(given["image"]))
    return Made((picture, None))


async def load_audio(tools: Tools, given: Mapping[str, Any]) -> Made:
    """LoadAudio: decodes the file and fails as the real node does where it is no recording."""
    sound = await asyncio.to_thread(video_files.sound_at, tools.folders.loadable(given["audio"]))
    return Made((sound,))


async def resize(tools: Tools, given: Mapping[str, Any]) -> Made:
    """ImageResizeKJv2: the wanted size, rounded down to `divisible_by`; 0 takes that side from the picture.

    A centered crop is left to whoever uses the picture, so that a renderer may keep its finer detail.
    """
    picture: Picture = given["image"]
    mode, step = given["keep_proportion"], max(_MULTIPLE_OF_2, given["divisible_by"])
    width, height = given["width"] or picture.width, given["height"] or picture.height
    if mode == "resize":
        scale = min(width / picture.width, height / picture.height)
        width, height = round(picture.width * scale), round(picture.height * scale)
        mode = "stretch"
    width, height = max(step, width - width % step), max(step, height - height % step)
    if mode == "crop":
        resized = replace(picture, width=width, height=height)
    else:
        output = tools.temp_file(".png")
        resized = await asyncio.to_thread(video_files.fitted, picture, width, height, mode, output)
    return Made((resized, width, height, None))


async def size_and_count(tools: Tools, given: Mapping[str, Any]) -> Made:
    """GetImageSizeAndCount."""
    images: Picture | Film = given["image"]
    return Made((images, images.width, images.height, images.count))


async def constant(tools: Tools, given: Mapping[str, Any]) -> Made:
    """INTConstant."""
    return Made((given["value"],))


async def preview_any(tools: Tools, given: Mapping[str, Any]) -> Made:
    """PreviewAny: shows any value as text."""
    value = given["source"]
    text = value if isinstance(value, str) else json.dumps(value) if isinstance(value, int | float) else str(value)
    return Made((text,), {"text": [text]})


async def repeat(tools: Tools, given: Mapping[str, Any]) -> Made:
    """RepeatImageBatch."""
    picture: Picture = given["image"]
    return Made((replace(picture, count=picture.count * given["amount"]),))


async def create_video(tools: Tools, given: Mapping[str, Any]) -> Made:
    """CreateVideo."""
    return Made((Clip(given["images"], given["fps"], given.get("audio")),))


async def save_video(tools: Tools, given: Mapping[str, Any]) -> Made:
    """SaveVideo: an mp4 whose entry in the history stands under "images", marked as animated."""
    if given["format"] not in ("auto", "mp4"):
        raise TypeError("SaveVideo.execute() missing 1 required positional argument: 'format'")
    clip: Clip = given["video"]
    place = tools.folders.saving(given["filename_prefix"], "output")
    path = place.folder / f"{place.base}_{place.number:05}_.mp4"
    await asyncio.to_thread(video_files.encode_still, clip.pictures, clip.fps, clip.sound, path)
    entry = {"filename": path.name, "subfolder": place.subfolder, "type": "output"}
    return Made((clip,), {"images": [entry], "animated": [True]})


async def save_image_websocket(tools: Tools, given: Mapping[str, Any]) -> Made:
    """SaveImageWebsocket: sends each picture as a binary PNG message and saves nothing."""
    picture: Picture = given["images"]
    png = await asyncio.to_thread(video_files.as_png, picture)
    for number in range(picture.count):
        tools.progress(number, picture.count)
        tools.preview(png)
    return Made(())


async def sleep(tools: Tools, given: Mapping[str, Any]) -> Made:
    """TestSleep: waits with a tick every 10 ms, and can be interrupted at each."""
    start, seconds = tools.clock(), given["seconds"]
    while (elapsed := tools.clock() - start) < seconds:
        tools.progress(elapsed, seconds)
        await tools.sleep(min(_SLEEP_TICK, seconds - elapsed))
    tools.progress(seconds, seconds)
    return Made((given["value"],))


async def sync_error(tools: Tools, given: Mapping[str, Any]) -> Made:
    """TestSyncError: always fails."""
    raise RuntimeError("Intentional sync execution error for testing")


async def _token(tools: Tools, given: Mapping[str, Any], *, slots: int, loads: bool) -> Made:
    """A node whose result the simulated machine only passes on: models, settings, encoded text."""
    if loads and tools.pace.load_seconds:
        await tools.sleep(tools.pace.load_seconds)  # real loading cannot be interrupted either
        tools.check()
    return Made((tools.class_type,) * slots)


NODES: dict[str, Node] = {
    "LoadImage": load_image,
    "LoadAudio": load_audio,
    "ImageResizeKJv2": resize,
    "GetImageSizeAndCount": size_and_count,
    "INTConstant": constant,
    "PreviewAny": preview_any,
    "RepeatImageBatch": repeat,
    "CreateVideo": create_video,
    "SaveVideo": save_video,
    "SaveImageWebsocket": save_image_websocket,
    "TestSleep": sleep,
    "TestSyncError": sync_error,
    "WanVideoModelLoader": partial(_token, slots=1, loads=True),
    "CLIPVisionLoader": partial(_token, slots=1, loads=False),
    "DownloadAndLoadWav2VecModel": partial(_token, slots=1, loads=False),
    "MelBandRoFormerModelLoader": partial(_token, slots=1, loads=False),
    "MultiTalkModelLoader": partial(_token, slots=1, loads=False),
    "Wav2VecModelLoader": partial(_token, slots=1, loads=False),
    "WanVideoBlockSwap": partial(_token, slots=1, loads=False),
    "WanVideoClipVisionEncode": partial(_token, slots=1, loads=False),
    "WanVideoLoraSelect": partial(_token, slots=1, loads=False),
    "WanVideoTextEncodeCached": partial(_token, slots=3, loads=False),
    "WanVideoVAELoader": partial(_token, slots=1, loads=False),
}
