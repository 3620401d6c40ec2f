"""Many at once against one server: what is scarce is given out exactly as often as it is there."""

from __future__ import annotations

import http.client
import json
import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from tests.license_server.child import PATIENCE, SECRET, Server, Told, ask, licenses_in, server
from tests.license_server.stores import world
from tests.license_server.test_gumroad import PINGS

PING = f"/api/gumroad/webhook?secret={SECRET}"


def all_at_once(here: Server, requests: list[tuple[str, object, dict[str, str]]]) -> list[Told]:
    """Each request over a connection of its own, all sent in the same moment."""
    gate = threading.Barrier(len(requests))

    def one(path: str, body: object, headers: dict[str, str]) -> Told:
        # Connecting comes after waiting: a server gives up on who is connected and says nothing.
        gate.wait(PATIENCE)
        connection = http.client.HTTPConnection("127.0.0.1", here.port, timeout=PATIENCE)
        try:
            return ask(connection, "POST", path, body, headers)
        finally:
            connection.close()

    with ThreadPoolExecutor(len(requests)) as threads:
        return list(threads.map(lambda request: one(*request), requests))


def statuses(here: Server, path: str, body: Callable[[int], dict[str, Any]], times: int) -> Counter[int]:
    return Counter(told.status for told in all_at_once(here, [(path, body(n), {}) for n in range(times)]))


def buy(here: Server, name: str = "sale") -> str:
    """Tells the server of a sale as Gumroad would; the key that was made."""
    ping = PINGS[name]
    assert here.post(PING, ping["body"], ping["headers"]).body == b"OK"
    with world(here.folder) as store:
        return next(record.key for record in licenses_in(store) if record.sale == ping["fields"]["sale_id"])


def test_fifty_devices_at_once_on_a_key_for_three(tmp_path: Path) -> None:
    with server(tmp_path) as here:
        key = buy(here)
        told = statuses(here, "/api/license/activate", lambda n: {"licenseKey": key, "fingerprint": f"device-{n}"}, 50)
        assert told == {200: 3, 403: 47}
        pro = [here.get(f"/api/generation/check?fingerprint=device-{n}").json["isPro"] for n in range(50)]
        assert sum(pro) == 3
        assert here.post("/api/license/validate", {"licenseKey": key}).json["activationsUsed"] == 3


def test_one_device_fifty_times_at_once_takes_one_place(tmp_path: Path) -> None:
    with server(tmp_path) as here:
        key = buy(here)
        body = {"licenseKey": key, "fingerprint": "device"}
        assert statuses(here, "/api/license/activate", lambda n: body, 50) == {200: 50}
        assert here.post("/api/license/validate", {"licenseKey": key}).json["activationsUsed"] == 1


def test_fifty_videos_at_once_are_fifty(tmp_path: Path) -> None:
    with server(tmp_path) as here:
        told = all_at_once(here, [("/api/generation/track", {"fingerprint": "free"}, {})] * 50)
        assert sorted(it.json["count"] for it in told) == list(range(1, 51))
        assert here.get("/api/generation/check?fingerprint=free").json["used"] == 50


def test_ten_equal_pings_at_once_make_one_license(tmp_path: Path) -> None:
    ping = PINGS["sale"]
    with server(tmp_path) as here:
        told = all_at_once(here, [(PING, ping["body"], ping["headers"])] * 10)
        assert {(it.status, it.body) for it in told} == {(200, b"OK")}
        with world(tmp_path) as store:
            assert len(licenses_in(store)) == 1


def test_twenty_reservations_at_once_of_one_free_video(tmp_path: Path) -> None:
    with server(tmp_path) as here:
        told = all_at_once(
            here,
            [
                ("/api/generation/track", {"fingerprint": "free", "jobId": f"job-{n}", "state": "reserve"}, {})
                for n in range(20)
            ],
        )
        assert Counter(it.status for it in told) == {200: 1, 403: 19}
        assert {it.json["code"] for it in told if it.status == 403} == {"DAILY_LIMIT"}


def test_two_servers_on_one_file_give_out_no_more_than_one_would(tmp_path: Path) -> None:
    with server(tmp_path) as one, server(tmp_path) as two:
        key = buy(one)

        def rush(here: Server) -> Counter[int]:
            path = "/api/license/activate"
            return statuses(here, path, lambda n: {"licenseKey": key, "fingerprint": f"{here.port}-{n}"}, 20)

        with ThreadPoolExecutor(2) as threads:
            told = sum(threads.map(rush, (one, two)), Counter[int]())
        assert told == {200: 3, 403: 37}
        for here in (one, two):
            assert here.post("/api/license/validate", {"licenseKey": key}).json["activationsUsed"] == 3


def test_a_server_sees_at_once_what_another_process_has_written(tmp_path: Path) -> None:
    with server(tmp_path) as one, server(tmp_path) as two:
        for n in range(1, 30):
            assert one.post("/api/generation/track", {"fingerprint": "free"}).json["count"] == n
            told = two.get("/api/generation/check?fingerprint=free")
            assert json.loads(told.body)["used"] == n
