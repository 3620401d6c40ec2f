"""The command line: `oavr-license-server serve`, and the owner's commands."""

from __future__ import annotations

import argparse
import asyncio
import ipaddress
import logging
import os
import sys
from collections.abc import Sequence

from license_server.app import BadSettings, Settings, options_from, run, seller_from
from license_server.kv.interface import StoreError


def main(arguments: Sequence[str] | None = None) -> int:
    """Does what the arguments (those of the process, by default) say; returns the exit code: 2 for bad settings."""
    parsed = _parser().parse_args(arguments)
    try:
        return _serve(parsed)
    except (BadSettings, StoreError, ValueError, OSError) as error:
        print(f"oavr-license-server: {error}", file=sys.stderr)
        return 2


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="oavr-license-server", description="Licenses and free videos of oavr-tui.")
    commands = parser.add_subparsers(required=True, metavar="command")
    serve = commands.add_parser("serve", help="answer requests until stopped")
    serve.add_argument("--host", default="127.0.0.1")
    serve.add_argument("--port", type=int, default=8787, help="0: any free one")
    serve.add_argument("--kv", default=os.environ.get("OAVR_KV", "sqlite:///licenses.db"), help="where all is kept")
    serve.add_argument("--dev", action="store_true", help="start also without a way to tell real sales from forged")
    serve.add_argument(
        "--trusted-proxy", action="append", default=[], metavar="CIDR", help="whose X-Forwarded-For counts; repeatable"
    )
    return parser


def _serve(parsed: argparse.Namespace) -> int:
    settings = Settings(
        kv=parsed.kv,
        host=parsed.host,
        port=parsed.port,
        dev=parsed.dev,
        trusted=[ipaddress.ip_network(cidr) for cidr in parsed.trusted_proxy],
        seller=seller_from(os.environ),
        options=options_from(os.environ),
    )
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        runner.run(run(settings, _started))
    return 0


def _loop_factory() -> type[asyncio.AbstractEventLoop] | None:
    """uvloop's loop where it is installed (extra `uvloop`): it answers faster."""
    try:
        import uvloop
    except ImportError:
        return None
    return uvloop.Loop


def _started(host: str, port: int) -> None:
    print(f"listening on http://{host}:{port}", flush=True)
