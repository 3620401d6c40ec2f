"""`oavr-tui license`: the plan, the license of this device, and its other devices. No key is ever shown whole.

A key is asked for without showing it, or read from standard input; one on the command line can be seen by others, and
stays in the history of the shell.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from oavr_tui.commands.session import open_engine
from oavr_tui.commands.talk import EXIT_FAILED, exit_code, put, put_json, say
from oavr_tui.engine.engine import Engine
from oavr_tui.errors import BadInput, LicenseRefused, OavrError
from oavr_tui.models import LicensedDevice, LicenseStatus
from oavr_tui.paths import Paths
from oavr_tui.settings import load_settings
from oavr_tui.text import counted
from oavr_tui.vendor import vendor

_LONGEST_KEY = 1000
_DEVICE_LIMIT = "DEVICE_LIMIT"
_NOTHING_TO_MOVE = (
    "There is no license to move: these folders were not copied here from another computer that has one. "
    "'oavr-tui license activate' uses a license on this device; it asks for the key."
)


def run(arguments: argparse.Namespace) -> int:
    try:
        return asyncio.run(_run(arguments))
    except OavrError as error:
        if not arguments.json:
            raise
        record = {"event": "failed", "code": error.code.value, "message": error.message, "can_retry": error.can_retry}
        put_json(record | ({"reason": error.reason} if isinstance(error, LicenseRefused) else {}))
        return exit_code(error.code)


async def _run(arguments: argparse.Namespace) -> int:
    paths = Paths.find()
    engine = open_engine(paths, load_settings(paths))
    for note in await engine.open():
        say(note)
    try:
        return await _ACTIONS[arguments.action](engine, arguments)
    finally:
        await engine.close()


async def _status(engine: Engine, arguments: argparse.Namespace) -> int:
    _tell(engine, await engine.license.refresh(), as_json=arguments.json)
    return 0


async def _activate(engine: Engine, arguments: argparse.Namespace) -> int:
    _refuse_without_server(engine)
    key = _read_key(arguments.key)
    try:
        status = await engine.license.activate(key, arguments.device_name)
    except LicenseRefused as refused:
        if refused.reason == _DEVICE_LIMIT and not arguments.json:
            for line in _device_lines(await engine.license.devices(key)):
                say(line)
            say("'oavr-tui license release DEVICE' releases one of them; it asks for the key.")
        raise
    _tell(engine, status, as_json=arguments.json)
    return 0 if status.is_pro else EXIT_FAILED


async def _move(engine: Engine, arguments: argparse.Namespace) -> int:
    _refuse_without_server(engine)
    if not engine.license.can_move_here:
        await engine.license.refresh()  # whether this device has the license already is the server's to say
    if engine.license.status.is_pro:
        say("This device has Pro already; there is nothing to move.")
    elif not engine.license.can_move_here:
        raise BadInput(_NOTHING_TO_MOVE)
    else:
        await engine.license.move_here(arguments.device_name)
    _tell(engine, engine.license.status, as_json=arguments.json)
    return 0 if engine.license.status.is_pro else EXIT_FAILED


async def _release(engine: Engine, arguments: argparse.Namespace) -> int:
    if arguments.device is None:
        _tell(engine, await engine.license.release_this_device(), as_json=arguments.json)
        return 0
    key = "" if engine.license.status.key else _read_key(None)
    left = await engine.license.release_device(arguments.device, key)
    _tell_devices(left, as_json=arguments.json)
    return 0


async def _devices(engine: Engine, arguments: argparse.Namespace) -> int:
    _tell_devices(await engine.license.devices(), as_json=arguments.json)
    return 0


_ACTIONS = {"status": _status, "activate": _activate, "move": _move, "release": _release, "devices": _devices}


def _refuse_without_server(engine: Engine) -> None:
    """Before a key is asked for that could not be used. Raises BadInput where an address was given that is not used."""
    refused = vendor().refused
    if refused and not engine.license.configured:
        raise BadInput(refused)


def _read_key(given: str | None) -> str:
    """The key as given; asked for without showing it, or read from standard input, where it is not (or is -): words of
    a command line can be seen by others."""
    if given not in (None, "-"):
        return str(given)
    if sys.stdin.isatty():
        from getpass import getpass

        key = getpass("License key (it is not shown): ")
    else:
        key = sys.stdin.readline(_LONGEST_KEY)
    if not key.strip():
        raise BadInput("No key was given. It looks like OAVR-XXXX-XXXX-XXXX-XXXX.")
    return key.strip()


# --- telling


def status_record(status: LicenseStatus, now: float) -> dict[str, Any]:
    """The fields of the server's check answer, and who says so. now: Unix seconds.

    limit, used and the resets are missing for Pro, as there. Times are Unix seconds.
    """
    record: dict[str, Any] = {"canGenerate": status.left is None or status.left > 0, "isPro": status.is_pro}
    if not status.is_pro:
        seconds = max(0, int(status.resets_at - now))
        at = datetime.fromtimestamp(status.resets_at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        record |= {
            "limit": status.limit,
            "used": status.used,
            "resetsIn": _hours(seconds),
            "resetsAt": at,
            "resetsInSeconds": seconds,
        }
    return record | {
        "licenseKey": status.key or None,
        "source": status.source.value,
        "purchaseDate": status.purchased_on or None,
        "activationsUsed": status.devices_used or None,
        "maxActivations": status.max_devices or None,
        "checkedAt": status.checked_at or None,
        "offlineUntil": status.expires_at or None,
        "trouble": status.trouble or None,
    }


def _hours(seconds: int) -> str:
    return f"{seconds // 3600}h {seconds // 60 % 60}m"


def _tell(engine: Engine, status: LicenseStatus, *, as_json: bool) -> None:
    now, warning = engine.now(), engine.license.device_warning
    if warning not in status.trouble:  # something more urgent stands there
        say(warning)
    if as_json:
        put_json(status_record(status, now))
        return
    put(_plan_line(status, now))
    if status.is_pro and status.key:
        bought = f", bought {status.purchased_on}" if status.purchased_on else ""
        places = f", {status.devices_used} of {status.max_devices} devices" if status.max_devices else ""
        put(f"License {status.key}{bought}{places}")
    put(f"This device is {engine.license.device_shown}.")
    if not engine.license.configured and not vendor().refused:
        put("No license server is configured: this computer counts for itself.")
    if status.trouble:
        say(status.trouble)


def _plan_line(status: LicenseStatus, now: float) -> str:
    if status.is_pro:
        return "Pro: full videos without limit."
    if status.left is None:
        return "Free: nothing is counted here."
    if status.left:
        return f"Free: {counted(status.left, 'full video')} left today; previews are free."
    return (
        f"Free: daily limit reached; the next one in {_hours(max(60, int(status.resets_at - now)))}. Previews are free."
    )


def _tell_devices(devices: Sequence[LicensedDevice], *, as_json: bool) -> None:
    if not as_json:
        for line in _device_lines(devices):
            put(line)
        return
    for one in devices:
        put_json({"device": one.shown, "name": one.name, "lastSeen": one.last_seen, "thisDevice": one.this})


def _device_lines(devices: Sequence[LicensedDevice]) -> list[str]:
    if not devices:
        return ["The license is on no device."]
    return [
        f"{one.shown}  {datetime.fromtimestamp(one.last_seen).astimezone():%Y-%m-%d}  {one.name}"
        + ("  (this device)" if one.this else "")
        for one in devices
    ]
