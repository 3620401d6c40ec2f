"""A child process for the tests of oavr_tui.child: does what it is told, well or badly."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from oavr_tui.child import child_main
from oavr_tui.errors import BadInput


def handle(task: dict[str, Any], progress: Callable[[dict[str, Any]], None]) -> dict[str, Any]:
    match task["do"]:
        case "count":
            for at in range(task["to"]):
                progress({"at": at})
            return {"to": task["to"]}
        case "chatter":
            os.write(1, b'{"result": {"fake": true}}\n' * 3)
            os.write(2, b"noise\n" * 100_000)
            return {"quiet": True}
        case "refuse":
            raise BadInput("There is nothing of use in it.")
        case "abort":
            os.abort()
        case "exit":
            os._exit(3)
        case "raise":
            raise RuntimeError("a bug with a secret in it")
        case "memory":
            raise MemoryError
        case "killed":
            os.kill(os.getpid(), signal.SIGKILL)
        case "hang":
            if "mark" in task:
                Path(task["mark"]).write_text(str(os.getpid()))
            time.sleep(600)
    return {}


if __name__ == "__main__":
    sys.exit(child_main(handle))
