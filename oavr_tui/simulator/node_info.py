"""What /object_info says about the nodes that the simulator knows.

The data file holds the answers of a real 0.33.0 server with the four node packs of the InfiniteTalk graph, trimmed to
the nodes that the simulator can carry out. An older server leaves some keys out and writes two combos in its own way.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from importlib import resources
from typing import Any, Literal

from oavr_tui.simulator.folders import PICTURES, SOUNDS, Folders

Generation = Literal["old", "new"]

_ONLY_NEW = (
    "is_input_list",
    "output_matchtypes",
    "dev_only",
    "price_badge",
    "search_aliases",
    "essentials_category",
    "has_intermediate_output",
)
_OLD_SAVE_VIDEO_COMBOS: dict[str, list[Any]] = {
    "format": ["COMBO", {"default": "auto", "multiselect": False, "options": ["auto", "mp4"]}],
    "codec": ["COMBO", {"default": "auto", "multiselect": False, "options": ["auto", "h264"]}],
}
MODEL_FOLDERS: dict[str, tuple[tuple[str, str], ...]] = {
    "diffusion_models": (("WanVideoModelLoader", "model"), ("MultiTalkModelLoader", "model")),
    "loras": (("WanVideoLoraSelect", "lora"),),
    "vae": (("WanVideoVAELoader", "model_name"),),
    "text_encoders": (("WanVideoTextEncodeCached", "model_name"),),
    "clip_vision": (("CLIPVisionLoader", "clip_name"),),
    "wav2vec2": (("Wav2VecModelLoader", "model"),),
}
"""The folders of /models, and the combos that list what lies in them."""


class NodeInfo:
    """The catalog of nodes of one simulated server."""

    def __init__(self, folders: Folders, generation: Generation) -> None:
        self._folders = folders
        self._generation = generation
        text = resources.files("oavr_tui.simulator").joinpath("data/object_info.json").read_text("utf-8")
        self._nodes: dict[str, dict[str, Any]] = json.loads(text)["nodes"]
        if generation == "old":
            self._nodes = {name: _as_old(node) for name, node in self._nodes.items()}

    def __contains__(self, name: object) -> bool:
        return name in self._nodes

    def names(self) -> list[str]:
        """Every class the server knows."""
        return list(self._nodes)

    def is_output(self, name: str) -> bool:
        """Whether the node is one that a prompt is run for."""
        return bool(self._nodes[name]["output_node"])

    def outputs(self, name: str) -> list[str]:
        """The types of the node's outputs, by slot."""
        types: list[str] = self._nodes[name]["output"]
        return types

    def inputs(self, name: str) -> Iterator[tuple[str, list[Any], bool]]:
        """Each input's name, its type and settings as /object_info writes them, and whether it is required."""
        described = self.describe(name)["input"]
        for required in (True, False):
            for key, config in described.get("required" if required else "optional", {}).items():
                yield key, config, required

    def describe(self, name: str) -> dict[str, Any]:
        """The node's answer in /object_info, with the files that now lie in the input folder."""
        node = self._nodes[name]
        if name not in ("LoadImage", "LoadAudio"):
            return node
        key, suffixes = ("image", PICTURES) if name == "LoadImage" else ("audio", SOUNDS)
        files = self._folders.listed("input", suffixes)
        if name == "LoadAudio" and self._generation == "new":
            combo: list[Any] = ["COMBO", {"multiselect": False, "options": files, "audio_upload": True}]
        else:
            combo = [files, {f"{key}_upload": True}]
        return {**node, "input": {"required": {key: combo}}}

    def models(self, folder: str) -> list[str] | None:
        """The model files of one folder, or None where there is no such folder."""
        if folder not in MODEL_FOLDERS:
            return None
        found: list[str] = []
        for name, key in MODEL_FOLDERS[folder]:
            options = self._nodes[name]["input"]["required"][key][0]
            found += [option for option in options if option not in found]
        return found


def _as_old(node: dict[str, Any]) -> dict[str, Any]:
    old = {key: value for key, value in node.items() if key not in _ONLY_NEW}
    if node["name"] == "SaveVideo":
        kept = {key: node["input"]["required"][key] for key in ("video", "filename_prefix")}
        required = {**kept, **_OLD_SAVE_VIDEO_COMBOS}
        hidden = node["input"]["hidden"]
        old["input"] = {"required": required, "hidden": hidden}
        old["input_order"] = {"required": list(required), "hidden": list(hidden)}
    return old
