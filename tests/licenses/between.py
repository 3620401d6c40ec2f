"""Something between app and license server, which passes on what it hears, and some of the answers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from urllib.parse import urlsplit


def json_answer(status: int, body: bytes, *headers: str) -> bytes:
    """A whole answer, as it goes over the wire."""
    lines = [f"HTTP/1.1 {status} X", "Content-Type: application/json", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join([*lines, "", ""]).encode() + body


TOO_MANY = json_answer(429, b'{"success":false,"error":"x","code":"RATE_LIMITED"}', "Retry-After: 40")
BROKEN = json_answer(500, b"{}")


@dataclass
class Between:
    """said: whole answers, by the end of a path, in the place of the server's. late: ends of paths whose answers the
    server has given, and which are passed on only when `go` is set. asked: the paths, with their query, in order."""

    behind: str
    url: str = ""
    said: dict[str, bytes] = field(default_factory=dict)
    late: tuple[str, ...] = ()
    asked: list[str] = field(default_factory=list)
    go: asyncio.Event = field(default_factory=asyncio.Event)
    held: asyncio.Event = field(default_factory=asyncio.Event)

    def count(self, end: str) -> int:
        """How often a path that ends so was asked for."""
        return sum(urlsplit(one).path.endswith(end) for one in self.asked)

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = next(
                    (int(line[15:]) for line in head.lower().split(b"\r\n") if line[:15] == b"content-length:"), 0
                )
                body = await reader.readexactly(length)
                target = head.split(b" ", 2)[1].decode()
                self.asked.append(target)
                path = urlsplit(target).path
                canned = next((said for end, said in self.said.items() if path.endswith(end)), None)
                told = canned if canned is not None else await self._passed_on(head, body)
                if path.endswith(self.late):
                    self.held.set()
                    await self.go.wait()
                writer.write(told)
                await writer.drain()
        except (OSError, asyncio.IncompleteReadError):
            return
        finally:
            writer.close()

    async def _passed_on(self, head: bytes, body: bytes) -> bytes:
        there = urlsplit(self.behind)
        reader, writer = await asyncio.open_connection(there.hostname, there.port)
        writer.write(head + body)
        await writer.drain()
        answer = await reader.readuntil(b"\r\n\r\n")
        length = next(int(line[15:]) for line in answer.lower().split(b"\r\n") if line[:15] == b"content-length:")
        answer += await reader.readexactly(length)
        writer.close()
        return answer


@asynccontextmanager
async def between(behind: str) -> AsyncIterator[Between]:
    """Stand before the server at this address."""
    here = Between(behind)
    server = await asyncio.start_server(here.answer, "127.0.0.1", 0)
    here.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield here
    finally:
        here.go.set()
        server.close()
        await server.wait_closed()
