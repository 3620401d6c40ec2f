"""The parts of one simulated ComfyUI, wired together: what its routes work on."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from oavr_tui.simulator.faults import Faults
from oavr_tui.simulator.folders import Folders
from oavr_tui.simulator.making import DEFAULT_DEVICE, DEFAULT_RAM, Pace
from oavr_tui.simulator.node_info import Generation, NodeInfo
from oavr_tui.simulator.nodes import NODES
from oavr_tui.simulator.runner import Runner
from oavr_tui.simulator.sockets import Sockets
from oavr_tui.simulator.state import PromptQueue
from oavr_tui.simulator.talking import TALKING_NODES

VERSIONS: dict[Generation, str] = {"old": "0.3.64", "new": "0.33.0"}
_LOG_LINES = 1000


@dataclass(frozen=True, slots=True)
class Options:
    """What kind of server is simulated. Sizes in bytes; vram 0 means a machine without a graphics card. device: the
    card's name; ram: main memory."""

    generation: Generation
    max_upload_size: int
    vram: int
    pace: Pace
    device: str = DEFAULT_DEVICE
    ram: int = DEFAULT_RAM


@dataclass(slots=True)
class Counters:
    """What tests look at: ids of accepted prompts in order (an id twice is a job made twice), and uploads."""

    submissions: list[str] = field(default_factory=list)
    uploads: int = 0


class Core:
    """Queue, sockets, worker, folders and log of one server. wall: unix seconds; new_id makes UUIDs.

    on_log: called with every line of the log, bare, as the process prints it.
    """

    def __init__(
        self,
        options: Options,
        folders: Folders,
        faults: Faults,
        *,
        wall: Callable[[], float] = time.time,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        new_id: Callable[[], str] = lambda: str(uuid.uuid4()),
        on_log: Callable[[str], None] | None = None,
    ) -> None:
        self.options = options
        self.folders = folders
        self.faults = faults
        self.wall = wall
        self.sleep = sleep
        self.new_id = new_id
        self._on_log = on_log
        self.counters = Counters()
        self.info = NodeInfo(folders, options.generation)
        self._log: deque[str] = deque(maxlen=_LOG_LINES)
        self.sockets = Sockets(self.status, self.features, lambda: new_id().replace("-", ""))
        self.queue = PromptQueue(self.sockets.status_changed)
        self.runner = Runner(
            self.queue,
            self.sockets,
            self.info,
            folders,
            NODES | TALKING_NODES,
            generation=options.generation,
            faults=faults,
            pace=options.pace,
            log=self.log,
            wall=wall,
            clock=clock,
            sleep=sleep,
        )

    def status(self) -> dict[str, Any]:
        """The data of a status message."""
        return {"status": {"exec_info": {"queue_remaining": self.queue.remaining}}}

    def features(self) -> dict[str, Any]:
        """What GET /features and the socket say."""
        limit = self.options.max_upload_size
        if self.options.generation == "old":
            return {"supports_preview_metadata": True, "max_upload_size": limit}
        return {
            "supports_preview_metadata": True,
            "supports_model_type_tags": True,
            "max_upload_size": limit,
            "extension": {"manager": {"supports_v4": True}},
            "node_replacements": True,
            "assets": False,
        }

    def log(self, text: str) -> None:
        """Add a line to what GET /internal/logs shows; a new server colors it."""
        level = "\x1b[32m[INFO]\x1b[0m " if self.options.generation == "new" else ""
        stamp = datetime.fromtimestamp(self.wall(), UTC).replace(tzinfo=None).isoformat(timespec="microseconds")
        self._log.append(f"{stamp} - {level}{text}\n")
        if self._on_log is not None:
            self._on_log(text)

    def log_text(self) -> str:
        """The whole log."""
        return "".join(self._log)

    def forget(self) -> None:
        """Lose all that a restarted server has lost."""
        self.queue.forget()
        self.runner.cache.clear()
        self.folders.empty_temp()
