"""How the license commands get a key and a name, moving a license, and a server that may not be asked."""

from __future__ import annotations

import asyncio
import json
import os
import platform
import pty
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from oavr_tui.clients.device import find_device
from oavr_tui.clients.license_api import LicenseApi
from oavr_tui.paths import Paths, private_dir
from oavr_tui.secrets_file import save_license_key
from tests.licenses.server import LicenseServer, license_server
from tests.programs import WAIT_SECONDS, command, oavr

OLD, NEW = "r1" + "a" * 64, "r1" + "b" * 64


@pytest.fixture
def server(tmp_path: Path) -> Iterator[LicenseServer]:
    with license_server(tmp_path) as running:
        yield running


def names(home: Path, server: LicenseServer) -> list[str]:
    return [one["name"] for one in oavr("license", "devices", "--json", home=home, env=server.environ).events]


@pytest.mark.parametrize("words", [(), pytest.param(("-",), marks=pytest.mark.full)])
def test_a_key_is_read_from_standard_input_and_no_name_is_sent(
    server: LicenseServer, tmp_path: Path, words: tuple[str, ...]
) -> None:
    home, key = tmp_path / "home", server.new_key()
    done = subprocess.run(
        command("license", "activate", *words, "--json"),
        env={**os.environ, **server.environ, "OAVR_HOME": str(home)},
        input=f"  {key.lower()}\n",
        capture_output=True,
        text=True,
        timeout=WAIT_SECONDS,
        check=False,
    )
    assert (done.returncode, json.loads(done.stdout)["isPro"]) == (0, True)
    assert key not in done.stdout + done.stderr
    (name,) = names(home, server)
    assert platform.node().partition(".")[0] not in name
    named = ("license", "activate", key, "--device-name", "desk [at home]")
    other = {**server.environ, "OAVR_DEVICE_ID": "another"}
    assert oavr(*named, home=tmp_path / "other", env=other).code == 0
    assert sorted(names(home, server)) == sorted([name, "desk [at home]"])


def test_a_key_typed_on_a_terminal_is_not_shown(server: LicenseServer, tmp_path: Path) -> None:
    key = server.new_key()
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        command("license", "activate", "--json"),
        env={**os.environ, **server.environ, "OAVR_HOME": str(tmp_path / "home")},
        stdin=theirs,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,  # no other terminal to ask on
    )
    assert process.stderr is not None
    prompt = b""
    while not prompt.endswith(b"(it is not shown): "):
        piece = process.stderr.read(1)
        assert piece, prompt
        prompt += piece
    os.write(ours, f"{key}\n".encode())
    out, err = process.communicate(timeout=WAIT_SECONDS)
    os.write(theirs, b"end")
    shown = os.read(ours, 1000)
    os.close(ours)
    os.close(theirs)
    assert process.returncode == 0, err
    assert json.loads(out)["isPro"] is True
    assert key.encode() not in shown + out + err


@pytest.mark.full
def test_a_license_moves_from_the_computer_that_these_folders_come_from(server: LicenseServer, tmp_path: Path) -> None:
    paths, key = Paths.under(tmp_path / "home"), server.new_key()
    nothing = oavr("license", "move", "--json", home=tmp_path / "home", env=server.environ)
    assert (nothing.code, nothing.last["code"]) == (2, "bad_input")
    private_dir(paths.data)
    (paths.data / "device.json").write_text(json.dumps({"fingerprint": NEW, "previous": OLD}))
    device = find_device(paths)
    assert device.previous in (OLD, NEW)  # a machine with an id of its own takes the kept device for the one before

    async def activate() -> None:
        api = LicenseApi(server.url)
        await api.activate(key, device.previous, "the old one")
        await api.close()

    asyncio.run(activate())
    save_license_key(paths, key)
    words = ("license", "move", "--device-name", "the new one", "--json")
    moved = oavr(*words, home=tmp_path / "home", env=server.environ)
    assert (moved.code, moved.last["isPro"], moved.last["activationsUsed"]) == (0, True, 1)
    assert names(tmp_path / "home", server) == ["the new one"]
    again = oavr(*words, home=tmp_path / "home", env=server.environ)
    assert (again.code, again.last["isPro"]) == (0, True)
    assert "nothing to move" in again.err


def test_a_server_that_may_not_be_asked_is_told(tmp_path: Path) -> None:
    env = {"OAVR_LICENSE_URL": "http://licenses.example.com"}
    status = oavr("license", "status", "--json", home=tmp_path, env=env)
    assert status.code == 0
    assert (status.last["source"], status.last["limit"], status.last["isPro"]) == ("none", 1, False)
    assert "OAVR_LICENSE_URL is not used" in status.last["trouble"]
    plain = oavr("license", "status", home=tmp_path, env=env)
    assert "OAVR_LICENSE_URL is not used" in plain.err
    assert "No license server is configured" not in plain.out
    for action in ("activate", "move"):
        refused = oavr("license", action, "--json", home=tmp_path, env=env)
        assert (refused.code, refused.last["code"]) == (2, "bad_input")
        assert "OAVR_LICENSE_URL is not used" in refused.last["message"]


@pytest.mark.parametrize(
    ("url", "verdict", "words"),
    [
        ("http://licenses.example.com", "warning", "OAVR_LICENSE_URL is not used"),
        ("", "ok", "no license server is configured"),
        ("http://127.0.0.1:9", "warning", "this computer counts for itself"),
    ],
)
def test_the_doctor_looks_at_the_license_server(
    monkeypatch: pytest.MonkeyPatch, url: str, verdict: str, words: str
) -> None:
    from oavr_tui.commands import doctor

    monkeypatch.setenv("OAVR_LICENSE_URL", url)
    finding = doctor._license()
    assert finding.verdict == verdict
    assert words in finding.text


def test_the_doctor_hears_the_license_server(monkeypatch: pytest.MonkeyPatch, server: LicenseServer) -> None:
    from oavr_tui.commands import doctor

    monkeypatch.setenv("OAVR_LICENSE_URL", server.url)
    assert doctor._license().verdict == "ok"


@pytest.mark.parametrize("name", ["", " ", "a" * 61, "a\x1b[2J"])
def test_a_name_of_no_use_is_refused(tmp_path: Path, name: str) -> None:
    refused = oavr("license", "activate", "-", "--device-name", name, "--json", home=tmp_path)
    assert (refused.code, refused.last["code"]) == (2, "bad_input")
