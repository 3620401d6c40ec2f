"""Running one task in a child process of our own: a hostile file or a crash in C takes the child down, not the app.

The parent writes one JSON object to the child's standard input and closes it. The child answers with JSON lines on
standard output: any number of {"progress": {...}}, then exactly one {"result": {...}} or {"error": {code, message,
can_retry}}. Whatever else a library prints goes to standard error, of which only the tail is looked at.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys
from collections.abc import Callable, Mapping
from typing import Any

from oavr_tui.carry import leaving, to_its_end
from oavr_tui.errors import OavrError, OutOfMemory, Rejected, error_for

_LINE_LIMIT = 1 << 20
_STDERR_TAIL = 4096
_KILL_WAIT = 10.0

Message = Mapping[str, Any]


async def run_in_child(
    module: str,
    task: Message,
    *,
    deadline: float,
    crash_message: str,
    on_progress: Callable[[Message], None] | None = None,
) -> dict[str, Any]:
    """Run `python -m module` on a task and return its result.

    deadline: seconds without a line from the child (not in all) after which it is killed. crash_message: the sentence a
    person gets when the child dies without an answer. Raises the OavrError that the child reports, OutOfMemory when it
    was killed from outside for memory, Rejected otherwise. Cancelling kills the child at once and waits for its end.
    """
    process = await _started(module)
    errors = asyncio.create_task(_tail(process), name="child-stderr")
    try:
        return await _converse(process, task, deadline, crash_message, on_progress)
    finally:
        # Whoever is cancelled twice must not leave a process behind.
        _kill(process)
        try:
            await to_its_end(_ended(process, errors), "child-ends")
        except asyncio.CancelledError:  # a loop that ends cancels whatever is left in it, these steps too
            await _ended(process, errors)
        if leaving():
            raise asyncio.CancelledError


def _kill(process: asyncio.subprocess.Process) -> None:
    with contextlib.suppress(ProcessLookupError):
        process.kill()


async def _ended(process: asyncio.subprocess.Process, errors: asyncio.Task[bytes]) -> None:
    # Not wait_for, here and below: that of Python 3.11 forgets a cancellation that comes together with the result.
    async with asyncio.timeout(_KILL_WAIT):
        await process.wait()
    errors.cancel()
    await asyncio.gather(errors, return_exceptions=True)
    if (transport := getattr(process, "_transport", None)) is not None:
        transport.close()


async def _started(module: str) -> asyncio.subprocess.Process:
    try:
        return await asyncio.create_subprocess_exec(
            sys.executable,
            "-X",
            "utf8",
            "-m",
            module,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            limit=_LINE_LIMIT,
            start_new_session=True,  # ctrl+c in the terminal is the parent's to handle
            env={**os.environ, "OAVR_PARENT_PID": str(os.getpid())},
        )
    except OSError as error:  # too many processes or open files, or too little memory
        raise Rejected(
            "This computer cannot start another program at the moment. Close some programs, then try again.",
            can_retry=True,
        ) from error


async def _converse(
    process: asyncio.subprocess.Process,
    task: Message,
    deadline: float,
    crash_message: str,
    on_progress: Callable[[Message], None] | None,
) -> dict[str, Any]:
    assert process.stdin is not None and process.stdout is not None
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # a child that died at once is told apart below
        process.stdin.write(json.dumps(task).encode())
        async with asyncio.timeout(deadline):
            await process.stdin.drain()
        process.stdin.close()
    while True:
        try:
            async with asyncio.timeout(deadline):
                line = await process.stdout.readline()
        except (TimeoutError, ValueError):
            raise Rejected(crash_message, can_retry=True) from None
        if not line:
            break
        message = _parse(line)
        if "progress" in message:
            if on_progress is not None:
                on_progress(message["progress"])
        elif "result" in message:
            result: dict[str, Any] = message["result"]
            return result
        elif "error" in message:
            error = message["error"]
            raise error_for(error["code"], error["message"], can_retry=error["can_retry"])
    async with asyncio.timeout(deadline):
        status = await process.wait()
    if status == -signal.SIGKILL:
        raise OutOfMemory(crash_message)
    raise Rejected(crash_message)


def _parse(line: bytes) -> dict[str, Any]:
    try:
        message = json.loads(line)
    except ValueError:
        return {}
    return message if isinstance(message, dict) else {}


async def _tail(process: asyncio.subprocess.Process) -> bytes:
    """Keep reading standard error, so that a chatty library never blocks the child, and keep only its end."""
    assert process.stderr is not None
    tail = b""
    while chunk := await process.stderr.read(_STDERR_TAIL):
        tail = (tail + chunk)[-_STDERR_TAIL:]
    return tail


def child_main(handle: Callable[[dict[str, Any], Callable[[dict[str, Any]], None]], dict[str, Any]]) -> int:
    """The other end: read the task, run `handle(task, send_progress)`, answer, and return the exit status.

    Standard output is kept for answers alone: C libraries that print write to standard error instead. A child whose
    parent goes away ends by itself.
    """
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8", buffering=1)
    os.dup2(2, 1)
    _end_with_parent()

    def send(message: dict[str, Any]) -> None:
        answers.write(json.dumps(message) + "\n")

    try:
        task = json.loads(sys.stdin.buffer.read())
        result = handle(task, lambda progress: send({"progress": progress}))
    except OavrError as error:
        send({"error": {"code": error.code, "message": error.message, "can_retry": error.can_retry}})
        return 1
    except MemoryError:
        failure = OutOfMemory("This computer ran out of memory. Close other programs, or use a smaller picture.")
        send({"error": {"code": failure.code, "message": failure.message, "can_retry": True}})
        return 1
    except BrokenPipeError:
        return 1
    send({"result": result})
    return 0


def _end_with_parent() -> None:
    """Die when the parent dies, however it dies: on Linux the kernel sees to it, elsewhere a thread looks."""
    import ctypes
    import threading
    import time

    parent = int(os.environ.get("OAVR_PARENT_PID", "0"))
    if not parent:
        return
    if sys.platform == "linux":
        with contextlib.suppress(OSError, AttributeError):
            ctypes.CDLL(None, use_errno=True).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG, prctl(2)

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(1.0)
        os._exit(1)

    threading.Thread(target=watch, name="parent-watch", daemon=True).start()
