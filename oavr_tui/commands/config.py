"""`oavr-tui config`: where things are, what is set, and setting it."""

from __future__ import annotations

import argparse
import os
import sys
from getpass import getpass

from oavr_tui.commands.talk import put, put_json, say
from oavr_tui.paths import Paths
from oavr_tui.settings import OPTIONS, load_settings, save_setting
from oavr_tui.text import safe

_LONGEST_KEY = 4096


def run(arguments: argparse.Namespace) -> int:
    paths = Paths.find()
    if arguments.action == "path":
        _path(paths, arguments.json)
    elif arguments.action == "show":
        _show(paths, arguments.json)
    elif arguments.action == "key":
        _key(paths, forget=arguments.forget, as_json=arguments.json)
    else:
        value = save_setting(paths, arguments.name, arguments.value)
        _said_set(paths, arguments, value)
    return 0


def _key(paths: Paths, *, forget: bool, as_json: bool) -> None:
    """Keep or forget the RunPod key. It is never an argument: those are seen by everybody on the computer."""
    from oavr_tui.secrets_file import forget_runpod_key, save_runpod_key

    if forget:
        forget_runpod_key(paths)
        told = "The kept RunPod key is forgotten."
    else:
        ask = "RunPod key (it is not shown): "
        key = getpass(ask) if sys.stdin.isatty() else sys.stdin.readline(_LONGEST_KEY)
        save_runpod_key(paths, key.strip())
        told = "The RunPod key is kept, readable by you alone. 'oavr-tui doctor' tries it."
    if as_json:
        put_json({"kept": not forget, "file": str(paths.secrets_file)})
    else:
        say(told)
    if os.environ.get("RUNPOD_API_KEY"):
        say("RUNPOD_API_KEY is set in the environment and goes before the kept key.")


def _said_set(paths: Paths, arguments: argparse.Namespace, value: object) -> None:
    if arguments.json:
        put_json({"name": arguments.name, "value": value, "file": str(paths.config_file)})
    else:
        put(f"{arguments.name} = {safe(str(value), 2000)}")
    origin = load_settings(paths).origin(arguments.name)
    if origin not in ("file", "default"):
        say(f"Written, but {origin} in the environment overrides it.")


def _path(paths: Paths, as_json: bool) -> None:
    settings = load_settings(paths)
    places = {
        "config": str(paths.config_file),
        "store": str(paths.store_file),
        "inputs": str(paths.inputs),
        "videos": settings.videos_folder,
        "data": str(paths.data),
        "state": str(paths.state),
        "cache": str(paths.cache),
    }
    if as_json:
        put_json(places)
        return
    for name, place in places.items():
        put(f"{name:<7} {place}")


def _show(paths: Paths, as_json: bool) -> None:
    settings = load_settings(paths)
    for note in settings.notes:
        say(note)
    for name, option in OPTIONS.items():
        value, origin = settings.value(name), settings.origin(name)
        if as_json:
            put_json({"name": name, "value": value, "origin": origin, "help": option.help})
        else:
            put(f"{name:<26} {safe(str(value), 2000):<28} ({origin}) {option.help}")
