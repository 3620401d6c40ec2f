"""What a person sets: one TOML file, each value overridable by an environment variable, each with a known origin.

Order, last wins: the default, the file, the environment (OAVR_ + the name in capitals, dots as underscores).
Reading needs only the standard library; tomlkit is loaded for writing alone, since it keeps the file's comments.
"""

from __future__ import annotations

import difflib
import os
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from oavr_tui.errors import BadInput
from oavr_tui.models import AUTO, DEFAULT_PROMPT, PREVIEW, Quality, Shape
from oavr_tui.paths import Paths, expanded, private_dir
from oavr_tui.text import safe, safe_url

_LARGEST_FILE = 1 << 20
LONGEST_PROMPT = 2000


def where(value: object) -> str:
    """Where videos are made: `preview`, `auto`, or an http(s) address. Raises ValueError with a plain reason."""
    text = str(value).strip()
    if text in (PREVIEW, AUTO):
        return text
    from urllib.parse import urlsplit

    try:
        parts = urlsplit(text)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        usable = False
    if not usable:
        raise ValueError("it must be 'preview' or the address of a ComfyUI server such as http://127.0.0.1:8188")
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
        Option("generate.on", "on", where, "where videos are made: preview, or a ComfyUI address"),
        Option("generate.shape", "shape", shape, "auto, portrait, landscape or square"),
        Option("generate.quality", "quality", quality, "draft, standard or high"),
        Option("generate.audio_strength", "audio_strength", strength, "how much the voice moves the face, 0.5 to 2"),
        Option("generate.prompt", "prompt", prompt, "what the person in the picture does"),
        Option("videos.folder", "videos_folder", _folder, "where finished videos are kept"),
    )
}


@dataclass(frozen=True, slots=True)
class Settings:
    """The values in force. origins: option name -> "default", "file" or the environment variable's name."""

    videos_folder: str
    on: str = PREVIEW
    shape: Shape = Shape.AUTO
    quality: Quality = Quality.STANDARD
    audio_strength: float = 1.0
    prompt: str = DEFAULT_PROMPT
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
    document[table][key] = checked if isinstance(checked, float) else str(checked)
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
