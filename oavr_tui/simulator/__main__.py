"""`python -m oavr_tui.simulator comfyui|runpod ...`: a simulated server, or a simulated RunPod account, as a process.

Prints one line, `listening on http://...`, once it can be reached, and ends with SIGTERM, SIGINT, or (--with-parent)
when the process that started it goes.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import fcntl
import os
import signal
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

from oavr_tui.errors import OavrError
from oavr_tui.simulator.faults import Faults
from oavr_tui.simulator.making import DEFAULT_UPLOAD_LIMIT, DEFAULT_VRAM


class Server(Protocol):
    """What is served, of whichever kind."""

    @property
    def base_url(self) -> str: ...

    async def start(self) -> str: ...

    async def stop(self) -> None: ...


_LOOK_SECONDS = 0.5
"""Between two looks whether the parent is still there, or anybody asks for anything."""


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m oavr_tui.simulator", description="Simulated servers.")
    kinds = parser.add_subparsers(dest="kind", required=True)
    comfy = kinds.add_parser("comfyui", help="a ComfyUI server over the preview engine")
    comfy.add_argument("--host", default="127.0.0.1", help="address to listen on (default 127.0.0.1)")
    comfy.add_argument("--port", type=int, default=8188, help="port; 0 picks a free one (default 8188)")
    comfy.add_argument("--generation", choices=("old", "new"), default="new", help="ComfyUI 0.3.64 or 0.33.0")
    comfy.add_argument("--faults", type=Path, help="fault script; its format is in oavr_tui/simulator/faults.py")
    comfy.add_argument("--directory", type=Path, help="folder for input, output and temp (default: a new one)")
    comfy.add_argument("--speed", type=float, default=1.0, help="divides the waiting times below (default 1)")
    comfy.add_argument("--step-seconds", type=float, default=0.0, help="least time of one sampler step")
    comfy.add_argument("--load-seconds", type=float, default=0.0, help="time to load the big model")
    comfy.add_argument("--max-upload-size", type=int, default=DEFAULT_UPLOAD_LIMIT, help="bytes")
    comfy.add_argument("--vram", type=int, default=DEFAULT_VRAM, help="bytes; 0 for no graphics card")
    cloud = kinds.add_parser("runpod", help="a RunPod account: its APIs, its proxy, its machines, its money")
    cloud.add_argument("--host", default="127.0.0.1", help="address to listen on (default 127.0.0.1)")
    cloud.add_argument("--port", type=int, default=8189, help="port; 0 picks a free one (default 8189)")
    cloud.add_argument("--directory", type=Path, help="folder for the machines' disks (default: a new one)")
    cloud.add_argument("--script", type=Path, help="its format is in oavr_tui/simulator/runpod_script.py")
    cloud.add_argument("--time-scale", type=float, help="how much faster money and delays run (default 1)")
    cloud.add_argument("--balance", type=float, help="dollars at the start (default 25)")
    cloud.add_argument("--key", help="the key that may do everything")
    cloud.add_argument("--until-quiet", type=float, metavar="SECONDS", help="end when nobody has asked for so long")
    cloud.add_argument("--while-locked", type=Path, metavar="FILE", help="not while somebody holds a lock on this file")
    for kind in (comfy, cloud):
        kind.add_argument("--with-parent", action="store_true", help="end when the starting process ends")
    return parser


def _comfy(options: argparse.Namespace, directory: Path) -> Server:
    faults = Faults.from_file(options.faults) if options.faults is not None else Faults.none()
    from oavr_tui.simulator.comfyui import ComfySimulator  # half a second, not needed to refuse a wrong script

    return ComfySimulator(
        directory,
        generation=options.generation,
        faults=faults,
        step_seconds=options.step_seconds / options.speed,
        load_seconds=options.load_seconds / options.speed,
        host=options.host,
        port=options.port,
        max_upload_size=options.max_upload_size,
        vram=options.vram,
    )


def _cloud(options: argparse.Namespace, directory: Path) -> Server:
    from oavr_tui.simulator.runpod import RunPodSimulator
    from oavr_tui.simulator.runpod_script import Script

    script = Script.from_file(options.script) if options.script is not None else Script()
    return RunPodSimulator(
        directory,
        script=script.changed(time_scale=options.time_scale, balance=options.balance, key=options.key),
        host=options.host,
        port=options.port,
    )


async def _serve(simulator: Server, enough: Callable[[], bool] | None) -> None:
    """enough: looked at twice a second; ends it when true. None: only a signal ends it."""
    over = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, over.set)
    try:
        await simulator.start()
        print(f"listening on {simulator.base_url}", flush=True)
        while not over.is_set():
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(over.wait(), None if enough is None else _LOOK_SECONDS)
            if enough is not None and enough():
                return
    finally:
        await simulator.stop()


def _enough(options: argparse.Namespace, made: Server, parent: int) -> Callable[[], bool] | None:
    """What ends it besides a signal, by its options."""
    if options.with_parent:
        return lambda: os.getppid() != parent
    if options.kind == "runpod" and options.until_quiet is not None:
        from oavr_tui.simulator.runpod import RunPodSimulator

        assert isinstance(made, RunPodSimulator)
        return lambda: made.quiet_for > options.until_quiet and not _locked(options.while_locked)
    return None


def _locked(file: Path | None) -> bool:
    """Whether another process holds a lock on a file."""
    if file is None:
        return False
    try:
        with file.open("rb") as handle:
            fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False


def main(arguments: Sequence[str] | None = None) -> int:
    """Run until told to stop. Returns the exit status: 0 for a clean end, 1 for what could not be done."""
    parent = os.getppid()
    parser = _parser()
    options = parser.parse_args(arguments)
    if options.kind == "comfyui" and options.speed <= 0:
        parser.error("--speed must be above zero")
    try:
        with contextlib.ExitStack() as stack:
            directory = options.directory
            if directory is None:
                directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="oavr-simulator-")))
            made = _comfy(options, directory) if options.kind == "comfyui" else _cloud(options, directory)
            asyncio.run(_serve(made, _enough(options, made, parent)))
    except OavrError as error:
        print(error.message, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
