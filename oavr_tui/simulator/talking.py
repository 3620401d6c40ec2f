"""The InfiniteTalk nodes of the simulated server: the same windows, frames and progress, rendered as previews.

The frame arithmetic is that of kijai's WanVideoWrapper (multitalk/nodes.py, multitalk_loop.py); the files and their
history entry are VideoHelperSuite's. The videos carry no PREVIEW mark, but a tag that says a simulator made them.
"""

from __future__ import annotations

import asyncio
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from oavr_tui.models import FPS
from oavr_tui.preview.run import render_preview
from oavr_tui.preview.spec import PreviewSpec
from oavr_tui.simulator import video_files
from oavr_tui.simulator.making import Film, Made, Node, Picture, Sound, Tools
from oavr_tui.simulator.order import cut_to_sound

MADE_BY = "made by the oavr-tui simulator"
_CHUNK_SECONDS = 8.0
"""Length of the pieces in which MelBandRoFormerSampler counts its progress."""


@dataclass(frozen=True, slots=True)
class Talk:
    """MultiTalkWav2VecEmbeds' result: the voice, the frames it drives, and how strongly."""

    sound: Sound
    frames: int
    strength: float


@dataclass(frozen=True, slots=True)
class Scene:
    """WanVideoImageToVideoMultiTalk's result. window and overlap in frames, sizes in pixels."""

    picture: Picture
    width: int
    height: int
    window: int
    overlap: int


def windows(frames: int, window: int, overlap: int) -> int:
    """How many windows the sampler makes for N driven frames: 1 + max(0, ceil((N - window) / (window - overlap)))."""
    return 1 + max(0, math.ceil((frames - window) / (window - overlap)))


def output_frames(frames: int, window: int, overlap: int) -> int:
    """How many frames come out: whole windows, so never fewer than are driven."""
    return window + (window - overlap) * (windows(frames, window, overlap) - 1)


def announced_windows(frames: int, window: int, overlap: int) -> int:
    """The number of windows that the sampler's progress bar counts on: sometimes one more than it makes."""
    return 1 if frames <= window else frames // (window - overlap) + 1


async def embeds(tools: Tools, given: Mapping[str, Any]) -> Made:
    """MultiTalkWav2VecEmbeds: the voice, cut to num_frames. Only 25 frames a second are simulated."""
    if given["fps"] != FPS:
        raise ValueError(f"The simulator makes {FPS} frames a second, not {given['fps']}.")
    sound: Sound = given["audio_1"]
    frames = max(1, min(given["num_frames"], int(sound.seconds * FPS)))
    return Made((Talk(sound, frames, given["audio_scale"]), sound, frames))


async def scene(tools: Tools, given: Mapping[str, Any]) -> Made:
    """WanVideoImageToVideoMultiTalk."""
    picture = given.get("start_image")
    if not isinstance(picture, Picture):
        raise ValueError("The simulator needs a start_image.")
    window, overlap = given["frame_window_size"], given["motion_frame"]
    if not 0 <= overlap < window:
        raise ValueError(f"motion_frame {overlap} must be smaller than frame_window_size {window}.")
    return Made((Scene(picture, given["width"], given["height"], window, overlap), given.get("output_path", "")))


async def separate(tools: Tools, given: Mapping[str, Any]) -> Made:
    """MelBandRoFormerSampler: passes the voice on, with its progress in pieces."""
    sound: Sound = given["audio"]
    pieces = math.ceil(sound.seconds / _CHUNK_SECONDS)
    for piece in range(1, pieces + 1):
        tools.progress(piece, pieces)
        await tools.sleep(0)
    return Made((sound, sound))


async def sample(tools: Tools, given: Mapping[str, Any]) -> Made:
    """WanVideoSampler: renders the film, counting steps over all windows as the real one does."""
    talk, place = given.get("multitalk_embeds"), given["image_embeds"]
    if not isinstance(talk, Talk) or not isinstance(place, Scene):
        raise ValueError("The simulator samples talking pictures only: multitalk_embeds and a scene are needed.")
    steps = given["steps"]
    made = steps * windows(talk.frames, place.window, place.overlap)
    announced = steps * announced_windows(talk.frames, place.window, place.overlap)
    spec = await _spec(tools, talk, place, given["seed"])
    done = asyncio.Event()
    fraction = 0.0

    def on_progress(part: float, frame: int, frames: int) -> None:
        nonlocal fraction
        fraction = part
        done.set()

    render = asyncio.create_task(render_preview(spec, on_progress), name="simulated-render")
    render.add_done_callback(lambda _: done.set())
    try:
        for step in range(1, made + 1):
            await tools.sleep(tools.pace.step_seconds)
            while not render.done() and fraction * made < step:
                done.clear()
                await done.wait()
                tools.check()
            if render.done():
                render.result()
            tools.progress(step, announced)
        result = await render
    finally:
        render.cancel()
        await asyncio.gather(render, return_exceptions=True)
    film = Film(tools.temp_file(".mp4"), talk.sound, place.width, place.height, result.frames)
    return Made((film, film))


async def _spec(tools: Tools, talk: Talk, place: Scene, seed: int) -> PreviewSpec:
    """What to render: the whole voice where the video is cut to it, else whole windows with silence at their end."""
    frames = output_frames(talk.frames, place.window, place.overlap)
    sound = talk.sound
    seconds = frames / FPS
    if not cut_to_sound(tools.graph, tools.node_id) and sound.seconds < seconds:
        sound = await asyncio.to_thread(video_files.padded, sound, seconds, tools.temp_file(".wav"))
    return PreviewSpec(
        image=str(place.picture.path),
        audio=str(sound.path),
        output=str(tools.temp_file(".mp4")),
        width=place.width,
        height=place.height,
        seed=seed,
        audio_strength=talk.strength,
        max_frames=frames if sound.seconds >= seconds else None,
        mark=False,
        tags={"comment": MADE_BY},
        label="",
    )


async def pass_images(tools: Tools, given: Mapping[str, Any]) -> Made:
    """WanVideoPassImagesFromSamples and WanVideoDecode: the film is already made of pictures."""
    return Made((given["samples"], "")[: 2 if tools.class_type == "WanVideoPassImagesFromSamples" else 1])


async def combine(tools: Tools, given: Mapping[str, Any]) -> Made:
    """VHS_VideoCombine: a PNG, a silent mp4 and, with sound, the mp4 that the history lists under "gifs"."""
    if given["format"] != "video/h264-mp4":
        raise ValueError(f"The simulator writes video/h264-mp4 only, not {given['format']}.")
    images, sound = given["images"], given.get("audio")
    if isinstance(images, Film):
        film = images
        if sound is not None and sound.path != film.sound.path:
            raise ValueError("The simulator adds no other sound than the voice that drives the video.")
        if given["frame_rate"] != FPS:
            raise ValueError(f"The simulator made {FPS} frames a second, not {given['frame_rate']}.")
    else:
        film = await _film_of(tools, images, given["frame_rate"], sound)
    kind = "output" if given["save_output"] else "temp"
    place = tools.folders.saving(given["filename_prefix"], kind)
    base = f"{place.base}_{place.number:05}"
    texts = {"prompt": json.dumps(tools.graph)} if given.get("save_metadata", True) else {}
    tags = {"comment": MADE_BY, **texts}
    await asyncio.to_thread(video_files.first_frame, film.path, place.folder / f"{base}.png", texts)
    listed = place.folder / f"{base}.mp4"
    await asyncio.to_thread(video_files.copy_streams, film.path, listed, audio=False, tags=tags)
    if sound is not None:
        listed = place.folder / f"{base}-audio.mp4"
        await asyncio.to_thread(video_files.copy_streams, film.path, listed, audio=True, tags=tags)
    for frame in range(1, film.count + 1):
        tools.progress(frame, film.count)
        await tools.sleep(0)
    entry = {
        "filename": listed.name,
        "subfolder": place.subfolder,
        "type": kind,
        "format": given["format"],
        "frame_rate": given["frame_rate"],
        "workflow": f"{base}.png",
        "fullpath": str(listed),
    }
    files = [str(place.folder / f"{base}.png"), str(place.folder / f"{base}.mp4"), str(listed)]
    return Made(((given["save_output"], files),), {"gifs": [entry]})


async def _film_of(tools: Tools, images: Picture, fps: float, sound: Sound | None) -> Film:
    """A batch of still pictures as a film, so that both kinds are saved alike."""
    path = tools.temp_file(".mp4")
    await asyncio.to_thread(video_files.encode_still, images, fps, sound, path)
    return Film(path, sound or Sound(path, images.count / fps), images.width, images.height, images.count)


TALKING_NODES: dict[str, Node] = {
    "MultiTalkWav2VecEmbeds": embeds,
    "WanVideoImageToVideoMultiTalk": scene,
    "MelBandRoFormerSampler": separate,
    "WanVideoSampler": sample,
    "WanVideoPassImagesFromSamples": pass_images,
    "WanVideoDecode": pass_images,
    "VHS_VideoCombine": combine,
}
