"""Settings: where a value comes from, what is refused, and that writing keeps what is there."""

from __future__ import annotations

from pathlib import Path

import pytest

from oavr_tui.errors import BadInput
from oavr_tui.models import Quality, Shape
from oavr_tui.paths import Paths
from oavr_tui.settings import OPTIONS, load_settings, save_setting


def paths(tmp_path: Path) -> Paths:
    return Paths.under(tmp_path)


def write(place: Paths, text: str) -> None:
    place.config.mkdir(parents=True, exist_ok=True)
    place.config_file.write_text(text, "utf-8")


def test_defaults_need_no_file(tmp_path: Path) -> None:
    settings = load_settings(paths(tmp_path), {})
    assert settings.on == "preview"
    assert settings.videos_folder == str(tmp_path / "videos")
    assert {settings.origin(name) for name in OPTIONS} == {"default"}


def test_the_environment_wins_over_the_file(tmp_path: Path) -> None:
    write(paths(tmp_path), '[generate]\nquality = "high"\nshape = "square"\n')
    settings = load_settings(paths(tmp_path), {"OAVR_GENERATE_QUALITY": "draft"})
    assert settings.quality is Quality.DRAFT
    assert settings.origin("generate.quality") == "OAVR_GENERATE_QUALITY"
    assert settings.shape is Shape.SQUARE
    assert settings.origin("generate.shape") == "file"


def test_writing_keeps_comments_and_unknown_names(tmp_path: Path) -> None:
    place = paths(tmp_path)
    write(place, '# mine\n[generate]\nqualtiy = "high" # a slip\n')
    save_setting(place, "generate.audio_strength", "1.5")
    text = place.config_file.read_text("utf-8")
    assert "# mine" in text
    assert "# a slip" in text
    settings = load_settings(place, {})
    assert settings.audio_strength == 1.5
    assert "did you mean generate.quality" in settings.notes[0]
    assert place.config_file.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("generate.audio_strength", "9"),
        ("generate.audio_strength", "nan"),
        ("generate.on", "ftp://host"),
        ("generate.on", "http://"),
        ("generate.on", "http://host:99999"),
        ("generate.shape", "round"),
        ("generate.prompt", "x" * 3000),
        ("videos.folder", " "),
        ("nonsense", "1"),
    ],
)
def test_bad_values_are_refused_and_nothing_is_written(tmp_path: Path, name: str, value: str) -> None:
    with pytest.raises(BadInput) as refusal:
        save_setting(paths(tmp_path), name, value)
    assert name in refusal.value.message
    assert not paths(tmp_path).config_file.exists()


def test_a_broken_file_is_named_and_never_overwritten(tmp_path: Path) -> None:
    place = paths(tmp_path)
    write(place, "[generate\n")
    with pytest.raises(BadInput, match="cannot be read"):
        load_settings(place, {})
    with pytest.raises(BadInput, match="cannot be read"):
        save_setting(place, "generate.shape", "square")
    assert place.config_file.read_text("utf-8") == "[generate\n"


def test_a_secret_in_an_address_is_not_repeated(tmp_path: Path) -> None:
    with pytest.raises(BadInput) as refusal:
        save_setting(paths(tmp_path), "generate.on", "ftp://me:hunter2@host/")
    assert "hunter2" not in refusal.value.message


def test_home_moves_everything(tmp_path: Path) -> None:
    place = Paths.find({"OAVR_HOME": str(tmp_path)})
    assert all(str(each).startswith(str(tmp_path)) for each in (place.config, place.data, place.state, place.videos))
    assert str(place.demo().videos).startswith(str(place.data))
