"""`oavr-tui keeper`: whether somebody goes on in the background, and sending it away."""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import sys
import time
from collections.abc import Callable

from oavr_tui.commands.talk import put, put_json, say
from oavr_tui.engine.keeper import Keeper
from oavr_tui.engine.lock import FileLock
from oavr_tui.errors import OavrError
from oavr_tui.models import Job, Pod
from oavr_tui.paths import Paths
from oavr_tui.settings import load_settings
from oavr_tui.text import counted

_STOP_SECONDS = 30.0
_LOOK_SECONDS = 0.1


def run(arguments: argparse.Namespace) -> int:
    paths = Paths.find()
    if arguments.action == "run":
        return _be_keeper(paths)
    if arguments.action == "stop":
        return asyncio.run(_stop(paths, arguments.json))
    return asyncio.run(_status(paths, arguments.json))


def _be_keeper(paths: Paths) -> int:
    """Be the keeper; there is at most one, and it has no terminal to speak to."""
    from oavr_tui.app_log import start_log
    from oavr_tui.engine.crash import write_crash
    from oavr_tui.redact import Redactor

    lock = FileLock(paths.keeper_lock)
    if not _taken(lock):
        return 0
    os.chdir("/")
    os.umask(0o077)
    log = start_log(paths, Redactor())  # until the engine's own, which knows the secrets
    log.info("The keeper begins.")
    try:
        asyncio.run(_keep(paths, lock, log.info))
    except KeyboardInterrupt:
        return 130
    except OavrError as error:  # there is nobody else to tell
        log.error("The keeper cannot go on. %s", error.message)
        return 1
    except Exception as error:
        log.error("%s", write_crash(paths, error, "keeping").message)
        return 1
    finally:
        lock.release()
    return 0


def _taken(lock: FileLock) -> bool:
    """Whether this is the keeper now. Tried for a moment: who only looks whether there is one is in the way as well."""
    for _look in range(5):
        if lock.take():
            return True
        time.sleep(_LOOK_SECONDS)
    return False


async def _keep(paths: Paths, lock: FileLock, say_to_log: Callable[[str], None]) -> None:
    from oavr_tui.commands.session import open_engine

    engine = open_engine(paths, load_settings(paths))
    task = asyncio.current_task()
    assert task is not None
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    try:
        for sentence in await engine.open():
            say_to_log(sentence)
        await Keeper(paths, lock, engine, say_to_log).keep()
        say_to_log("The keeper ends: nothing is left to do.")
    except asyncio.CancelledError:
        say_to_log("The keeper was told to go.")
    finally:
        await engine.close()


async def _looked_after(paths: Paths) -> tuple[list[Job], list[Pod]]:
    """Unfinished jobs, and pods that cost money or are to be ended in time."""
    from oavr_tui.commands.session import open_engine

    engine = open_engine(paths, load_settings(paths))
    try:
        for note in await engine.open():
            say(note)
        jobs = [job for job in engine.jobs() if not job.ended]
        return jobs, [pod for pod in engine.fleet.book.all() if pod.billed or pod.storage_per_hour]
    finally:
        await engine.close()


def _keeper_pid(paths: Paths) -> int | None:
    """The process id of the keeper, None when there is none."""
    lock = FileLock(paths.keeper_lock)
    return None if lock.is_free() else lock.holder()


async def _status(paths: Paths, as_json: bool) -> int:
    jobs, pods = await _looked_after(paths)
    pid = _keeper_pid(paths)
    if as_json:
        put_json({"running": pid is not None, "pid": pid, "jobs": len(jobs), "pods": [pod.name for pod in pods]})
        return 0
    left = f"{counted(len(jobs), 'unfinished video')}, {counted(len(pods), 'studio')}"
    if pid is not None:
        put(f"A keeper is running (process {pid}): {left}.")
    elif jobs or pods:
        put(f"No keeper is running: {left}. 'oavr-tui jobs watch' goes on with them, and starts one.")
    else:
        put("No keeper is running, and none is needed.")
    return 0


async def _stop(paths: Paths, as_json: bool) -> int:
    pid = _keeper_pid(paths)
    if pid is not None:
        os.kill(pid, signal.SIGTERM)
        for _look in range(round(_STOP_SECONDS / _LOOK_SECONDS)):
            if FileLock(paths.keeper_lock).is_free():
                break
            await asyncio.sleep(_LOOK_SECONDS)
    stopped = _keeper_pid(paths) is None
    jobs, pods = await _looked_after(paths)
    running = [pod for pod in pods if pod.billed]
    if as_json:
        put_json({"running": not stopped, "jobs": len(jobs), "pods": [pod.name for pod in running]})
        return 0 if stopped else 1
    if not stopped:
        say(f"The keeper (process {pid}) has not ended yet.")
        return 1
    say("The keeper has ended." if pid is not None else "No keeper was running.")
    if running:
        price = sum(pod.per_hour for pod in running)
        names = ", ".join(pod.name for pod in running)
        say(f"Nobody watches {names} now, and it costs ${price:.2f}/h: 'oavr-tui pods stop' stops it.")
    if jobs:
        say(f"{counted(len(jobs), 'video')} unfinished: 'oavr-tui jobs watch' goes on.")
    sys.stderr.flush()
    return 0
