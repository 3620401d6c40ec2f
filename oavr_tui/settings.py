"""What a person sets: one TOML file, each value overridable by an environment variable, each with a known origin.

Order, last wins: the default, the file, the environment (OAVR_ + the name in capitals, dots as underscores).
Reading needs only the standard library; tomlkit is loaded for writing alone, since it keeps the file's comments.
"""

from __future__ import annotations

import difflib
import os
from collections.abc import Callable, Mapping, MutableMapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, get_args

from oavr_tui.checks import DEFAULT_TEMPLATE as DEFAULT_TEMPLATE
from oavr_tui.checks import CloudChoice as CloudChoice
from oavr_tui.checks import Control as Control
from oavr_tui.checks import Motion as Motion
from oavr_tui.checks import QueueShown as QueueShown
from oavr_tui.checks import ThemeChoice as ThemeChoice
from oavr_tui.checks import count, folder, gpus, number, one_of, template, volume, yes_or_no
from oavr_tui.checks import pod_name as pod_name
from oavr_tui.checks import prompt as prompt
from oavr_tui.checks import quality as quality
from oavr_tui.checks import shape as shape
from oavr_tui.checks import strength as strength
from oavr_tui.checks import where as where
from oavr_tui.errors import BadInput
from oavr_tui.models import DEFAULT_PROMPT, PREVIEW, Quality, Shape
from oavr_tui.paths import Paths, private_dir
from oavr_tui.text import safe, safe_url

_LARGEST_FILE = 1 << 20


@dataclass(frozen=True, slots=True)
class Option:
    """One thing that can be set: its name in the file, the attribute of Settings, and how a value is checked."""

    name: str
    attribute: str
    check: Callable[[object], Any]
    help: str

    @property
    def variable(self) -> str:
        return "OAVR_" + self.name.upper().replace(".", "_")


OPTIONS: dict[str, Option] = {
    option.name: option
    for option in (
        Option("generate.on", "on", where, "where videos are made: preview, auto, a studio's name or an address"),
        Option("generate.shape", "shape", shape, "auto, portrait, landscape or square"),
        Option("generate.quality", "quality", quality, "draft, standard or high"),
        Option("generate.audio_strength", "audio_strength", strength, "how much the voice moves the face, 0.5 to 2"),
        Option("generate.prompt", "prompt", prompt, "what the person in the picture does"),
        Option("videos.folder", "videos_folder", folder, "where finished videos are kept"),
        Option("pods.start_by_itself", "pods_start_by_itself", yes_or_no, "yes: a studio is started when it is needed"),
        Option("pods.price_cap", "pods_price_cap", number(0.01, 50), "dollars an hour that one studio may cost"),
        Option("pods.day_cap", "pods_day_cap", number(0.1, 1000), "dollars a day (UTC) that all studios may cost"),
        Option("pods.most", "pods_most", count(1, 20), "how many studios may run at a time"),
        Option("pods.idle_minutes", "pods_idle_minutes", number(0.05, 1440), "minutes until an idle studio is stopped"),
        Option(
            "pods.terminate_after_hours",
            "pods_terminate_after_hours",
            number(0, 720),
            "hours until a stopped studio is deleted; 0: never",
        ),
        Option("pods.keeper", "pods_keeper", yes_or_no, "yes: a background process goes on when the app is closed"),
        Option("pods.gpus", "pods_gpus", gpus, "GPUs in the order they are tried, such as RTX 4090, L40S"),
        Option("pods.cloud", "pods_cloud", one_of(get_args(CloudChoice)), "any, community (cheaper) or secure"),
        Option("pods.volume", "pods_volume", volume, "network volume (id or name) that keeps the models"),
        Option("pods.template", "pods_template", template, "id of the RunPod template that studios are made from"),
        Option(
            "app.theme", "app_theme", one_of(get_args(ThemeChoice)), "dark, light, contrast, terminal, terminal-light"
        ),
        Option(
            "app.motion",
            "app_motion",
            one_of(get_args(Motion)),
            "movement on the screen: auto (not over SSH), full, none",
        ),
        Option("app.pictures", "app_pictures", yes_or_no, "yes: portraits and videos are drawn in the terminal"),
        Option("app.queue", "app_queue", one_of(get_args(QueueShown)), "when the queue is shown: needed or always"),
        Option("app.bell", "app_bell", yes_or_no, "yes: the terminal rings when a video is done or failed"),
        Option("pods.control", "pods_control", one_of(get_args(Control)), "how RunPod is asked: auto, v2 or sdk"),
    )
}


@dataclass(frozen=True, slots=True)
class Settings:
    """The values in force. origins: option name -> "default", "file" or the environment variable's name.

    pods_gpus: with commas, as given; empty for the usual ones. pods_volume: empty for none. Money in dollars.
    """

    videos_folder: str
    on: str = PREVIEW
    shape: Shape = Shape.AUTO
    quality: Quality = Quality.STANDARD
    audio_strength: float = 1.0
    prompt: str = DEFAULT_PROMPT
    pods_control: Control = "auto"
    pods_start_by_itself: bool = True
    pods_keeper: bool = True
    pods_cloud: CloudChoice = "any"
    pods_gpus: str = ""
    pods_volume: str = ""
    pods_template: str = DEFAULT_TEMPLATE
    pods_price_cap: float = 1.0
    pods_day_cap: float = 5.0
    pods_most: int = 1
    pods_idle_minutes: float = 15.0
    pods_terminate_after_hours: float = 24.0
    app_theme: ThemeChoice = "dark"
    app_motion: Motion = "auto"
    app_pictures: bool = True
    app_queue: QueueShown = "needed"
    app_bell: bool = True
    origins: tuple[tuple[str, str], ...] = ()
    notes: tuple[str, ...] = ()

    def value(self, name: str) -> Any:
        return getattr(self, OPTIONS[name].attribute)

    def origin(self, name: str) -> str:
        return dict(self.origins).get(name, "default")


def load_settings(paths: Paths, environ: Mapping[str, str] | None = None) -> Settings:
    """The settings in force. An unreadable file or a bad value is BadInput; an unknown name is a note."""
    environ = os.environ if environ is None else environ
    flat = _flatten(_read(paths.config_file))
    notes = tuple(
        f"Unknown setting {safe(name)} in {paths.config_file}{_nearest(name)}." for name in flat if name not in OPTIONS
    )
    settings = Settings(videos_folder=str(paths.videos), notes=notes)
    origins: dict[str, str] = {}
    for option in OPTIONS.values():
        for origin, found in ((option.variable, environ.get(option.variable)), ("file", flat.get(option.name))):
            if found is None or found == "":
                continue
            settings = replace(settings, **{option.attribute: _checked(option, found, origin, paths)})
            origins[option.name] = origin
            break
    return replace(settings, origins=tuple(origins.items()))


def changed(settings: Settings, paths: Paths, name: str, value: str, origin: str) -> Settings:
    """These settings with one of them changed, in memory alone. Raises BadInput as save_setting does."""
    option = _option(name)
    return replace(settings, **{option.attribute: _checked(option, value, origin, paths)})


def save_setting(paths: Paths, name: str, value: str, origin: str = "the command line") -> Any:
    """Write one value into the file, keeping everything else in it, and return the value as it is understood.

    origin: where the value is from, for the sentence of the BadInput that is raised where it cannot be used.
    """
    checked = _checked(_option(name), value, origin, paths)
    document = _document(paths)
    table, _, key = name.partition(".")
    if table not in document:
        import tomlkit

        document[table] = tomlkit.table()
    elif not isinstance(document[table], MutableMapping):
        raise BadInput(f"{table} in {paths.config_file} must be a table, [{table}]. Mend it, or move the file away.")
    document[table][key] = checked if isinstance(checked, bool | int | float) else str(checked)
    _write(paths, document)
    return checked


def forget_setting(paths: Paths, name: str) -> None:
    """Strike one value from the file, so that the usual one holds. Raises BadInput for a name that is not known."""
    _option(name)
    document = _document(paths)
    table, _, key = name.partition(".")
    if isinstance(document.get(table), MutableMapping) and key in document[table]:
        del document[table][key]
        _write(paths, document)


def _option(name: str) -> Option:
    option = OPTIONS.get(name)
    if option is None:
        raise BadInput(f"There is no setting named {safe(name)}{_nearest(name)}. 'oavr-tui config show' lists them.")
    return option


def _document(paths: Paths) -> Any:
    """The file as it is, comments and all. Raises BadInput for one that cannot be understood: it is not overwritten."""
    _read(paths.config_file)
    import tomlkit

    return tomlkit.parse(paths.config_file.read_text("utf-8") if paths.config_file.exists() else "")


def _write(paths: Paths, document: Any) -> None:
    import tomlkit

    temporary = paths.config_file.with_suffix(".toml.new")
    try:
        private_dir(paths.config)
        temporary.write_text(tomlkit.dumps(document), "utf-8")
        temporary.chmod(0o600)
        temporary.replace(paths.config_file)
    except OSError as error:
        reason = safe(error.strerror or "unknown reason")
        raise BadInput(
            f"The settings file {paths.config_file} cannot be written ({reason}), so nothing was changed."
        ) from None


def _read(file: Path) -> dict[str, Any]:
    try:
        with file.open("rb") as handle:
            text = handle.read(_LARGEST_FILE)
        import tomllib  # most people never write this file

        return tomllib.loads(text.decode("utf-8"))
    except FileNotFoundError:
        return {}
    except ValueError as error:  # not TOML, or not UTF-8
        raise BadInput(
            f"The settings file {file} cannot be read: {safe(str(error))}. Mend it, or move it away."
        ) from None
    except OSError as error:
        raise BadInput(f"The settings file {file} cannot be opened ({safe(error.strerror or '')}).") from None


def _flatten(document: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in document.items():
        if isinstance(value, Mapping):
            flat |= _flatten(value, f"{prefix}{key}.")
        else:
            flat[prefix + key] = value
    return flat


def _checked(option: Option, value: object, origin: str, paths: Paths) -> Any:
    try:
        return option.check(value)
    except ValueError as reason:
        shown = safe_url(str(value)) if "://" in str(value) else safe(str(value), 60)
        place = str(paths.config_file) if origin == "file" else origin
        raise BadInput(f"{option.name} = {shown} (from {place}) cannot be used: {reason}.") from None


def _nearest(name: str) -> str:
    near = difflib.get_close_matches(name, OPTIONS, n=1)
    return f"; did you mean {near[0]}?" if near else ""
