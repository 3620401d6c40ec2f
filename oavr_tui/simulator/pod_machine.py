"""What stands behind one simulated pod: a container that boots, its log server, its ComfyUI, and the proxy in front.

Its folder: `volume` outlives the container, `container` (log, ComfyUI with inputs and videos) ends with it.
"""

from __future__ import annotations

import asyncio
import shutil
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from aiohttp import web

from oavr_tui.simulator.comfyui import ComfySimulator
from oavr_tui.simulator.faults import Faults
from oavr_tui.simulator.pod_boot import Boot, ContainerEnded, PodLog
from oavr_tui.simulator.pod_listener import Listener, starting_page
from oavr_tui.simulator.pod_log_server import LogServer
from oavr_tui.simulator.pod_page import page
from oavr_tui.simulator.pod_proxy import PodProxy
from oavr_tui.simulator.pod_script import COMFYUI_PORT, LOG_PORT, BootScript

__all__ = ["COMFYUI_PORT", "LOG_PORT", "BootScript", "PodMachine"]


class PodMachine:
    """One pod. Every method may be called at any time; only one of them switches it at once.

    pod_id: for the names of its tasks only. directory: its own; created. sleep: all delays go through it, and so does
    the pace of its ComfyUI; clock: seconds from any start. volume: a network volume's folder, which is never wiped
    with the pod; None: a folder of its own. wire_sleep: what the proxy's seconds are measured with. They are not made
    faster with the rest, since the pings and the patience of who talks through it are not faster either.
    """

    def __init__(
        self,
        pod_id: str,
        directory: Path,
        script: BootScript,
        *,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        clock: Callable[[], float] = time.monotonic,
        volume: Path | None = None,
        wire_sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._pod_id = pod_id
        self._script = script
        self._sleep = sleep
        self._clock = clock
        self._container = directory / "container"
        self._volume = volume if volume is not None else directory / "volume"
        self._own_volume = volume is None
        self._log = PodLog(self._container / "pod.log")
        self._comfy_faults = Faults(script.comfy.faults)
        self._proxy = PodProxy(script.proxy, self._find, wire_sleep)
        self._switching = asyncio.Lock()
        self._life: asyncio.Task[None] | None = None
        self._comfy: ComfySimulator | None = None
        self._addresses: dict[int, str] = {}
        self._listeners: list[Listener] = []
        self._up = False
        self.starts = 0
        """How often the container has started, by itself or from outside."""

    @property
    def log_text(self) -> str:
        """The log file as it is now, wrong bytes replaced; empty where there is none."""
        return self._log.text()

    @property
    def comfy(self) -> ComfySimulator | None:
        """The pod's ComfyUI while it can be reached."""
        return self._comfy

    @property
    def container_runs(self) -> bool:
        """Whether the image was pulled and the container has started."""
        return self._up

    async def power_on(self, *, cold: bool) -> None:
        """Start the container and return; it goes on by itself. Does nothing where it is on.

        cold: nothing of an earlier start is on the volume. Raises OSError where its folder cannot be used.
        """
        async with self._switching:
            if self._life is not None:
                return
            if cold and self._own_volume:
                await asyncio.to_thread(shutil.rmtree, self._volume, ignore_errors=True)
            self._volume.mkdir(parents=True, exist_ok=True)
            if self._script.boot.hang_in != "pull":
                await self._start_container()
            self._life = asyncio.create_task(self._live(), name=f"pod-{self._pod_id}")

    async def power_off(self, *, wipe: bool) -> None:
        """End the container, and with it everything but the volume. wipe: that too.

        Raises what went wrong in the simulation itself, if anything did.
        """
        async with self._switching:
            life, self._life = self._life, None
            if life is not None:
                life.cancel()
                await asyncio.wait({life})
            await self._stop_container()
            await asyncio.to_thread(shutil.rmtree, self._container, ignore_errors=True)
            if wipe and self._own_volume:
                await asyncio.to_thread(shutil.rmtree, self._volume, ignore_errors=True)
        if life is not None and not life.cancelled():
            life.result()

    async def close(self) -> None:
        """End everything and keep the files. Raises what went wrong in the simulation itself, if anything did."""
        async with self._switching:
            life, self._life = self._life, None
            if life is not None:
                life.cancel()
                await asyncio.wait({life})
            await self._stop_container()
            await self._proxy.close()
        if life is not None and not life.cancelled():
            life.result()

    async def handle(self, request: web.Request, port: int, path: str) -> web.StreamResponse:
        """What the provider's proxy answers for a port of this pod.

        path: what follows the port, decoded or as in the request line; the query is taken from the request.
        """
        if self._life is None:
            return page(404)
        return await self._proxy.handle(request, port, path)

    def _find(self, port: int) -> str | None:
        return self._addresses.get(port)

    async def _live(self) -> None:
        """Boot, as often as the set-up makes the container end."""
        if self._script.boot.hang_in == "pull":
            await asyncio.Event().wait()
        boot, failures = self._script.boot, 0
        while True:
            may_fail = boot.fail_file is not None and (boot.fail_times is None or failures < boot.fail_times)
            try:
                start = Boot(self._script, self._volume, self._log, self._start_comfyui, self._sleep)
                await start.run(may_fail=may_fail)
                await start.events.follow()
            except ContainerEnded:
                failures += 1
            await self._stop_container()
            await self._sleep(boot.restart_seconds)
            await self._start_container()

    async def _start_container(self) -> None:
        """What is up before the set-up begins: an empty log, the log server, and perhaps a page instead of ComfyUI."""
        self.starts += 1
        self._up = True
        self._log.begin()
        how = self._script.log.server
        if how != "down":
            server = LogServer(self._log.path, silent=how == "silent", sleep=self._sleep)
            await self._listen(LOG_PORT, server.listener())
        if self._script.boot.page != "never":
            await self._listen(COMFYUI_PORT, starting_page())

    async def _listen(self, port: int, listener: Listener) -> None:
        self._listeners.append(listener)
        self._addresses[port] = await listener.start()

    async def _start_comfyui(self) -> None:
        options = self._script.comfy
        comfy = ComfySimulator(
            self._container / "comfyui",
            generation=options.generation,
            faults=self._comfy_faults,
            step_seconds=options.step_seconds,
            load_seconds=options.load_seconds,
            max_upload_size=options.max_upload_size,
            vram=options.vram,
            device=options.device,
            ram=options.ram,
            clock=self._clock,
            sleep=self._sleep,
            on_log=self._log.line,
        )
        try:
            address = await comfy.start()
        except BaseException:
            await comfy.stop()
            raise
        self._comfy = comfy
        if self._script.boot.page != "forever":
            self._addresses[COMFYUI_PORT] = address

    async def _stop_container(self) -> None:
        self._up = False
        self._addresses.clear()
        await self._proxy.cut_all()
        if self._comfy is not None:
            await self._comfy.stop()
            self._comfy = None
        while self._listeners:
            await self._listeners[-1].stop()
            self._listeners.pop()
