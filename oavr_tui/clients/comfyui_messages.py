"""What a ComfyUI server says over its socket, as updates about one prompt. Reads text only and loads nothing heavy.

The socket is a hint: messages may be missing, doubled, about someone else's prompt, or of a kind that only some custom
node knows. Nothing here may fail on any of them.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from oavr_tui.clients.comfyui_types import FollowUpdate

LONGEST_READ = 8_000_000
"""Characters. A longer message can only be an error with its traceback, and that is read from the history."""

_MOST_NODES = 5_000


@dataclass(frozen=True, slots=True)
class News:
    """What one message says. ours: it is about our prompt. ended: our prompt may have ended; ask the history."""

    updates: tuple[FollowUpdate, ...] = ()
    ours: bool = False
    ended: bool = False


_NOTHING = News()


class Messages:
    """Reads one prompt's messages, remembering which nodes are through, so that each is told once."""

    def __init__(self, prompt_id: str) -> None:
        self._prompt_id = prompt_id
        self._finished: set[str] = set()

    def read(self, message: str | bytes, *, running: bool) -> News:
        """What a message says about our prompt. running: the queue says that ours is the one being made.

        Binary messages are pictures in several layouts, none of which is wanted.
        """
        if isinstance(message, bytes):
            return _NOTHING
        if len(message) > LONGEST_READ:
            return News(ours=running, ended=running)
        kind, data = _parsed(message)
        named = data.get("prompt_id")
        if kind == "executing" and named is None and running:
            named = self._prompt_id  # the one message of a new connection, which names no prompt
        if named != self._prompt_id:
            return _NOTHING
        return self._about_ours(kind, data)

    def _about_ours(self, kind: str, data: dict[str, Any]) -> News:
        node = data.get("node")
        if kind == "executing":
            if isinstance(node, str):
                return News((FollowUpdate("node", node=node),), ours=True)
            return News(ours=True, ended=True)
        if kind in ("execution_error", "execution_interrupted", "execution_success"):
            return News(ours=True, ended=True)
        if kind == "execution_cached":
            nodes = data.get("nodes")
            cached = tuple(each for each in nodes if isinstance(each, str)) if isinstance(nodes, list) else ()
            return News((FollowUpdate("cached", nodes=cached[:_MOST_NODES]),) if cached else (), ours=True)
        if kind == "progress" and isinstance(node, str):
            return News(_progress(node, data), ours=True)
        if kind == "progress_state":
            return News(self._state(data.get("nodes")), ours=True)
        return News(ours=True)

    def _state(self, nodes: object) -> tuple[FollowUpdate, ...]:
        """All nodes so far: the only news of those that finished while nobody listened."""
        if not isinstance(nodes, dict) or len(nodes) > _MOST_NODES:
            return ()
        updates: list[FollowUpdate] = []
        for node, state in nodes.items():
            if not isinstance(state, dict):
                continue
            if state.get("state") == "finished" and node not in self._finished:
                self._finished.add(node)
                updates.append(FollowUpdate("progress", node=node, value=1.0, max=1.0))
            elif state.get("state") == "running":
                updates.append(FollowUpdate("node", node=node))
        return tuple(updates)


def _progress(node: str, data: dict[str, Any]) -> tuple[FollowUpdate, ...]:
    value, maximum = data.get("value"), data.get("max")
    if not _is_count(value) or not _is_count(maximum):
        return ()
    assert isinstance(value, int | float) and isinstance(maximum, int | float)
    return (FollowUpdate("progress", node=node, value=float(value), max=float(maximum)),)


def _is_count(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < 1e12


def _parsed(message: str) -> tuple[str, dict[str, Any]]:
    try:
        document = json.loads(message)
    except (ValueError, RecursionError):
        return "", {}
    if not isinstance(document, dict):
        return "", {}
    kind, data = document.get("type"), document.get("data")
    return kind if isinstance(kind, str) else "", data if isinstance(data, dict) else {}
