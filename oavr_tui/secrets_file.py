"""Keys and tokens: from the environment first, else from one file that only its owner can read.

A key is looked at for its shape alone, never shown, and never part of a sentence.
"""

from __future__ import annotations

import os
import stat
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from oavr_tui.errors import BadInput
from oavr_tui.paths import Paths, private_dir
from oavr_tui.text import safe

RUNPOD_VARIABLE = "RUNPOD_API_KEY"
SHORTEST, LONGEST = 8, 256
"""Characters of a key or token."""

_LARGEST_FILE = 1 << 20
_LONGEST_NAME = 500
_RUNPOD = "runpod"
_TOKENS = "address_tokens"


@dataclass(frozen=True, slots=True)
class Secrets:
    """What is known. origin: where the RunPod key is from (a variable's name or a path), empty without one.

    notes: sentences for the person, such as that others could read the file.
    """

    runpod_key: str | None = field(default=None, repr=False)
    origin: str = ""
    address_tokens: Mapping[str, str] = field(default_factory=dict, repr=False)
    notes: tuple[str, ...] = ()


def load_secrets(paths: Paths, environ: Mapping[str, str] | None = None) -> Secrets:
    """Everything that is known; a file that others can read is closed to them, with a note.

    Raises BadInput where the file or a key cannot be used.
    """
    environ = os.environ if environ is None else environ
    file = paths.secrets_file
    notes = _close_to_others(file)
    document = _read(file)
    tokens = {
        name: check_shape(token, f"The token for {safe(name, 80)} in {file}")
        for name, token in _table(document, _TOKENS, file).items()
    }
    if given := environ.get(RUNPOD_VARIABLE, "").strip():
        return Secrets(check_shape(given, f"The key in {RUNPOD_VARIABLE}"), RUNPOD_VARIABLE, tokens, notes)
    kept = _table(document, _RUNPOD, file).get("key")
    if kept is None:
        return Secrets(None, "", tokens, notes)
    return Secrets(check_shape(kept, f"The RunPod key in {file}"), str(file), tokens, notes)


def runpod_key(paths: Paths, environ: Mapping[str, str] | None = None) -> str | None:
    """The RunPod key, or None. Raises BadInput as load_secrets does."""
    return load_secrets(paths, environ).runpod_key


def where_from(paths: Paths, environ: Mapping[str, str] | None = None) -> str:
    """Where the RunPod key is from: the variable's name, the file's path, or empty. Raises BadInput."""
    return load_secrets(paths, environ).origin


def save_runpod_key(paths: Paths, key: str) -> None:
    """Keep a RunPod key in the file. Raises BadInput for what cannot be one, or where it cannot be written."""
    _set(paths, _RUNPOD, "key", check_shape(key, "This RunPod key"))


def forget_runpod_key(paths: Paths) -> bool:
    """Remove the RunPod key from the file; returns whether there was one. The environment is left as it is."""
    return _forget(paths, _RUNPOD, "key")


def address_token(paths: Paths, name: str) -> str | None:
    """The token for one of the person's own ComfyUI addresses, by the name it was saved under, or None."""
    return load_secrets(paths, {}).address_tokens.get(_checked_name(name))


def save_address_token(paths: Paths, name: str, token: str) -> None:
    """Keep the token for an address. Raises BadInput for what cannot be one, or where it cannot be written."""
    _set(paths, _TOKENS, _checked_name(name), check_shape(token, "This token"))


def forget_address_token(paths: Paths, name: str) -> bool:
    """Remove an address's token; returns whether there was one."""
    return _forget(paths, _TOKENS, _checked_name(name))


def check_shape(value: object, what: str) -> str:
    """A key or token without white space around it. what: how to call it in the BadInput that it raises otherwise."""
    text = value.strip() if isinstance(value, str) else ""
    if not SHORTEST <= len(text) <= LONGEST:
        raise BadInput(f"{what} must be {SHORTEST} to {LONGEST} characters long. Copy the whole of it once more.")
    if not (text.isascii() and text.isprintable()) or " " in text:
        raise BadInput(f"{what} holds characters that no key has. Copy it once more, without spaces or quotes around.")
    return text


def _checked_name(name: str) -> str:
    if not 0 < len(name) <= _LONGEST_NAME or not name.isprintable():
        raise BadInput("A token is kept under an address or a name of at most 500 ordinary characters.")
    return name


def _table(document: Mapping[str, Any], name: str, file: Path) -> dict[str, Any]:
    table = document.get(name, {})
    if not isinstance(table, dict):
        raise BadInput(f"[{name}] in {file} must be a table. Mend it, or move the file away.")
    return table


def _read(file: Path) -> dict[str, Any]:
    try:
        with file.open("rb") as handle:
            return tomllib.loads(handle.read(_LARGEST_FILE).decode("utf-8"))
    except FileNotFoundError:
        return {}
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError):
        # The parser's own words may quote a line of the file, and so a key.
        raise BadInput(f"The file of keys {file} cannot be read. Mend it, or move it away.") from None
    except OSError as error:
        raise BadInput(f"The file of keys {file} cannot be opened ({safe(error.strerror or '')}).") from None


def _close_to_others(file: Path) -> tuple[str, ...]:
    """Take everybody else's rights away from the file; a note says so, since a key may have been seen."""
    try:
        if os.name != "posix" or not stat.S_IMODE(file.stat().st_mode) & 0o077:
            return ()
        file.chmod(0o600)
    except FileNotFoundError:
        return ()
    except OSError:
        return (f"Others on this computer can read your keys in {file}, and that cannot be changed from here.",)
    return (
        f"Others on this computer could read your keys in {file}; now only you can."
        " If somebody may have looked, make a new key in your RunPod account.",
    )


def _set(paths: Paths, table: str, name: str, value: str) -> None:
    import tomlkit  # keeps a person's own comments and order

    file = paths.secrets_file
    _table(_read(file), table, file)  # never overwrite a file that could not be understood
    try:
        document: Any = tomlkit.parse(file.read_text("utf-8")) if file.exists() else tomlkit.document()
        if table not in document:
            document[table] = tomlkit.table()
        document[table][name] = value
        _write(paths, tomlkit.dumps(document))
    except OSError as error:
        raise _unwritable(file, error) from None


def _forget(paths: Paths, table: str, name: str) -> bool:
    import tomlkit

    file = paths.secrets_file
    if name not in _table(_read(file), table, file):
        return False
    try:
        document: Any = tomlkit.parse(file.read_text("utf-8"))
        del document[table][name]
        _write(paths, tomlkit.dumps(document))
    except OSError as error:
        raise _unwritable(file, error) from None
    return True


def _unwritable(file: Path, error: OSError) -> BadInput:
    reason = safe(error.strerror or "unknown reason")
    return BadInput(f"The file of keys {file} cannot be written ({reason}), so nothing was changed.")


def _write(paths: Paths, text: str) -> None:
    """Replace the file at once or not at all; never readable by others, not even while it is written."""
    target = paths.secrets_file.resolve()  # a link, as those who keep their settings in one place have, stays one
    private_dir(paths.config)
    part = target.with_name(f".{target.name}.{os.getpid()}.part")
    fd = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        with os.fdopen(fd, "w", encoding="utf-8") as handle:
            handle.write(text)
            handle.flush()
            os.fsync(handle.fileno())
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)
