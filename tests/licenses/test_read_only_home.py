"""A home that may only be read, or has become so: everything opens, says in one sentence what is so, and keeps nothing.

The superuser may write everywhere, so for it the commands run as nobody, where there is `setpriv` to do that.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.programs import WAIT_SECONDS, Ran, command, needs
from tests.samples import portrait, voice

_NOBODY = 65534


@pytest.fixture
def home() -> Iterator[Path]:
    """An empty home of somebody who is not the superuser, in a folder that everybody may enter."""
    folder = Path(tempfile.mkdtemp(prefix="oavr-barred-"))
    try:
        folder.chmod(0o755)
        for name, file in (("portrait.png", portrait()), ("voice.wav", voice())):
            shutil.copy(file, folder / name)
            (folder / name).chmod(0o644)
        made = folder / "home"
        made.mkdir(mode=0o755)
        if os.geteuid() == 0:
            os.chown(made, _NOBODY, _NOBODY)
        yield made
    finally:
        _set_mode(folder, 0o700)
        shutil.rmtree(folder)


def _set_mode(folder: Path, mode: int) -> None:
    for place in (folder, *(each for each in folder.rglob("*") if each.is_dir())):
        place.chmod(mode)


def _as_owner() -> list[str]:
    if os.geteuid() != 0:
        return []
    return [needs("setpriv"), f"--reuid={_NOBODY}", f"--regid={_NOBODY}", "--clear-groups"]


def oavr(home: Path, *words: str, **env: str) -> Ran:
    return run(home, *command(*words), **env)


def run(home: Path, *words: str, **env: str) -> Ran:
    """Run a program to its end as somebody to whom the modes of files apply."""
    there = {"OAVR_HOME": str(home), "OAVR_LICENSE_URL": "", "HOME": str(home), "RUNPOD_API_KEY": "", **env}
    done = subprocess.run(
        [*_as_owner(), *words],
        cwd=Path(__file__).parents[2],
        env={**os.environ, **there},
        capture_output=True,
        text=True,
        timeout=WAIT_SECONDS,
        stdin=subprocess.DEVNULL,
        check=False,
    )
    assert "Traceback" not in done.stderr, done.stderr
    assert "Something went wrong" not in done.stderr, done.stderr
    return Ran(done.returncode, done.stdout, done.stderr)


def wished(home: Path, on: str) -> tuple[str, ...]:
    files = ("--image", str(home.parent / "portrait.png"), "--audio", str(home.parent / "voice.wav"))
    return ("generate", *files, "--max-seconds", "1", "--on", on)


@pytest.mark.parametrize("made_before", [pytest.param(False, marks=pytest.mark.full), True])
def test_commands_say_what_is_so_and_nothing_is_begun(home: Path, made_before: bool) -> None:
    if made_before:
        assert oavr(home, "jobs", "list").code == 0
        assert oavr(home, "license", "status").code == 0
    _set_mode(home, 0o555)
    for on in ("preview", "http://127.0.0.1:9"):
        refused = oavr(home, *wished(home, on))
        assert (refused.code, refused.out) == (1, "")
        lines = refused.err.strip().splitlines()
        assert len(lines) == 1
        assert lines[0].startswith("Nothing can be kept in ")
        assert "OAVR_HOME" in lines[0]
    last = oavr(home, *wished(home, "preview"), "--json").last
    assert (last["event"], last["code"]) == ("failed", "rejected")
    status = oavr(home, "license", "status", "--json")
    assert status.code == 0
    assert json.loads(status.out)["source"] == "none"
    assert "Nothing can be kept" in status.err
    for words in (("jobs", "list"), ("videos", "list"), ("pods", "list"), ("keeper", "status")):
        listed = oavr(home, *words)
        assert listed.code == 0, listed.err
        assert "Nothing can be kept" in listed.err


def test_the_app_opens_and_says_so(home: Path) -> None:
    _set_mode(home, 0o555)
    looked = run(home, sys.executable, "-m", "tests.licenses.looking_around")
    assert looked.code == 0, looked.err
    (sentence,) = looked.last["said"]
    assert sentence.startswith("Nothing can be kept in ")
    assert "OAVR_HOME" in sentence
    assert looked.last["refused"] == sentence
    assert not looked.last["fault"]


def test_a_home_that_turns_so_while_it_is_open(home: Path) -> None:
    wished_for = run(home, sys.executable, "-m", "tests.licenses.barred_meanwhile")
    assert wished_for.code == 0, wished_for.err
    preview, full = wished_for.last["said"]
    assert preview == full
    assert preview.startswith("Nothing can be kept in ")
    assert (wished_for.last["used"], wished_for.last["jobs"]) == (0, 0)


def test_settings_that_cannot_be_written_are_left_alone(home: Path) -> None:
    _set_mode(home, 0o555)
    refused = oavr(home, "config", "set", "app.theme", "light")
    assert refused.code == 2
    assert "nothing was changed" in refused.err


def test_a_device_that_cannot_be_kept_is_one_for_this_process_with_a_warning(home: Path) -> None:
    _set_mode(home, 0o555)
    contained = {"KUBERNETES_SERVICE_HOST": "10.0.0.1"}  # no machine id of its own
    status = oavr(home, "license", "status", **contained)
    assert status.code == 0
    if "cannot be written, so this device" not in status.err:
        pytest.skip("this machine was booted, so it has an id whatever the variable says")
    assert "OAVR_DEVICE_ID" in status.err
    away = oavr(home, "license", "status", "--json", OAVR_LICENSE_URL="http://127.0.0.1:9", **contained)
    assert (away.code, away.last["source"], away.last["isPro"]) == (0, "offline", False)
    assert "OAVR_DEVICE_ID" in away.err


def test_the_demo_and_the_doctor_say_so_too(home: Path) -> None:
    _set_mode(home, 0o555)
    demo = oavr(home, "demo")
    assert demo.code == 1
    assert "OAVR_HOME" in demo.err
    doctor = oavr(home, "doctor")
    assert doctor.code == 1
    assert "cannot be" in doctor.out
