"""The owner's commands, as they are written. Each names the function that does it, which is only then imported."""

from __future__ import annotations

import argparse
from typing import Any

from license_server import __version__

KEY = "a key of the license, its sale at Gumroad, or the buyer's e-mail address"


def parser() -> argparse.ArgumentParser:
    """All commands. A parsed one has `run`, "module:function", or None for `serve`."""
    top = argparse.ArgumentParser(prog="oavr-license-server", description="Licenses and free videos of oavr-tui.")
    top.add_argument("--version", action="version", version=__version__)
    commands = top.add_subparsers(required=True, metavar="command")
    _serve(commands)
    licenses = commands.add_parser("license", help="single licenses").add_subparsers(required=True, metavar="what")
    _licenses(licenses)
    _store(commands)
    return top


def _serve(commands: Any) -> None:
    serve = commands.add_parser("serve", help="answer requests until stopped")
    serve.add_argument("--host", help="the address to listen at (127.0.0.1)")
    serve.add_argument("--port", type=int, help="8787 unless given; 0: any free one")
    serve.add_argument("--dev", action="store_true", help="for trying: needs no secret, and without --kv forgets all")
    serve.add_argument("--rate-limit", choices=("on", "off"), help="limits for each address (on)")
    serve.add_argument(
        "--trusted-proxy", action="append", default=[], metavar="CIDR", help="whose X-Forwarded-For counts; repeatable"
    )
    serve.add_argument("--json", action="store_true", help="says as JSON where it listens, or why it does not")
    _kv(serve)
    serve.set_defaults(run=None)


def _licenses(what: Any) -> None:
    create = _command(what, "create", "licenses:create", "a license that nobody bought; prints its key")
    create.add_argument("--email", metavar="ADDRESS", help="of whom it is for")
    create.add_argument("--devices", type=int, default=3, help="on how many it may be (3)")
    _command(what, "show", "licenses:show", "all about one license, the whole key too").add_argument("key", help=KEY)
    find = _command(what, "find", "licenses:find", "licenses by a part of the e-mail address, sale, end of the key…")
    find.add_argument("text", help="part of the address; the sale; the key's last 4; a device's id or fingerprint")
    _keys(find)
    listed = _command(what, "list", "licenses:listed", "the newest licenses")
    listed.add_argument("--status", choices=("active", "suspended", "refunded", "revoked"))
    listed.add_argument("--limit", type=_positive, default=20, help="how many (20)")
    _keys(listed)
    for verb, decree, help_text in (
        ("revoke", "revoked", "ends a license: its devices are without it at their next check"),
        ("suspend", "suspended", "halts a license"),
        ("restore", "", "takes revoke or suspend back"),
    ):
        hold = _command(what, verb, "licenses:hold", help_text)
        hold.add_argument("key", help=KEY)
        hold.set_defaults(decree=decree, verb=verb)
    resend = _command(what, "resend", "licenses:resend", "mails the key to its buyer again")
    resend.add_argument("key", help=KEY)
    release = _command(what, "release", "licenses:release", "takes devices off a license")
    release.add_argument("key", help=KEY)
    which = release.add_mutually_exclusive_group(required=True)
    which.add_argument("--device", metavar="ID", help="the one with this id (license show) or fingerprint")
    which.add_argument("--all", action="store_true", help="all of them")
    limit = _command(what, "set-limit", "licenses:set_limit", "on how many devices a license may be")
    limit.add_argument("key", help=KEY)
    limit.add_argument("devices", type=int)


def _store(commands: Any) -> None:
    _command(commands, "stats", "stats:stats", "how much of what there is")
    history = _command(commands, "history", "stats:past", "what the owner did")
    history.add_argument("--limit", type=_positive, default=50, help="how many, the latest (50)")
    backup = _command(commands, "backup", "backup:backup", "a copy of the database, also while the server runs")
    backup.add_argument("file", help="the copy; must not exist yet")
    dumps = commands.add_parser("kv", help="moving in from a worker, or out").add_subparsers(
        required=True, metavar="what"
    )
    export = _command(dumps, "export", "kv_export:dump", "writes a Workers KV dump (JSON)")
    export.add_argument("file", help="must not exist yet; -: standard output")
    export.add_argument("--all", action="store_true", help="also what is suspended, refunded or revoked")
    load = _command(dumps, "import", "kv_import:load", "reads a Workers KV dump (JSON); adds only what is new")
    load.add_argument("file", help="-: standard input")
    load.add_argument("--dry-run", action="store_true", help="only say what is in it")
    load.set_defaults(make=True)
    doctor = _command(commands, "doctor", "doctor:doctor", "says what is not as it should be")
    doctor.add_argument("--url", help="where the server should answer, like https://licenses.example.com")


def _command(commands: Any, name: str, run: str, help_text: str) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = commands.add_parser(name, help=help_text, description=help_text)
    parser.add_argument("--json", action="store_true", help="the answer as JSON")
    _kv(parser)
    parser.set_defaults(run=run, make=False)
    return parser


def _kv(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--kv", metavar="URL", help="the store (OAVR_LICENSE_KV, else sqlite:///licenses.db)")


def _keys(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--keys", action="store_true", help="whole keys, not only their last characters")


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("1 or more")
    return number
