"""A RunPod account on one loopback port, for `demo` and the tests: both its APIs, its proxy, its machines, its money.

    /graphql                 what the SDK and the web console ask
    /v2/...                  REST v2
    /proxy/{pod}-{port}/...  what https://{pod}-{port}.proxy.runpod.net is in the real world
    GET  /simulator/state    the books (see Books)
    POST /simulator/script   another script; its format is in runpod_script.py
    POST /simulator/balance  {"dollars": 3.5}: what is left from now on
    POST /simulator/vanish/{pod}, /simulator/fail/{pod}   its host dies; its container cannot be run

What it does not simulate: other people's pods, spot machines, serverless, CPU pods, the price of network volumes.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import string
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from types import TracebackType
from typing import Any

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from oavr_tui.errors import BadInput, Rejected
from oavr_tui.simulator import runpod_books
from oavr_tui.simulator.pod_machine import PodMachine
from oavr_tui.simulator.pod_script import BootScript
from oavr_tui.simulator.runpod_account import Account
from oavr_tui.simulator.runpod_books import Books
from oavr_tui.simulator.runpod_door import Door
from oavr_tui.simulator.runpod_pod import Machine, Status
from oavr_tui.simulator.runpod_refusals import Refusal
from oavr_tui.simulator.runpod_script import LARGEST_SCRIPT, Script
from oavr_tui.simulator.runpod_v2 import V2

_LAST_ANSWERS = 0.5
"""Seconds that unfinished requests get when the account stops."""
_ID_LENGTH = 14
_BAD_GATEWAY = (
    "<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body><h1>502 Bad Gateway</h1></body>\r\n</html>"
)


def _new_id() -> str:
    return "".join(random.choices(string.ascii_lowercase + string.digits, k=_ID_LENGTH))


class RunPodSimulator:
    """One simulated account. Use it as an async context manager, or call start and stop.

    directory: holds the disks of the machines and the network volumes; created. port: 0 picks a free one. clock:
    monotonic seconds, wall: unix seconds, sleep: real seconds; new_id makes ids of letters and digits.
    """

    def __init__(
        self,
        directory: Path,
        *,
        script: Script | None = None,
        port: int = 0,
        host: str = "127.0.0.1",
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        new_id: Callable[[], str] = _new_id,
    ) -> None:
        self._directory = directory.absolute()
        self._script = script if script is not None else Script()
        self._host = host
        self._port = port
        self._clock = clock
        self._offset = wall() - clock()
        self._real_sleep = sleep
        self._new_id = new_id
        self._account: Account | None = None
        self._door: Door | None = None
        self._runner: web.AppRunner | None = None
        self._watch: asyncio.Task[None] | None = None
        self._closing = asyncio.Event()
        self._last_request = clock()

    @property
    def quiet_for(self) -> float:
        """Seconds since somebody last asked for anything."""
        return self._clock() - self._last_request

    @property
    def account(self) -> Account:
        """The running account. Raises RuntimeError before start."""
        if self._account is None:
            raise RuntimeError("the account has not been started")
        return self._account

    @property
    def base_url(self) -> str:
        """The address for RUNPOD_API_BASE_URL, without a slash at its end."""
        return f"http://{self._host}:{self._port}"

    @property
    def proxy_template(self) -> str:
        """Where a pod's port is reached: {pod} and {port} are to be filled in."""
        return f"{self.base_url}/proxy/{{pod}}-{{port}}"

    def books(self) -> Books:
        """What has been made, asked for and spent, as JSON has it."""
        if self._door is None:
            raise RuntimeError("the account has not been started")
        return runpod_books.books(self.account, self._door)

    async def start(self) -> str:
        """Begin to listen, and return the base URL. Raises Rejected where the port cannot be had."""
        self._directory.mkdir(parents=True, exist_ok=True)
        self._account = Account(
            self._script, self._machine, now=self._now, sleep=self._scaled_sleep, new_id=self._new_id
        )
        self._door = Door(self._account, sleep=self._scaled_sleep)
        self._runner = web.AppRunner(self._app(self._door), access_log=None, shutdown_timeout=_LAST_ANSWERS)
        await self._runner.setup()
        try:
            await web.TCPSite(self._runner, self._host, self._port).start()
        except OSError as error:
            await self._runner.cleanup()
            raise Rejected(f"The simulated account cannot listen on port {self._port}: {error.strerror}.") from None
        self._port = self._runner.addresses[0][1]
        self._watch = asyncio.create_task(self._account.watch(), name="runpod-watch")
        return self.base_url

    async def stop(self) -> None:
        """Stop listening and switch all machines off. Does nothing where it is not running."""
        self._closing.set()
        if self._watch is not None:
            self._watch.cancel()
            await asyncio.gather(self._watch, return_exceptions=True)
            self._watch = None
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None
            await self.account.close()

    async def __aenter__(self) -> RunPodSimulator:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    def _now(self) -> float:
        return self._offset + self._clock()

    def _scaled_clock(self) -> float:
        return self._clock() * self._script.time_scale

    async def _scaled_sleep(self, seconds: float) -> None:
        await self._real_sleep(seconds / self._script.time_scale)

    def _machine(self, pod_id: str, volume: str, boot: BootScript) -> Machine:
        return PodMachine(
            pod_id,
            self._directory / "pods" / pod_id,
            boot,
            sleep=self._scaled_sleep,
            clock=self._scaled_clock,
            volume=self._directory / "volumes" / volume if volume else None,
        )

    def _app(self, door: Door) -> web.Application:
        app = web.Application(middlewares=[self._noting(), door.middleware()], client_max_size=LARGEST_SCRIPT)
        app.router.add_post("/graphql", door.graphql)
        V2(self.account, self._closing).add_to(app.router)
        app.router.add_route("*", r"/proxy/{pod:[A-Za-z0-9]+}-{port:\d{1,5}}{path:(/.*)?}", self._proxy)
        app.router.add_get("/simulator/state", self._state)
        app.router.add_post("/simulator/script", self._replace)
        app.router.add_post("/simulator/balance", self._set_balance)
        app.router.add_post("/simulator/vanish/{pod}", self._vanish)
        app.router.add_post("/simulator/fail/{pod}", self._fail)
        return app

    def _noting(self) -> Middleware:
        """Remembers when the last request came, and when the last one that took long ended."""

        @web.middleware
        async def note(request: web.Request, handler: Handler) -> web.StreamResponse:
            self._last_request = self._clock()
            try:
                return await handler(request)
            finally:
                self._last_request = self._clock()

        return note

    async def _proxy(self, request: web.Request) -> web.StreamResponse:
        """404 for a pod that is not there or not running; one whose container failed has nothing that listens."""
        pod = self.account.pod(request.match_info["pod"])
        if pod is not None and pod.status is Status.ERROR:
            return web.Response(status=502, text=_BAD_GATEWAY, content_type="text/html")
        if pod is None or pod.status is not Status.RUNNING:
            return web.Response(status=404)
        return await pod.machine.handle(request, int(request.match_info["port"]), request.match_info["path"] or "/")

    async def _state(self, request: web.Request) -> web.Response:
        return web.json_response(self.books())

    async def _replace(self, request: web.Request) -> web.Response:
        try:
            self.account.replace_script(Script.from_json(await request.read()))
        except BadInput as error:
            return web.Response(status=400, text=error.message)
        return web.json_response(self.account.faults.as_json())

    async def _set_balance(self, request: web.Request) -> web.Response:
        body: Any = None
        with contextlib.suppress(ValueError):
            body = await request.json()
        dollars = body.get("dollars") if isinstance(body, dict) else None
        if isinstance(dollars, bool) or not isinstance(dollars, int | float) or not -1e6 <= dollars <= 1e6:
            return web.Response(status=400, text='The body is to be {"dollars": a number}.')
        self.account.set_balance(float(dollars))
        return web.Response(status=204)

    async def _vanish(self, request: web.Request) -> web.Response:
        return self._with_pod(request, self.account.vanish)

    async def _fail(self, request: web.Request) -> web.Response:
        return self._with_pod(request, self.account.fail)

    def _with_pod(self, request: web.Request, deed: Callable[[str], None]) -> web.Response:
        try:
            deed(request.match_info["pod"])
        except Refusal as refusal:
            return web.Response(status=404, text=refusal.message)
        return web.Response(status=204)
