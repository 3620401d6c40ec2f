"""How far a graph is, out of what the server says node by node, counting the real windows and steps.

The server counts steps over all windows, but its guess at the windows is sometimes one too many, so its bar may end at
two thirds. The windows are therefore counted by our own formula, and the server's maximum is only looked at in graphs
that we know nothing about.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from math import isfinite

from oavr_tui.workflows.graph import upstream
from oavr_tui.workflows.patcher import Patched
from oavr_tui.workflows.windows import output_frames

# Rough seconds on a 24 GB card. They only decide how the bar is divided; the time left is measured.
_SECONDS_PER_STEP = 8.0
_SECONDS_PER_JOINED_FRAME = 0.02
_SECONDS_OF = {
    "WanVideoModelLoader": 30.0,
    "WanVideoTextEncodeCached": 12.0,
    "WanVideoTextEncode": 12.0,
    "MultiTalkModelLoader": 5.0,
    "CLIPVisionLoader": 4.0,
    "MultiTalkWav2VecEmbeds": 4.0,
    "Wav2VecModelLoader": 3.0,
    "DownloadAndLoadWav2VecModel": 15.0,
}
_SECONDS_OF_OTHERS = 1.0

_LABELS = {
    "WanVideoModelLoader": "loading the video model",
    "MultiTalkModelLoader": "loading the speech-to-face model",
    "WanVideoVAELoader": "loading the picture decoder",
    "WanVideoTextEncodeCached": "reading the prompt",
    "WanVideoTextEncode": "reading the prompt",
    "MultiTalkWav2VecEmbeds": "listening to the voice",
    "Wav2VecModelLoader": "loading the listening model",
    "DownloadAndLoadWav2VecModel": "downloading the listening model",
    "LoadAudio": "opening the voice",
    "LoadImage": "opening the picture",
}


class GraphProgress:
    """Progress of one graph on a server. Percent never falls and reaches 100 only by `finished`."""

    def __init__(self, patched: Patched, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._graph = patched.graph
        self._output = patched.output_node
        self._sampler = patched.sampler
        self._steps = patched.steps
        self._windows = patched.windows
        self._classes = {node_id: str(patched.graph[node_id]["class_type"]) for node_id in patched.graph}
        self._weights = {node_id: self._weight(node_id) for node_id in upstream(patched.graph, patched.output_node)}
        self._fractions: dict[str, float] = {}
        self._current = ""
        self._percent = 0.0
        self._done_steps = 0
        self._first: tuple[float, int] | None = None
        self._latest: tuple[float, int] | None = None

    def update(
        self, kind: str, *, node: str = "", value: float = 0.0, maximum: float = 0.0, nodes: Iterable[str] = ()
    ) -> tuple[float, str]:
        """Take in one thing that the server said and return percent (0 .. 100) and what is being done.

        kind: "node" (node has begun), "progress" (node is at value of maximum), "cached" (nodes need no work); others
        change nothing. Unknown nodes and impossible numbers are left out of account.
        """
        if kind == "cached":
            for each in nodes:
                self._finish_node(each)
        elif kind == "node" and node:
            self._begin_node(node)
        elif kind == "progress" and node and isfinite(maximum) and isfinite(value) and maximum > 0 and value >= 0:
            self._advance_node(node, value, maximum)
        return self._percent_now(), self.detail

    def finished(self) -> tuple[float, str]:
        """The server is done: 100 percent, wherever its own count ended."""
        self._percent = 100.0
        self._done_steps = self._steps * self._windows
        return self._percent, "finished"

    @property
    def detail(self) -> str:
        """What is being done, for a person: "part 3 of 4 · step 2 of 6" while the frames are made."""
        if self._current and self._current == self._sampler:
            return self._sampler_detail()
        if self._current == self._output:
            return "joining the frames"
        if not self._current:
            return "waiting for the server"
        return _LABELS.get(self._classes.get(self._current, ""), "preparing")

    @property
    def eta_seconds(self) -> float | None:
        """Seconds until the end, from the time the last steps took; None until two steps could be compared."""
        if self._percent >= 100.0:
            return 0.0
        if self._first is None or self._latest is None or self._latest[1] <= self._first[1]:
            return None
        (start, first), (end, latest) = self._first, self._latest
        per_step = (end - start) / (latest - first)
        steps_left = 0 if self._fractions.get(self._sampler or "") == 1.0 else self._steps * self._windows - latest
        left = steps_left * per_step + self._weights.get(self._output, 0.0)
        return max(0.0, left - (self._clock() - end))

    def _begin_node(self, node: str) -> None:
        """Whatever leads into a node is through once it begins, also what nobody heard of while away."""
        if node == self._current or node not in self._weights:
            return
        for before in upstream(self._graph, node):
            if before != node:
                self._finish_node(before)
        self._current = node

    def _advance_node(self, node: str, value: float, maximum: float) -> None:
        if node == self._sampler:
            self._begin_node(node)
            self._advance_sampler(value, maximum)
        elif node in self._weights:
            if value >= maximum:
                self._finish_node(node)
                return
            self._begin_node(node)
            self._fractions[node] = max(self._fractions.get(node, 0.0), value / maximum)

    def _advance_sampler(self, value: float, maximum: float) -> None:
        total = self._steps * self._windows
        # Servers of either generation count steps. Any other scale (a finished node is 1 of 1) is taken as a share.
        counts_steps = maximum >= total and maximum % self._steps == 0
        done = round(value) if counts_steps else int(total * min(1.0, value / maximum))
        done = min(total, done)
        if done <= self._done_steps and self._first is not None:
            return
        self._done_steps = max(done, self._done_steps)
        self._latest = (self._clock(), done)
        if self._first is None:
            self._first = self._latest
        assert self._sampler is not None
        self._fractions[self._sampler] = self._done_steps / total

    def _sampler_detail(self) -> str:
        total = self._steps * self._windows
        at = min(self._done_steps, total - 1)
        return f"part {at // self._steps + 1} of {self._windows} · step {at % self._steps + 1} of {self._steps}"

    def _finish_node(self, node: str) -> None:
        if node in self._weights:
            self._fractions[node] = 1.0

    def _percent_now(self) -> float:
        whole = sum(self._weights.values())
        done = sum(weight * self._fractions.get(node, 0.0) for node, weight in self._weights.items())
        self._percent = max(self._percent, min(99.5, 100.0 * done / whole)) if self._percent < 100.0 else 100.0
        return self._percent

    def _weight(self, node: str) -> float:
        if node == self._sampler:
            return self._steps * self._windows * _SECONDS_PER_STEP
        if node == self._output:
            # The frames to join are known only as whole windows of the usual size; a share of the bar needs no more.
            return 2.0 + output_frames(81 + 72 * (self._windows - 1)) * _SECONDS_PER_JOINED_FRAME
        return _SECONDS_OF.get(self._classes[node], _SECONDS_OF_OTHERS)
