"""Making a graph fit one server: its model files, its loader of wav2vec, and the nodes it must have."""

from __future__ import annotations

from oavr_tui.errors import Rejected
from oavr_tui.text import safe
from oavr_tui.workflows.combos import ObjectInfo, choices, is_model_file, match_file
from oavr_tui.workflows.graph import DOWNLOADED_WAV2VEC, LOCAL_WAV2VEC, WAV2VEC_LOADERS, Graph, nodes_of

HUB_WAV2VEC = "TencentGameMate/chinese-wav2vec2-base"
"""The name that the downloading loader offers; WanVideoWrapper refuses every wav2vec model but this one's kind."""

_PACKS = {
    "MultiTalk": "ComfyUI-WanVideoWrapper",
    "Wan": "ComfyUI-WanVideoWrapper",
    "Wav2Vec": "ComfyUI-WanVideoWrapper",
    "DownloadAndLoadWav2Vec": "ComfyUI-WanVideoWrapper",
    "VHS_": "ComfyUI-VideoHelperSuite",
    "ImageResizeKJ": "ComfyUI-KJNodes",
    "MelBandRoFormer": "ComfyUI-MelBandRoFormer",
}
_UPLOADED = ("LoadImage", "LoadAudio")


def fit_to_server(graph: Graph, object_info: ObjectInfo) -> tuple[str, ...]:
    """Change the graph in place so that the server can run it, and return what a person might want to know.

    Raises Rejected with one sentence where the server lacks a node or a model file.
    """
    notes = _choose_wav2vec(graph, object_info)
    _refuse_missing_nodes(graph, object_info)
    for node_id in graph:
        _resolve_files(graph, node_id, object_info)
    return notes


def _choose_wav2vec(graph: Graph, object_info: ObjectInfo) -> tuple[str, ...]:
    """Take the file on the server where a usable one is listed, else have the server fetch it from the hub."""
    notes: tuple[str, ...] = ()
    for node_id in nodes_of(graph, *WAV2VEC_LOADERS):
        inputs = graph[node_id]["inputs"]
        listed = [name for name in choices(object_info, LOCAL_WAV2VEC, "model") or () if _usable(name)]
        if listed:
            wanted = inputs.get("model")
            found = match_file(wanted, listed) if isinstance(wanted, str) else None
            graph[node_id]["class_type"], inputs["model"] = LOCAL_WAV2VEC, found or sorted(listed)[0]
        elif LOCAL_WAV2VEC in object_info or DOWNLOADED_WAV2VEC in object_info:
            graph[node_id]["class_type"], inputs["model"] = DOWNLOADED_WAV2VEC, HUB_WAV2VEC
            notes = ("The server downloads its speech model (about 400 MB) the first time.",)
    return notes


def _usable(name: str) -> bool:
    lowered = name.lower()
    return "chinese" in lowered or "tencent" in lowered


def _refuse_missing_nodes(graph: Graph, object_info: ObjectInfo) -> None:
    for node in graph.values():
        class_name = node["class_type"]
        if class_name in object_info and object_info[class_name] is None:
            raise Rejected(f"This server lacks the node {safe(class_name, 60)}{where_from(class_name)}.")


def where_from(class_name: str) -> str:
    """What to install for a missing node, as the end of a sentence; names the node pack where it is known."""
    for start, pack in _PACKS.items():
        if class_name.startswith(start):
            return f": install {pack} there (or update it) and start ComfyUI again"
    return ": install the custom nodes that this workflow needs there and start ComfyUI again"


def _resolve_files(graph: Graph, node_id: str, object_info: ObjectInfo) -> None:
    node = graph[node_id]
    class_name = node["class_type"]
    if class_name in _UPLOADED:
        return  # their files come with the job, and the server lists only its own
    for name, value in node["inputs"].items():
        offered = choices(object_info, class_name, name)
        if not offered or not isinstance(value, str) or value in offered:
            continue
        found = match_file(value, offered)
        if found is not None:
            node["inputs"][name] = found
        elif is_model_file(value):
            missing = safe(value.replace("\\", "/").rsplit("/", 1)[-1], 120)
            raise Rejected(
                f"This server lacks the model {missing}, which {safe(class_name, 60)} needs."
                " Put the file into its models folder and try again."
            )
