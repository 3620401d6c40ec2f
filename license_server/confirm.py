"""Asking Gumroad itself: whether a sale happened, and what has become of it.

Gumroad signs no ping, sends none for some refunds (gifts, refunds from outside), and gives up on pings after a while;
its API is the authority (gumroad.com/api). `GET /v2/sales/:id` takes the seller's token; `POST /v2/licenses/verify`
takes none, and says success for refunded sales too.
"""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import json
import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

from license_server.gumroad import receive
from license_server.kv.ask import ask
from license_server.kv.interface import Get, Put, Rule, Scan, Store, StoreError
from license_server.outbox import Do, Later, Never, Task, Then, put_in
from license_server.pings import Seller
from license_server.records import License, license_from

CALL_WITHIN = 10.0
"""Seconds that one call may take in all, to within one more step of the socket."""
STEP_WITHIN = 5.0
LONGEST_ANSWER = 256 * 1024
ASK_AGAIN = 3
"""Times that Gumroad may say that there is no such sale before it is believed: pings can be quicker than its API."""
LOOK_AGAIN_AFTER = 7 * 86_400.0
"""Seconds after which what became of a sale is asked again."""
WALK_EVERY = 60.0
WALK_PAGE = 50
"""Licenses looked at every `WALK_EVERY` seconds for those to be asked about again."""

log = logging.getLogger("license_server.confirm")


@dataclass(frozen=True, slots=True)
class Gumroad:
    """Where Gumroad's API is, and the seller's token for it ("": only keys can be asked about)."""

    token: str = field(default="", repr=False)
    base: str = "https://api.gumroad.com"

    async def sale(self, sale_id: str) -> dict[str, Any] | None:
        """What Gumroad knows of a sale, None where there is none.

        Raises:
            Later: it cannot be asked now.
        """
        query = urlencode({"access_token": self.token})
        return _part(await self._call("GET", f"/v2/sales/{quote(sale_id, safe='')}?{query}", None), "sale")

    async def purchase(self, product: str, key: str) -> dict[str, Any] | None:
        """The purchase that a key of Gumroad's belongs to, None where there is none. Uses are not counted.

        Raises:
            Later: it cannot be asked now.
        """
        form = {"product_id": product, "license_key": key, "increment_uses_count": "false"}
        return _part(await self._call("POST", "/v2/licenses/verify", urlencode(form).encode()), "purchase")

    async def _call(self, method: str, path: str, body: bytes | None) -> tuple[int, bytes]:
        try:
            return await asyncio.to_thread(_call, self.base, method, path, body)
        except (OSError, http.client.HTTPException) as error:
            raise Later(f"Gumroad cannot be asked: {type(error).__name__}") from error


def _call(base: str, method: str, path: str, body: bytes | None) -> tuple[int, bytes]:
    """One request, in a thread: each step has its deadline, and the whole of it has one, so that the thread ends."""
    parts = urlsplit(base)
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    ends = time.monotonic() + CALL_WITHIN
    with contextlib.closing(kind(parts.hostname or "", parts.port, timeout=STEP_WITHIN)) as connection:
        headers = {"Content-Type": "application/x-www-form-urlencoded"} if body else {}
        connection.request(method, parts.path.rstrip("/") + path, body, {**headers, "Accept": "application/json"})
        answer = connection.getresponse()
        said = b""
        while chunk := answer.read1(16_384):
            said += chunk
            if len(said) > LONGEST_ANSWER or time.monotonic() > ends:
                raise TimeoutError("too much, or too slowly")
        return answer.status, said


def _part(told: tuple[int, bytes], name: str) -> dict[str, Any] | None:
    """The object of that name in an answer; None where Gumroad says, in its own words, that there is none."""
    status, body = told
    try:
        said = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise Later(f"Gumroad answered {status} with something else than JSON") from error
    found = said.get(name) if isinstance(said, dict) else None
    if status == 200 and said.get("success") is True and isinstance(found, dict):
        return found
    if status in (200, 404) and isinstance(said, dict) and said.get("success") is False:
        return None
    raise Later(f"Gumroad answered {status}")


def as_ping(sale: Mapping[str, Any]) -> dict[str, Any]:
    """A sale or purchase of the API as a ping would tell it.

    A sale names itself `id`, a purchase `sale_id`; the API says `chargebacked` or `chargedback` (won disputes left out)
    where a ping says `disputed`.
    """
    fields: dict[str, Any] = {
        name: value
        for name, value in sale.items()
        # Words like "about 1 month ago" would make another event of it each time.
        if (isinstance(value, str | int) or name == "url_params") and name not in ("timestamp", "daystamp")
    }
    fields["sale_id"] = fields.get("sale_id") or fields.get("id", "")
    fields["sale_timestamp"] = fields.get("sale_timestamp") or fields.get("created_at", "")
    for name in ("chargebacked", "chargedback"):
        if fields.get(name) in (True, "true"):
            fields["disputed"] = True
    fields.pop("resource_name", None)
    return fields


def given_away(fields: Mapping[str, Any]) -> bool:
    """Whether this is the giver's side of a gift: the license is the receiver's, who has a sale of their own."""
    return fields.get("is_gift_sender_purchase") in (True, "true")


# Sales


def confirmer(gumroad: Gumroad, seller: Seller, clock: Callable[[], float], new_key: Callable[[], str]) -> Do:
    """What does the outbox's tasks `confirm/<sale>`: a hint becomes a license, a license learns of its sale's fate.

    A sale that Gumroad does not know, asked `ASK_AGAIN` times, is put aside and changes nothing: a license that was
    made for it came with the seller's secret (or the token is another account's), and its owner decides.
    """
    plain = replace(seller, confirm=False)

    async def do(task: Task) -> Then | None:
        sale = await gumroad.sale(task.of)
        if sale is None:
            text = "Gumroad knows no such sale"
            raise Never(text) if task.tries + 1 >= ASK_AGAIN else Later(text)
        fields = as_ping(sale)
        if fields["sale_id"] != task.of:
            raise Later("Gumroad answered with another sale")
        if given_away(fields):
            return None
        return lambda: confirmed(plain, fields, clock(), new_key)

    return do


def confirmed(
    seller: Seller, fields: Mapping[str, Any], now: float, new_key: Callable[[], str]
) -> Rule[License | None]:
    """Keeps what Gumroad's API has said of a sale, and when; the license of the sale, where there is one."""
    received = yield from receive(seller, fields, True, now, new_key, asked=True)
    if received.license is not None:
        yield Put("confirmed", fields["sale_id"], f"{now:.0f}".encode(), now + 2 * LOOK_AGAIN_AFTER)
    return received.license


def ask_again(now: float, after: str) -> Rule[str]:
    """Puts sales that were not asked about for long into the outbox, a page of licenses at a time.

    Answers with the last license that was looked at, "" at the end.
    """
    page: list[tuple[str, bytes]] = yield Scan("license", limit=WALK_PAGE, after=after)
    for _, value in page:
        record = license_from.__wrapped__(value)  # not into the cache: all licenses come by here
        if record.sale is None or record.status in ("refunded", "revoked"):
            continue
        asked: bytes | None = yield Get("confirmed", record.sale)
        waiting: bytes | None = yield Get("outbox", f"confirm/{record.sale}")
        aside: bytes | None = yield Get("aside", f"confirm/{record.sale}")
        if waiting is None and aside is None and now - float(asked or record.created) >= LOOK_AGAIN_AFTER:
            yield from put_in("confirm", record.sale, now)
    return page[-1][0] if len(page) == WALK_PAGE else ""


async def walk(store: Store, clock: Callable[[], float]) -> None:
    """Asks again about all sales, week by week, until cancelled."""
    after = ""
    while True:
        await asyncio.sleep(WALK_EVERY)
        try:
            after = await ask(store.write, ask_again(clock(), after))
        except (StoreError, TimeoutError, ValueError) as error:
            log.warning("no sale can be asked about again now: %s", type(error).__name__)
