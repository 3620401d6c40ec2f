"""Listening to a ComfyUI server's socket for news of one prompt, for as long as it takes. Loads websockets."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from urllib.parse import quote

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import WebSocketException

from oavr_tui.clients.comfyui_http import LARGE_ANSWER, Address
from oavr_tui.clients.comfyui_messages import Messages
from oavr_tui.clients.comfyui_types import FollowUpdate, Timings

_PING_EVERY = 20.0
_PING_WAIT = 60.0
"""Seconds. The server's loop can stand still for a while, as during an upload."""
_CLOSE_WAIT = 2.0


class _Connect(connect):
    """A connection that goes nowhere but to the address that was given, as the HTTP side does."""

    def process_redirect(self, exc: Exception) -> Exception | str:
        return exc


class Listener:
    """Keeps one connection open and reads it at once, whatever else goes on.

    Never two at a time: the server forgets the newer one of a client when the older closes. After a connection was lost
    without a word it may still do so, and then the new one stays silent for good. Hence silence during a running job
    leads to a new connection, too.
    """

    def __init__(
        self,
        address: Address,
        client_id: str,
        messages: Messages,
        timings: Timings,
        sleep: Callable[[float], Awaitable[object]],
        *,
        is_running: Callable[[], bool],
        on_update: Callable[[FollowUpdate], None],
        on_end: Callable[[], None],
    ) -> None:
        self._address = address
        self._url = f"{address.socket}/ws?clientId={quote(client_id, safe='')}"
        self._messages = messages
        self._timings = timings
        self._sleep = sleep
        self._is_running = is_running
        self._on_update = on_update
        self._on_end = on_end
        self._silence = timings.socket_silence
        self._pause = timings.backoff

    async def run(self) -> None:
        """Listen until cancelled. A server without a working socket is asked again now and then; it is not needed."""
        while True:
            try:
                async with self._connection() as connection:
                    try:
                        await self._read(connection)
                    except (OSError, WebSocketException):
                        self._on_end()  # most likely not the end, but the quickest sign of a server that is gone
                        raise
            except (OSError, TimeoutError, WebSocketException, ImportError):
                # What failed is no news for anybody: the job goes on, and the polling tells the rest.
                await self._sleep(self._pause)
                self._pause = min(self._pause * 2, self._timings.backoff_most)

    def _connection(self) -> _Connect:
        authorization = self._address.authorization
        return _Connect(
            self._url,
            additional_headers={} if authorization is None else {"Authorization": authorization},
            max_size=LARGE_ANSWER,
            open_timeout=self._timings.connect,
            ping_interval=_PING_EVERY,
            ping_timeout=_PING_WAIT,
            close_timeout=_CLOSE_WAIT,
            proxy=None if self._address.loopback else True,
        )

    async def _read(self, connection: ClientConnection) -> None:
        """Pass on what comes; returns, for a new connection, after too long without news of a running job."""
        loop = asyncio.get_running_loop()
        last_news = loop.time()
        while True:
            try:
                async with asyncio.timeout_at(last_news + self._silence):
                    message = await connection.recv()
            except TimeoutError:
                if self._is_running():
                    self._silence = min(self._silence * 2, self._timings.socket_silence_most)
                    return
                last_news = loop.time()
                continue
            news = self._messages.read(message, running=self._is_running())
            if news.ours:
                last_news = loop.time()
                self._silence, self._pause = self._timings.socket_silence, self._timings.backoff
            for update in news.updates:
                self._on_update(update)
            if news.ended:
                self._on_end()
