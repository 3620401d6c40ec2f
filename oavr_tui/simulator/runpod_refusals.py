"""What the account refuses, in the words of both APIs.

v2 answers with problem+json (RFC 9457); GraphQL with errors, mostly under status 200. The sentences are those seen on
the wire; RunPod's GraphQL words for a lack of funds are not known, so these are only like them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from aiohttp import web

from oavr_tui.simulator.runpod_faults import Api

_TITLES = {
    400: "Bad Request",
    401: "Unauthorized",
    402: "Payment Required",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    409: "Conflict",
    410: "Gone",
    413: "Content Too Large",
    422: "Unprocessable Entity",
    429: "Too Many Requests",
}


@dataclass(frozen=True, slots=True)
class Reason:
    """Why something is refused. status: of v2; graphql_status: of GraphQL; code: its extensions.code."""

    status: int
    message: str
    code: str = "RUNPOD"
    graphql_status: int = 200


NO_CAPACITY = Reason(
    400, "There are no longer any instances available with the requested specifications. Please refresh and try again."
)
NO_FUNDS = Reason(402, "Insufficient balance: add funds to your account to rent this pod.")
NOT_FREE = Reason(400, "There are not enough free GPUs on the host machine to start this pod.")
NOT_FOUND = Reason(404, "resource not found", "NOT_FOUND")
NOT_ALLOWED = Reason(409, "this action is not allowed in the pod's current state", "BAD_REQUEST")
NO_TOKEN = Reason(401, "missing bearer token", "UNAUTHENTICATED", 401)
BAD_TOKEN = Reason(401, "invalid bearer token", "UNAUTHENTICATED", 401)
ONLY_LOOK = Reason(403, "access denied: this API key has no write permission", "FORBIDDEN", 403)
TOO_LARGE = Reason(413, "the request body is too large", "BAD_REQUEST", 413)
INVALID = Reason(422, "Request validation failed.", "BAD_USER_INPUT", 400)
BROKEN_RULE = Reason(400, "request could not be processed", "BAD_REQUEST")


class Refusal(Exception):
    """The account will not do it. message: other words than the reason's own."""

    def __init__(self, reason: Reason, message: str | None = None) -> None:
        super().__init__(message or reason.message)
        self.reason = reason
        self.message = message or reason.message

    def response(self, api: Api, field: str = "") -> web.Response:
        """The answer in the shape of that API. field: GraphQL's root field."""
        if api == "v2" and self.reason is INVALID:
            return problem(422, INVALID.message, errors=[self.message])
        if api == "v2":
            return problem(self.reason.status, self.message)
        return graphql_errors(self.message, self.reason.code, field, status=self.reason.graphql_status)


def problem(status: int, detail: str, **more: Any) -> web.Response:
    """An answer as RFC 9457 has it, with more members if any."""
    body = {"title": _TITLES.get(status, "Internal Server Error"), "status": status, "detail": detail, **more}
    return web.json_response(body, status=status, content_type="application/problem+json")


def graphql_errors(message: str, code: str, field: str = "", *, status: int = 200) -> web.Response:
    """An answer with one error; field: the root field it is about, whose value is null then."""
    error: dict[str, Any] = {"message": message, "extensions": {"code": code}}
    body: dict[str, Any] = {"errors": [error]}
    if field:
        error["path"] = [field]
        body["data"] = {field: None}
    return web.json_response(body, status=status)
