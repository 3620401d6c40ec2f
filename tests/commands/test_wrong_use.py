"""What cannot be understood is refused with exit code 2 and one sentence, to scripts as a JSON line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from oavr_tui.cli import main


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OAVR_HOME", str(tmp_path))


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["generate"], "--image, --audio"),
        (
            ["generate", "--image", "a", "--audio", "b", "--on", "no such place"],
            "'preview', 'auto', the name of a studio",
        ),
        (["generate", "--image", "", "--audio", "b"], "No picture is given"),
        (["generate", "--image", "ftp://host/a.png", "--audio", "b"], "only http and https"),
        (["generate", "--image", "a", "--audio", "b", "-o", "-"], "-o needs a file"),
        (["videos"], "ACTION"),
        (["videos", "show", ""], "Say which video"),
        (["pods", "deploy", "--cloud", "moon"], "'community', 'secure'"),
        (["pods", "deploy", "--name", "auto"], "has a meaning of its own"),
        (["pods", "stop", "nobody"], "There is no studio named nobody"),
        (["doctor", "--max-spend", "1000"], "from 0.05 to 20"),
        (["frob"], "invalid choice: 'frob'"),
    ],
)
def test_it_is_one_sentence_and_2(words: list[str], says: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(words) == 2
    out, err = capsys.readouterr()
    assert out == "" and says in err
    assert "Traceback" not in err


@pytest.mark.parametrize(
    "words", [["generate"], ["generate", "--image", "", "--audio", "b"], ["pods", "stop", "nobody"]]
)
def test_a_script_gets_it_as_its_last_event(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*words, "--json"]) == 2
    event = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert (event["event"], event["code"], event["can_retry"]) == ("failed", "bad_input", False)
    assert event["message"]


def test_a_dropped_file_address_is_a_path(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "a b.png").write_bytes(b"no picture")
    address = f"file://{tmp_path}/a%20b.png"
    assert main(["generate", "--image", address, "--audio", str(tmp_path / "x.wav"), "--json"]) == 2
    assert "a b.png" in capsys.readouterr().out
