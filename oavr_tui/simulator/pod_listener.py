"""A program of the pod that listens on a loopback port, and goes as a killed one does."""

from __future__ import annotations

from aiohttp import web

from oavr_tui.simulator.whole import carried_through

_LAST_ANSWERS = 0.01
"""Seconds that answers under way get at the end: none, but aiohttp takes 0 for "as long as they like"."""
_STARTING = (
    "<!DOCTYPE html>\n<html>\n<head><title>Starting</title></head>\n"
    "<body><h1>ComfyUI is starting</h1><p>This page reloads by itself.</p></body>\n</html>\n"
)


class Listener:
    """Serves an application on 127.0.0.1, on a port that is free."""

    def __init__(self, app: web.Application) -> None:
        self._app = app
        self._runner: web.AppRunner | None = None

    async def start(self) -> str:
        """Begin to listen, and return the base URL."""
        self._runner = web.AppRunner(self._app, access_log=None, shutdown_timeout=_LAST_ANSWERS)
        await self._runner.setup()
        await carried_through(web.TCPSite(self._runner, "127.0.0.1", 0).start())
        return f"http://127.0.0.1:{self._runner.addresses[0][1]}"

    async def stop(self) -> None:
        """Cut everything and stop listening. Does nothing where it is not running."""
        if self._runner is None:
            return
        server = self._runner.server
        for connection in server.connections if server is not None else ():
            if connection.transport is not None:
                connection.transport.abort()
        await self._runner.cleanup()
        self._runner = None


def starting_page() -> Listener:
    """What some pods put in ComfyUI's place until it is up: 200 and a page, whatever is asked for."""

    async def answer(request: web.Request) -> web.Response:
        return web.Response(text=_STARTING, content_type="text/html")

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", answer)
    return Listener(app)
