"""A ComfyUI-compatible server over the preview engine, for `demo` and the tests.

It answers what our client asks of a real server, in the shapes, the order of messages and with the flaws recorded from
ComfyUI 0.3.64 ("old") and 0.33.0 ("new"), and it makes real videos: the InfiniteTalk graph is rendered as a preview.
What it does not do: any other model. A graph with nodes it does not know is refused as on a server without them.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Coroutine
from pathlib import Path
from types import TracebackType
from typing import Any

from aiohttp import web

from oavr_tui.errors import Rejected
from oavr_tui.simulator.core import Core, Options
from oavr_tui.simulator.faults import Faults
from oavr_tui.simulator.folders import Folders
from oavr_tui.simulator.making import DEFAULT_DEVICE, DEFAULT_RAM, DEFAULT_UPLOAD_LIMIT, DEFAULT_VRAM, Pace
from oavr_tui.simulator.node_info import Generation
from oavr_tui.simulator.routes import make_app
from oavr_tui.simulator.whole import carried_through

_LAST_ANSWERS = 0.5
"""Seconds that unfinished requests get when the server stops."""


class ComfySimulator:
    """One simulated server. Use it as an async context manager, or call start and stop.

    directory: holds input, output and temp; created, and left behind with its output files. step_seconds: the least
    time of one sampler step; load_seconds: of loading the big model. port: 0 picks a free one. max_upload_size and
    vram in bytes; vram 0 simulates a machine without a graphics card; device is the card's name, ram main memory in
    bytes. clock and sleep: seconds of running time. on_log: called with every line of the log, bare.
    """

    def __init__(
        self,
        directory: Path,
        *,
        generation: Generation = "new",
        faults: Faults | None = None,
        step_seconds: float = 0.0,
        load_seconds: float = 0.0,
        host: str = "127.0.0.1",
        port: int = 0,
        max_upload_size: int = DEFAULT_UPLOAD_LIMIT,
        vram: int = DEFAULT_VRAM,
        device: str = DEFAULT_DEVICE,
        ram: int = DEFAULT_RAM,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        on_log: Callable[[str], None] | None = None,
    ) -> None:
        self._options = Options(generation, max_upload_size, vram, Pace(step_seconds, load_seconds), device, ram)
        self._clock = clock
        self._sleep = sleep
        self._on_log = on_log
        self._folders = Folders(directory.absolute())
        self._faults = faults if faults is not None else Faults.none()
        self._host = host
        self._port = port
        self._core: Core | None = None
        self._site: web.TCPSite | None = None
        self._runner: web.AppRunner | None = None
        self._tasks: dict[str, asyncio.Task[None]] = {}

    @property
    def core(self) -> Core:
        """The parts of the running server. Raises RuntimeError before start."""
        if self._core is None:
            raise RuntimeError("the simulator has not been started")
        return self._core

    @property
    def submissions(self) -> list[str]:
        """Ids of all accepted prompts in order, over simulated restarts; an id twice is a job made twice."""
        return self.core.counters.submissions

    @property
    def executed(self) -> list[str]:
        """Ids of the prompts that were carried out to some end."""
        return self.core.runner.executed

    @property
    def base_url(self) -> str:
        """The address, without a slash at its end."""
        return f"http://{self._host}:{self._port}"

    async def start(self) -> str:
        """Begin to listen, and return the base URL. Raises Rejected where the port cannot be had."""
        self._folders.create()
        self._core = Core(
            self._options, self._folders, self._faults, clock=self._clock, sleep=self._sleep, on_log=self._on_log
        )
        self._runner = web.AppRunner(
            make_app(self._core, self._restart), access_log=None, shutdown_timeout=_LAST_ANSWERS
        )
        await self._runner.setup()
        try:
            await self._listen()
        except OSError as error:
            await self._runner.cleanup()
            raise Rejected(f"The simulator cannot listen on port {self._port}: {error.strerror}.") from None
        self._own("publish", self._core.sockets.publish_forever())
        self._own("work", self._core.runner.run_forever())
        self._core.log("Starting server")
        return self.base_url

    async def stop(self) -> None:
        """Stop listening, end the running prompt and all connections. Does nothing where it is not running."""
        tasks = list(self._tasks.values())
        self._tasks.clear()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self._runner is not None:
            self.core.sockets.cut_all()
            await self._runner.cleanup()
            self._runner = self._site = None

    async def __aenter__(self) -> ComfySimulator:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    async def _listen(self) -> None:
        assert self._runner is not None
        self._site = web.TCPSite(self._runner, self._host, self._port)
        await carried_through(self._site.start())
        self._port = self._runner.addresses[0][1]

    def _own(self, name: str, work: Coroutine[Any, Any, None]) -> None:
        self._tasks[name] = asyncio.create_task(work, name=f"simulator-{name}")

    def _restart(self, seconds: float) -> None:
        """Go away like a killed process, and come back after so many seconds. Ignored while already away."""
        if "restart" not in self._tasks or self._tasks["restart"].done():
            self._own("restart", self._go_and_come(seconds))

    async def _go_and_come(self, seconds: float) -> None:
        assert self._site is not None and self._runner is not None
        work = self._tasks.pop("work")
        work.cancel()
        self.core.sockets.cut_all()
        await self._site.stop()
        server = self._runner.server
        for connection in server.connections if server is not None else ():
            if connection.transport is not None:
                connection.transport.abort()
        await asyncio.gather(work, return_exceptions=True)
        self.core.forget()
        await self.core.sleep(seconds)
        self.core.log("Starting server")
        self._own("work", self.core.runner.run_forever())
        await self._listen()
