"""How a simulated pod starts: what its set-up does in which order, and what it writes into its log."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from pathlib import Path

from oavr_tui.simulator.pod_script import BootScript, LogEvent

CONTAINER_STARTED = "--- [SYSTEM] Container Started ---"
SETUP_STARTED = "--- [PROCESS] Starting Wan 2.1 Setup ---"
STARTING_COMFYUI = "--- [SYSTEM] Starting ComfyUI ---"
LAST_WORDS_SECONDS = 2.0
"""Between a failed set-up and the end of its container: long enough that who reads the log hears of it."""
_TRACEBACK = (
    "Traceback (most recent call last):",
    '  File "/workspace/ComfyUI/main.py", line 150, in <module>',
    "    import execution",
    "RuntimeError: The NVIDIA driver on your system is too old (found version 12020).",
)
_ODD_LINE = "unicode \u2705 ls\u2028sep nel\x85end ff\x0c vt\x0b fs\x1c end"
_BAD_BYTE = b"\xff"


class ContainerEnded(Exception):
    """The set-up gave up, and with it the container ended."""


class PodLog:
    """The log file, as `tee` writes it: cut to nothing when the container starts, then only added to.

    lines: how many there are since then; grown: set with every write, and cleared by whoever waits for it.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.lines = 0
        self.grown = asyncio.Event()

    def begin(self) -> None:
        """Cut the file to nothing. Who reads it keeps their place, past its end."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.path.write_bytes(b"")
        self.lines = 0

    def write(self, data: bytes) -> None:
        """Add bytes as they are; every LF among them ends a line."""
        with self.path.open("ab") as file:
            file.write(data)
        self.lines += data.count(b"\n")
        self.grown.set()

    def line(self, text: str) -> None:
        """Add one line."""
        self.write(text.encode() + b"\n")

    def text(self) -> str:
        """All of it, wrong bytes replaced; empty before the container started."""
        try:
            return self.path.read_bytes().decode("utf-8", "replace")
        except FileNotFoundError:
            return ""

    def mend(self) -> None:
        """Write it anew without the bytes that are not UTF-8."""
        self.path.write_bytes(self.path.read_bytes().decode("utf-8", "ignore").encode())


class LogEvents:
    """Carries out a script's odd events, each once the log has as many lines as it says."""

    def __init__(self, log: PodLog, events: tuple[LogEvent, ...], sleep: Callable[[float], Awaitable[None]]) -> None:
        self._log = log
        self._waiting = deque(sorted(events, key=lambda event: event.after_lines))
        self._sleep = sleep

    async def after_line(self) -> None:
        """Carry out what is due by now."""
        while self._waiting and self._waiting[0].after_lines <= self._log.lines:
            await self._carry_out(self._waiting.popleft())

    async def follow(self) -> None:
        """Carry out what becomes due with lines that others write, until cancelled."""
        while True:
            await self._log.grown.wait()
            self._log.grown.clear()
            await self.after_line()

    async def _carry_out(self, event: LogEvent) -> None:
        log = self._log
        match event.do:
            case "bad_byte":
                log.write(b"caf" + _BAD_BYTE + b" in a file name\n")
            case "mend":
                log.mend()
            case "restart":
                log.begin()
                log.line(CONTAINER_STARTED)
            case "partial":
                log.write(b"partial...")
                await self._sleep(event.seconds)
                log.write(b"rest\n")
            case "giant":
                log.line("X" * event.length)
            case "crlf":
                log.write(b"a line from Windows\r\n")
            case "odd_breaks":
                log.line(_ODD_LINE)
            case "tqdm":
                await self._progress_bar(event)

    async def _progress_bar(self, event: LogEvent) -> None:
        for frame in range(event.length + 1):
            percent = 100 * frame // event.length
            self._log.write(f"\r{percent:3d}%|{'#' * (percent // 10):10}| {frame}/{event.length}".encode())
            await self._sleep(event.seconds)
        self._log.write(b"\n")


class Boot:
    """One start of the container. start_comfyui() is awaited when ComfyUI is to be reachable.

    volume: the folder that outlives the container; a file there need not be fetched again.
    """

    def __init__(
        self,
        script: BootScript,
        volume: Path,
        log: PodLog,
        start_comfyui: Callable[[], Awaitable[None]],
        sleep: Callable[[float], Awaitable[None]],
    ) -> None:
        self._script = script
        self._volume = volume
        self._log = log
        self._start_comfyui = start_comfyui
        self._sleep = sleep
        self.events = LogEvents(log, script.log.events, sleep)
        self._turns = asyncio.Semaphore(script.at_once)

    async def run(self, *, may_fail: bool) -> None:
        """From the container's first line to a running ComfyUI.

        may_fail: whether the script's fail_file cannot be had this time; raises ContainerEnded when it could not.
        """
        await self._say(CONTAINER_STARTED)
        await self._say(SETUP_STARTED)
        async with asyncio.TaskGroup() as group:
            files = [group.create_task(self._have(name, may_fail=may_fail)) for name in self._script.files]
        if any(file.result() for file in files):
            await self._sleep(LAST_WORDS_SECONDS)
            raise ContainerEnded
        await self._say(STARTING_COMFYUI)
        await self._sleep(self._script.warm_seconds)
        if self._script.boot.hang_in == "warming":
            await _forever()
        if self._script.boot.never_comfy:
            for line in _TRACEBACK:
                await self._say(line)
            return
        await self._start_comfyui()

    async def _have(self, name: str, *, may_fail: bool) -> bool:
        """See to it that a file is on the volume. Returns whether that failed."""
        async with self._turns:
            target = self._volume / name
            if target.exists():
                await self._say(f"✅ [VALID] {name}")
                return False
            await self._say(f"🚀 [STARTING] {name}")
            if self._script.boot.hang_in == "files":
                await _forever()
            await self._sleep(self._script.seconds_per_file)
            if may_fail and name == self._script.boot.fail_file:
                await self._say(f"❌ [FAILED] {name}")
                return True
            target.write_text(f"{name}\n", encoding="utf-8")
            await self._say(f"🎉 [COMPLETE] {name}")
            return False

    async def _say(self, line: str) -> None:
        self._log.line(line)
        await self.events.after_line()


async def _forever() -> None:
    await asyncio.Event().wait()
