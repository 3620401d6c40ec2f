"""Reading a ComfyUI graph (API format) and finding one's way in it, by class and by link, never by a node's number.

A graph maps node ids to {"class_type": ..., "inputs": {...}}. An input is either a plain value or a link, a list of
[node id, output slot].
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NoReturn

from oavr_tui.errors import BadInput
from oavr_tui.text import safe

Graph = dict[str, Any]

OUR_GRAPH = Path(__file__).with_name("infinitetalk.json")
LARGEST_FILE = 4_000_000
"""Bytes. The largest workflows that people share are well under one megabyte."""
MOST_NODES = 5_000

LOCAL_WAV2VEC = "Wav2VecModelLoader"
DOWNLOADED_WAV2VEC = "DownloadAndLoadWav2VecModel"
WAV2VEC_LOADERS = (LOCAL_WAV2VEC, DOWNLOADED_WAV2VEC)

VIDEO_SAVERS = ("VHS_VideoCombine", "SaveVideo", "SaveWEBM")
"""Classes that write a video, best first."""

_HOW_TO_EXPORT = "In ComfyUI choose Workflow, then Export (API), and use that file."


def load_graph(path: Path | None) -> Graph:
    """Our own graph (None), or anyone's API-format file with a LoadImage, a LoadAudio and a node that saves a video.

    Raises BadInput with one sentence for anything else: a file that cannot be read, is over 4 MB, is not JSON, is in
    the format that ComfyUI's editor saves, or lacks one of the three.
    """
    name = safe((path or OUR_GRAPH).name, 80)
    document = _parse(_read(path or OUR_GRAPH, name), name)
    if isinstance(document.get("nodes"), list):
        raise BadInput(f"{name} is a workflow as ComfyUI's editor saves it, which cannot be sent. {_HOW_TO_EXPORT}")
    if isinstance(document.get("prompt"), dict) and "class_type" not in document["prompt"]:
        document = document["prompt"]
    _check_nodes(document, name)
    for needed, purpose in (("LoadImage", "takes the picture"), ("LoadAudio", "takes the voice")):
        if not nodes_of(document, needed):
            raise BadInput(
                f"{name} has no {needed} node, so nothing in it {purpose}. Add one in ComfyUI and export again."
            )
    if not output_nodes(document):
        raise BadInput(
            f"{name} has no node that saves a video. Add a Video Combine or Save Video node and export again."
        )
    return document


def classes_in(graph: Graph) -> tuple[str, ...]:
    """The classes whose /object_info `patch` wants to see, each once, sorted.

    They are those of the graph, and both loaders of wav2vec where it has one, since one may have to stand in for the
    other.
    """
    classes = {str(node["class_type"]) for node in graph.values()}
    if classes & set(WAV2VEC_LOADERS):
        classes |= set(WAV2VEC_LOADERS)
    return tuple(sorted(classes))


def nodes_of(graph: Graph, *classes: str) -> tuple[str, ...]:
    """The ids of all nodes of these classes, in the order of the file."""
    return tuple(node_id for node_id, node in graph.items() if node["class_type"] in classes)


def linked(graph: Graph, node_id: str, name: str) -> str | None:
    """The id of the node that input `name` of a node comes from; None where it is a plain value or leads nowhere."""
    link = graph[node_id]["inputs"].get(name)
    return link[0] if is_link(link) and link[0] in graph else None


def is_link(value: object) -> bool:
    """Whether an input's value is a link: a pair of a node id and the number of its output."""
    return isinstance(value, list) and len(value) == 2 and isinstance(value[0], str) and isinstance(value[1], int)


def upstream(graph: Graph, node_id: str) -> Iterator[str]:
    """A node and everything that leads into it, nearest first, each once, however the links go round."""
    seen = {node_id}
    queue = [node_id]
    while queue:
        current = queue.pop(0)
        yield current
        for name in graph[current]["inputs"]:
            source = linked(graph, current, name)
            if source is not None and source not in seen:
                seen.add(source)
                queue.append(source)


def nearest(graph: Graph, node_id: str, name: str, *classes: str) -> str | None:
    """The nearest node of one of these classes that leads into input `name` of a node."""
    source = linked(graph, node_id, name)
    if source is None:
        return None
    return next((found for found in upstream(graph, source) if graph[found]["class_type"] in classes), None)


def output_nodes(graph: Graph) -> tuple[str, ...]:
    """The nodes that save a video: known ones first, best first, then others that look like it (a file name prefix)."""
    known = [node_id for saver in VIDEO_SAVERS for node_id in nodes_of(graph, saver)]
    kept = [node_id for node_id in known if graph[node_id]["inputs"].get("save_output") is not False]
    dropped = [node_id for node_id in known if node_id not in kept]
    alike = [
        node_id
        for node_id, node in graph.items()
        if node_id not in known and "video" in node["class_type"].lower() and "filename_prefix" in node["inputs"]
    ]
    return (*kept, *alike, *dropped)


def _read(path: Path, name: str) -> bytes:
    try:
        with path.open("rb") as file:
            data = file.read(LARGEST_FILE + 1)
    except OSError as error:
        raise BadInput(f"The workflow {name} cannot be read: {safe(error.strerror or 'unknown reason')}.") from None
    if len(data) > LARGEST_FILE:
        raise BadInput(f"The workflow {name} is over 4 MB, which no graph is. Choose the file that ComfyUI exported.")
    return data


def _parse(data: bytes, name: str) -> Graph:
    try:
        document = json.loads(data.decode("utf-8-sig"), parse_constant=_no_constant)
    except (ValueError, RecursionError):
        raise BadInput(f"The workflow {name} is not a JSON file. {_HOW_TO_EXPORT}") from None
    if not isinstance(document, dict):
        raise BadInput(f"The workflow {name} is JSON, but not a ComfyUI graph. {_HOW_TO_EXPORT}")
    return document


def _no_constant(name: str) -> NoReturn:
    raise ValueError(name)  # NaN and Infinity are no JSON: no server would take them


def _check_nodes(graph: Graph, name: str) -> None:
    if not graph or len(graph) > MOST_NODES:
        raise BadInput(f"The workflow {name} has {len(graph)} nodes, which cannot be right. {_HOW_TO_EXPORT}")
    for node_id, node in graph.items():
        whole = (
            isinstance(node, dict) and isinstance(node.get("class_type"), str) and isinstance(node.get("inputs"), dict)
        )
        if not whole:
            raise BadInput(
                f"The workflow {name} is no ComfyUI graph: {safe(node_id, 40)} is not a node. {_HOW_TO_EXPORT}"
            )
