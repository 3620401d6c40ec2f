"""A server of its own for the tests: `python -m tests.license_server.http_child '{"head_seconds": 1}' [uvloop]`.

It answers by path: what it was asked (`/echo`), later (`/later?ms=`), never, twice, by raising, with many bytes
(`/big?bytes=`), or with a header that would split the answer. Its port is the first line it prints.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Callable, Coroutine
from ipaddress import ip_network
from typing import Any
from urllib.parse import parse_qs

from license_server.http_server import Limits, Request, Response, serve

Answer = Callable[[Response], None]


def handle(request: Request, answer: Answer) -> None:
    if request.path in ROUTES:
        ROUTES[request.path](request, answer)
    else:
        answer(echo(request))


def echo(request: Request) -> Response:
    asked = {
        "method": request.method,
        "path": request.path,
        "query": request.query,
        "headers": request.headers,
        "body": request.body.decode("latin-1"),
        "peer": request.peer,
    }
    return Response(200, json.dumps(asked).encode())


def number(request: Request, name: str) -> int:
    return int(parse_qs(request.query)[name][0])


def later(request: Request, answer: Answer) -> None:
    asyncio.get_running_loop().call_later(number(request, "ms") / 1000, answer, echo(request))


def never(request: Request, answer: Answer) -> None:
    KEPT.append(answer)


def release(request: Request, answer: Answer) -> None:
    """Answers what was never answered, the newest first, then itself."""
    while KEPT:
        KEPT.pop()(Response(200, b'{"kept":true}'))
    answer(Response(200, b'{"released":true}'))


def twice(request: Request, answer: Answer) -> None:
    answer(Response(200, b'{"time":1}'))
    answer(Response(200, b'{"time":2}'))


def raises(request: Request, answer: Answer) -> None:
    raise ValueError(f"a secret in {request.body!r}")


def big(request: Request, answer: Answer) -> None:
    answer(Response(200, b"b" * number(request, "bytes"), "text/plain"))


def splits(request: Request, answer: Answer) -> None:
    answer(Response(200, b"{}", headers=(("X-Split", "a\r\nX-More: b"),)))


def empty(request: Request, answer: Answer) -> None:
    answer(Response(204))


KEPT: list[Answer] = []
ROUTES: dict[str, Callable[[Request, Answer], None]] = {
    "/later": later,
    "/never": never,
    "/release": release,
    "/twice": twice,
    "/raises": raises,
    "/big": big,
    "/splits": splits,
    "/empty": empty,
}


def started(host: str, port: int) -> None:
    print(json.dumps([host, port]), flush=True)


def main() -> int:
    settings: dict[str, Any] = json.loads(sys.argv[1])
    trusted = [ip_network(text) for text in settings.pop("trusted", [])]
    host = settings.pop("host", "127.0.0.1")
    serving: Coroutine[Any, Any, None] = serve(
        handle,
        host,
        0,
        limits=Limits(**settings),
        trusted=trusted,
        started=started,
        own_headers=(("Access-Control-Allow-Origin", "*"),),
    )
    if "uvloop" in sys.argv[2:]:
        import uvloop

        uvloop.run(serving)
    else:
        asyncio.run(serving)
    return 0


if __name__ == "__main__":
    sys.exit(main())
