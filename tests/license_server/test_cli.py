"""The owner's commands, beside a server that runs, and alone."""

from __future__ import annotations

import json
import os
import re
import socket
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from license_server.cli import main
from tests.license_server.child import SECRET, Server, server
from tests.license_server.programs import RedisServer, free_port

SALE = {
    "resource_name": "sale",
    "sale_id": "sale-1==",
    "product_id": "p==",
    "email": "Buyer@Example.com",
    "price": 2900,
    "currency": "usd",
    "quantity": 1,
    "license_key": "85DB562A-C11D4B06-A2335A6B-8C079166",
}


class Owner:
    """The owner at a terminal: gives commands in this process on the store in `folder`."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.url = f"sqlite:///{folder / 'kv.db'}"
        self._capsys = capsys

    def says(self, *words: str, code: int = 0) -> str:
        """What a command prints; with another exit code than `code` the test fails."""
        self._capsys.readouterr()
        ended = main([*words, "--kv", self.url])
        seen = self._capsys.readouterr()
        assert ended == code, seen
        return seen.out if code == 0 else seen.out + seen.err

    def json(self, *words: str, code: int = 0) -> dict[str, Any]:
        self._capsys.readouterr()
        assert main([*words, "--json", "--kv", self.url]) == code
        found = json.loads(self._capsys.readouterr().out)
        assert isinstance(found, dict)
        return found


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Server]:
    with server(tmp_path) as started:
        yield started


@pytest.fixture
def owner(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Owner:
    return Owner(tmp_path, capsys)


def sell(running: Server, **fields: object) -> None:
    told = running.post(f"/api/gumroad/webhook?secret={SECRET}", SALE | fields, {"Content-Type": "application/json"})
    assert (told.status, told.body) == (200, b"OK")


def is_pro(running: Server, fingerprint: str) -> bool:
    return bool(running.get(f"/api/generation/check?fingerprint={fingerprint}").json["isPro"])


def activate(running: Server, key: str, fingerprint: str) -> int:
    return running.post("/api/license/activate", {"licenseKey": key, "fingerprint": fingerprint}).status


# Beside a server


def test_what_the_owner_does_is_seen_by_the_server_at_its_next_request(running: Server, owner: Owner) -> None:
    key = owner.says("license", "create", "--email", "friend@example.com", "--devices", "1").strip()
    assert re.fullmatch(r"OAVR(-[A-Z2-9]{4}){4}", key)
    assert activate(running, key, "fp-1") == 200 and is_pro(running, "fp-1")
    assert activate(running, key, "fp-2") == 403
    owner.says("license", "set-limit", key, "2")
    assert activate(running, key, "fp-2") == 200
    for verb, back in (("suspend", "restore"), ("revoke", "restore")):
        owner.says("license", verb, key)
        assert not is_pro(running, "fp-1")
        owner.says("license", back, "friend@example.com")
        assert is_pro(running, "fp-1")
    device = owner.json("license", "show", key)["devices"][0]["deviceId"]
    owner.says("license", "release", key, "--device", device)
    assert not is_pro(running, "fp-1") and is_pro(running, "fp-2")
    owner.says("license", "release", key, "--all")
    assert not is_pro(running, "fp-2")


def test_what_the_server_does_is_seen_by_the_owner(running: Server, owner: Owner) -> None:
    sell(running)
    assert activate(running, "85db562a c11d4b06 a2335a6b 8c079166", "fp-1") == 200
    running.post("/api/generation/track", {"fingerprint": "fp-free"})
    shown = owner.json("license", "show", "sale-1==")
    assert shown["aliases"] == ["85DB562AC11D4B06A2335A6B8C079166"] and shown["activationsUsed"] == 1
    for name in (shown["key"], "buyer@example.com", "85DB562A-C11D4B06-A2335A6B-8C079166"):
        assert owner.json("license", "show", name) == shown
    stats = owner.json("stats")
    assert stats["licenses"] == {"all": 1, "active": 1} and stats["incomeCents"] == 2900
    assert stats["free"][0]["videos"] == 1 and stats["devices"] == 1
    sell(running, resource_name="refund", refunded=True)
    assert owner.json("license", "list", "--status", "refunded")["count"] == 1
    assert owner.json("stats")["incomeCents"] == 0


def test_a_refund_is_not_taken_back_by_the_owner(running: Server, owner: Owner) -> None:
    sell(running, refunded=True)
    assert "nothing to take back" in owner.says("license", "restore", "sale-1==", code=1)
    owner.says("license", "suspend", "sale-1==")
    assert "refunded" in owner.says("license", "restore", "sale-1==")


def test_a_backup_beside_a_server_is_whole(running: Server, owner: Owner, tmp_path: Path) -> None:
    sell(running)
    copy = tmp_path / "copy.db"
    told = owner.json("backup", str(copy))
    assert told["licenses"] == 1 and told["bytes"] == copy.stat().st_size
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600
    sell(running, sale_id="sale-2==", license_key="", email="later@example.com")
    assert "there already" in owner.says("backup", str(copy), code=1)
    with closing(sqlite3.connect(f"{copy.as_uri()}?mode=ro", uri=True)) as db:
        assert db.execute("SELECT count(*) FROM kv WHERE space = 'license'").fetchone() == (1,)
    assert [path.name for path in tmp_path.glob("*copy*")] == ["copy.db"]


def test_the_doctor_finds_a_healthy_server_well(running: Server, owner: Owner, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GUMROAD_SECRET", "a-secret-of-decent-length")
    sell(running)
    activate(running, SALE["license_key"], "fp-1")  # type: ignore[arg-type]
    told = owner.json("doctor", "--url", f"http://127.0.0.1:{running.port}")
    assert told["problems"] == 0, told
    texts = " ".join(finding["text"] for finding in told["findings"])
    assert "1 ping of Gumroad" in texts and "healthz answers 200" in texts and "records" not in texts


def test_logs_and_talk_hold_no_secrets(running: Server, owner: Owner, tmp_path: Path) -> None:
    sell(running)
    key = owner.json("license", "show", "sale-1==")["key"]
    activate(running, key, "fp-secret-1")
    talk = [owner.says("license", "revoke", key), owner.says("license", "list"), owner.says("history")]
    talk += [owner.says("license", "find", "buyer"), owner.says("stats"), (tmp_path / "server.log").read_text()]
    for text in talk:
        assert key not in text and SECRET not in text and "fp-secret-1" not in text
    assert "Buyer@Example.com" not in talk[-1] + talk[2]
    assert key in owner.says("license", "list", "--keys")


# The store alone


@pytest.fixture
def empty(tmp_path: Path, owner: Owner) -> Owner:
    """A store with nothing in it."""
    (tmp_path / "none.json").write_text("[]")
    owner.says("kv", "import", str(tmp_path / "none.json"))
    return owner


def test_a_store_that_is_not_there_is_not_made(owner: Owner, tmp_path: Path) -> None:
    for words in (["license", "create"], ["stats"], ["doctor"], ["backup", str(tmp_path / "b")]):
        assert "there is no database" in owner.says(*words, code=1)
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_is_no_store_is_refused(owner: Owner, tmp_path: Path) -> None:
    (tmp_path / "kv.db").write_text("this is a letter to somebody, and no database at all\n" * 20)
    assert "cannot open" in owner.says("stats", code=2)
    assert "cannot open" in owner.json("stats", code=2)["error"]


def test_unknown_stores_and_words_are_bad_usage(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["stats", "--kv", "mysql://there"]) == 2
    for words in (["license"], ["license", "lend"], ["stats", "--loud"], ["license", "list", "--limit", "0"], []):
        with pytest.raises(SystemExit) as ended:
            main(words)
        assert ended.value.code == 2
    capsys.readouterr()


@pytest.mark.parametrize(
    "words",
    [
        ["license", "create", "--devices", "0"],
        ["license", "create", "--devices", "10001"],
        ["license", "create", "--email", "nobody"],
        ["license", "show", "OAVR-AAAA-AAAA-AAAA-AAAA"],
        ["license", "revoke", "nobody@example.com"],
        ["license", "find", "nobody"],
        ["license", "set-limit", "OAVR-AAAA-AAAA-AAAA-AAAA", "3"],
        ["backup", "/nowhere/at/all"],
        ["kv", "import", "/nowhere"],
    ],
)
def test_what_cannot_be_done_is_said_and_noted_nowhere(empty: Owner, words: list[str]) -> None:
    before = empty.json("history")
    told = empty.json(*words, code=1)
    assert told["code"] == 1 and told["error"]
    assert empty.json("history") == before


def test_an_address_of_two_licenses_names_neither(empty: Owner) -> None:
    for _ in range(2):
        empty.says("license", "create", "--email", "two@example.com")
    assert "2 licenses have" in empty.says("license", "revoke", "TWO@example.com", code=1)
    assert empty.json("license", "list")["licenses"][0]["status"] == "active"


def test_a_revoked_license_is_not_loosened_by_suspending_it(empty: Owner) -> None:
    key = empty.says("license", "create").strip()
    empty.says("license", "revoke", key)
    assert "restore it first" in empty.says("license", "suspend", key, code=1)
    assert empty.json("license", "show", key)["status"] == "revoked"


def test_finding(empty: Owner) -> None:
    key = empty.says("license", "create", "--email", "Ann.Other@example.com").strip()
    empty.says("license", "create", "--email", "somebody@example.com")
    for text in ("ann.other", key, key.lower().replace("-", " "), key[-4:], f"…{key[-4:]}"):
        found = empty.json("license", "find", text)
        assert [each["email"] for each in found["licenses"]] == ["Ann.Other@example.com"], text
    assert empty.json("license", "find", "@example")["count"] == 2


def test_the_newest_are_listed_first_and_the_rest_is_counted(empty: Owner) -> None:
    for number in range(5):
        empty.says("license", "create", "--email", f"n{number}@example.com")
    told = empty.json("license", "list", "--limit", "2")
    assert [each["email"] for each in told["licenses"]] == ["n4@example.com", "n3@example.com"] and told["count"] == 5
    assert "(2 of 5" in empty.says("license", "list", "--limit", "2")


def test_each_act_is_noted_once_and_for_good(empty: Owner) -> None:
    key = empty.says("license", "create", "--email", "x@example.com").strip()
    empty.says("license", "suspend", key)
    empty.says("license", "suspend", key)
    empty.says("license", "restore", key)
    empty.says("license", "set-limit", key, "7")
    history = empty.json("history")["history"]
    assert [note["did"] for note in history] == ["kv import", "create", "suspend", "restore", "set-limit"]
    assert all(note["at"] > 1_700_000_000 and note["by"] for note in history)
    assert history[-1]["from"] == 3 and history[-1]["to"] == 7
    assert [note["did"] for note in empty.json("license", "show", key)["history"]] == [n["did"] for n in history[1:]]
    assert len(empty.json("history", "--limit", "2")["history"]) == 2
    assert {note["license"] for note in history[1:]} == {f"…{key[-4:]}"}, "whole keys are shown only where asked for"


def test_a_key_is_sent_again_only_to_somebody(empty: Owner) -> None:
    key = empty.says("license", "create").strip()
    assert "no e-mail address" in empty.says("license", "resend", key, code=1)
    empty.says("license", "create", "--email", "y@example.com")
    empty.says("license", "resend", "y@example.com")
    assert empty.json("stats")["outbox"] == {"mail": 1}


def test_the_doctor_says_what_is_wrong(empty: Owner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GUMROAD_SECRET", raising=False)
    monkeypatch.delenv("GUMROAD_ACCESS_TOKEN", raising=False)
    path = tmp_path / "kv.db"
    path.chmod(0o644)
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute("INSERT INTO kv VALUES ('alias', 'NOWHERE', ?, NULL)", (b"GONE",))
        db.execute("INSERT INTO kv VALUES ('outbox', 'mail/X', ?, NULL)", (b'{"of":"X","since":1,"next":1,"tries":9}',))
    told = empty.json("doctor", "--url", "http://127.0.0.1:9", code=1)
    problems = [finding["text"] for finding in told["findings"] if finding["level"] == "problem"]
    words = ("GUMROAD_SECRET", "chmod 600", "lead nowhere", "more than a day", "nothing answers")
    assert len(problems) == told["problems"] == len(words)
    assert all(any(word in problem for problem in problems) for word in words), problems


def test_the_doctor_sees_a_damaged_file(empty: Owner, tmp_path: Path) -> None:
    for number in range(60):
        empty.says("license", "create", "--email", f"n{number}@example.com")
    path = tmp_path / "kv.db"
    whole = path.read_bytes()
    path.write_bytes(whole[:4096] + b"\xff" * 8192 + whole[4096 + 8192 :])
    assert "problem  the database is damaged" in empty.says("doctor", code=1)
    assert "damaged" in empty.says("backup", str(tmp_path / "b.db"), code=1)
    assert not (tmp_path / "b.db").exists()


def test_the_commands_on_a_redis(redis: RedisServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    owner = Owner(tmp_path, capsys)
    owner.url = redis.url()
    key = owner.says("license", "create", "--email", "far@example.com").strip()
    (tmp_path / "in.json").write_text(json.dumps({"OAVR-MOVED": {"activations": ["fp-1"]}}))
    assert owner.json("kv", "import", str(tmp_path / "in.json"))["licenses"]["new"] == 1
    assert owner.json("license", "find", "far@")["count"] == 1 and owner.json("stats")["licenses"]["all"] == 2
    owner.says("license", "revoke", key)
    owner.says("kv", "export", str(tmp_path / "out.json"))
    assert [pair["key"] for pair in json.loads((tmp_path / "out.json").read_text())] == ["OAVR-MOVED", "fp:fp-1"]
    assert "no file" in owner.says("backup", str(tmp_path / "b.db"), code=1)
    assert "Redis keeps what it is told" in " ".join(
        finding["text"] for finding in json.loads(doctor_of(owner.url, capsys))["findings"]
    )


def test_a_redis_that_is_not_there(capsys: pytest.CaptureFixture[str]) -> None:
    url = f"redis://:a-password@127.0.0.1:{free_port()}/0"
    assert main(["stats", "--kv", url]) == 2
    seen = capsys.readouterr()
    assert seen.out == "" and seen.err.count("\n") >= 1 and "a-password" not in seen.err


def doctor_of(url: str, capsys: pytest.CaptureFixture[str]) -> str:
    """What `doctor` says as JSON, whatever it found of the settings."""
    capsys.readouterr()
    assert main(["doctor", "--json", "--kv", url]) in (0, 1)
    return capsys.readouterr().out


# serve


def serve(*words: str, **env: str) -> subprocess.CompletedProcess[str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("GUMROAD", "OAVR"))}
    command = [sys.executable, "-m", "license_server", "serve", "--port", "0", *words]
    return subprocess.run(command, env=clean | env, capture_output=True, text=True, timeout=60)


def test_it_does_not_start_without_a_way_to_tell_a_real_sale(tmp_path: Path) -> None:
    done = serve("--kv", f"sqlite:///{tmp_path / 'kv.db'}")
    assert done.returncode == 2 and done.stdout == "" and done.stderr.count("\n") == 1
    assert "GUMROAD_SECRET" in done.stderr and not (tmp_path / "kv.db").exists()


@pytest.mark.parametrize(
    "words", [["--port", "x"], ["--trusted-proxy", "here"], ["--kv", "ftp://x"], ["--port", "70000"]]
)
def test_bad_flags_are_said_in_a_sentence(words: list[str]) -> None:
    done = serve(*words, GUMROAD_SECRET="s")
    assert done.returncode == 2 and "Traceback" not in done.stderr and done.stdout == ""


def test_an_address_that_is_taken_is_said_and_may_be_tried_again() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        done = serve("--dev", "--port", str(taken.getsockname()[1]))
    assert done.returncode == 1 and "Traceback" not in done.stderr and "in use" in done.stderr.splitlines()[-1]


def test_a_trial_needs_nothing_and_leaves_nothing(tmp_path: Path) -> None:
    env = {name: value for name, value in os.environ.items() if not name.startswith(("GUMROAD", "OAVR"))}
    command = [sys.executable, "-m", "license_server", "serve", "--dev", "--port", "0"]
    process = subprocess.Popen(
        command,
        env=env | {"TMPDIR": str(tmp_path), "PYTHONPATH": str(Path(__file__).parents[2])},
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert re.fullmatch(r"listening on http://127\.0\.0\.1:\d+\n", line)
        assert len(list(tmp_path.iterdir())) == 1
        port = int(line.rstrip().rpartition(":")[2])
        running = Server(process, port, tmp_path)
        assert running.get("/healthz").json == {"ok": True}
        assert running.post("/api/gumroad/webhook", SALE).status == 403
    finally:
        process.terminate()
        _, said = process.communicate(timeout=60)
    assert process.returncode == 0 and "--dev" in said
    assert list(tmp_path.iterdir()) == []


def test_serve_says_as_json_where_it_listens_and_why_it_does_not(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "license_server", "serve", "--json", "--port", "0"]
    command += ["--kv", f"sqlite:///{tmp_path / 'kv.db'}"]
    env = {name: value for name, value in os.environ.items() if not name.startswith(("GUMROAD", "OAVR"))}
    with subprocess.Popen([*command, "--dev"], env=env, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        try:
            assert process.stdout is not None
            said = json.loads(process.stdout.readline())
            assert re.fullmatch(r"http://127\.0\.0\.1:\d+", said["listening"])
        finally:
            process.terminate()
    ended = subprocess.run(command, env=env, capture_output=True, timeout=60)
    assert ended.returncode == 2 and "GUMROAD_SECRET" in json.loads(ended.stdout)["error"]


def test_addresses_are_limited_unless_told_otherwise(tmp_path: Path) -> None:
    with server(tmp_path, "--rate-limit", "on") as limited:
        guesses = [activate(limited, f"OAVR-AAAA-AAAA-AAAA-AAA{letter}", "fp") for letter in "ABCDEFGHJKL"]
    assert guesses == [404] * 10 + [429]


def test_each_client_behind_a_trusted_proxy_has_limits_of_its_own(tmp_path: Path) -> None:
    with server(tmp_path, "--rate-limit", "on", "--trusted-proxy", "127.0.0.0/8") as limited:

        def guess(client: str) -> int:
            body = {"licenseKey": "OAVR-AAAA-AAAA-AAAA-AAAA", "fingerprint": "fp"}
            return limited.post("/api/license/activate", body, {"X-Forwarded-For": client}).status

        assert [guess("192.0.2.1") for _ in range(11)] == [404] * 10 + [429]
        assert guess("192.0.2.2") == 404
