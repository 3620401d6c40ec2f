"""The HTTP routes of the simulated server, each with and without the prefix /api."""

from __future__ import annotations

import json
import re
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import urlsplit

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from oavr_tui.errors import BadInput
from oavr_tui.simulator import transfers
from oavr_tui.simulator.core import Core
from oavr_tui.simulator.faults import Faults
from oavr_tui.simulator.faulty import SOCKET_FAULT, fault_middleware, too_large
from oavr_tui.simulator.info_routes import InfoRoutes
from oavr_tui.simulator.jobs_api import add_jobs_routes
from oavr_tui.simulator.state import Prompt
from oavr_tui.simulator.validation import BadWorkflow, error_of, validate

_LOOPBACK = re.compile(r"^(localhost|127\.\d+\.\d+\.\d+|::1)$")
_UUID = re.compile(r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$")
_TROUBLE = "500 Internal Server Error\n\nServer got itself in trouble"

Route = Callable[[web.Request], Awaitable[web.StreamResponse]]


def make_app(core: Core, restart: Callable[[float], None]) -> web.Application:
    """The whole application. restart(seconds) is called for that fault and must not block."""
    middlewares = [fault_middleware(core, restart), _trouble_middleware(core), _origin_middleware(core)]
    app = web.Application(middlewares=middlewares, client_max_size=core.options.max_upload_size)
    _add_simulator_routes(app, core)
    if core.options.generation == "new":
        add_jobs_routes(app, core)
        app.router.add_get("/api/assets", _assets)
    for path, get, post in _routes(core):
        for prefix in ("", "/api"):
            if get is not None:
                app.router.add_get(prefix + path, get)
            if post is not None:
                app.router.add_post(prefix + path, post)
    app.router.add_get("/{path:.*}", _nothing)
    return app


def _routes(core: Core) -> list[tuple[str, Route | None, Route | None]]:
    info, prompts = InfoRoutes(core), _PromptRoutes(core)
    return [
        ("/system_stats", info.system_stats, None),
        ("/features", info.features, None),
        ("/object_info", info.all_nodes, None),
        ("/object_info/{name}", info.one_node, None),
        ("/models", info.model_folders, None),
        ("/models/{folder}", info.models, None),
        ("/internal/logs", info.logs, None),
        ("/internal/files/{kind}", info.files, None),
        ("/prompt", prompts.remaining, prompts.submit),
        ("/queue", prompts.queue, prompts.change_queue),
        ("/history", prompts.history, prompts.change_history),
        ("/history/{id}", prompts.one_history, None),
        ("/interrupt", None, prompts.interrupt),
        ("/free", None, prompts.free),
        ("/upload/image", None, prompts.upload),
        ("/view", prompts.view, None),
        ("/ws", prompts.socket, None),
    ]


class _PromptRoutes:
    """Prompts, from their submission to the file that came of them."""

    def __init__(self, core: Core) -> None:
        self._core = core

    async def remaining(self, request: web.Request) -> web.Response:
        return web.json_response({"exec_info": {"queue_remaining": self._core.queue.remaining}})

    async def submit(self, request: web.Request) -> web.Response:
        core = self._core
        body = await _json(request)
        front = bool(isinstance(body, dict) and body.get("front"))
        explicit = isinstance(body, dict) and "number" in body
        number = float(body["number"]) if explicit else core.queue.take_number(front=front)
        if not isinstance(body, dict) or "prompt" not in body:
            return _refused(error_of("no_prompt", "No prompt provided", "No prompt provided"))
        prompt_id = str(body.get("prompt_id") or core.new_id())
        if core.options.generation == "new" and not _UUID.match(prompt_id):
            details = (
                "prompt_id must be a UUID string in canonical lowercase hyphenated form; "
                "omit it to let the server generate one"
            )
            return _refused(error_of("invalid_prompt_id", "prompt_id must be a valid UUID", details))
        targets = body.get("partial_execution_targets")
        verdict = validate(body["prompt"], core.info, core.folders, core.options.generation, targets)
        if verdict.error is not None:
            core.log("invalid prompt: " + json.dumps(verdict.error["type"]))
            return _refused(verdict.error, verdict.node_errors)
        extra_data = dict(body.get("extra_data") or {})
        if "client_id" in body:
            extra_data["client_id"] = body["client_id"]
        if core.options.generation == "new":
            extra_data["create_time"] = int(core.wall() * 1000)
        core.counters.submissions.append(prompt_id)
        await core.queue.put(Prompt(number, prompt_id, body["prompt"], extra_data, verdict.outputs))
        return web.json_response({"prompt_id": prompt_id, "number": number, "node_errors": verdict.node_errors})

    async def queue(self, request: web.Request) -> web.Response:
        queue = self._core.queue
        running = [queue.running.as_list()] if queue.running is not None else []
        return web.json_response(
            {"queue_running": running, "queue_pending": [prompt.as_list() for prompt in queue.pending]}
        )

    async def change_queue(self, request: web.Request) -> web.Response:
        body = await _json(request)
        if body.get("clear"):
            self._core.queue.clear()
        for prompt_id in body.get("delete", ()):
            self._core.queue.delete(prompt_id)
        return web.Response()

    async def history(self, request: web.Request) -> web.Response:
        limit = int(request.query["max_items"]) if "max_items" in request.query else None
        return web.json_response(self._core.queue.recent(limit, int(request.query.get("offset", "-1"))))

    async def one_history(self, request: web.Request) -> web.Response:
        prompt_id = request.match_info["id"]
        entry = self._core.queue.history.get(prompt_id)
        return web.json_response({} if entry is None else {prompt_id: entry})

    async def change_history(self, request: web.Request) -> web.Response:
        body = await _json(request)
        if body.get("clear"):
            self._core.queue.history.clear()
        for prompt_id in body.get("delete", ()):
            self._core.queue.history.pop(prompt_id, None)
        return web.Response()

    async def interrupt(self, request: web.Request) -> web.Response:
        """With a prompt_id only that one, if it runs; with none whatever runs. The answer never tells."""
        try:
            body = json.loads(await request.text())
        except ValueError:
            body = {}
        prompt_id = body.get("prompt_id") if isinstance(body, dict) else None
        self._core.runner.interrupt(str(prompt_id) if prompt_id else None)
        return web.Response()

    async def free(self, request: web.Request) -> web.Response:
        if (await _json(request)).get("free_memory"):
            self._core.runner.cache.clear()
        return web.Response()

    async def upload(self, request: web.Request) -> web.Response:
        response = await transfers.upload(request, self._core.folders, self._core.options.max_upload_size)
        self._core.counters.uploads += response.status == 200
        return response

    async def view(self, request: web.Request) -> web.StreamResponse:
        return await transfers.view(request, self._core.folders)

    async def socket(self, request: web.Request) -> web.StreamResponse:
        return await self._core.sockets.serve(request, request.get(SOCKET_FAULT))


def _add_simulator_routes(app: web.Application, core: Core) -> None:
    """What no real server has: GET /simulator/state, GET and POST /simulator/faults. Faults never touch them."""

    async def state(request: web.Request) -> web.Response:
        counters = core.counters
        facts = {"submissions": counters.submissions, "executed": core.runner.executed, "uploads": counters.uploads}
        return web.json_response(facts)

    async def faults(request: web.Request) -> web.Response:
        return web.json_response(core.faults.as_json())

    async def change_faults(request: web.Request) -> web.Response:
        try:
            core.faults.replace(Faults.from_json(await request.read()))
        except BadInput as error:
            return web.json_response({"error": error.message}, status=400)
        return web.json_response(core.faults.as_json())

    app.router.add_get("/simulator/state", state)
    app.router.add_get("/simulator/faults", faults)
    app.router.add_post("/simulator/faults", change_faults)


def _origin_middleware(core: Core) -> Middleware:
    """ComfyUI's guard for servers on a loopback address: no foreign Origin, and OPTIONS answered here."""

    @web.middleware
    async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
        if core.options.generation == "new" and request.headers.get("Sec-Fetch-Site") == "cross-site":
            return web.Response(status=403)
        origin, host = request.headers.get("Origin"), urlsplit(f"//{request.headers.get('Host', '')}")
        if origin is not None and _LOOPBACK.match(host.hostname or ""):
            source = urlsplit(origin)
            same = source.hostname == host.hostname and None in (source.port, host.port)
            if source.netloc.lower() != host.netloc.lower() and not same:
                return web.Response(status=403)
        return web.Response() if request.method == "OPTIONS" else await handler(request)

    return middleware


def _trouble_middleware(core: Core) -> Middleware:
    """What a handler did not check becomes a plain 500, as on a real server, and goes into the log."""

    @web.middleware
    async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            return await handler(request)
        except (transfers.TooLargeBody, web.HTTPRequestEntityTooLarge):
            return too_large(core.options.max_upload_size)
        except web.HTTPException:
            raise
        except (transfers.ServerTrouble, BadWorkflow, LookupError, TypeError, ValueError, AttributeError, OSError) as e:
            if isinstance(e, ConnectionError):
                raise
            core.log(f"Error handling request {request.path}: {type(e).__name__}")
            response = web.Response(status=500, text=_TROUBLE)
            response.force_close()
            return response

    return middleware


async def _json(request: web.Request) -> Any:
    """The body as JSON, whatever its content type says. Raises ValueError, which becomes a 500."""
    return json.loads(await request.text())


def _refused(error: dict[str, Any], node_errors: dict[str, Any] | None = None) -> web.Response:
    return web.json_response({"error": error, "node_errors": node_errors or {}}, status=400)


async def _assets(request: web.Request) -> web.Response:
    message = "Assets system is disabled. Start the server with --enable-assets to use this feature."
    return web.json_response({"error": {"code": "SERVICE_DISABLED", "message": message, "details": {}}}, status=503)


async def _nothing(request: web.Request) -> web.Response:
    """Whatever else is asked for: the real server looks among its frontend's files."""
    return web.Response(status=404, content_type="application/octet-stream")
