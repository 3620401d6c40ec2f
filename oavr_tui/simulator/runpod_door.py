"""The door of the simulated account: a request is understood, written down, met by its fault, let in by its key.

Under /simulator/ and /proxy/ nothing of this happens.
"""

from __future__ import annotations

import asyncio
import hmac
import json
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from oavr_tui.simulator import runpod_faults as kinds
from oavr_tui.simulator import runpod_refusals as refusals
from oavr_tui.simulator.graphql import GraphqlError, Operation, parse
from oavr_tui.simulator.runpod_account import Account
from oavr_tui.simulator.runpod_faults import Asked, Deed
from oavr_tui.simulator.runpod_graphql import Graph, deed_of
from oavr_tui.simulator.runpod_refusals import Refusal, graphql_errors, problem
from oavr_tui.simulator.runpod_v2 import POD_FAULTS

OPERATION: web.RequestKey[Operation | GraphqlError] = web.RequestKey(
    "OPERATION",
    Operation | GraphqlError,  # type: ignore[arg-type]
)
_REMEMBERED = 10_000
_PACE = 0.05
_LOOKS = frozenset({"list", "get", "logs", "catalog", "volumes", "billing", "account"})
_ACTIONS: dict[str, Deed] = {"start": "start", "stop": "stop", "restart": "restart", "terminate": "terminate"}
_V2_DEEDS: dict[tuple[str, str], Deed] = {
    ("GET", "/v2/pods"): "list",
    ("POST", "/v2/pods"): "create",
    ("GET", "/v2/catalog/gpus"): "catalog",
    ("GET", "/v2/network-volumes"): "volumes",
    ("GET", "/v2/templates"): "templates",
    ("GET", "/v2/billing/pods"): "billing",
}
_ONE_POD: dict[str, Deed] = {"GET": "get", "PATCH": "rename", "DELETE": "terminate"}
_GONE_WORDS = "This API is deprecated and has been retired. Use the REST API v2 instead."


@dataclass(slots=True)
class Seen:
    """A request that was made, for those who look at the books. status: None while unanswered or when cut off."""

    at: float
    asked: Asked
    status: int | None = None

    def as_json(self) -> dict[str, Any]:
        """As in GET /simulator/state; keys are never in it."""
        asked = self.asked
        return {
            "at": self.at,
            "api": asked.api,
            "method": asked.method,
            "path": asked.path,
            "field": asked.field,
            "deed": asked.deed,
            "status": self.status,
        }


class Door:
    """sleep: takes seconds as the script writes them; pause: real ones."""

    def __init__(
        self,
        account: Account,
        *,
        sleep: Callable[[float], Awaitable[None]],
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._account = account
        self._sleep = sleep
        self._pause = pause
        self.seen: deque[Seen] = deque(maxlen=_REMEMBERED)
        self.creates = 0

    def middleware(self) -> Middleware:
        """To be put around the routes of both APIs."""

        @web.middleware
        async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
            if request.path != "/graphql" and request.path != "/v2" and not request.path.startswith("/v2/"):
                return await handler(request)
            asked = await _understood(request)
            seen = Seen(self._account.now(), asked)
            self.seen.append(seen)
            self.creates += asked.deed == "create"
            response = await self._doomed(request, handler, asked)
            cut = request.transport is None or request.transport.is_closing()
            seen.status = None if cut else response.status
            return response

        return middleware

    async def graphql(self, request: web.Request) -> web.Response:
        """POST /graphql, once it is let in."""
        operation = request[OPERATION]
        if isinstance(operation, GraphqlError):
            return graphql_errors(operation.message, operation.code, status=400)
        graph = Graph(self._account, request.get(POD_FAULTS, ()))
        try:
            if operation.kind == "mutation":
                return web.json_response({"data": graph.mutate(operation.fields)})
            return web.json_response({"data": graph.query(operation.fields)})
        except GraphqlError as error:
            return graphql_errors(error.message, error.code, status=400)

    async def _doomed(self, request: web.Request, handler: Handler, asked: Asked) -> web.StreamResponse:
        doom = self._account.faults.doom(asked)
        if doom.latency:
            try:
                await request.read()  # it has arrived, so it is carried out even if who asked is gone by then
            except web.HTTPRequestEntityTooLarge:
                return Refusal(refusals.TOO_LARGE).response(asked.api)
            await self._sleep(doom.latency)
        request[POD_FAULTS] = doom.pod
        fault = doom.answer
        if fault is None:
            return await self._let_in(request, handler, asked)
        if isinstance(fault, kinds.ServerError | kinds.Hang | kinds.Drop):
            if fault.when == "after":
                await self._let_in(request, handler, asked)
            if isinstance(fault, kinds.ServerError):
                return _server_error(fault, asked)
            if isinstance(fault, kinds.Hang):
                await self._silence(request, fault.seconds)
            return _cut(request)
        return _answered(fault, asked)

    async def _let_in(self, request: web.Request, handler: Handler, asked: Asked) -> web.StreamResponse:
        try:
            self._check_key(request, asked)
            return await handler(request)
        except Refusal as refusal:
            return refusal.response(asked.api, asked.field)
        except web.HTTPNotFound:
            return problem(404, "resource not found")
        except web.HTTPMethodNotAllowed:
            return problem(405, "method not allowed")
        except web.HTTPRequestEntityTooLarge:
            return Refusal(refusals.TOO_LARGE).response(asked.api)

    def _check_key(self, request: web.Request, asked: Asked) -> None:
        scheme, _, key = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not key.strip():
            raise Refusal(refusals.NO_TOKEN)
        keys = self._account.script.keys
        given = key.strip().encode(errors="surrogateescape")
        if hmac.compare_digest(given, keys.full.encode()):
            return
        if not hmac.compare_digest(given, keys.read_only.encode()):
            raise Refusal(refusals.BAD_TOKEN)
        looks = asked.deed in _LOOKS or (asked.deed == "templates" and asked.method == "GET")
        if asked.api == "graphql":
            operation = request[OPERATION]
            looks = isinstance(operation, GraphqlError) or operation.kind == "query"
        if not looks:
            raise Refusal(refusals.ONLY_LOOK)

    async def _silence(self, request: web.Request, seconds: float) -> None:
        """Say nothing until the time is over or the other side has gone."""
        waiting = asyncio.ensure_future(self._sleep(seconds))
        try:
            while not waiting.done() and request.transport is not None and not request.transport.is_closing():
                await self._pause(_PACE)
        finally:
            waiting.cancel()
            await asyncio.gather(waiting, return_exceptions=True)


async def _understood(request: web.Request) -> Asked:
    """What a request asks for; GraphQL's operation is kept in the request."""
    path = request.path.rstrip("/")
    if path == "/graphql":
        operation = await _operation(request)
        request[OPERATION] = operation
        fields = () if isinstance(operation, GraphqlError) else operation.fields
        deed: Deed = deed_of(fields[0]) if fields else "other"
        return Asked("graphql", request.method, path, fields[0].name if fields else "", deed)
    deed = _V2_DEEDS.get((request.method, path), "other")
    parts = path.split("/")
    if len(parts) == 4 and parts[2] == "pods":
        deed = _ONE_POD.get(request.method, "other")
    elif len(parts) == 5 and parts[2] == "pods" and parts[4] == "logs":
        deed = "logs"
    elif len(parts) == 5 and parts[2] == "pods" and parts[4] == "action":
        body = await _json(request)
        deed = _ACTIONS.get(str(body.get("action")) if isinstance(body, dict) else "", "other")
    return Asked("v2", request.method, path, "", deed)


async def _operation(request: web.Request) -> Operation | GraphqlError:
    body = await _json(request)
    if not isinstance(body, dict) or not isinstance(body.get("query"), str):
        return GraphqlError("POST body missing, invalid Content-Type, or JSON object has no keys.", "BAD_REQUEST")
    variables, name = body.get("variables"), body.get("operationName")
    try:
        return parse(
            body["query"], variables if isinstance(variables, dict) else None, name if isinstance(name, str) else None
        )
    except GraphqlError as error:
        return error


async def _json(request: web.Request) -> Any:
    try:
        return json.loads(await request.read())
    except (ValueError, RecursionError, web.HTTPRequestEntityTooLarge):
        return None


def _answered(fault: kinds.AnswerFault, asked: Asked) -> web.StreamResponse:
    match fault:
        case kinds.Unauthorized():
            return Refusal(refusals.BAD_TOKEN).response(asked.api, asked.field)
        case kinds.Forbidden(form="html"):
            return _html(403, "error code: 1010")
        case kinds.Forbidden():
            return problem(403, "access denied") if asked.api == "v2" else _message(403, "forbidden")
        case kinds.RateLimit():
            return _rate_limit(fault, asked)
        case kinds.NoCapacity():
            return Refusal(refusals.NO_CAPACITY, fault.message).response(asked.api, asked.field)
        case kinds.NoFunds():
            return Refusal(refusals.NO_FUNDS, fault.message).response(asked.api, asked.field)
        case kinds.NotFree():
            return Refusal(refusals.NOT_FREE, fault.message).response(asked.api, asked.field)
        case kinds.Gone(status=200):
            return graphql_errors(_GONE_WORDS, "GONE", asked.field)
        case kinds.Gone():
            if asked.api == "v2":
                return problem(fault.status, _GONE_WORDS)
            return graphql_errors(_GONE_WORDS, "GONE", status=fault.status)
        case kinds.Body():
            kind, _, _ = fault.content_type.partition(";")
            return web.Response(status=fault.status, body=fault.body.encode(), content_type=kind.strip())
    raise TypeError(f"no answer is known for {fault.do}")


def _server_error(fault: kinds.ServerError, asked: Asked) -> web.Response:
    match fault.form:
        case "html":
            return _html(fault.status, "Bad gateway")
        case "empty":
            return web.Response(status=fault.status)
        case _ if asked.api == "v2":
            return problem(fault.status, "internal server error")
    words = "Something went wrong. Please try again later or contact support."
    return graphql_errors(words, "INTERNAL_SERVER_ERROR", asked.field, status=fault.status)


def _rate_limit(fault: kinds.RateLimit, asked: Asked) -> web.Response:
    words = "rate limit exceeded for the minute window"
    response = problem(429, words) if asked.api == "v2" else _message(429, "Too many requests")
    response.headers["Retry-After"] = str(fault.retry_after)
    if fault.headers:
        response.headers["RateLimit"] = f'"minute";r=0;t={fault.retry_after}'
        response.headers["RateLimit-Policy"] = '"minute";q=60;w=60, "hour";q=3000;w=3600, "day";q=50000;w=86400'
    return response


def _message(status: int, message: str) -> web.Response:
    return web.json_response({"message": message}, status=status)


def _html(status: int, words: str) -> web.Response:
    page = f"<!DOCTYPE html>\n<html><head><title>{status}</title></head><body><h1>{words}</h1></body></html>"
    return web.Response(status=status, text=page, content_type="text/html")


def _cut(request: web.Request) -> web.Response:
    """End the connection now. The answer returned goes nowhere."""
    if request.transport is not None:
        request.transport.abort()
    return web.Response()
