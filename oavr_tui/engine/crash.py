"""When the app itself is at fault: keep the traceback in a file, without values, and say one plain sentence."""

from __future__ import annotations

import os
import traceback
from datetime import UTC, datetime

from oavr_tui.errors import Rejected
from oavr_tui.paths import Paths, private_dir


def write_crash(paths: Paths, error: BaseException, doing: str) -> Rejected:
    """Write a crash file and return the error to show.

    Only file names, line numbers, function names and exception types are kept: an exception's text or a local value
    may hold a path, an address or a key.
    """
    lines = [f"{datetime.now(UTC).isoformat(timespec='seconds')} while {doing}\n"]
    chain: BaseException | None = error
    while chain is not None:
        frames = traceback.extract_tb(chain.__traceback__)
        lines += [f'  File "{frame.filename}", line {frame.lineno}, in {frame.name}\n' for frame in frames]
        lines.append(f"{type(chain).__module__}.{type(chain).__qualname__}\n")
        if isinstance(chain, OSError) and chain.errno is not None:
            lines.append(f"  errno {chain.errno} ({os.strerror(chain.errno)})\n")
        chain = chain.__cause__ or chain.__context__
    file = paths.state / "crash.log"
    try:
        private_dir(paths.state)
        with file.open("a", encoding="utf-8") as out:
            out.writelines([*lines, "\n"])
        where = f"The details are in {file}."
    except OSError:
        where = "The details could not be written to a file."
    return Rejected(
        f"Something went wrong inside the app while {doing}. {where} Try again, or report it.", can_retry=True
    )
