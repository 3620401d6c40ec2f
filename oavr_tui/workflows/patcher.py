"""Filling a graph in: picture, voice, prompt, size, frames, seed, strength, steps and memory, for one server.

Nodes are found by their class and by what they are linked to. In a graph of someone else's making only what is found is
filled in; everything else is left as its author wanted it.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from math import ceil
from typing import Any

from oavr_tui.errors import BadInput
from oavr_tui.models import FPS, Quality
from oavr_tui.workflows.block_swap import blocks_to_swap
from oavr_tui.workflows.combos import ObjectInfo, largest
from oavr_tui.workflows.graph import Graph, linked, nearest, nodes_of, output_nodes, upstream
from oavr_tui.workflows.models import fit_to_server
from oavr_tui.workflows.windows import MOST_FRAMES, MOTION, WINDOW, windows

STEPS: dict[Quality, int] = {Quality.DRAFT: 4, Quality.STANDARD: 6, Quality.HIGH: 10}
"""Sampling steps per window. The distilled model is made for 4 to 10."""

SAMPLER = "WanVideoSampler"
LENGTH = "WanVideoImageToVideoMultiTalk"
VOICE_EMBEDS = "MultiTalkWav2VecEmbeds"
RESIZERS = ("ImageResizeKJv2", "ImageResizeKJ")
PROMPTS = ("WanVideoTextEncodeCached", "WanVideoTextEncode")
BLOCK_SWAP = "WanVideoBlockSwap"
_SEEDS = ("seed", "noise_seed")


@dataclass(frozen=True, slots=True)
class Fill:
    """What goes into a graph. image, audio: as the server knows them after the upload ("job/face.png").

    width, height: pixels, multiples of 16. frames: 1 .. 10,000 at 25 per second. seed: 0 .. 2**63-1. audio_strength:
    0.5 .. 2. vram: bytes of the server's graphics card, 0 for unknown. filename_prefix: the job's own, so that its
    files are told from others'. extra_swap: blocks to swap beyond the usual, after the card ran out of memory.
    """

    image: str
    audio: str
    prompt: str
    width: int
    height: int
    frames: int
    seed: int
    audio_strength: float
    quality: Quality
    vram: int
    filename_prefix: str
    extra_swap: int = 0


@dataclass(frozen=True, slots=True)
class Patched:
    """A graph ready to be sent. steps: per window. notes: what a person might want to know.

    sampler: the id of the node that makes the frames, None in a graph without one that we know; then steps is 0.
    """

    graph: Graph
    output_node: str
    sampler: str | None
    steps: int
    windows: int
    notes: tuple[str, ...]


def patch(graph: Graph, fill: Fill, object_info: ObjectInfo) -> Patched:
    """A filled-in copy of the graph that fits the server which `object_info` describes.

    Raises Rejected where the server lacks a node or a model file, BadInput where the graph has no place for the picture
    or the voice on the way to its video.
    """
    graph = copy.deepcopy(graph)
    output = _output_of(graph)
    embeds = _on_the_way(graph, output, VOICE_EMBEDS)
    length = _on_the_way(graph, output, LENGTH)
    sampler = _on_the_way(graph, output, SAMPLER)

    _put(graph, _picture_of(graph, output, length), "image", fill.image)
    _put(graph, _voice_of(graph, output, embeds), "audio", fill.audio)
    _put_size(graph, length, fill)
    _put(graph, _prompt_of(graph, sampler), "positive_prompt", fill.prompt)
    _put(graph, embeds, "audio_scale", fill.audio_strength)
    frames = _put_frames(graph, embeds, fill.frames)
    steps = STEPS[fill.quality] if sampler is not None else 0
    _put(graph, sampler, "steps", steps)
    _put(graph, sampler, "seed", fill.seed)
    seeded = _put_seed(graph, output, fill.seed, object_info)
    for node_id in nodes_of(graph, BLOCK_SWAP):
        _put(graph, node_id, "blocks_to_swap", blocks_to_swap(fill.vram, fill.extra_swap))
    if "filename_prefix" in graph[output]["inputs"]:
        _put(graph, output, "filename_prefix", fill.filename_prefix)
    notes = (*_left_as_it_is(sampler, seeded, embeds, length), *fit_to_server(graph, object_info))
    return Patched(graph, output, sampler, steps, _windows_of(graph, length, frames), notes)


def _output_of(graph: Graph) -> str:
    found = output_nodes(graph)
    if not found:
        raise BadInput("This workflow has no node that saves a video. Add a Video Combine or Save Video node to it.")
    return found[0]


def _on_the_way(graph: Graph, output: str, *classes: str) -> str | None:
    """The nearest node of these classes that leads to the video; a node that does not is never run."""
    return next((node_id for node_id in upstream(graph, output) if graph[node_id]["class_type"] in classes), None)


def _picture_of(graph: Graph, output: str, length: str | None) -> str:
    start = nearest(graph, length, "start_image", "LoadImage") if length is not None else None
    found = start or _on_the_way(graph, output, "LoadImage")
    if found is None:
        raise BadInput("No LoadImage node of this workflow leads to its video, so the picture has no place in it.")
    return found


def _voice_of(graph: Graph, output: str, embeds: str | None) -> str:
    heard = nearest(graph, embeds, "audio_1", "LoadAudio") if embeds is not None else None
    found = heard or _on_the_way(graph, output, "LoadAudio")
    if found is None:
        raise BadInput("No LoadAudio node of this workflow leads to its video, so the voice has no place in it.")
    return found


def _prompt_of(graph: Graph, sampler: str | None) -> str | None:
    return nearest(graph, sampler, "text_embeds", *PROMPTS) if sampler is not None else None


def _put_size(graph: Graph, length: str | None, fill: Fill) -> None:
    """Set the size where the picture is fitted; the sampler's own follows it where it is linked there."""
    if length is None:
        return
    resizer = nearest(graph, length, "start_image", *RESIZERS)
    for name, value in (("width", fill.width), ("height", fill.height)):
        _put(graph, resizer, name, value)
        if resizer is None or not _comes_from(graph, length, name, resizer):
            _put(graph, length, name, value)


def _comes_from(graph: Graph, node_id: str, name: str, source: str) -> bool:
    near = linked(graph, node_id, name)
    return near is not None and source in upstream(graph, near)


def _put_frames(graph: Graph, embeds: str | None, frames: int) -> int:
    """Set how many frames to make, at the graph's own rate if it has another than ours, and return their number."""
    if embeds is None:
        return frames
    rate = graph[embeds]["inputs"].get("fps", FPS)
    if isinstance(rate, int | float) and not isinstance(rate, bool) and 1 <= rate <= 60 and rate != FPS:
        frames = min(MOST_FRAMES, ceil(frames * rate / FPS))
    _put(graph, embeds, "num_frames", frames)
    return frames


def _windows_of(graph: Graph, length: str | None, frames: int) -> int:
    if length is None:
        return 1
    inputs = graph[length]["inputs"]
    return windows(frames, _whole(inputs.get("frame_window_size"), WINDOW), _whole(inputs.get("motion_frame"), MOTION))


def _whole(value: object, otherwise: int) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else otherwise


def _put(graph: Graph, node_id: str | None, name: str, value: Any) -> None:
    """Set an input, in place of whatever was there: a constant linked to it may serve other inputs as well."""
    if node_id is not None:
        graph[node_id]["inputs"][name] = value


def _put_seed(graph: Graph, output: str, seed: int, object_info: ObjectInfo) -> bool:
    """Give every node on the way to the video that has a seed of its own the job's; True when there was one.

    A node that takes smaller numbers gets the remainder, which the same seed always comes to.
    """
    seeded = False
    for node_id in upstream(graph, output):
        inputs = graph[node_id]["inputs"]
        for name in _SEEDS:
            if isinstance(inputs.get(name), int) and not isinstance(inputs[name], bool):
                most = largest(object_info, graph[node_id]["class_type"], name)
                inputs[name] = seed if most is None else seed % (most + 1)
                seeded = True
    return seeded


def _left_as_it_is(sampler: str | None, seeded: bool, embeds: str | None, length: str | None) -> tuple[str, ...]:
    left = []
    if sampler is None:
        left.append("prompt and quality" if seeded else "prompt, quality and seed")
    if embeds is None:
        left.append("length and audio strength")
    if length is None:
        left.append("size")
    if not left:
        return ()
    return (f"This workflow decides these itself: {', '.join(left)}.",)
