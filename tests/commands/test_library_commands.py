"""videos, jobs, config and doctor, on a home with one finished preview."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.programs import oavr
from tests.samples import portrait, voice


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("commands")
    made = oavr(
        "generate", "--image", str(portrait()), "--audio", str(voice()), "--max-seconds", "0.5", "--json", home=folder
    )
    assert made.code == 0, made.err
    return folder


def test_list_and_show(home: Path) -> None:
    listed = oavr("videos", "list", "--json", home=home)
    video = listed.last
    assert Path(video["path"]).is_file()
    shown = oavr("videos", "show", video["title"], "--json", home=home)
    assert shown.last == video
    by_id = oavr("videos", "show", video["id"][:8], home=home)
    assert video["path"] in by_id.out
    assert f"{video['seed']}" in by_id.out


def test_export_delete_and_restore(home: Path, tmp_path: Path) -> None:
    video = oavr("videos", "list", "--json", home=home).last
    copied = oavr("videos", "export", video["title"], str(tmp_path), home=home)
    assert Path(copied.out.strip()).read_bytes() == Path(video["path"]).read_bytes()
    again = oavr("videos", "export", video["title"], str(tmp_path), home=home)
    assert again.code == 2
    assert oavr("videos", "export", video["title"], str(tmp_path), "--overwrite", home=home).code == 0
    assert oavr("videos", "delete", video["title"], home=home).code == 0
    assert not Path(video["path"]).exists()
    assert oavr("videos", "list", "--json", home=home).out == ""
    assert oavr("videos", "list", "--deleted", "--json", home=home).last["id"] == video["id"]
    assert oavr("videos", "restore", video["id"], home=home).code == 0
    assert Path(oavr("videos", "list", "--json", home=home).last["path"]).is_file()


@pytest.mark.parametrize("action", ["show", "delete", "restore"])
def test_unknown_videos(home: Path, action: str) -> None:
    ran = oavr("videos", action, "no such \x1b[2Jvideo", home=home)
    assert ran.code == 2
    assert "\x1b" not in ran.err


def test_jobs(home: Path) -> None:
    job = oavr("jobs", "list", "--json", home=home).last
    assert job["state"] == "done"
    assert oavr("jobs", "cancel", job["id"], home=home).code == 2
    assert oavr("jobs", "retry", job["title"], home=home).code == 2
    assert oavr("jobs", "watch", home=home).code == 0
    assert job["id"][:8] in oavr("jobs", "list", home=home).out


@pytest.mark.full
def test_a_failed_job_can_be_retried_once_its_cause_is_gone(tmp_path: Path) -> None:
    missing = tmp_path / "later.png"
    failed = oavr("generate", "--image", str(missing), "--audio", str(voice()), "--json", home=tmp_path / "home")
    assert failed.code == 2
    missing.write_bytes(portrait().read_bytes())
    job = oavr("jobs", "list", "--json", home=tmp_path / "home").last
    retried = oavr("jobs", "retry", job["id"], "--json", home=tmp_path / "home")
    assert retried.code == 0, retried.err
    assert len(oavr("videos", "list", "--json", home=tmp_path / "home").events) == 1


def test_config(tmp_path: Path) -> None:
    assert oavr("config", "set", "generate.shape", "square", home=tmp_path).code == 0
    rows = {row["name"]: row for row in oavr("config", "show", "--json", home=tmp_path).events}
    assert (rows["generate.shape"]["value"], rows["generate.shape"]["origin"]) == ("square", "file")
    assert oavr("config", "set", "generate.shape", "round", home=tmp_path).code == 2
    assert str(tmp_path) in oavr("config", "path", home=tmp_path).out
    overridden = oavr("config", "set", "generate.shape", "auto", home=tmp_path, env={"OAVR_GENERATE_SHAPE": "square"})
    assert "overrides" in overridden.err


def test_doctor(home: Path) -> None:
    ran = oavr("doctor", "--json", home=home)
    verdicts = {row["name"]: row["verdict"] for row in ran.events}
    assert ran.code == 0, ran.out
    assert verdicts["preview"] == "ok", ran.out
    assert verdicts["store"] == "ok"
    assert "bad" not in verdicts.values()


@pytest.mark.full
def test_doctor_says_what_is_wrong(tmp_path: Path) -> None:
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "config.toml").write_text("nonsense [")
    ran = oavr("doctor", "--json", home=tmp_path, env={"OAVR_GENERATE_ON": ""})
    assert ran.code == 1
    assert {row["name"]: row["verdict"] for row in ran.events}["settings"] == "bad"


def test_the_app_without_a_terminal_says_so(tmp_path: Path) -> None:
    ran = oavr(home=tmp_path)
    assert ran.code == 2
    assert "needs a terminal" in ran.err
