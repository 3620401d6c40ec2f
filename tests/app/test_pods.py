"""The Pods screen by its keys, against a simulated RunPod account in a process of its own."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.widgets import Button, Input, Static

from oavr_tui.app.app import OavrApp
from oavr_tui.app.dialogs.add_address import AddAddress
from oavr_tui.app.dialogs.get_key import GetKey
from oavr_tui.app.dialogs.new_pod import NewPod
from oavr_tui.app.dialogs.question import Question
from oavr_tui.app.dialogs.stop_pod import ASKED
from oavr_tui.app.next_steps import plain
from oavr_tui.app.screens.pods import Pods
from oavr_tui.app.widgets.log_pane import LogPane
from oavr_tui.models import PodState
from oavr_tui.paths import Paths
from oavr_tui.settings import load_settings
from tests.app.snapshot import text_of
from tests.programs import oavr, simulator
from tests.programs_runpod import RunPod, runpod

WAIT_SECONDS = 60.0
HOSTILE = "[red]x[/red] [@click=app.quit]y[/] \x1b[2J\x1b]0;title\x07 \u202eevil 漢字 🎬"


@contextmanager
def account(tmp_path: Path, script: Mapping[str, Any] | None = None, **env: str) -> Iterator[RunPod]:
    """An account whose idle pods stay, and no keeper: the app drives."""
    with runpod(tmp_path, script, **{"OAVR_PODS_IDLE_MINUTES": "30", "OAVR_PODS_KEEPER": "no", **env}) as cloud:
        yield cloud


class Desk:
    """The app on its Pods screen, and what is read off it."""

    def __init__(self, pilot: Pilot[None], app: OavrApp, cloud: RunPod | None = None) -> None:
        self.pilot, self.app, self.cloud = pilot, app, cloud

    @property
    def pods(self) -> Pods:
        return self.app.query_one(Pods)

    @property
    def log(self) -> LogPane:
        return self.pods.query_one(LogPane)

    def seen(self) -> str:
        """The whole screen as text; no pod's id may ever be on it."""
        text = text_of(self.app)
        for pod in self.app.live.pods:
            assert not pod.pod_id or pod.pod_id not in text
        return text

    def reads(self) -> str:
        """What the dialog in front says, however it is wrapped."""
        return " ".join(str(each.render()) for each in self.app.screen.query(Static))

    def says(self) -> str:
        """All sentences that were said in the corner, where they stay for some seconds only."""
        return "\n".join(plain(told.text) for told in self.app.said)

    async def until(self, condition: Callable[[], object], what: str = "") -> None:
        waited = 0.0
        while not condition():
            assert waited < WAIT_SECONDS, (what, self.says(), self.seen())
            await self.pilot.pause(0.05)
            waited += 0.05

    async def keys(self, *keys: str) -> None:
        await self.pilot.press(*keys)
        await self.pilot.pause()

    async def asked(self, kind: type[Any] = Question) -> None:
        await self.until(
            lambda: isinstance(self.app.screen, kind) and self.app.screen.is_mounted, f"{kind.__name__} is open"
        )

    async def state(self, *states: PodState) -> None:
        await self.until(lambda: [pod.state for pod in self.app.live.pods] == list(states), f"{states}")

    async def deploy(self) -> None:
        """New pod with everything as it is proposed."""
        await self.keys("n")
        await self.asked(NewPod)
        await self.until(lambda: "$" in str(self.app.screen.query_one("#new-deploy", Button).label), "a price")
        await self.keys("enter", "enter")
        await self.until(lambda: len(self.app.screen_stack) == 1, "the dialog is gone")

    def under_cursor(self) -> str:
        """The name of the pod there, empty where there is none."""
        pod = self.pods.pod
        return "" if pod is None else pod.name

    def word(self, name: str) -> str:
        return str(self.app.screen.query_one(f"#{name}", Static).render())


@asynccontextmanager
async def desk(
    env: Mapping[str, str],
    home: Path,
    patch: pytest.MonkeyPatch,
    *,
    size: tuple[int, int] = (100, 30),
) -> AsyncIterator[Desk]:
    patch.setenv("OAVR_HOME", str(home))
    for name, value in env.items():
        patch.setenv(name, value)
    paths = Paths.find()
    app = OavrApp(paths, load_settings(paths))
    async with app.run_test(size=size, notifications=True) as pilot:
        await app.engine_when_open()
        if app.place != "pods":  # where it was left, and where Esc would close the log
            await pilot.press("escape", "3")
        await pilot.pause()
        one = Desk(pilot, app)
        await one.until(lambda: app.live.driving, "the app drives")
        yield one


async def test_from_nothing_to_a_running_pod_and_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with account(tmp_path, {"stop_keeps_gpu": True}) as cloud:
        async with desk(cloud.env, cloud.home, monkeypatch) as at:
            assert "No pods. A full video starts one when it is needed." in at.seen()
            await at.deploy()
            await at.state(PodState.READY)
            await at.until(lambda: "Running" in at.seen() and "Idle · stops in 30 min" in at.seen(), "it runs")
            assert "RTX 4090 · Community · $0.34/h" in at.seen()
            await at.until(lambda: "balance $2" in at.seen(), "the balance")
            # its log is followed without being asked for
            await at.until(lambda: "Log: studio-1" in at.seen() and "Starting server" in at.seen(), "its log")

            await at.keys("s")
            await at.asked()
            assert "$0.34/h" in at.seen()
            await at.keys("escape")
            assert cloud.statuses() == ["RUNNING"]
            await at.keys("s")
            await at.asked()
            await at.keys("enter")
            await at.state(PodState.STOPPED)
            await at.asked()  # once: what becomes of stopped ones
            assert "What becomes of stopped pods?" in at.reads()
            await at.keys("left", "enter")
            await at.until(lambda: at.app.settings.pods_terminate_after_hours == 0, "it is kept")
            assert ASKED in at.app.memory.views
            assert "$0.03/h storage" in at.seen()
            assert "deleted in" not in at.seen()

            await at.keys("s")
            await at.asked()
            assert "Start studio-1?" in at.seen()
            await at.keys("enter")  # Back has the focus, since starting costs money
            assert len(at.app.screen_stack) == 1
            await at.keys("s")
            await at.asked()
            await at.keys("left", "enter")
            await at.state(PodState.READY)

            await at.keys("x")
            await at.asked()
            assert "cannot be undone" in at.reads()
            await at.keys("enter")  # Back has the focus
            assert len(at.app.screen_stack) == 1
            await at.keys("x")
            await at.asked()
            await at.keys("left", "enter")
            await at.state()
            await at.until(lambda: "No pods." in at.seen(), "nothing is left")
        assert cloud.statuses() == ["TERMINATED"]


async def test_the_log_is_opened_paused_and_left_by_keys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    with account(tmp_path) as cloud:
        async with desk(cloud.env, cloud.home, monkeypatch) as at:
            await at.deploy()
            await at.state(PodState.READY)
            pod = at.app.live.pods[0]
            await at.keys("enter")
            assert at.log in at.app.focused.ancestors_with_self if at.app.focused else False
            log = at.app.paths.pod_log(pod.id)
            await at.until(log.exists, "its log is kept")
            with log.open("a") as written:
                written.write(f"2026-11-23T12:00:00Z {HOSTILE} https://{pod.pod_id}-8188.proxy.runpod.net\n")
            await at.until(lambda: "evil 漢字" in at.seen(), "the hostile line")
            assert "[red]x[/red] [@click=app.quit]y[/]" in at.seen()
            assert not {"\x1b", "\u202e", "\x07"} & set(at.seen())
            await at.keys("f")
            assert not at.pods.rows.display or "Today" not in at.seen()
            await at.keys("escape", "escape")
            assert at.app.focused is at.pods.rows
            await at.keys("e")
            await at.until(lambda: "Saved" in at.says(), "it is saved")
            saved = (tmp_path / "studio-1.log").read_text()
            assert "evil" in saved and pod.pod_id not in saved and "\x1b" not in saved
            await at.keys("escape")
            assert not at.pods.has_class("logging")
            # hidden, nothing is read
            await at.keys("enter")
            await at.until(lambda: at.log.looking, "it follows")
            await at.keys("5")
            assert not at.log.looking


async def test_an_own_address_is_taken_in_and_forgotten(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with simulator(tmp_path / "comfy") as server:
        async with desk({"RUNPOD_API_KEY": ""}, tmp_path / "home", monkeypatch) as at:
            await at.keys("a")
            await at.asked(AddAddress)
            at.app.screen.query_one("#add-url", Input).value = "http://user:secret@10.0.0.1:8188"
            await at.keys("enter")
            await at.until(lambda: "name and password" in at.word("add-word"), "a refusal")
            at.app.screen.query_one("#add-url", Input).value = server.url
            at.app.screen.query_one("#add-name", Input).value = "preview"
            await at.keys("enter")
            await at.until(lambda: "cannot be used" in at.word("add-word"), "the name is reserved")
            at.app.screen.query_one("#add-name", Input).value = "home"
            await at.keys("enter")
            await at.until(lambda: "home answers: ComfyUI" in at.says(), "it answers")
            assert "Your own" in at.seen() and server.url in at.seen()
            await at.keys("s")
            await at.until(lambda: "never started or stopped here" in at.says(), "nothing to stop")
            await at.keys("x")
            await at.asked()
            await at.keys("left", "enter")
            await at.state()


async def test_an_address_where_nobody_answers_is_kept_and_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with desk({"RUNPOD_API_KEY": ""}, tmp_path / "home", monkeypatch) as at:
        await at.keys("a")
        await at.asked(AddAddress)
        await at.keys("enter")
        assert "Type the address first" in at.word("add-word")
        at.app.screen.query_one("#add-url", Input).value = "http://127.0.0.1:9"
        await at.keys("enter")
        await at.until(lambda: "does not answer now" in at.says(), "it is said")
        assert "127.0.0.1-9" in at.seen()


@pytest.mark.full
async def test_a_pod_that_was_not_started_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with account(tmp_path) as cloud:
        assert oavr("pods", "deploy", home=tmp_path / "other", env=cloud.env).code == 0
        async with desk(cloud.env, cloud.home, monkeypatch) as at:
            await at.state(PodState.READY)
            await at.until(lambda: "not started here" in at.seen(), "it is shown")
            await at.keys("x")
            await at.asked()
            assert "somebody else" in at.reads()
            await at.keys("left", "enter")
            await at.state()
        assert cloud.statuses() == ["TERMINATED"]


async def test_without_a_key_one_is_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with account(tmp_path, RUNPOD_API_KEY="") as cloud:
        async with desk(cloud.env, cloud.home, monkeypatch) as at:
            assert "there is no RunPod key yet" in " ".join(at.word("pods-none-words").split())
            await at.keys("n")
            await at.asked(GetKey)
            await at.keys("escape")
            assert len(at.app.screen_stack) == 1
        assert cloud.statuses() == []


async def test_a_wrong_key_is_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with account(tmp_path, RUNPOD_API_KEY="rpa_WRONG0WRONG") as cloud:
        async with desk(cloud.env, cloud.home, monkeypatch) as at:
            await at.keys("n")
            await at.asked(NewPod)
            await at.until(lambda: "does not accept this key" in at.word("new-word"), "a sentence")
            assert "rpa_WRONG" not in at.seen()
        assert cloud.statuses() == []


@pytest.mark.full
async def test_without_credit_nothing_is_rented_and_it_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with account(tmp_path, {"balance": 0.1}) as cloud:
        async with desk(cloud.env, cloud.home, monkeypatch) as at:
            await at.deploy()
            await at.until(lambda: "Add credit at runpod.io" in at.says(), "it is said")
            await at.state()
        assert cloud.statuses() == []


async def test_what_cannot_be_had_is_not_deployed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script = {"stock": {"NVIDIA GeForce RTX 4090": "NONE"}}
    with account(tmp_path, script, OAVR_PODS_GPUS="RTX 4090", OAVR_PODS_PRICE_CAP="0.1") as cloud:
        async with desk(cloud.env, cloud.home, monkeypatch) as at:
            await at.keys("n")
            await at.asked(NewPod)
            await at.until(lambda: "cannot be had" in at.word("new-word"), "nothing can be had")
            assert "none free now" in at.seen() and "over your cap of $0.10/h" in at.seen()
            await at.keys("enter", "enter")
            assert isinstance(at.app.screen, NewPod)
        assert cloud.statuses() == []


@pytest.mark.full
async def test_new_pod_takes_name_cloud_and_idle_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with account(tmp_path) as cloud:
        env = {name: value for name, value in cloud.env.items() if name != "OAVR_PODS_IDLE_MINUTES"}
        async with desk(env, cloud.home, monkeypatch, size=(60, 20)) as at:
            await at.keys("n")
            await at.asked(NewPod)
            await at.until(lambda: "$0.34/h" in str(at.app.screen.query_one("#new-deploy", Button).label), "community")
            at.app.screen.query_one("#new-cloud").focus()
            await at.keys("right", "right")
            await at.until(lambda: "$0.69/h" in str(at.app.screen.query_one("#new-deploy", Button).label), "secure")
            at.app.screen.query_one("#new-name", Input).value = "not a name!"
            at.app.screen.query_one("#new-idle", Input).value = "7"
            await at.keys("tab", "enter", "enter")
            await at.until(lambda: "This name cannot be used" in at.word("new-word"), "a refusal")
            at.app.screen.query_one("#new-name", Input).value = "mine"
            await at.keys("enter", "enter")
            await at.state(PodState.READY)
            pod = at.app.live.pods[0]
            assert (pod.name, pod.cloud, pod.per_hour) == ("mine", "secure", 0.69)
            assert at.app.settings.pods_idle_minutes == 7
            await at.until(lambda: "stops in 7 min" in at.seen(), "the idle time")


@pytest.mark.full
async def test_the_account_that_cannot_be_reached_is_said_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with account(tmp_path) as cloud:
        env = {**cloud.env, "RUNPOD_API_BASE_URL": "http://127.0.0.1:9"}
        async with desk(env, cloud.home, monkeypatch) as at:
            await at.keys("f5")
            await at.until(lambda: "could not be looked at" in at.word("pods-word"), "it is said")
            await at.until(lambda: "balance not available" in at.seen(), "the balance")
