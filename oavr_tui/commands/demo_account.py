"""The demo's RunPod account: a simulated one on this computer, so that the whole journey costs nothing.

It is a process of its own and goes on while studios of the demo run, as a real account would; it ends when nobody has
asked it for anything for a while, nor has the demo open.
"""

from __future__ import annotations

import json
import os
import sys
import time
import urllib.request
from collections.abc import MutableMapping

from oavr_tui.engine.make_believe import PROXY, announced, announcement
from oavr_tui.errors import Unreachable
from oavr_tui.paths import Paths, private_dir
from oavr_tui.simulator.runpod_script import FULL_KEY

QUIET_SECONDS = 900
_START_SECONDS = 30.0
_SCRIPT = {
    "pull_seconds": 2,
    "start_seconds": 1,
    "stop_keeps_gpu": True,
    "boot": {"seconds_per_file": 0.4, "warm_seconds": 2, "comfy": {"step_seconds": 0.15}},
}
"""Everything as it is, only quicker: a start takes some twelve seconds instead of as many minutes."""
_SETTINGS = {"OAVR_PODS_IDLE_MINUTES": "2", "OAVR_PODS_TERMINATE_AFTER_HOURS": "0"}


DEMO_KEY = FULL_KEY
"""The key that the make-believe account takes; it is worth nothing anywhere else."""


def open_demo_account(paths: Paths, environ: MutableMapping[str, str], *, with_key: bool = True) -> None:
    """Make the simulated account the RunPod of this process and its children. Raises Unreachable.

    with_key: the key is there already; otherwise the person enters it, as with a real account.
    """
    base = _running(paths) or _started(paths)
    environ["OAVR_HOME"] = str(paths.config.parent)
    environ["RUNPOD_API_BASE_URL"] = base
    environ["OAVR_RUNPOD_PROXY"] = base + PROXY
    environ.pop("RUNPOD_API_KEY", None)
    if with_key:
        environ["RUNPOD_API_KEY"] = DEMO_KEY
    environ.pop("OAVR_VIDEOS_FOLDER", None)
    hurry(environ)


def hurry(environ: MutableMapping[str, str]) -> None:
    """Settings of a demo: what takes a quarter of an hour elsewhere can be seen to happen here."""
    for name, value in _SETTINGS.items():
        environ.setdefault(name, value)


def _running(paths: Paths) -> str | None:
    """The address of the account that an earlier demo left running, if it still answers."""
    try:
        if not (base := announced(paths)):
            return None
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(
            base + "/simulator/state", timeout=5
        ) as answer:
            return base if isinstance(json.load(answer), dict) else None
    except (OSError, ValueError):
        return None


def _started(paths: Paths) -> str:
    folder = private_dir(paths.data / "demo-account")
    script = folder / "script.json"
    script.write_text(json.dumps(_SCRIPT))
    said = announcement(paths)
    private_dir(said.parent)
    said.unlink(missing_ok=True)
    words = [sys.executable, "-m", "oavr_tui.simulator", "runpod", "--port", "0", "--directory", str(folder)]
    words += ["--script", str(script), "--until-quiet", str(QUIET_SECONDS), "--while-locked", str(paths.driver_lock)]
    create = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
    actions = [
        (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
        (os.POSIX_SPAWN_OPEN, 1, str(said), create, 0o600),
        (os.POSIX_SPAWN_OPEN, 2, os.devnull, os.O_WRONLY, 0),
    ]
    pid = os.posix_spawn(sys.executable, words, dict(os.environ), file_actions=actions, setsid=True)
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline and os.waitpid(pid, os.WNOHANG)[0] == 0:
        if base := announced(paths):
            return base
        time.sleep(0.05)
    raise Unreachable("The demo's make-believe RunPod did not start. Try again, or make a preview: oavr-tui demo.")
