"""What a person sets: one TOML file, each value overridable by an environment variable, each with a known origin.

Order, last wins: the default, the file, the environment (OAVR_ + the name in capitals, dots as underscores).
Reading needs only the standard library; tomlkit is loaded for writing alone, since it keeps the file's comments.
"""

from __future__ import annotations

import difflib
import math
import os
import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, get_args

from oavr_tui.errors import BadInput
from oavr_tui.models import AUTO, DEFAULT_PROMPT, PREVIEW, Quality, Shape
from oavr_tui.paths import Paths, expanded, private_dir
from oavr_tui.text import safe, safe_url

_LARGEST_FILE = 1 << 20
LONGEST_PROMPT = 2000

CloudChoice = Literal["any", "community", "secure"]
"""Whose machines may be rented: community is cheaper, secure is a data center."""
Control = Literal["auto", "v2", "sdk"]
"""How the provider is asked: auto takes the newer way and falls back to the other."""

DEFAULT_TEMPLATE = "qvidd7ityi"
"""The template whose image brings ComfyUI with InfiniteTalk."""

_POD_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,39}")
_IDENTITY = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
_LONGEST_LIST = 1000
_YES, _NO = ("yes", "true", "on", "1"), ("no", "false", "off", "0")


def pod_name(value: object) -> str:
    """A studio's name: 1 .. 40 letters, digits, dashes, dots, underscores. Raises ValueError with a plain reason.

    Reserved words are refused, and so is an address without its http://, which would never be found by that name.
    """
    text = str(value).strip()
    if text.lower() in (PREVIEW, AUTO):
        raise ValueError(f"'{text.lower()}' has a meaning of its own")
    if not _POD_NAME.fullmatch(text) or re.fullmatch(r"[\d.]*\.[\d.]*", text):
        raise ValueError("a name is 1 to 40 letters, digits, dashes, dots or underscores, such as studio-1")
    return text


def where(value: object) -> str:
    """Where videos are made: `preview`, `auto`, a studio's name, or an http(s) address.

    Whether there is a studio of that name is not looked at. Raises ValueError with a plain reason.
    """
    text = str(value).strip()
    if text.lower() in (PREVIEW, AUTO):
        return text.lower()
    try:
        return pod_name(text)
    except ValueError:
        return _address(text)


def _address(text: str) -> str:
    from urllib.parse import urlsplit

    try:
        parts = urlsplit(text)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        usable = False
    if not usable:
        raise ValueError(
            "it must be 'preview', 'auto', the name of a studio such as studio-1, or the address of a ComfyUI server "
            "such as http://127.0.0.1:8188"
        )
    return text.rstrip("/")


def strength(value: object) -> float:
    """How much the voice moves the face: 0.5 .. 2. Raises ValueError with a plain reason."""
    try:
        number = float(str(value))
    except ValueError:
        number = float("nan")
    if not 0.5 <= number <= 2:
        raise ValueError("it must be a number from 0.5 to 2")
    return number


def prompt(value: object) -> str:
    """What the person in the picture does; empty means the default. Raises ValueError with a plain reason."""
    text = str(value).strip()
    if len(text) > LONGEST_PROMPT:
        raise ValueError(f"it must be at most {LONGEST_PROMPT} characters long")
    return text or DEFAULT_PROMPT


def shape(value: object) -> Shape:
    """One of the shapes. Raises ValueError with a plain reason."""
    try:
        return Shape(str(value))
    except ValueError:
        raise ValueError("it must be one of " + ", ".join(Shape)) from None


def quality(value: object) -> Quality:
    """One of the qualities. Raises ValueError with a plain reason."""
    try:
        return Quality(str(value))
    except ValueError:
        raise ValueError("it must be one of " + ", ".join(Quality)) from None


def _folder(value: object) -> str:
    text = str(value).strip()
    if not text or "\0" in text:
        raise ValueError("it must be a folder's path")
    try:
        expanded(text)
    except BadInput:
        raise ValueError("no such person is known on this computer") from None
    return text


def _number(least: float, most: float) -> Callable[[object], float]:
    """A check for a number of least .. most; yes and no are not numbers."""

    def check(value: object) -> float:
        try:
            number = math.nan if isinstance(value, bool) else float(str(value))
        except ValueError:
            number = math.nan
        if not least <= number <= most:
            raise ValueError(f"it must be a number from {least:g} to {most:g}")
        return number

    return check


def _count(least: int, most: int) -> Callable[[object], int]:
    """A check for a whole number of least .. most."""

    def check(value: object) -> int:
        try:
            number = _number(least, most)(value)
        except ValueError:
            number = math.nan
        if not number.is_integer():
            raise ValueError(f"it must be a whole number from {least} to {most}")
        return int(number)

    return check


def _yes_or_no(value: object) -> bool:
    text = str(value).strip().lower()
    if text not in _YES + _NO:
        raise ValueError("it must be yes or no")
    return text in _YES


def _one_of(choices: tuple[str, ...]) -> Callable[[object], str]:
    def check(value: object) -> str:
        text = str(value).strip().lower()
        if text not in choices:
            raise ValueError("it must be one of " + ", ".join(choices))
        return text

    return check


def _gpus(value: object) -> str:
    """A list of GPUs, with commas or as an array, kept as it was given: which of them exist is looked at later."""
    parts = value if isinstance(value, list) else str(value).split(",")
    text = ", ".join(part for part in (str(part).strip() for part in parts) if part)
    if len(text) > _LONGEST_LIST or safe(text, _LONGEST_LIST) != text:
        raise ValueError("it must be a list of GPUs such as RTX 4090, L40S")
    return text


def _volume(value: object) -> str:
    text = str(value).strip()
    if text and not _IDENTITY.fullmatch(text):
        raise ValueError("it must be the id of a network volume, or nothing for none")
    return text


def _template(value: object) -> str:
    text = str(value).strip()
    if not _IDENTITY.fullmatch(text):
        raise ValueError(f"it must be the id of a template such as {DEFAULT_TEMPLATE}")
    return text


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
        Option("videos.folder", "videos_folder", _folder, "where finished videos are kept"),
        Option(
            "pods.start_by_itself", "pods_start_by_itself", _yes_or_no, "yes: a studio is started when it is needed"
        ),
        Option("pods.price_cap", "pods_price_cap", _number(0.01, 50), "dollars an hour that one studio may cost"),
        Option("pods.day_cap", "pods_day_cap", _number(0.1, 1000), "dollars a day (UTC) that all studios may cost"),
        Option("pods.most", "pods_most", _count(1, 20), "how many studios may run at a time"),
        Option(
            "pods.idle_minutes", "pods_idle_minutes", _number(0.05, 1440), "minutes until an idle studio is stopped"
        ),
        Option(
            "pods.terminate_after_hours",
            "pods_terminate_after_hours",
            _number(0, 720),
            "hours until a stopped studio is deleted; 0: never",
        ),
        Option("pods.gpus", "pods_gpus", _gpus, "GPUs in the order they are tried, such as RTX 4090, L40S"),
        Option("pods.cloud", "pods_cloud", _one_of(get_args(CloudChoice)), "any, community (cheaper) or secure"),
        Option("pods.volume", "pods_volume", _volume, "id of a network volume that keeps the models"),
        Option("pods.template", "pods_template", _template, "id of the RunPod template that studios are made from"),
        Option("pods.control", "pods_control", _one_of(get_args(Control)), "how RunPod is asked: auto, v2 or sdk"),
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
    pods_cloud: CloudChoice = "any"
    pods_gpus: str = ""
    pods_volume: str = ""
    pods_template: str = DEFAULT_TEMPLATE
    pods_price_cap: float = 1.0
    pods_day_cap: float = 5.0
    pods_most: int = 1
    pods_idle_minutes: float = 15.0
    pods_terminate_after_hours: float = 24.0
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


def save_setting(paths: Paths, name: str, value: str) -> Any:
    """Write one value into the file, keeping everything else in it, and return the value as it is understood."""
    option = OPTIONS.get(name)
    if option is None:
        raise BadInput(f"There is no setting named {safe(name)}{_nearest(name)}. 'oavr-tui config show' lists them.")
    checked = _checked(option, value, "the command line", paths)
    _read(paths.config_file)  # never overwrite a file that could not be understood
    import tomlkit

    text = paths.config_file.read_text("utf-8") if paths.config_file.exists() else ""
    document: Any = tomlkit.parse(text)
    table, _, key = name.partition(".")
    if table not in document:
        document[table] = tomlkit.table()
    document[table][key] = checked if isinstance(checked, bool | int | float) else str(checked)
    private_dir(paths.config)
    temporary = paths.config_file.with_suffix(".toml.new")
    temporary.write_text(tomlkit.dumps(document), "utf-8")
    temporary.chmod(0o600)
    temporary.replace(paths.config_file)
    return checked


def _read(file: Path) -> dict[str, Any]:
    try:
        with file.open("rb") as handle:
            return tomllib.loads(handle.read(_LARGEST_FILE).decode("utf-8"))
    except FileNotFoundError:
        return {}
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
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
