"""`oavr-tui`: the command line. Parses, then loads the one command that was asked for.

Exit codes: 0 made or shown, 1 failed, 2 wrong use or unusable input, 3 daily limit, 130 cancelled.
Nothing heavy is loaded here: `--version` and `--help` answer at once.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from oavr_tui import __version__

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from oavr_tui.commands.arguments import WrongUse

EXIT_WRONG_USE = 2


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    words = list(sys.argv[1:] if argv is None else argv)
    if words == ["--version"]:
        sys.stdout.write(f"oavr-tui {__version__}\n")
        return 0
    if not words:  # the app; what reads words costs as much as a tenth of its start
        return _run("open_app", None)
    from oavr_tui.commands.arguments import WrongUse, parser

    try:
        arguments = parser().parse_args(words)
    except WrongUse as wrong:
        return _refuse(wrong, as_json="--json" in words)
    return _run(arguments.command, arguments)


def _refuse(wrong: WrongUse, *, as_json: bool) -> int:
    """Say what is wrong with the command line, to a script as its last event."""
    from oavr_tui.commands.talk import put_json, say

    if as_json:
        put_json({"event": "failed", "code": "bad_input", "message": str(wrong), "can_retry": False})
    else:
        for line in (*wrong.usage.splitlines(), f"oavr-tui: {wrong}"):
            say(line)
    return EXIT_WRONG_USE


def _run(command: str, arguments: argparse.Namespace | None) -> int:
    from importlib import import_module

    from oavr_tui.commands.talk import exit_code, say
    from oavr_tui.errors import OavrError

    module = import_module(f"oavr_tui.commands.{command}")
    try:
        code: int = module.run(arguments)
    except OavrError as error:
        say(error.message)
        return exit_code(error.code)
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        # Whoever read our output went away (`| head`): nothing is left to say, not even at the interpreter's exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return 0
    except Exception as error:
        from oavr_tui.engine.crash import write_crash
        from oavr_tui.paths import Paths

        say(write_crash(Paths.find(), error, f"running {command}").message)
        return 1
    return code


if __name__ == "__main__":
    sys.exit(main())
