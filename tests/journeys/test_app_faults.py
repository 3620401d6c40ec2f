"""What goes wrong, as somebody in the Studio meets it: a line, a sentence, keys that help, and that they do help."""

from __future__ import annotations

import contextlib
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from oavr_tui.errors import FailureCode
from oavr_tui.models import PREVIEW, JobState, Request
from oavr_tui.paths import Paths
from oavr_tui.simulator.comfyui import ComfySimulator
from oavr_tui.simulator.faults import Faults
from oavr_tui.simulator.runpod import RunPodSimulator
from oavr_tui.simulator.runpod_script import FULL_KEY
from tests.app.studios import app, field, in_front, jobs, text, until
from tests.faults.account import account, scripted
from tests.faults.test_runpod import small_picture, small_voice
from tests.journeys.seen import ended, failed, line, oavr, row, rows, said, wish
from tests.limits import files_no_larger_than

OOM = {"do": "fail", "node": "WanVideoSampler"}
LOST = {"match": {"path": "/history"}, "do": "lost_history"}
REFUSED = {
    "match": {"method": "POST", "path": "/prompt"},
    "do": "status",
    "status": 400,
    "body": '{"error": {"type": "x", "message": "[@click=app.quit]no[/] \\u001b[31mred"}, "node_errors": {}}',
    "content_type": "application/json",
}
NO_CAPACITY = {"match": {"deed": "create"}, "do": "no_capacity"}
SIZE = (120, 40)


@contextlib.asynccontextmanager
async def server(folder: Path, *faults: dict[str, Any], **options: Any) -> AsyncIterator[ComfySimulator]:
    import json

    async with ComfySimulator(folder / "comfy", faults=Faults.from_json(json.dumps(faults)), **options) as made:
        yield made


@contextlib.asynccontextmanager
async def asked(home: Paths, request: Request, **settings: Any) -> AsyncIterator[Pilot[None]]:
    """An app in which this video was just asked for."""
    made = app(home, request, at_once=True, pods_keeper=False, **settings)
    async with made.run_test(size=SIZE) as pilot:
        yield pilot


# --- a server of one's own


@pytest.mark.parametrize(
    ("faults", "code", "words"),
    [
        ([OOM], FailureCode.OUT_OF_MEMORY, ("ran out of memory",)),
        pytest.param([LOST], FailureCode.LOST, ("no longer knows this video",), marks=pytest.mark.full),
        pytest.param(
            [REFUSED],
            FailureCode.REJECTED,
            ("did not accept the workflow", "[@click=app.quit]no[/] red"),
            marks=pytest.mark.full,
        ),
    ],
    ids=["memory", "lost", "rejected"],
)
async def test_a_server_that_fails_and_r_once_it_does_not(
    home: Paths, tmp_path: Path, faults: list[dict[str, Any]], code: FailureCode, words: tuple[str, ...]
) -> None:
    async with server(tmp_path, *faults) as comfy, asked(home, wish(comfy.base_url)) as pilot:
        await failed(pilot, code, *words)
        if code is FailureCode.REJECTED:  # trying again is the same for all
            return
        comfy.core.faults.replace(Faults.none())
        await pilot.press("r")
        await ended(pilot, JobState.DONE)
        await until(pilot, lambda: "Done" in line(pilot, "#job-words"))
        assert not pilot.app.screen.query("#job-next").first().display


@pytest.mark.full
async def test_nobody_answers_and_then_somebody_does(home: Paths, tmp_path: Path) -> None:
    async with server(tmp_path) as comfy:
        url, port = comfy.base_url, int(comfy.base_url.rpartition(":")[2])
    async with asked(home, wish(url)) as pilot:
        await failed(pilot, FailureCode.UNREACHABLE, "does not answer")
        async with server(tmp_path, port=port):
            await pilot.press("escape")
            await pilot.press("r")
            await ended(pilot, JobState.DONE)


# --- RunPod


@contextlib.asynccontextmanager
async def rented(
    home: Paths,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    *faults: dict[str, Any],
    key: str = FULL_KEY,
    **script: Any,
) -> AsyncIterator[tuple[RunPodSimulator, Pilot[None]]]:
    """An app in which a full video was just asked for, on a make-believe account."""
    async with account(folder / "account", *faults, **script) as cloud:
        monkeypatch.setenv("RUNPOD_API_BASE_URL", cloud.base_url)
        monkeypatch.setenv("OAVR_RUNPOD_PROXY", cloud.proxy_template)
        monkeypatch.setenv("RUNPOD_API_KEY", key)
        async with asked(home, wish(), pods_idle_minutes=1) as pilot:
            yield cloud, pilot


async def test_a_wrong_key(home: Paths, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with rented(home, tmp_path, monkeypatch, key="rpa_WRONG") as (_cloud, pilot):
        await failed(pilot, FailureCode.NO_KEY, "does not accept this key", "nothing was done")
        await pilot.press("4")
        await until(pilot, lambda: oavr(pilot).place == "settings")
        assert len(pilot.app.screen_stack) == 1
        monkeypatch.setenv("RUNPOD_API_KEY", FULL_KEY)
        await pilot.press("escape", "1")
        rows(pilot).focus()
        await pilot.press("r")
        await ended(pilot, JobState.DONE)


@pytest.mark.full
@pytest.mark.parametrize(
    ("faults", "balance", "code", "words"),
    [
        ([], 0.2, FailureCode.NO_FUNDS, ("holds $0.20", "Add credit")),
        pytest.param([NO_CAPACITY], 25, FailureCode.NO_GPU, ("price cap",), marks=pytest.mark.full),
    ],
    ids=["no-credit", "no-machine"],
)
async def test_an_account_that_gives_nothing_and_then_does(
    home: Paths,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    faults: list[dict[str, Any]],
    balance: float,
    code: FailureCode,
    words: tuple[str, ...],
) -> None:
    async with rented(home, tmp_path, monkeypatch, *faults, balance=balance) as (cloud, pilot):
        await failed(pilot, code, *words)
        cloud.account.replace_script(scripted(balance=25))
        await pilot.press("r")
        await ended(pilot, JobState.DONE)


@pytest.mark.full
async def test_a_studio_that_vanishes_twice(home: Paths, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    slow = {"comfy": {"step_seconds": 0.4}}
    async with rented(home, tmp_path, monkeypatch, boot=slow) as (cloud, pilot):
        for _time in range(2):
            await until(pilot, lambda: jobs(pilot) and jobs(pilot)[0].state is JobState.GENERATING)
            pod = next(each["id"] for each in cloud.books()["pods"] if each["status"] == "RUNNING")
            cloud.account.vanish(pod)
            await until(pilot, lambda: jobs(pilot)[0].state is not JobState.GENERATING)
        job = await failed(pilot, FailureCode.LOST, "was lost a second time", "costs nothing any more")
        assert job.moved
        assert any("goes to another one" in told.text for told in oavr(pilot).live.notices)


# --- files


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("a.png", b"not a picture", "a.png"),
        ("[red]b[/x].png", b"\x89PNG\r\n\x1a\n" + b"\0" * 40, "[red]b[/x].png"),
        ("empty.png", b"", "empty.png"),
    ],
)
async def test_a_wrong_picture(home: Paths, tmp_path: Path, name: str, content: bytes, words: str) -> None:
    picture = tmp_path / name.replace("/", "∕")
    picture.write_bytes(content)
    async with asked(home, wish(PREVIEW, image=str(picture))) as pilot:
        await until(pilot, lambda: words.replace("/", "∕") in text(pilot, "status"))
        assert "oavr-tui" not in text(pilot, "status")
        await until(pilot, lambda: pilot.app.focused is field(pilot, "image"))
        assert not jobs(pilot)


async def test_a_voice_that_is_too_long_is_cut_by_consent(home: Paths, tmp_path: Path) -> None:
    import wave

    voice = tmp_path / "long.wav"
    with wave.open(str(voice), "wb") as out:
        out.setparams((1, 2, 8000, 0, "NONE", ""))
        out.writeframes(os.urandom(8000 * 2 * 401))
    async with (
        server(tmp_path) as comfy,
        asked(home, wish(comfy.base_url, audio=str(voice), max_seconds=None)) as pilot,
    ):
        await in_front(pilot)
        assert "6:40" in str(pilot.app.screen.query(".line").first().render()) + line(pilot, ".title")
        await pilot.press("escape")
        await until(pilot, lambda: "Nothing was started" in text(pilot, "status"))
        assert not jobs(pilot)
        await pilot.press("ctrl+g")
        await in_front(pilot)
        await pilot.click("#answer-cut")
        await until(pilot, lambda: jobs(pilot))
        assert jobs(pilot)[0].request.max_seconds == 400
        await oavr(pilot).engine.cancel(jobs(pilot)[0].id)  # type: ignore[union-attr]
        await ended(pilot, JobState.CANCELLED)
        await until(pilot, lambda: "r tries it again" in row(pilot))


@pytest.mark.full
async def test_a_picture_that_has_gone_when_its_turn_comes(home: Paths, tmp_path: Path) -> None:
    picture = tmp_path / "gone.jpg"
    small_picture(picture)
    made = app(home, pods_keeper=False)
    async with made.run_test(size=SIZE) as pilot:
        engine = await made.engine_when_open()
        picture_back = picture.read_bytes()
        picture.unlink()
        await engine.submit(wish(PREVIEW, image=str(picture)))
        await failed(pilot, FailureCode.BAD_INPUT, "gone.jpg")
        picture.write_bytes(picture_back)
        await pilot.press("r")
        await ended(pilot, JobState.DONE)


# --- this computer

ROOM = 60_000
"""Bytes that a file may have while the disk is full."""


async def test_a_full_disk_and_then_room(home: Paths, tmp_path: Path) -> None:
    picture, sound = tmp_path / "small.jpg", tmp_path / "small.wav"
    small_picture(picture)
    small_voice(sound, seconds=4)
    made = app(home, pods_keeper=False)
    async with made.run_test(size=SIZE) as pilot:
        engine = await made.engine_when_open()
        with files_no_larger_than(ROOM):
            await engine.submit(wish(PREVIEW, image=str(picture), audio=str(sound), max_seconds=4))
            await until(pilot, lambda: jobs(pilot) and jobs(pilot)[0].ended)
        await failed(pilot, FailureCode.DISK_FULL, "disk is full")
        await pilot.press("r")
        await ended(pilot, JobState.DONE)


@pytest.mark.full
async def test_a_list_that_a_newer_version_wrote_is_looked_at_and_left_alone(home: Paths) -> None:
    first = app(home, pods_keeper=False)
    async with first.run_test(size=SIZE) as pilot:
        engine = await first.engine_when_open()
        await engine.submit(wish(PREVIEW))
        await ended(pilot, JobState.DONE)
    from_the_future(home)
    before = home.store_file.read_bytes()
    later = app(home, wish(PREVIEW), pods_keeper=False)
    async with later.run_test(size=SIZE) as pilot:
        await until(pilot, lambda: "newer" in said(pilot), said(pilot))
        await until(pilot, lambda: "Done" in row(pilot))
        await pilot.press("ctrl+g")
        await until(pilot, lambda: "newer" in text(pilot, "status"))
        assert len(jobs(pilot)) == 1
    assert home.store_file.read_bytes() == before


def from_the_future(home: Paths) -> None:
    """Have a newer version of the program write the store."""
    from oavr_tui.store.journal import JournalStorage
    from oavr_tui.store.store import SCHEMA

    newer = JournalStorage(home.store_file, schema=SCHEMA + 1, migrations={SCHEMA: lambda tables: tables})
    newer.compact()
    newer.close()
