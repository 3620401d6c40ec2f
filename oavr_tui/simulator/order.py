"""In which order a prompt's nodes run, and which results are still there from before.

Both follow ComfyUI's comfy_execution/graph.py and caching.py: a node runs when its inputs are there; among those that
can, one that leads to an output soonest goes first; and a result is known by everything that went into it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from typing import Any

from oavr_tui.simulator.folders import Folders
from oavr_tui.simulator.node_info import Generation
from oavr_tui.simulator.state import Graph


def links_of(node: dict[str, Any]) -> list[str]:
    """The ids of the nodes that feed this one, in the order of its inputs."""
    return [value[0] for value in node["inputs"].values() if isinstance(value, list) and len(value) == 2]


def cut_to_sound(graph: Graph, sampler: str) -> bool:
    """Whether the VHS_VideoCombine below a sampler has sound and cuts the video to it."""
    below, grown = {sampler}, True
    while grown:
        found = {n for n, node in graph.items() if below.intersection(links_of(node))} - below
        below |= found
        grown = bool(found)
    combines = [graph[n]["inputs"] for n in below if graph[n]["class_type"] == "VHS_VideoCombine"]
    return any(inputs.get("audio") is not None and inputs.get("trim_to_audio", False) for inputs in combines)


class Order:
    """The nodes still to run. `is_cached` tells which need not run, unless they are asked for as outputs."""

    def __init__(
        self, graph: Graph, outputs: list[str], is_cached: Callable[[str], bool], is_output: Callable[[str], bool]
    ) -> None:
        self._is_output = is_output
        self._needs: dict[str, set[str]] = {}
        stack = list(reversed(outputs))
        while stack:
            node_id = stack.pop()
            if node_id in self._needs:
                continue
            needed = [] if is_cached(node_id) else [n for n in links_of(graph[node_id]) if not is_cached(n)]
            self._needs[node_id] = set(needed)
            stack += needed

    def __bool__(self) -> bool:
        return bool(self._needs)

    def take(self) -> str:
        """The next node to run; it stays open until `done`."""
        ready = [node_id for node_id, needs in self._needs.items() if not needs]
        tests: tuple[Callable[[str], bool], ...] = (
            self._is_output,
            lambda n: any(self._is_output(m) for m in self._fed_by(n)),
            lambda n: any(self._is_output(k) for m in self._fed_by(n) for k in self._fed_by(m)),
        )
        for is_near in tests:
            for node_id in ready:
                if is_near(node_id):
                    return node_id
        return ready[0]

    def done(self, node_id: str) -> None:
        """The node has run: others may have been waiting for it."""
        del self._needs[node_id]
        for needs in self._needs.values():
            needs.discard(node_id)

    def _fed_by(self, node_id: str) -> list[str]:
        return [other for other, needs in self._needs.items() if node_id in needs]


class Signatures:
    """What a node's result is known by: its class, its values, the files it reads, and the same of all it is fed by."""

    def __init__(self, graph: Graph, folders: Folders) -> None:
        self._graph = graph
        self._folders = folders
        self._known: dict[str, str] = {}

    def of(self, node_id: str) -> str:
        """The signature of one node; equal signatures mean equal results."""
        if node_id not in self._known:
            node = self._graph[node_id]
            parts: list[Any] = [node["class_type"]]
            for key, value in sorted(node["inputs"].items()):
                linked = isinstance(value, list) and len(value) == 2
                parts.append([key, [self.of(value[0]), value[1]] if linked else value])
            if node["class_type"] == "WanVideoSampler":
                parts.append(cut_to_sound(self._graph, node_id))  # here the sampler itself renders the final length
            if node["class_type"] in ("LoadImage", "LoadAudio"):
                parts += [self._content(value) for value in node["inputs"].values() if isinstance(value, str)]
            self._known[node_id] = hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()
        return self._known[node_id]

    def _content(self, name: str) -> str:
        try:
            with self._folders.loadable(name).open("rb") as file:
                return hashlib.file_digest(file, "sha256").hexdigest()
        except (OSError, ValueError):
            return "absent"


class Cache:
    """Results of earlier prompts, by signature.

    An old server keeps what the last prompt needed. A new one keeps other nodes' results until /free, but an output
    node's only as long: A, B, A makes A's file anew on both.
    """

    def __init__(self, generation: Generation) -> None:
        self._generation = generation
        self._results: dict[str, Any] = {}
        self._shown: set[str] = set()

    def get(self, signature: str) -> Any:
        """The result, or None."""
        return self._results.get(signature)

    def put(self, signature: str, result: Any, *, shown: bool) -> None:
        """Keep a result. shown: it is an output node's, listed in the history."""
        self._results[signature] = result
        if shown:
            self._shown.add(signature)

    def begin(self, signatures: set[str]) -> None:
        """A prompt that needs these begins: forget what such a server forgets now."""
        stale = {
            signature
            for signature in self._results
            if signature not in signatures and (self._generation == "old" or signature in self._shown)
        }
        for signature in stale:
            del self._results[signature]
        self._shown -= stale

    def clear(self) -> None:
        """Forget everything, as POST /free and a restart do."""
        self._results.clear()
        self._shown.clear()
