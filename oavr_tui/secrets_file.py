"""Keys and tokens: from the environment first, else from one file that only its owner can read.

A key is looked at for its shape alone, never shown, and never part of a sentence.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import stat
import time
import tomllib
from collections.abc import Callable, Iterator, Mapping
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
_LOOKS, _LOOK_SECONDS = 200, 0.02
_RUNPOD = "runpod"
_TOKENS = "address_tokens"
_LICENSE = "license"


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

    Only what there is nothing else for raises BadInput: an unreadable file beside a key in the environment, or a token
    of no use, is a note, since somebody may be at work whose pods have to be stopped.
    """
    environ = os.environ if environ is None else environ
    file = paths.secrets_file
    given = environ.get(RUNPOD_VARIABLE, "").strip()
    if given:
        given = check_shape(given, f"The key in {RUNPOD_VARIABLE}")
    notes = _close_to_others(file)
    try:
        document = _read(file)
        kept = _table(document, _RUNPOD, file).get("key")
        entries = _table(document, _TOKENS, file)
    except BadInput as error:
        if not given:
            raise BadInput(" ".join((error.message, *notes))) from None
        return Secrets(given, RUNPOD_VARIABLE, {}, (*notes, error.message))
    tokens: dict[str, str] = {}
    for name, token in entries.items():
        try:
            tokens[name] = check_shape(token, f"The token for {safe(name, 80)} in {file}")
        except BadInput as error:
            notes += (error.message,)
    if given:
        return Secrets(given, RUNPOD_VARIABLE, tokens, notes)
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
    """The token for one of the person's own ComfyUI addresses, by the name it was saved under, or None.

    Raises BadInput where the file or this token cannot be used.
    """
    _close_to_others(paths.secrets_file)
    token = _table(_read(paths.secrets_file), _TOKENS, paths.secrets_file).get(_checked_name(name))
    return None if token is None else check_shape(token, f"The token for {safe(name, 80)} in {paths.secrets_file}")


def save_address_token(paths: Paths, name: str, token: str) -> None:
    """Keep the token for an address. Raises BadInput for what cannot be one, or where it cannot be written."""
    _set(paths, _TOKENS, _checked_name(name), check_shape(token, "This token"))


def forget_address_token(paths: Paths, name: str) -> bool:
    """Remove an address's token; returns whether there was one."""
    return _forget(paths, _TOKENS, _checked_name(name))


def license_key(paths: Paths) -> str:
    """The license key, or empty. One that cannot be read is as good as none: what it opens is on the server."""
    try:
        _close_to_others(paths.secrets_file)
        kept = _table(_read(paths.secrets_file), _LICENSE, paths.secrets_file).get("key")
    except BadInput:
        return ""
    return kept if isinstance(kept, str) and kept.isascii() and kept.isprintable() else ""


def save_license_key(paths: Paths, key: str) -> bool:
    """Keep the license key in the file; returns whether that could be done, since Pro does without it."""
    try:
        _set(paths, _LICENSE, "key", check_shape(key, "This license key"))
    except BadInput:
        return False
    return True


def forget_license_key(paths: Paths) -> bool:
    """Remove the license key; returns whether there was one."""
    return _forget(paths, _LICENSE, "key")


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
    return tomllib.loads(_text(file))


def _text(file: Path) -> str:
    """What is in the file, which is TOML; empty where there is none. Raises BadInput, which quotes nothing of it."""
    try:
        if file.exists() and not file.is_file():
            raise ValueError
        with file.open("rb") as handle:
            data = handle.read(_LARGEST_FILE + 1)
        if len(data) > _LARGEST_FILE:
            raise ValueError
        text = data.decode("utf-8")
        tomllib.loads(text)
    except FileNotFoundError:
        return ""
    except (ValueError, RecursionError):
        raise BadInput(f"The file of keys {file} cannot be read. Mend it, or move it away.") from None
    except OSError as error:
        raise BadInput(f"The file of keys {file} cannot be opened ({safe(error.strerror or '')}).") from None
    return text


def _close_to_others(file: Path) -> tuple[str, ...]:
    """Take everybody else's rights away from the file; a note says so, since a key may have been seen."""
    try:
        mode = file.stat().st_mode
        if os.name != "posix" or not stat.S_ISREG(mode) or not stat.S_IMODE(mode) & 0o077:
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
    def put(document: Any) -> bool:
        if table not in document:
            document[table] = {}
        document[table][name] = value
        return True

    _change(paths, table, put)


def _forget(paths: Paths, table: str, name: str) -> bool:
    def remove(document: Any) -> bool:
        if name not in document.get(table, {}):
            return False
        del document[table][name]
        return True

    return _change(paths, table, remove)


def _change(paths: Paths, table: str, change: Callable[[Any], bool]) -> bool:
    """Change the file in one piece, unless `change` returns False; returns what it returned."""
    import tomlkit  # keeps a person's own comments and order

    file = paths.secrets_file
    try:
        with _alone(private_dir(paths.config)):
            text = _text(file)  # a file that could not be understood is never overwritten
            _table(tomllib.loads(text), table, file)
            document = tomlkit.parse(text)
            changed = change(document)
            if changed:
                _write(file, tomlkit.dumps(document))
    except OSError as error:
        raise _unwritable(file, error) from None
    return changed


@contextlib.contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """One process at a time, so that none writes back a file as it was before another's change.

    Who cannot come in within some seconds goes on all the same: whoever is inside has been stopped, not busy.
    """
    fd = os.open(folder, os.O_RDONLY)
    try:
        for _ in range(_LOOKS):
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                time.sleep(_LOOK_SECONDS)
        yield
    finally:
        os.close(fd)


def _unwritable(file: Path, error: OSError) -> BadInput:
    reason = safe(error.strerror or "unknown reason")
    return BadInput(f"The file of keys {file} cannot be written ({reason}), so nothing was changed.")


def _write(file: Path, text: str) -> None:
    """Replace the file at once or not at all; never readable by others, not even while it is written."""
    target = file.resolve()  # a link, as those who keep their settings in one place have, stays one
    part = target.with_name(f".{target.name}.{os.getpid()}.part")
    part.unlink(missing_ok=True)
    fd = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(fd, "w", encoding="utf-8") as handle:
            handle.write(text)
            handle.flush()
            os.fsync(handle.fileno())
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)
