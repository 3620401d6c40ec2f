"""A pod machine behind a proxy address, as a simulated account serves it, and readers for what it answers."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from aiohttp import web

from oavr_tui.simulator.pod_machine import PodMachine
from oavr_tui.simulator.pod_script import BootScript

DEADLINE = 60.0
FILES = ("model.safetensors", "vae.safetensors", "voice.safetensors")
QUICK: dict[str, Any] = {"files": FILES, "seconds_per_file": 0.1, "warm_seconds": 0.1}


async def quick(seconds: float) -> None:
    """A twentieth of the time."""
    await asyncio.sleep(seconds / 20)


@dataclass
class Pod:
    """A machine and the address of its proxy."""

    machine: PodMachine
    base: str
    http: httpx.AsyncClient

    def url(self, port: int, path: str = "") -> str:
        return f"{self.base}/proxy/pod1-{port}{path}"

    async def get(self, port: int, path: str, **more: Any) -> httpx.Response:
        return await self.http.get(self.url(port, path), **more)

    async def until(self, holds: Callable[[], bool]) -> None:
        """Wait until something holds in the machine."""
        end = time.monotonic() + DEADLINE
        while not holds():
            assert time.monotonic() < end, self.machine.log_text
            await asyncio.sleep(0.005)

    async def up(self) -> None:
        """Wait until ComfyUI can be reached."""
        await self.until(lambda: self.machine.comfy is not None)

    async def logged(self, text: str) -> None:
        """Wait until the log holds a text."""
        await self.until(lambda: text in self.machine.log_text)

    async def read(self, until: bytes, port: int = 8001, path: str = "/stream") -> bytes:
        """Read a stream until it holds some bytes, and leave."""
        got = b""
        async with asyncio.timeout(DEADLINE), self.http.stream("GET", self.url(port, path)) as answer:
            assert answer.status_code == 200
            async for piece in answer.aiter_raw():
                got += piece
                if until in got:
                    return got
        raise AssertionError(f"the stream ended without {until!r}: {got[-300:]!r}")


@asynccontextmanager
async def a_pod(
    directory: Path,
    *,
    on: bool = True,
    sleep: Callable[[float], Awaitable[None]] = quick,
    wire_sleep: Callable[[float], Awaitable[None]] | None = None,
    **script: Any,
) -> AsyncIterator[Pod]:
    """A pod with a short script, switched on for the first time unless `on` is False."""
    machine = PodMachine(
        "pod1", directory, BootScript.model_validate({**QUICK, **script}), sleep=sleep, wire_sleep=wire_sleep or sleep
    )

    async def answer(request: web.Request) -> web.StreamResponse:
        return await machine.handle(request, int(request.match_info["port"]), request.match_info["path"])

    app = web.Application()
    app.router.add_route("*", r"/proxy/pod1-{port:\d+}{path:.*}", answer)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.01)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        base = f"http://127.0.0.1:{runner.addresses[0][1]}"
        async with httpx.AsyncClient(trust_env=False, timeout=DEADLINE) as http:
            if on:
                await machine.power_on(cold=True)
            yield Pod(machine, base, http)
    finally:
        await machine.close()
        await runner.cleanup()
