"""Settings: where a value comes from, what is refused, and that writing keeps what is there."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from oavr_tui.errors import BadInput
from oavr_tui.models import Quality, Shape
from oavr_tui.paths import Paths
from oavr_tui.settings import OPTIONS, load_settings, pod_name, save_setting, where


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
        ("generate.on", "127.0.0.1"),
        ("generate.on", "studio 1"),
        ("generate.on", "-x"),
        ("generate.on", "x" * 41),
        ("generate.shape", "round"),
        ("generate.prompt", "x" * 3000),
        ("videos.folder", " "),
        ("pods.control", "v1"),
        ("pods.start_by_itself", "maybe"),
        ("pods.cloud", "private"),
        ("pods.gpus", "RTX 4090\x1b[2J"),
        ("pods.gpus", "x" * 1001),
        ("pods.volume", "a\x1b[2Jb"),
        ("pods.volume", "x" * 65),
        ("pods.template", " "),
        ("pods.price_cap", "0"),
        ("pods.price_cap", "51"),
        ("pods.price_cap", "inf"),
        ("pods.day_cap", "0.05"),
        ("pods.most", "0"),
        ("pods.most", "1.5"),
        ("pods.most", "21"),
        ("pods.idle_minutes", "0.04"),
        ("pods.idle_minutes", "nan"),
        ("pods.terminate_after_hours", "-1"),
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


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("preview", "preview"),
        (" Auto ", "auto"),
        ("studio-1", "studio-1"),
        ("my.gpu_2", "my.gpu_2"),
        ("4090", "4090"),
        ("https://host:8188/", "https://host:8188"),
    ],
)
def test_where_is_a_reserved_word_a_name_or_an_address(given: str, meant: str) -> None:
    assert where(given) == meant


@pytest.mark.parametrize("name", ["auto", "Preview", "", "a/b", ".hidden", "10.0.0.5", "a" * 41, "ünï"])
def test_a_name_that_could_be_taken_for_something_else_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match=r"name|meaning"):
        pod_name(name)


@pytest.mark.parametrize(
    ("name", "value", "kept"),
    [
        ("pods.start_by_itself", "No", False),
        ("pods.start_by_itself", "true", True),
        ("pods.most", "3", 3),
        ("pods.price_cap", "0.8", 0.8),
        ("pods.idle_minutes", "0.05", 0.05),
        ("pods.terminate_after_hours", "0", 0.0),
        ("pods.gpus", "RTX 4090 ,L40S,", "RTX 4090, L40S"),
        ("pods.cloud", "Secure", "secure"),
        ("pods.volume", "abc123", "abc123"),
        ("pods.volume", " my models ", "my models"),
    ],
)
def test_a_value_is_written_as_what_it_is_and_read_again(
    tmp_path: Path, name: str, value: str, kept: bool | int | float | str
) -> None:
    place = paths(tmp_path)
    assert save_setting(place, name, value) == kept
    table, _, key = name.partition(".")
    written = tomllib.loads(place.config_file.read_text("utf-8"))[table][key]
    assert (written, type(written)) == (kept, type(kept))
    settings = load_settings(place, {})
    assert settings.value(name) == kept
    assert settings.origin(name) == "file"


def test_gpus_may_be_an_array_and_nothing_means_the_usual(tmp_path: Path) -> None:
    write(paths(tmp_path), '[pods]\ngpus = ["RTX 4090", "L40S"]\n')
    assert load_settings(paths(tmp_path), {}).pods_gpus == "RTX 4090, L40S"
    save_setting(paths(tmp_path), "pods.gpus", "")
    save_setting(paths(tmp_path), "pods.volume", "")
    settings = load_settings(paths(tmp_path), {})
    assert (settings.pods_gpus, settings.pods_volume) == ("", "")


def test_yes_is_no_number_in_the_file(tmp_path: Path) -> None:
    write(paths(tmp_path), "[pods]\nmost = true\n")
    with pytest.raises(BadInput, match="whole number from 1 to 20"):
        load_settings(paths(tmp_path), {})


def test_machines_can_be_set_from_the_environment(tmp_path: Path) -> None:
    settings = load_settings(paths(tmp_path), {"OAVR_PODS_START_BY_ITSELF": "no", "OAVR_PODS_DAY_CAP": "2"})
    assert (settings.pods_start_by_itself, settings.pods_day_cap) == (False, 2.0)
    assert settings.origin("pods.day_cap") == "OAVR_PODS_DAY_CAP"
