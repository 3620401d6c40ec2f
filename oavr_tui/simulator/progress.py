"""Progress as the server tells it: cumulative `progress_state` messages, and `progress` beside them.

A new server lets at most one update of a node through every 100 ms (and always its last), an old one sends them all.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from oavr_tui.simulator.node_info import Generation

SHORTEST_GAP = 0.1
"""Seconds between two updates of one node on a new server."""

Publish = Callable[[str, dict[str, Any]], None]


class Progress:
    """The progress of one prompt. clock: seconds from any start."""

    def __init__(self, prompt_id: str, generation: Generation, publish: Publish, clock: Callable[[], float]) -> None:
        self._prompt_id = prompt_id
        self._gap = SHORTEST_GAP if generation == "new" else 0.0
        self._publish = publish
        self._clock = clock
        self._nodes: dict[str, dict[str, Any]] = {}
        self._last_sent: dict[str, float] = {}

    def start(self, node_id: str) -> None:
        """The node begins to run."""
        self._nodes[node_id] = {"value": 0.0, "max": 1.0, "state": "running", **self.about(node_id)}
        self._send_state()

    def update(self, node_id: str, value: float, maximum: float) -> None:
        """The node says how far it is, in units of its own."""
        self._nodes[node_id] |= {"value": value, "max": maximum}
        now = self._clock()
        last = self._last_sent.get(node_id)
        if last is not None and now - last < self._gap and value < maximum:
            return
        self._last_sent[node_id] = now
        self._send_state()
        self._publish("progress", {"value": value, "max": maximum, "prompt_id": self._prompt_id, "node": node_id})

    def finish(self, node_id: str) -> None:
        """The node has run, or (never having started) its result was still there."""
        if node_id not in self._nodes:
            self._nodes[node_id] = {"value": 1, "max": 1, "state": "finished", **self.about(node_id)}
        node = self._nodes[node_id]
        node |= {"value": node["max"], "state": "finished"}
        self._send_state()

    def about(self, node_id: str) -> dict[str, Any]:
        """The five fields by which a message names a node."""
        return {
            "node_id": node_id,
            "prompt_id": self._prompt_id,
            "display_node_id": node_id,
            "parent_node_id": None,
            "real_node_id": node_id,
        }

    def _send_state(self) -> None:
        nodes = {node_id: dict(node) for node_id, node in self._nodes.items()}
        self._publish("progress_state", {"prompt_id": self._prompt_id, "nodes": nodes})
