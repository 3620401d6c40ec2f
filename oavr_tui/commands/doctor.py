"""`oavr-tui doctor`: look whether everything needed works here, and say what to do where it does not."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import platform
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from oavr_tui import __version__
from oavr_tui.commands.talk import EXIT_FAILED, put, put_json
from oavr_tui.errors import LicenseRefused, OavrError
from oavr_tui.models import AUTO, PREVIEW
from oavr_tui.paths import Paths, expanded, private_dir
from oavr_tui.settings import Settings, load_settings
from oavr_tui.text import safe, safe_url, size

Verdict = Literal["ok", "warning", "bad"]
_GLYPHS: dict[Verdict, str] = {"ok": "✔", "warning": "!", "bad": "✘"}
_LITTLE_SPACE = 500_000_000
_SERVER_SECONDS = 15.0
_ACCOUNT_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at. text: what was found, and what to do about it."""

    name: str
    verdict: Verdict
    text: str


def run(arguments: argparse.Namespace) -> int:
    worst = False
    for finding in _findings():
        worst |= finding.verdict == "bad"
        if arguments.json:
            put_json({"name": finding.name, "verdict": finding.verdict, "text": finding.text})
        else:
            put(f"{_GLYPHS[finding.verdict]} {finding.name:<9} {safe(finding.text, 1000)}")
    if arguments.real and not worst:
        from oavr_tui.commands.doctor_real import run_real

        paths = Paths.find()
        return run_real(paths, load_settings(paths), arguments.max_spend, as_json=arguments.json)
    return EXIT_FAILED if worst else 0


def _findings() -> Iterator[Finding]:
    paths = Paths.find()
    yield Finding("version", "ok", f"oavr-tui {__version__}, Python {platform.python_version()}, {sys.platform}")
    settings, finding = _settings(paths)
    yield finding
    checks: tuple[tuple[str, Callable[[], Finding]], ...] = (
        ("terminal", _terminal),
        ("store", lambda: _store(paths)),
        ("videos", lambda: _folder("videos", expanded(settings.videos_folder))),
        ("data", lambda: _folder("data", paths.data)),
        ("preview", lambda: _preview(paths)),
        ("heic", _heic),
        ("server", lambda: _server(settings)),
        ("runpod", lambda: _runpod(paths, settings)),
        ("license", _license),
        ("keeper", lambda: _keeper(paths)),
    )
    for name, check in checks:
        try:
            yield check()
        except OavrError as error:
            yield Finding(name, "bad", error.message)
        except OSError as error:
            yield Finding(name, "bad", f"It cannot be used: {error.strerror or 'an error of the system'}.")


def _settings(paths: Paths) -> tuple[Settings, Finding]:
    try:
        settings = load_settings(paths)
    except OavrError as error:
        return Settings(videos_folder=str(paths.videos)), Finding("settings", "bad", error.message)
    if settings.notes:
        return settings, Finding("settings", "warning", " ".join(settings.notes))
    there = "" if paths.config_file.exists() else " (not written yet; the defaults hold)"
    return settings, Finding("settings", "ok", f"{paths.config_file}{there}")


def _terminal() -> Finding:
    if not sys.stdout.isatty():
        return Finding("terminal", "warning", "No terminal here: the app cannot open, the commands work.")
    columns, rows = shutil.get_terminal_size()
    kind, colors = os.environ.get("TERM", ""), os.environ.get("COLORTERM", "")
    text = f"{columns}x{rows}, TERM={kind}{f', {colors}' if colors else ''}"
    if columns < 80 or rows < 24:
        return Finding("terminal", "warning", f"{text}: smaller than 80x24, so the app shows less.")
    return Finding("terminal", "ok", text)


def _store(paths: Paths) -> Finding:
    from oavr_tui.store.store import Store

    private_dir(paths.store_file.parent)
    store = Store(paths.store_file)
    try:
        report = store.verify()
        count = f"{len(store.jobs())} jobs, {len(store.videos())} videos in {paths.store_file}"
        notes = " ".join([*store.notes, *report.problems])
    finally:
        store.close()
    return Finding("store", "warning", notes) if notes else Finding("store", "ok", count)


def _folder(name: str, folder: Path) -> Finding:
    existing = next(place for place in (folder, *folder.parents) if place.exists())
    if not existing.is_dir() or not os.access(existing, os.W_OK | os.X_OK):
        return Finding(name, "bad", f"{folder} cannot be written to. Choose another place or change its permissions.")
    free = shutil.disk_usage(existing).free
    if free < _LITTLE_SPACE:
        return Finding(name, "warning", f"{folder}: only {size(free)} free.")
    return Finding(name, "ok", f"{folder}, {size(free)} free")


def _preview(paths: Paths) -> Finding:
    """Really makes a tiny preview, since a missing library or codec shows only then."""
    from oavr_tui.preview.run import render_preview
    from oavr_tui.preview.spec import PreviewSpec
    from oavr_tui.simulator.sample_portrait import draw_portrait
    from oavr_tui.simulator.sample_voice import synthesize_voice

    bench = private_dir(paths.work / f"doctor-{os.getpid()}")
    try:
        draw_portrait(bench / "portrait.png", 480, 640)
        synthesize_voice(bench / "voice.wav")
        spec = PreviewSpec(
            image=str(bench / "portrait.png"),
            audio=str(bench / "voice.wav"),
            output=str(bench / "video.mp4"),
            width=480,
            height=832,
            seed=1,
            max_seconds=1.0,
        )
        result = asyncio.run(render_preview(spec))
    finally:
        shutil.rmtree(bench, ignore_errors=True)
    if not result.face_found:
        return Finding("preview", "warning", "Previews work, but the sample's face was not found: please report this.")
    speed = result.frames / max(result.seconds_taken, 0.001)
    return Finding(
        "preview", "ok", f"a second of sample video made in {result.seconds_taken:.1f} s ({speed:.0f} frames/s)"
    )


def _heic() -> Finding:
    from importlib.util import find_spec

    if find_spec("pillow_heif") is None:
        return Finding("heic", "ok", "HEIC pictures need an extra: pip install 'oavr-tui[heic]'")
    return Finding("heic", "ok", "HEIC pictures can be read")


def _server(settings: Settings) -> Finding:
    if settings.on in (PREVIEW, AUTO) or "://" not in settings.on:
        return Finding("server", "ok", f"no address set; videos are made on: {settings.on}")
    from oavr_tui.clients.comfyui import ComfyUI

    async def ask() -> str:
        async with asyncio.timeout(_SERVER_SECONDS), ComfyUI(settings.on, client_id="doctor") as server:
            info = await server.info()
        memory = f", {size(info.vram_total)} of graphics memory" if info.vram_total else ", no graphics card"
        return f"{safe_url(settings.on)}: ComfyUI {info.version}{memory}"

    try:
        return Finding("server", "ok", asyncio.run(ask()))
    except TimeoutError:
        return Finding("server", "bad", f"{safe_url(settings.on)} did not answer within {_SERVER_SECONDS:.0f} seconds.")


def _runpod(paths: Paths, settings: Settings) -> Finding:
    """Whether there is a key, and whether the account can be looked at with it. Nothing is started."""
    from oavr_tui.engine.rental import Rental
    from oavr_tui.engine.setup import pod_setup

    rental = Rental(pod_setup(paths, settings), time.monotonic)
    if not rental.has_key:
        return Finding("runpod", "ok", "no key; full videos on rented studios need one: 'oavr-tui config key'")

    async def ask() -> str:
        async with asyncio.timeout(_ACCOUNT_SECONDS):
            try:
                pods = await (await rental.provider()).pods()
                account = await rental.account()
            finally:
                await rental.close()
        balance = account.balance if account is not None else None
        money = "balance not available" if balance is None else f"${balance:.2f} of credit"
        return f"the key works; {len(pods)} pods on the account, {money}"

    try:
        return Finding("runpod", "ok", asyncio.run(ask()))
    except TimeoutError:
        return Finding("runpod", "bad", f"RunPod did not answer within {_ACCOUNT_SECONDS:.0f} seconds.")


def _license() -> Finding:
    """Whether there is a license server, and whether it answers. Nothing about this device is told to it."""
    from oavr_tui.vendor import vendor

    here = vendor()
    if here.refused:
        return Finding("license", "warning", here.refused)
    if not here.license_url:
        return Finding("license", "ok", "no license server is configured: one full video a day is free")

    async def ask() -> None:
        from oavr_tui.clients.license_api import LicenseApi

        server = LicenseApi(here.license_url)
        try:
            with contextlib.suppress(LicenseRefused):  # one of the older kind, that signs nothing: it answers
                await server.public_key()
        finally:
            await server.close()

    address = safe_url(here.license_url)
    try:
        asyncio.run(ask())
    except OavrError as error:
        return Finding("license", "warning", f"{address}: {error.message} Until then this computer counts for itself.")
    return Finding("license", "ok", f"{address} answers")


def _keeper(paths: Paths) -> Finding:
    from oavr_tui.engine.lock import FileLock

    running = paths.keeper_lock.exists() and not FileLock(paths.keeper_lock).is_free()
    return Finding("keeper", "ok", "a background process is at work" if running else "none at work, none needed")
