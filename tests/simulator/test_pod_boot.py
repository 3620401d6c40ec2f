"""What a pod does while it starts, the second time too, and everything that can go wrong with it."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from oavr_tui.errors import BadInput
from oavr_tui.simulator.pod_machine import PodMachine
from oavr_tui.simulator.pod_script import DEFAULT_FILES, BootScript
from tests.simulator.pods import FILES, QUICK, a_pod
from tests.simulator.virtual_time import VirtualTime

HEAD = ["--- [SYSTEM] Container Started ---", "--- [PROCESS] Starting Wan 2.1 Setup ---"]
FETCHED = [line for name in FILES for line in (f"🚀 [STARTING] {name}", f"🎉 [COMPLETE] {name}")]
VALID = [f"✅ [VALID] {name}" for name in FILES]
COMFYUI = "--- [SYSTEM] Starting ComfyUI ---"


def lines(machine: PodMachine) -> list[str]:
    return machine.log_text.splitlines()


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("[]", "the file itself"),
        ('{"file": []}', "file"),
        ('{"files": ["../x"]}', "files.0"),
        ('{"seconds_per_file": -1}', "seconds_per_file"),
        ('{"boot": {"hang_in": "lunch"}}', "boot.hang_in"),
        ('{"boot": {"fail_file": "nobody.bin"}}', "the file itself"),
        ('{"comfy": {"faults": [{"do": "explode"}]}}', "comfy.faults.0"),
        ('{"proxy": {"faults": [{"do": "restart"}]}}', "proxy.faults.0"),
        ('{"proxy": {"cut_after": [2, 1]}}', "proxy"),
        ('{"log": {"events": [{"do": "sing"}]}}', "log.events.0.do"),
    ],
)
def test_a_wrong_script_says_where(text: str, place: str) -> None:
    with pytest.raises(BadInput) as caught:
        BootScript.from_json(text)
    assert f"wrong at {place}:" in caught.value.message


def test_a_script_that_cannot_be_read_is_bad_input(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="cannot be read"):
        BootScript.from_file(tmp_path / "none.json")
    with pytest.raises(BadInput, match="megabyte"):
        BootScript.from_json(b" " * ((1 << 20) + 1))
    path = tmp_path / "script.json"
    path.write_text('{"warm_seconds": 3}', "utf-8")
    assert BootScript.from_file(path).warm_seconds == 3
    assert len(BootScript().files) == len(set(DEFAULT_FILES)) == 17


async def test_its_phases_take_their_time(tmp_path: Path) -> None:
    time = VirtualTime()
    script: dict[str, Any] = {"seconds_per_file": 20, "warm_seconds": 30}
    async with a_pod(tmp_path, sleep=time.sleep, **script) as pod:
        assert (await pod.get(8001, "/health")).json()["log_file_exists"]
        assert (await pod.get(8188, "/")).status_code == 502
        await time.advance(0)
        assert lines(pod.machine) == [*HEAD, FETCHED[0]]
        await time.advance(20)
        assert lines(pod.machine) == [*HEAD, *FETCHED[:3]]
        await time.advance(40)
        assert lines(pod.machine) == [*HEAD, *FETCHED, COMFYUI]
        await time.advance(29)
        assert pod.machine.comfy is None
        assert (await pod.get(8188, "/system_stats")).status_code == 502
        await time.advance(1)
        await pod.up()
        assert (await pod.get(8188, "/system_stats")).status_code == 200


async def test_several_files_at_once(tmp_path: Path) -> None:
    time = VirtualTime()
    async with a_pod(tmp_path, sleep=time.sleep, at_once=2, seconds_per_file=20) as pod:
        await time.advance(0)
        assert lines(pod.machine) == [*HEAD, f"🚀 [STARTING] {FILES[0]}", f"🚀 [STARTING] {FILES[1]}"]
        await time.advance(40)
        assert sorted(lines(pod.machine)[2:]) == sorted([*FETCHED, COMFYUI])


async def test_a_second_start_finds_its_files_and_nothing_else(tmp_path: Path) -> None:
    async with a_pod(tmp_path) as pod:
        await pod.up()
        files = {"image": ("a.png", b"x", "image/png")}
        assert (await pod.http.post(pod.url(8188, "/upload/image"), files=files)).status_code == 200
        assert (await pod.get(8188, "/view?filename=a.png&type=input")).content == b"x"
        await pod.machine.power_off(wipe=False)
        assert pod.machine.comfy is None
        assert pod.machine.log_text == ""
        assert (await pod.get(8001, "/health")).status_code == 404
        await pod.machine.power_on(cold=False)
        await pod.up()
        assert lines(pod.machine)[:6] == [*HEAD, *VALID, COMFYUI]
        assert (await pod.get(8188, "/view?filename=a.png&type=input")).status_code == 404
        assert pod.machine.starts == 2


async def test_a_wiped_pod_fetches_everything_again(tmp_path: Path) -> None:
    async with a_pod(tmp_path) as pod:
        await pod.up()
        await pod.machine.power_off(wipe=True)
        assert list(tmp_path.iterdir()) == []
        await pod.machine.power_on(cold=False)
        await pod.up()
        assert lines(pod.machine)[2:8] == FETCHED
        await pod.machine.power_off(wipe=False)
        await pod.machine.power_on(cold=True)
        await pod.up()
        assert lines(pod.machine)[2:8] == FETCHED


_DEEDS = st.sampled_from(["on", "cold", "off", "wipe", "wait"])


@settings(max_examples=12, deadline=None)
@given(st.lists(st.tuples(_DEEDS, st.integers(0, 60)), max_size=12))
def test_whatever_is_switched_in_whatever_order(
    tmp_path_factory: pytest.TempPathFactory, deeds: list[tuple[str, int]]
) -> None:
    """Only what a start had fetched is valid in the next one, and nothing listens while it is off."""
    asyncio.run(_switched(tmp_path_factory.mktemp("pod"), deeds))


async def _switched(folder: Path, deeds: list[tuple[str, int]]) -> None:
    time = VirtualTime()
    volume, is_on, had, since = folder / "volume", False, set[str](), 0.0
    async with a_pod(folder, on=False, sleep=time.sleep, seconds_per_file=10, warm_seconds=10) as pod:
        for deed, seconds in deeds:
            if deed in ("on", "cold") and not is_on:
                had = {entry.name for entry in volume.glob("*")} if deed == "on" else set()
                since = time.now
            match deed:
                case "on" | "cold":
                    await pod.machine.power_on(cold=deed == "cold")
                    is_on = True
                case "off" | "wipe":
                    await pod.machine.power_off(wipe=deed == "wipe")
                    is_on = False
                    assert volume.exists() <= (deed == "off")
            await time.advance(seconds)
            if not is_on:
                assert (pod.machine.log_text, pod.machine.comfy, pod.machine.container_runs) == ("", None, False)
                assert (await pod.get(8001, "/health")).status_code == 404
                continue
            done = int((time.now - since) // 10)
            missing = [name for name in FILES if name not in had]
            assert {name for name in FILES if f"[VALID] {name}" in pod.machine.log_text} <= had
            assert {entry.name for entry in volume.glob("*")} == had | set(missing[:done])
            assert (COMFYUI in pod.machine.log_text) == (done >= len(missing))
            if done > len(missing):
                await pod.up()
            else:
                assert pod.machine.comfy is None


async def test_a_network_volume_outlives_its_pods(tmp_path: Path) -> None:
    volume = tmp_path / "volume"
    script = BootScript.model_validate({**QUICK, "seconds_per_file": 0, "warm_seconds": 0})
    for name, wanted in (("one", FETCHED), ("two", VALID)):
        machine = PodMachine(name, tmp_path / name, script, volume=volume)
        await machine.power_on(cold=True)
        async with asyncio.timeout(60):
            while machine.comfy is None:
                await asyncio.sleep(0.005)
        assert lines(machine)[2 : 2 + len(wanted)] == wanted
        await machine.power_off(wipe=True)
        await machine.close()
    assert sorted(entry.name for entry in volume.iterdir()) == sorted(FILES)


async def test_switching_twice_is_switching_once(tmp_path: Path) -> None:
    async with a_pod(tmp_path, on=False) as pod:
        assert (await pod.get(8001, "/health")).status_code == 404
        await asyncio.gather(*(pod.machine.power_on(cold=True) for _ in range(3)))
        await pod.up()
        assert pod.machine.starts == 1
        await asyncio.gather(*(pod.machine.power_off(wipe=True) for _ in range(3)))
        assert not pod.machine.container_runs


async def test_it_can_be_switched_off_at_any_moment(tmp_path: Path) -> None:
    async with a_pod(tmp_path, on=False) as pod:
        before = asyncio.all_tasks()
        for turns in range(0, 120, 3):
            await pod.machine.power_on(cold=True)
            for _ in range(turns):
                await asyncio.sleep(0)
            await pod.machine.power_off(wipe=False)
            assert asyncio.all_tasks() == before
            assert pod.machine.comfy is None


async def test_going_off_cuts_all_that_is_open(tmp_path: Path) -> None:
    async with a_pod(tmp_path) as pod:
        await pod.up()
        async with pod.http.stream("GET", pod.url(8001, "/stream")) as answer:
            pieces = answer.aiter_raw()
            assert (await anext(pieces)).startswith(b"data: --- [SYSTEM]")
            await pod.machine.power_off(wipe=True)
            with pytest.raises(httpx.RemoteProtocolError):
                async for _ in pieces:
                    pass


async def test_a_file_that_cannot_be_had_makes_the_container_loop(tmp_path: Path) -> None:
    time = VirtualTime()
    boot = {"fail_file": FILES[1], "fail_times": 2, "restart_seconds": 5}
    async with a_pod(tmp_path, sleep=time.sleep, seconds_per_file=1, boot=boot) as pod:
        await time.advance(3)
        failed = [f"🚀 [STARTING] {FILES[1]}", f"❌ [FAILED] {FILES[1]}"]
        assert lines(pod.machine) == [*HEAD, *FETCHED[:2], *failed, *FETCHED[4:]]
        await time.advance(4)
        assert not pod.machine.container_runs
        assert (await pod.get(8001, "/health")).status_code == 502
        await time.advance(5)
        assert pod.machine.starts == 2
        assert lines(pod.machine) == [*HEAD, VALID[0], *failed, VALID[2]]
        await time.advance(60)
        await pod.up()
        assert pod.machine.starts == 3
        assert lines(pod.machine)[:6] == [*HEAD, VALID[0], *FETCHED[2:4], VALID[2]]


async def test_readers_hear_of_the_failure_and_are_cut(tmp_path: Path) -> None:
    heard = b""
    async with a_pod(tmp_path, boot={"fail_file": FILES[0]}) as pod, asyncio.timeout(60):
        while b"[FAILED]" not in heard:
            with pytest.raises((httpx.RemoteProtocolError, httpx.HTTPStatusError)):
                async with pod.http.stream("GET", pod.url(8001, "/stream")) as answer:
                    answer.raise_for_status()
                    async for piece in answer.aiter_raw():
                        heard += piece
        assert pod.machine.comfy is None


@pytest.mark.parametrize("phase", ["pull", "files", "warming"])
async def test_it_hangs_where_it_is_told(tmp_path: Path, phase: str) -> None:
    time = VirtualTime()
    async with a_pod(tmp_path, sleep=time.sleep, boot={"hang_in": phase}) as pod:
        await time.advance(5)
        after_an_hour = pod.machine.log_text
        await time.advance(3600)
        assert pod.machine.log_text == after_an_hour
        assert pod.machine.comfy is None
        assert pod.machine.container_runs is (phase != "pull")
        log_server = (await pod.get(8001, "/health")).status_code
        if phase == "pull":
            assert (after_an_hour, log_server) == ("", 502)
        else:
            last = FETCHED[0] if phase == "files" else COMFYUI
            assert (lines(pod.machine)[-1], log_server) == (last, 200)


async def test_a_comfyui_that_never_comes_says_why(tmp_path: Path) -> None:
    async with a_pod(tmp_path, boot={"never_comfy": True}) as pod:
        await pod.logged("driver on your system is too old")
        assert (await pod.get(8188, "/")).status_code == 502
        assert pod.machine.container_runs


@pytest.mark.parametrize("page", ["until_up", "forever"])
async def test_a_page_in_its_place(tmp_path: Path, page: str) -> None:
    time = VirtualTime()
    async with a_pod(tmp_path, sleep=time.sleep, boot={"page": page}) as pod:
        before = await pod.get(8188, "/system_stats")
        assert (before.status_code, before.headers["content-type"]) == (200, "text/html; charset=utf-8")
        await time.advance(60)
        await pod.up()
        after = await pod.get(8188, "/system_stats")
        assert ("html" in after.headers["content-type"]) == (page == "forever")


@pytest.mark.parametrize(("server", "status"), [("down", 502), ("up", 200)])
async def test_a_log_server_that_is_not_there(tmp_path: Path, server: str, status: int) -> None:
    async with a_pod(tmp_path, log={"server": server}) as pod:
        assert (await pod.get(8001, "/health")).status_code == status
        await pod.up()


async def test_a_log_server_that_says_nothing(tmp_path: Path) -> None:
    time = VirtualTime()
    async with a_pod(tmp_path, sleep=time.sleep, log={"server": "silent"}) as pod:
        async with pod.http.stream("GET", pod.url(8001, "/stream")) as answer:
            assert answer.status_code == 200
            rest = asyncio.create_task(answer.aread())
            await time.advance(95)
            assert not rest.done()
            await time.advance(15)
            with pytest.raises(httpx.RemoteProtocolError):
                await rest
        assert answer.num_bytes_downloaded == 0


def event(**keys: Any) -> dict[str, Any]:
    return {"events": [keys]}


async def test_odd_things_in_the_log(tmp_path: Path) -> None:
    events = [
        {"do": "partial", "after_lines": 2},
        {"do": "giant", "after_lines": 2, "length": 100_000},
        {"do": "crlf", "after_lines": 3},
        {"do": "odd_breaks", "after_lines": 3},
        {"do": "tqdm", "after_lines": 4, "length": 2},
    ]
    async with a_pod(tmp_path, log={"events": events}) as pod:
        await pod.up()
        await pod.logged("100%")
        text = pod.machine.log_text
        assert f"{HEAD[1]}\npartial...rest\n{'X' * 100_000}\na line from Windows\r\nunicode ✅ ls\u2028sep" in text
        assert "\r  0%|          | 0/2\r 50%|#####     | 1/2\r100%|##########| 2/2\n" in text
        replay = (await pod.read(b"Starting server")).decode()
        assert "data: a line from Windows\ndata: unicode ✅ ls\u2028data: sep nel\x85data: end" in replay
        assert "data:  50%|#####     | 1/2\n" in replay


async def test_a_partial_line_is_seen_in_two_halves(tmp_path: Path) -> None:
    time = VirtualTime()
    log = event(do="partial", after_lines=2, seconds=10)
    async with a_pod(tmp_path, sleep=time.sleep, log=log) as pod:
        assert (await pod.read(b"partial...\n")).endswith(b"data: partial...\n")
        await time.advance(10)
        assert "partial...rest\n" in pod.machine.log_text


async def test_a_wrong_byte_and_its_mending(tmp_path: Path) -> None:
    time = VirtualTime()
    log = {"events": [{"do": "bad_byte", "after_lines": 2}, {"do": "mend", "after_lines": 5}]}
    async with a_pod(tmp_path, sleep=time.sleep, log=log) as pod:
        await time.advance(0)
        for _ in range(2):
            answer = await pod.get(8001, "/stream")
            assert answer.text.startswith("data: --- [ERROR] Stream error: 'utf-8' codec can't decode byte 0xff")
            assert answer.text.count("data:") == 1
        await time.advance(20)
        assert (await pod.read(b"caf in a file name")).startswith(b"data: --- [SYSTEM] Container Started ---\n")


async def test_a_log_that_begins_anew_under_its_readers(tmp_path: Path) -> None:
    async with a_pod(tmp_path, log=event(do="restart", after_lines=6)) as pod:
        await pod.up()
        assert pod.machine.log_text.startswith(HEAD[0])
        assert HEAD[1] not in pod.machine.log_text
        assert pod.machine.starts == 1


async def test_comfyui_writes_into_the_pods_log_and_events_go_on(tmp_path: Path) -> None:
    async with a_pod(tmp_path, log=event(do="crlf", after_lines=11)) as pod:
        await pod.logged("Starting server")
        assert len(lines(pod.machine)) == 10
        answer = await pod.http.post(pod.url(8188, "/prompt"), content=json.dumps({"prompt": {}}))
        assert answer.status_code == 400
        await pod.logged("invalid prompt")
        await pod.logged("a line from Windows\r\n")


async def test_the_machine_is_what_the_script_says(tmp_path: Path) -> None:
    comfy = {"generation": "old", "vram": 48 << 30, "device": "NVIDIA L40S", "ram": 32 << 30, "max_upload_size": 1000}
    async with a_pod(tmp_path, comfy=comfy) as pod:
        await pod.up()
        stats = (await pod.get(8188, "/system_stats")).json()
        assert stats["system"]["comfyui_version"] == "0.3.64"
        assert stats["system"]["ram_total"] == 32 << 30
        assert stats["devices"][0]["name"] == "cuda:0 NVIDIA L40S"
        assert stats["devices"][0]["vram_total"] == 48 << 30
        assert (await pod.get(8188, "/features")).json()["max_upload_size"] == 1000


async def test_its_comfyuis_faults_count_on_over_restarts(tmp_path: Path) -> None:
    fault = {"match": {"path": "/queue", "nth": 2}, "do": "status", "status": 503}
    async with a_pod(tmp_path, comfy={"faults": [fault]}) as pod:
        await pod.up()
        assert (await pod.get(8188, "/queue")).status_code == 200
        await pod.machine.power_off(wipe=False)
        await pod.machine.power_on(cold=False)
        await pod.up()
        assert [(await pod.get(8188, "/queue")).status_code for _ in range(2)] == [503, 200]
