"""What the demo's own account makes is make-believe and does not count; a real ComfyUI counts from everywhere."""

from __future__ import annotations

from pathlib import Path

import pytest

from oavr_tui.app.license_words import plan_lines
from oavr_tui.models import LicenseStatus
from oavr_tui.paths import Paths
from tests.licenses.gates import Hands, commands, gate_on
from tests.programs import simulator
from tests.programs_runpod import runpod, wished


def test_neither_a_folder_nor_a_variable_turns_counting_off(tmp_path: Path) -> None:
    with runpod(tmp_path / "account", OAVR_LICENSE_URL="") as cloud, simulator(tmp_path / "comfy") as comfy:
        cloud.home = tmp_path / "anyname" / "demo"
        there = {"RUNPOD_API_BASE_URL": "http://127.0.0.1:9"}
        assert cloud.oavr(*wished("--on", comfy.url), **there).code == 0
        second = cloud.oavr(*wished("--on", comfy.url), **there)
        assert (second.code, second.last["code"]) == (3, "limit")
        assert cloud.oavr(*wished("--on", "auto")).code == 3  # an account on this computer that no demo has started
        assert cloud.oavr("license", "status", "--json").last["used"] == 1
        assert len(comfy.state()["submissions"]) == 1


@pytest.mark.full
def test_in_the_demo_only_its_own_studios_do_not_count(tmp_path: Path) -> None:
    with runpod(tmp_path / "account", OAVR_LICENSE_URL="") as cloud, simulator(tmp_path / "comfy") as comfy:
        demo = Paths.under(tmp_path / "person").demo()
        cloud.home = demo.config.parent
        demo.state.mkdir(parents=True)
        (demo.state / "demo-account.log").write_text(f"listening on {cloud.url}\n")
        assert cloud.oavr(*wished("--on", "auto")).code == 0
        assert cloud.oavr("license", "status", "--json").last["used"] == 0
        assert cloud.oavr(*wished("--on", comfy.url)).code == 0
        assert cloud.oavr("pods", "add", comfy.url, "--name", "own").code == 0
        for place in (comfy.url, "own"):
            assert cloud.oavr(*wished("--on", place)).code == 3
        assert cloud.oavr(*wished("--on", "auto")).code == 0
        assert cloud.oavr("license", "status", "--json").last["used"] == 1


def test_settings_do_not_promise_more_than_that(tmp_path: Path) -> None:
    license_commands = commands(gate_on(tmp_path, "", Hands(0.0)))
    (told,) = plan_lines(LicenseStatus(limit=1), license_commands, 0.0, demo=True)
    assert "own studios count nothing" in told
    assert "limit holds" in told
