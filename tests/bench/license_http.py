"""What our own HTTP server costs: `python -m tests.bench.license_http`.

Three servers that do nothing but answer take turns under wrk with the same settings: a bare httptools protocol (the
ceiling: no limits, no deadlines, one canned answer), the license server's HTTP part, and Starlette on uvicorn. Rounds
alternate, so that a busy machine slows all alike; the figures that count are the ratios of the medians. Beside them
stands the CPU that the server's process took for a request. All three run on the same loop.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import sys
import time
from collections.abc import Callable
from typing import cast

from tests.bench.wrk import Served, wrk_command

PATH = "/api/generation/check"
BODY = b'{"canGenerate":true,"isPro":false,"limit":1,"used":0,"resetsIn":"16h 26m"}'
CORS = (
    ("Access-Control-Allow-Origin", "*"),
    ("Access-Control-Allow-Methods", "GET, POST, OPTIONS"),
    ("Access-Control-Allow-Headers", "Content-Type"),
)
NAMES = ("bare httptools", "license_server", "starlette")


def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    arguments.add_argument("--serve", choices=NAMES, help=argparse.SUPPRESS)
    arguments.add_argument("--loop", choices=("uvloop", "asyncio"), default="uvloop")
    arguments.add_argument("--rounds", type=int, default=5)
    arguments.add_argument("--seconds", type=int, default=3, help="of each round")
    arguments.add_argument("--connections", type=int, default=32)
    chosen = arguments.parse_args()
    if chosen.serve:
        serve(chosen.serve, chosen.loop)
        return 0
    load = wrk_command(chosen.connections, chosen.seconds)
    words = [sys.executable, "-m", "tests.bench.license_http", "--loop", chosen.loop, "--serve"]
    servers = {name: Served([*words, name]) for name in NAMES}
    try:
        rounds: dict[str, list[tuple[float, float]]] = {name: [] for name in NAMES}
        for _ in range(chosen.rounds):
            for name in NAMES:
                rounds[name].append(servers[name].measure(load, f"{PATH}?fingerprint=abc"))
        print(f"{' '.join(['wrk', *load[1:]])}, {chosen.loop}, {chosen.rounds} rounds, median (least to most)")
        ceiling = statistics.median(rate for rate, _ in rounds[NAMES[0]])
        for name in NAMES:
            report(name, rounds[name], ceiling, servers[name].rss())
    finally:
        for server in servers.values():
            server.end()
    return 0


def report(name: str, rounds: list[tuple[float, float]], ceiling: float, rss: int) -> None:
    rates = sorted(rate for rate, _ in rounds)
    rate = statistics.median(rates)
    cpu = statistics.median(cpu for _, cpu in rounds)
    print(
        f"{name:>15}  {rate:8,.0f} req/s ({rates[0]:,.0f} to {rates[-1]:,.0f})  {rate / ceiling:5.0%} of bare"
        f"  {cpu:5.1f} us CPU a request  {rss / 1024:.0f} MiB"
    )


def serve(name: str, loop: str) -> None:
    if name == "starlette":
        serve_starlette(loop)
        return
    serving = serve_bare() if name == "bare httptools" else serve_ours()
    if loop == "uvloop":
        import uvloop

        uvloop.run(serving)
    else:
        asyncio.run(serving)


async def serve_bare() -> None:
    import httptools

    headers = "".join(f"{name}: {value}\r\n" for name, value in (("Content-Type", "application/json"), *CORS))
    canned = f"HTTP/1.1 200 OK\r\n{headers}Content-Length: {len(BODY)}\r\n\r\n".encode() + BODY

    class Bare(asyncio.Protocol):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            self.transport = cast(asyncio.Transport, transport)
            self.parser = httptools.HttpRequestParser(self)

        def data_received(self, data: bytes) -> None:
            self.parser.feed_data(data)

        def on_message_complete(self) -> None:
            self.transport.write(canned)

    server = await asyncio.get_running_loop().create_server(Bare, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await asyncio.Event().wait()


async def serve_ours() -> None:
    from license_server.http_server import Request, Response
    from license_server.http_server import serve as serve_http

    def handle(request: Request, answer: Callable[[Response], None]) -> None:
        answer(Response(200, BODY, headers=CORS))

    await serve_http(handle, "127.0.0.1", 0, started=lambda host, port: print(port, flush=True))


def serve_starlette(loop: str) -> None:
    import socket

    import uvicorn
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.routing import Route

    async def check(request: Request) -> Response:
        return Response(BODY, headers=dict(CORS), media_type="application/json")

    listening = socket.create_server(("127.0.0.1", 0), backlog=512)
    print(listening.getsockname()[1], flush=True)
    config = uvicorn.Config(
        Starlette(routes=[Route(PATH, check)]),
        loop="uvloop" if loop == "uvloop" else "asyncio",
        http="httptools",
        log_level="warning",
        access_log=False,
        lifespan="off",
    )
    server = uvicorn.Server(config)
    server.run(sockets=[listening])


if __name__ == "__main__":
    started = time.monotonic()
    code = main()
    if code == 0 and "--serve" not in sys.argv:
        print(f"{time.monotonic() - started:.0f} s")
    sys.exit(code)
