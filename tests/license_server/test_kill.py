"""kill -9 in the middle of writing: what was acknowledged is there when the server is started again."""

from __future__ import annotations

import http.client
import resource
import threading
from pathlib import Path

import pytest

from tests.license_server.child import PATIENCE, Server, ask, server, until
from tests.limits import NO_BYTECODE


def load(here: Server, acknowledged: dict[str, int], name: str) -> None:
    """Tracks videos of one device until the server is gone; notes the last count that was answered."""
    connection = http.client.HTTPConnection("127.0.0.1", here.port, timeout=PATIENCE)
    try:
        while True:
            told = ask(connection, "POST", "/api/generation/track", {"fingerprint": name})
            assert told.status == 200
            acknowledged[name] = told.json["count"]
    except (OSError, http.client.HTTPException):
        connection.close()


def kill_under_load(folder: Path, times: int) -> None:
    acknowledged: dict[str, int] = {}
    for _ in range(times):
        with server(folder) as here:
            for name, count in acknowledged.items():
                used = here.get(f"/api/generation/check?fingerprint={name}").json["used"]
                assert count <= used <= count + 1, "at most the one that was never answered is there besides"
            before = dict(acknowledged)
            threads = [threading.Thread(target=load, args=(here, acknowledged, f"device-{n}")) for n in range(8)]
            for thread in threads:
                thread.start()
            for _ in until():
                if all(acknowledged.get(f"device-{n}", 0) >= before.get(f"device-{n}", 0) + 5 for n in range(8)):
                    break
            here.kill()
            for thread in threads:
                thread.join(PATIENCE)
    with server(folder) as here:
        assert here.get("/healthz").json == {"ok": True}
        for name, count in acknowledged.items():
            assert here.get(f"/api/generation/check?fingerprint={name}").json["used"] >= count


def test_nothing_acknowledged_is_lost_by_kill(tmp_path: Path) -> None:
    kill_under_load(tmp_path, 5)


@pytest.mark.skipif(not hasattr(resource, "prlimit"), reason="only Linux limits another process")
def test_a_disk_that_takes_nothing_more_costs_no_counter_and_no_reader(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The kernel refuses the server's writes beyond a size, as a full disk would, and takes them again later."""
    for name, value in NO_BYTECODE.items():
        monkeypatch.setenv(name, value)
    with server(tmp_path) as here:
        body = {"fingerprint": "device"}
        assert here.post("/api/generation/track", body).json["count"] == 1
        pid, unlimited = here.process.pid, resource.prlimit(here.process.pid, resource.RLIMIT_FSIZE)
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (512, unlimited[1]))
        for _ in range(3):
            told = here.post("/api/generation/track", body)
            assert (told.status, told.json["code"], told.headers["retry-after"]) == (503, "UNAVAILABLE", "1")
            assert here.get("/api/generation/check?fingerprint=device").json["used"] == 1
            assert here.get("/api/generation/check?fingerprint=other").json["used"] == 0
        resource.prlimit(pid, resource.RLIMIT_FSIZE, unlimited)
        assert here.post("/api/generation/track", body).json["count"] == 2
    with server(tmp_path) as again:
        assert again.get("/api/generation/check?fingerprint=device").json["used"] == 2


@pytest.mark.full
@pytest.mark.timeout(600)
def test_nothing_acknowledged_is_lost_by_twenty_kills(tmp_path: Path) -> None:
    kill_under_load(tmp_path, 20)
