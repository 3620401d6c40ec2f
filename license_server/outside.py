"""What the server does besides answering: mails keys, asks Gumroad, counts; each only where it is set up."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from license_server.kv.interface import Store
from license_server.outbox import Do, Worker
from license_server.pings import Seller

if TYPE_CHECKING:
    from license_server.sold import Sold

API = "https://api.gumroad.com"
BEGIN_AGAIN = 30.0
"""Seconds after which what has ended by an error that nobody thought of is begun again."""

log = logging.getLogger("license_server.outside")


@dataclass(frozen=True, slots=True)
class Outside:
    """Whom the server talks to, as the environment says it; empty: to nobody.

    `gumroad_token` opens Gumroad's API at `gumroad_api`; keys are mailed by `smtp_url` from `mail_from`; `/metrics` is
    for those with `metrics_token`.
    """

    gumroad_token: str = field(default="", repr=False)
    gumroad_api: str = API
    smtp_url: str = field(default="", repr=False)
    mail_from: str = ""
    metrics_token: str = field(default="", repr=False)


def outside_from(env: Mapping[str, str]) -> Outside:
    """From GUMROAD_ACCESS_TOKEN, GUMROAD_API, SMTP_URL, MAIL_FROM, METRICS_TOKEN.

    Raises:
        ValueError: SMTP_URL or MAIL_FROM say what cannot be done, or mail needs what is not installed.
    """

    def said(name: str) -> str:
        return env.get(name, "").strip()

    outside = Outside(
        said("GUMROAD_ACCESS_TOKEN"),
        said("GUMROAD_API") or API,
        said("SMTP_URL"),
        said("MAIL_FROM"),
        said("METRICS_TOKEN"),
    )
    if outside.smtp_url:
        try:
            from license_server.mail import post_from
        except ImportError as error:
            raise ValueError("SMTP_URL needs the extra: pip install 'oavr-license-server[mail]'") from error
        post_from(outside.smtp_url, outside.mail_from)
    return outside


class Services:
    """All of it, over one store. `holder` is unlike that of any other process; `sold` asks for who waits."""

    def __init__(
        self,
        outside: Outside,
        seller: Seller,
        store: Store,
        clock: Callable[[], float],
        new_key: Callable[[], str],
        holder: str,
    ) -> None:
        self.sold: Sold | None = None
        kinds: dict[str, Do] = {}
        self._others: dict[str, Callable[[], Awaitable[None]]] = {}
        if outside.gumroad_token or seller.products:
            # Only here, because TLS takes memory, and the owner's commands need none of it.
            from license_server.confirm import Gumroad, confirmer, walk
            from license_server.sold import Sold

            gumroad = Gumroad(outside.gumroad_token, outside.gumroad_api)
            self.sold = Sold(gumroad, seller, store, clock, new_key)
            if outside.gumroad_token:
                kinds["confirm"] = confirmer(gumroad, seller, clock, new_key)
                self._others["asking again about sales"] = lambda: walk(store, clock)
        if outside.smtp_url:
            from license_server.mail import mailer, post_from

            kinds["mail"] = mailer(post_from(outside.smtp_url, outside.mail_from), store, clock)
        self.worker = Worker(store, clock, holder, kinds)

    def start(self, tasks: asyncio.TaskGroup, **besides: Callable[[], Awaitable[None]]) -> list[asyncio.Task[None]]:
        """Starts all of it, and what is given besides, as tasks of a group that belongs to the caller."""
        work = dict(self._others)
        for kind in self.worker.kinds:
            work[kind] = lambda kind=kind: self.worker.run(kind)  # type: ignore[misc]
        return [tasks.create_task(_kept(name, do)) for name, do in {**work, **besides}.items()]

    async def close(self) -> None:
        if self.sold is not None:
            await self.sold.close()


async def _kept(name: str, work: Callable[[], Awaitable[None]]) -> None:
    """Nothing that is done besides may end the answering of requests."""
    while True:
        try:
            await work()
        except Exception:
            log.exception("%s: begun again in %.0f s", name, BEGIN_AGAIN)
        await asyncio.sleep(BEGIN_AGAIN)
