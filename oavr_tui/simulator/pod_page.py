"""The pages that a proxy answers by itself, and cutting a connection."""

from __future__ import annotations

from http import HTTPStatus

from aiohttp import web

_REASONS = {524: "A timeout occurred"}


def page(status: int) -> web.Response:
    """The proxy's own HTML page for a status; the connection ends with it, since a body may not have been read."""
    reason = _REASONS.get(status) or HTTPStatus(status).phrase
    text = (
        f"<html>\r\n<head><title>{status} {reason}</title></head>\r\n"
        f"<body>\r\n<center><h1>{status} {reason}</h1></center>\r\n<hr><center>cloudflare</center>\r\n"
        "</body>\r\n</html>\r\n"
    )
    response = web.Response(
        status=status, reason=reason, text=text, content_type="text/html", headers={"Server": "cloudflare"}
    )
    response.force_close()
    return response


def cut(request: web.Request) -> web.Response:
    """End the connection at once, without a word. The answer returned goes nowhere."""
    if request.transport is not None:
        request.transport.abort()
    return web.Response()
