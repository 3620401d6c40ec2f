"""Plan and license from the command line, with the real license server and a simulated ComfyUI."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.licenses.server import LicenseServer, license_server
from tests.programs import Ran, oavr, simulator
from tests.samples import portrait, voice

NO_SERVER = {"OAVR_LICENSE_URL": ""}


@pytest.fixture
def server(tmp_path: Path) -> Iterator[LicenseServer]:
    with license_server(tmp_path) as running:
        yield running


def generate(home: Path, on: str, env: dict[str, str], image: Path | None = None) -> Ran:
    words = ("--image", str(image or portrait()), "--audio", str(voice()), "--on", on, "--max-seconds", "1", "--json")
    return oavr("generate", *words, home=home, env=env)


@pytest.mark.full
def test_the_second_full_video_is_refused_before_anything_is_sent(server: LicenseServer, tmp_path: Path) -> None:
    home, env, key = tmp_path / "home", server.environ, server.new_key()
    with simulator(tmp_path / "comfy") as comfy:
        unusable = tmp_path / "no-picture.png"
        unusable.write_text("this is none")
        assert generate(home, comfy.url, env, unusable).code == 2  # given back
        assert generate(home, comfy.url, env).code == 0
        second = generate(home, comfy.url, env)
        assert (second.code, second.last["code"]) == (3, "limit")
        assert "previews stay free" in second.last["message"]
        assert generate(home, "preview", env).code == 0
        assert len(comfy.state()["submissions"]) == 1
        status = oavr("license", "status", "--json", home=home, env=env).last
        assert (status["canGenerate"], status["used"], status["limit"], status["source"]) == (False, 1, 1, "server")
        activated = oavr("license", "activate", key, "--json", home=home, env=env)
        assert (activated.code, activated.last["isPro"]) == (0, True)
        server.kill()
        assert generate(home, comfy.url, env).code == 0
        offline = oavr("license", "status", "--json", home=home, env=env)
        assert (offline.last["isPro"], offline.last["source"]) == (True, "offline")
    for file in home.rglob("*.log"):
        assert key not in file.read_text(errors="replace")
    assert key not in activated.out + activated.err + offline.out + offline.err


@pytest.mark.full
def test_without_a_server_this_computer_counts(tmp_path: Path) -> None:
    home = tmp_path / "home"
    with simulator(tmp_path / "comfy") as comfy:
        assert generate(home, comfy.url, NO_SERVER).code == 0
        assert generate(home, comfy.url, {**NO_SERVER, "OAVR_DEVICE_ID": "another"}).code == 3
    status = oavr("license", "status", "--json", home=home, env=NO_SERVER).last
    assert (status["source"], status["used"], status["isPro"]) == ("none", 1, False)
    refused = oavr("license", "activate", "OAVR-AAAA-BBBB-CCCC-DDDD", "--json", home=home, env=NO_SERVER)
    assert (refused.code, refused.last["code"]) == (2, "bad_input")


@pytest.mark.full
def test_devices_and_release(server: LicenseServer, tmp_path: Path) -> None:
    env, key = server.environ, server.new_key()
    for number in range(3):
        here = {**env, "OAVR_DEVICE_ID": f"computer {number}"}
        assert oavr("license", "activate", key, home=tmp_path / str(number), env=here).code == 0
    fourth = oavr("license", "activate", key, home=tmp_path / "4", env={**env, "OAVR_DEVICE_ID": "computer 4"})
    assert fourth.code == 1
    assert "on 3 devices" in fourth.err
    first = {**env, "OAVR_DEVICE_ID": "computer 0"}
    listed = oavr("license", "devices", "--json", home=tmp_path / "0", env=first).events
    assert [one["thisDevice"] for one in listed] == [True, False, False]
    left = oavr("license", "release", listed[1]["device"], "--json", home=tmp_path / "0", env=first)
    assert len(left.events) == 2
    released = oavr("license", "release", "--json", home=tmp_path / "0", env=first)
    assert released.last["isPro"] is False
