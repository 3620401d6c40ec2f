"""The command line: `oavr-license-server serve`, and the owner's commands."""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import os
import sys
import tempfile
from collections.abc import Awaitable, Callable, Sequence
from contextlib import ExitStack
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING

from license_server.kv.interface import StoreError
from license_server.owner.arguments import parser

if TYPE_CHECKING:
    from license_server.owner.session import Session, Told

log = logging.getLogger("license_server")


def main(arguments: Sequence[str] | None = None) -> int:
    """Does what the arguments (those of the process, by default) say; returns the exit code.

    0: done. 1: it could not be done as asked, `doctor` found a problem, or `serve` cannot start now (address, store).
    2: the arguments or settings do not do, or a command cannot have the store.
    """
    given = parser().parse_args(arguments)
    try:
        return _serve(given) if given.run is None else _own(given)
    except (StoreError, ValueError, OSError) as error:
        # Whoever starts the server again and again should go on where only the moment was bad.
        passing = given.run is None and isinstance(error, StoreError | OSError)
        return _failed(given, str(error) or "the store did not answer in time", 1 if passing else 2)
    except KeyboardInterrupt:
        return 130


def _failed(given: argparse.Namespace, text: str, code: int) -> int:
    if getattr(given, "json", False):
        print(json.dumps({"error": text, "code": code}))
    print(f"oavr-license-server: {text}", file=sys.stderr)
    return code


# The owner's commands


def _own(given: argparse.Namespace) -> int:
    from license_server.owner.session import Refused

    try:
        told = asyncio.run(_told(given))
    except Refused as refused:
        return _failed(given, str(refused), 1)
    if given.json and told.data:
        print(json.dumps(told.data, ensure_ascii=False))
    elif told.lines:
        print("\n".join(told.lines))
    return told.code


async def _told(given: argparse.Namespace) -> Told:
    from license_server.config import kv_from
    from license_server.owner.session import opened

    module, _, name = given.run.partition(":")
    command: Callable[[Session, argparse.Namespace], Awaitable[Told]]
    command = getattr(import_module(f"license_server.owner.{module}"), name)
    given.env = os.environ
    async with opened(given.kv or kv_from(os.environ), os.environ, make=given.make) as session:
        return await command(session, given)


# The server


def _serve(given: argparse.Namespace) -> int:
    from license_server.app import run
    from license_server.config import settings_from, warnings

    with ExitStack() as stack:
        kv = given.kv
        if given.dev and kv is None and not os.environ.get("OAVR_LICENSE_KV"):
            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="oavr-license-server-"))
            kv = f"sqlite:///{folder}/licenses.db"
        settings = settings_from(
            os.environ,
            kv=kv,
            host=given.host,
            port=given.port,
            dev=given.dev,
            rate_limit=None if given.rate_limit is None else given.rate_limit == "on",
            trusted=given.trusted_proxy,
        )
        settings.check()
        logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
        for text in warnings(settings):
            log.warning("%s", text)
        with asyncio.Runner(loop_factory=_loop_factory()) as runner:
            try:
                runner.run(run(settings, partial(_started, as_json=given.json)))
            except ExceptionGroup as group:
                raise _first(group) from group
    return 0


def _first(error: Exception) -> Exception:
    """What went wrong first, out of the groups in which tasks wrap it."""
    return _first(error.exceptions[0]) if isinstance(error, ExceptionGroup) else error


def _loop_factory() -> type[asyncio.AbstractEventLoop] | None:
    """uvloop's loop where it is installed (extra `uvloop`): it answers faster."""
    try:
        import uvloop
    except ImportError:
        return None
    return uvloop.Loop


def _started(host: str, port: int, as_json: bool) -> None:
    url = f"http://{f'[{host}]' if ':' in host else host}:{port}"
    print(json.dumps({"listening": url}) if as_json else f"listening on {url}", flush=True)
