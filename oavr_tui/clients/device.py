"""This device, as the license server knows it: one fingerprint that stays, from which the machine's id cannot be told.

Where the machine has an id, the fingerprint is made from it and from the account, each time anew: it is the same
whatever happens to our files, and another one for another person on the same machine. A container has none of its own
(or one that its image brought along), so there it is drawn once and kept in device.json.
"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import json
import os
import re
import secrets
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from oavr_tui.paths import Paths, private_dir

DEVICE_VARIABLE = "OAVR_DEVICE_ID"

_PURPOSE = "oavr-tui/v1|"
_SHOWN = 8
_LARGEST_FILE = 4096
_ASK_SECONDS = 1.0
_MACHINE_ID = re.compile(r"[0-9a-fA-F]{32}|[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_CONTAINED = re.compile(r"docker|kubepods|containerd|/lxc/|libpod|garden")
_FINGERPRINT = re.compile(r"[der]1[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Device:
    """fingerprint: what the server gets; never shown, and hidden in logs. kind: `machine`, `random` (kept in a file
    alone), or `given` by the environment. own: the fingerprint without what the environment says, by which this
    computer counts for itself. previous: the one this was before, as before a copy of the home; empty where it was
    none. warning: a sentence for a person, empty where all is well.
    """

    fingerprint: str
    kind: Literal["machine", "random", "given"]
    own: str
    previous: str = ""
    warning: str = ""

    @property
    def shown(self) -> str:
        """8 characters that name it to its owner, and open nothing."""
        return shown(self.fingerprint)


def device_id(fingerprint: str) -> str:
    """How the server names a device to others: 12 characters."""
    return hashlib.sha256(fingerprint.encode()).hexdigest()[:12]


def shown(fingerprint: str) -> str:
    """The beginning of that, fit for a screen."""
    return device_id(fingerprint)[:_SHOWN]


def find_device(
    paths: Paths,
    environ: Mapping[str, str] | None = None,
    *,
    root: Path = Path("/"),
    platform: str = sys.platform,
    account: str | None = None,
) -> Device:
    """This device. Raises nothing: where nothing can be kept, it is one for this process, with a warning.

    root: where the system's files are. account: who this is on the machine; the user's number where none is given.
    Blocks: reads files, and on macOS asks a program, for a second at most.
    """
    environ = os.environ if environ is None else environ
    account = account or str(os.getuid())
    file = paths.data / "device.json"
    kept = _read(file)
    own = _own(file, kept, _machine_id(environ, root, platform), account)
    given = environ.get(DEVICE_VARIABLE, "").strip()
    if given:
        return Device("e1" + _digest(given, ""), "given", own.own, own.previous, own.warning)
    return own


def _own(file: Path, kept: dict[str, str], machine: str, account: str) -> Device:
    known = kept.get("fingerprint", "")
    if not machine:
        return Device(known, "random", known, kept.get("previous", "")) if known else _drawn(file)
    fingerprint = "d1" + _digest(machine, account)
    if known == fingerprint:
        return Device(fingerprint, "machine", fingerprint, kept.get("previous", ""))
    # What cannot be written is found again the same way; only what it was before is forgotten then.
    _write(file, {"fingerprint": fingerprint, "kind": "machine", "previous": known}, anew=True)
    return Device(fingerprint, "machine", fingerprint, known)


def _drawn(file: Path) -> Device:
    """A new one, kept; of several processes that draw at once, the one whose file is there first has drawn for all."""
    fingerprint = "r1" + secrets.token_hex(32)
    if not _write(file, {"fingerprint": fingerprint, "kind": "random", "previous": ""}, anew=False):
        fingerprint = _read(file).get("fingerprint", "")
        if not fingerprint:
            return Device(
                lone := "r1" + secrets.token_hex(32),
                "random",
                lone,
                warning=f"{file.parent} cannot be written, so this device is a new one each time: a license cannot "
                f"stay on it. Make that folder writable, or set {DEVICE_VARIABLE}.",
            )
    return Device(fingerprint, "random", fingerprint)


def _digest(key: str, account: str) -> str:
    return hmac.new(key.encode(errors="replace"), (_PURPOSE + account).encode(), hashlib.sha256).hexdigest()


# --- the machine's id


def _machine_id(environ: Mapping[str, str], root: Path, platform: str) -> str:
    """The machine's id in one spelling; empty where it has none of its own, as in a container."""
    if platform == "darwin":
        return _spelled(_asked_of_mac())
    if _contained(environ, root):
        return ""
    for place in ("etc/machine-id", "var/lib/dbus/machine-id"):
        if found := _spelled(_text(root / place).strip()):
            return found
    return ""


def _spelled(text: str) -> str:
    """Without dashes and capitals; empty for what is no id, or stands for none."""
    plain = text.replace("-", "").lower() if _MACHINE_ID.fullmatch(text) else ""
    return plain if plain.strip("0") else ""


def _contained(environ: Mapping[str, str], root: Path) -> bool:
    if (root / ".dockerenv").exists() or (root / "run/.containerenv").exists():
        return True
    if _CONTAINED.search(_text(root / "proc/1/cgroup")):
        return True
    # A variable alone is no proof on a machine that was booted.
    return "KUBERNETES_SERVICE_HOST" in environ and not (root / "run/systemd/system").exists()


def _asked_of_mac() -> str:
    words = ["/usr/sbin/ioreg", "-rd1", "-c", "IOPlatformExpertDevice"]
    try:
        told = subprocess.run(words, capture_output=True, text=True, timeout=_ASK_SECONDS, check=False).stdout
    except (OSError, subprocess.SubprocessError, UnicodeDecodeError):
        return ""
    found = re.search(r'"IOPlatformUUID"\s*=\s*"([^"]+)"', told)
    return found[1] if found else ""


# --- files


def _text(file: Path) -> str:
    try:
        with file.open("rb") as handle:
            return handle.read(_LARGEST_FILE).decode("ascii", errors="replace")
    except OSError:
        return ""


def _read(file: Path) -> dict[str, str]:
    """What is kept and has its shape; nothing of what has not."""
    try:
        found = json.loads(_text(file) or "{}")
    except (ValueError, RecursionError):
        return {}
    if not isinstance(found, dict):
        return {}
    names = [name for name in ("fingerprint", "previous") if _FINGERPRINT.fullmatch(str(found.get(name, "")))]
    return {name: str(found[name]) for name in names}


def _write(file: Path, record: Mapping[str, str], *, anew: bool) -> bool:
    """Keep this, readable by the owner alone; returns whether it is there now.

    anew: in the place of what is there; otherwise a file of use that is there stays.
    """
    part = file.with_name(f".{file.name}.{os.getpid()}.{secrets.token_hex(4)}.part")
    try:
        private_dir(file.parent)
        fd = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with os.fdopen(fd, "w", encoding="ascii") as handle:
                json.dump(record, handle)
                handle.flush()
                os.fsync(handle.fileno())
            if anew or (file.exists() and not _read(file)):
                part.replace(file)
            else:
                os.link(part, file)
        finally:
            with contextlib.suppress(FileNotFoundError):
                part.unlink()
    except OSError:
        return False
    return True
