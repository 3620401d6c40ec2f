"""`python -m oavr_tui.simulator comfyui --port P --generation old|new --faults FILE`: a simulated server as a process.

Prints one line, `listening on http://...`, once it can be reached, and ends with SIGTERM, SIGINT, or (--with-parent)
when the process that started it goes.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import signal
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from oavr_tui.errors import OavrError
from oavr_tui.simulator.faults import Faults
from oavr_tui.simulator.making import DEFAULT_UPLOAD_LIMIT, DEFAULT_VRAM

_PARENT_LOOK = 0.5
"""Seconds between two looks whether the parent is still there."""


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
    comfy.add_argument("--with-parent", action="store_true", help="end when the starting process ends")
    return parser


async def _serve(options: argparse.Namespace, faults: Faults, directory: Path, parent: int) -> None:
    from oavr_tui.simulator.comfyui import ComfySimulator  # half a second, not needed to refuse a wrong script

    simulator = ComfySimulator(
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
    over = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, over.set)
    async with simulator:
        print(f"listening on {simulator.base_url}", flush=True)
        while not over.is_set():
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(over.wait(), _PARENT_LOOK if options.with_parent else None)
            if options.with_parent and os.getppid() != parent:
                return


def main(arguments: Sequence[str] | None = None) -> int:
    """Run until told to stop. Returns the exit status: 0 for a clean end, 1 for what could not be done."""
    parent = os.getppid()
    parser = _parser()
    options = parser.parse_args(arguments)
    if options.speed <= 0:
        parser.error("--speed must be above zero")
    try:
        faults = Faults.from_file(options.faults) if options.faults is not None else Faults.none()
        with contextlib.ExitStack() as stack:
            directory = options.directory
            if directory is None:
                directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="oavr-simulator-")))
            asyncio.run(_serve(options, faults, directory, parent))
    except OavrError as error:
        print(error.message, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
