"""What loading the package does to the process it is loaded into: looked at in fresh interpreters."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.pods.graphql_server import graphql_server

LOAD = """
from oavr_tui.pods.runpod_sdk_import import loaded
from oavr_tui.pods.runpod_sdk_post import Post
sdk = loaded(Post)
assert sdk is loaded(Post)
"""

ASK = """
import asyncio, sys
from oavr_tui.errors import OavrError
from oavr_tui.pods.runpod_sdk import RunPodSdk
try:
    print(len(asyncio.run(RunPodSdk("rpa_OURS", base=sys.argv[1]).pods())))
except OavrError as error:
    print(type(error).__name__, error.message)
"""


def environment(home: Path, **more: str) -> dict[str, str]:
    kept = {name: os.environ[name] for name in ("PATH", "PYTHONPATH", "LANG") if name in os.environ}
    return {**kept, "HOME": str(home), **more}


def run(code: str, home: Path, *arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
    """A fresh interpreter, in which every warning is an error."""
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", code, *arguments],
        capture_output=True,
        text=True,
        timeout=120,
        env=environment(home, **more),
        check=False,
    )


@pytest.mark.parametrize("module", ["oavr_tui.engine.engine", "oavr_tui.pods.runpod", "oavr_tui.pods.runpod_sdk"])
def test_the_package_is_not_loaded_before_it_is_needed(module: str, tmp_path: Path) -> None:
    heavy = ("runpod", "requests", "pydantic", "httpx", "aiohttp", "websockets")
    code = f"import {module}, sys\nprint(*(name for name in {heavy} if name in sys.modules))"
    result = run(code, tmp_path)
    assert (result.stdout.strip(), result.stderr, result.returncode) == ("", "", 0)


def test_loading_leaves_logging_streams_processes_and_threads_alone(tmp_path: Path) -> None:
    code = f"""
import logging, os, signal, subprocess, sys, threading
kept = logging.getLogger("urllib3"); kept.setLevel(logging.DEBUG)
def state():
    root = logging.getLogger()
    levels = {{name: logging.getLogger(name).level for name in ("urllib3", "paramiko", "uvicorn")}}
    signals = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    return (
        root.level, list(root.handlers), root.filters[:], root.disabled, logging.root.manager.disable, levels,
        logging.raiseExceptions, sys.stdout, sys.stderr, signals, threading.enumerate(), sys.excepthook,
        dict(os.environ), os.getcwd(), sys.path[:],
    )
started = []
sys.addaudithook(lambda event, _: started.append(event) if event in ("subprocess.Popen", "os.fork", "os.posix_spawn",
    "os.system", "socket.connect") else None)
before = state()
{LOAD}
changed = [(was, now) for was, now in zip(before, state()) if was != now]
assert changed == [], changed
assert "cpuinfo" not in sys.modules
assert started == [], started
logging.getLogger("anybody").info("must not be seen")
"""
    result = run(code, tmp_path)
    assert (result.stdout, result.stderr, result.returncode) == ("", "", 0)


@pytest.mark.parametrize(
    "settings",
    [
        pytest.param('[default]\nname = "no key"\n', marks=pytest.mark.full),
        pytest.param("default = 3\n", marks=pytest.mark.full),
        '[default]\napi_key = "rpa_OF_ANOTHER_PROGRAM"\n',
        b"\xff\xfe\x00",
    ],
)
async def test_the_packages_own_settings_do_not_matter(settings: str | bytes, tmp_path: Path) -> None:
    folder = tmp_path / ".runpod"
    folder.mkdir()
    (folder / "config.toml").write_bytes(settings if isinstance(settings, bytes) else settings.encode())
    await ask_in_a_process(tmp_path)


async def test_a_netrc_does_not_replace_the_key(tmp_path: Path) -> None:
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login somebody password secret\n")
    (tmp_path / ".netrc").chmod(0o600)
    await ask_in_a_process(tmp_path)


async def test_a_proxy_is_not_asked_on_the_way_to_this_computer(tmp_path: Path) -> None:
    nowhere = "http://127.0.0.1:9"
    await ask_in_a_process(tmp_path, HTTP_PROXY=nowhere, http_proxy=nowhere, ALL_PROXY=nowhere)


async def test_a_proxy_is_asked_on_the_way_to_elsewhere(tmp_path: Path) -> None:
    """RunPod's address is https, so that the proxy is asked for a tunnel, and never sees the key."""
    import asyncio

    asked: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")
        await writer.drain()
        writer.close()

    (tmp_path / ".netrc").write_text("default login somebody password secret\n")
    (tmp_path / ".netrc").chmod(0o600)
    proxy = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with proxy:
        address = f"http://127.0.0.1:{proxy.sockets[0].getsockname()[1]}"
        result = await asyncio.to_thread(run, ASK, tmp_path, "https://runpod.invalid", https_proxy=address)
    assert result.stdout.startswith("Unreachable "), result
    assert result.stderr == ""
    assert asked[0].startswith(b"CONNECT runpod.invalid:443 ")
    assert b"rpa_OURS" not in b"".join(asked)


@pytest.mark.parametrize("proxy", ["socks9://127.0.0.1:9", "http://"])
def test_a_proxy_that_is_none_is_a_sentence(proxy: str, tmp_path: Path) -> None:
    result = run(ASK, tmp_path, "https://runpod.invalid", https_proxy=proxy)
    assert result.stdout.startswith("Unreachable The proxy "), result


async def test_an_address_in_the_environment_is_not_what_decides(tmp_path: Path) -> None:
    await ask_in_a_process(tmp_path, RUNPOD_API_BASE_URL="http://127.0.0.1:9")


async def ask_in_a_process(home: Path, **more: str) -> None:
    """A question of a fresh process must arrive with our key."""
    import asyncio

    async with graphql_server() as server:
        server.answer({"data": {"myself": {"pods": [{"id": "abc123"}]}}})
        result = await asyncio.to_thread(run, ASK, home, server.url, **more)
    assert (result.stdout.strip(), result.stderr) == ("1", "")
    assert [seen.headers["Authorization"] for seen in server.seen] == ["Bearer rpa_OURS"]


@pytest.mark.parametrize(
    "broken",
    [
        "sys.modules['runpod'] = None",
        "import types; sys.modules['runpod'] = types.ModuleType('runpod')",
        "import runpod.api.graphql as wire; wire.requests = None",
    ],
)
def test_a_package_that_is_missing_or_another_is_a_sentence(broken: str, tmp_path: Path) -> None:
    code = f"import logging, sys\nlogging.getLogger().addHandler(logging.NullHandler())\n{broken}\n{ASK}"
    result = run(code, tmp_path, "http://127.0.0.1:9")
    assert result.stdout.startswith("Rejected The runpod package"), result


def test_the_program_ends_while_a_call_is_under_way(tmp_path: Path) -> None:
    code = """
import asyncio, socket
from oavr_tui.pods.runpod_sdk import RunPodSdk
silent = socket.socket(); silent.bind(("127.0.0.1", 0)); silent.listen()
async def leave():
    task = asyncio.create_task(RunPodSdk("rpa_OURS", base=f"http://127.0.0.1:{silent.getsockname()[1]}").pods())
    connection, _ = await asyncio.to_thread(silent.accept)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    return connection
asyncio.run(leave()).detach()
silent.detach()
print("left")
"""
    result = run(code, tmp_path)
    assert (result.stdout.strip(), result.stderr, result.returncode) == ("left", "", 0)
