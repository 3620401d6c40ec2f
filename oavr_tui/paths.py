"""Where things are kept. OAVR_HOME moves everything under one folder; otherwise the platform's own places."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from oavr_tui.errors import BadInput
from oavr_tui.text import safe

APP_NAME = "oavr-tui"
VIDEOS_FOLDER_NAME = "OpenAvathar"
_DEMO_FOLDER = "demo"


@dataclass(frozen=True, slots=True)
class Paths:
    """The folders of one installation. None of them needs to exist; who writes creates what it needs, mode 0700."""

    config: Path
    data: Path
    state: Path
    cache: Path
    videos: Path

    @property
    def config_file(self) -> Path:
        return self.config / "config.toml"

    @property
    def secrets_file(self) -> Path:
        return self.config / "secrets.toml"

    @property
    def store_file(self) -> Path:
        return self.state / "store" / "db.json"

    @property
    def inputs(self) -> Path:
        """Pictures and voices of unfinished jobs, named by content hash."""
        return self.data / "inputs"

    @property
    def work(self) -> Path:
        """Unfinished files: downloads, videos being made. Safe to empty when nothing runs."""
        return self.data / "work"

    def job_log(self, job_id: str) -> Path:
        """What happened to one job."""
        return self.state / "job-logs" / f"{job_id}.log"

    def pod_log(self, pod_id: str) -> Path:
        """The whole log of one pod, by our id of it."""
        return self.state / "pod-logs" / f"{pod_id}.log"

    @property
    def app_memory(self) -> Path:
        """Where the app left off: the form's draft, the place, selections."""
        return self.state / "app.json"

    @property
    def license_file(self) -> Path:
        """What is known of plan and license, and this computer's own count of full videos."""
        return self.state / "license.json"

    @property
    def keeper_lock(self) -> Path:
        """Held by the one keeper, so that there is never a second."""
        return self.state / "keeper.lock"

    @property
    def wanted_lock(self) -> Path:
        """Held by every process with a person behind it that drives or wants to: the keeper makes way for it."""
        return self.state / "wanted.lock"

    @property
    def driver_lock(self) -> Path:
        return self.state / "driver.lock"

    @property
    def seen_file(self) -> Path:
        """When the app was last in front of a person."""
        return self.state / "seen.json"

    @property
    def driver_socket(self) -> Path:
        """Where the driver tells other processes how far jobs are."""
        return self.state / "driver.sock"

    @classmethod
    def under(cls, home: Path) -> Paths:
        """Everything below one folder."""
        return cls(home / "config", home / "data", home / "state", home / "cache", home / "videos")

    @classmethod
    def find(cls, environ: Mapping[str, str] | None = None) -> Paths:
        """The places for this person on this machine; OAVR_HOME wins over the platform's own."""
        environ = os.environ if environ is None else environ
        if home := environ.get("OAVR_HOME"):
            return cls.under(expanded(home).absolute())
        import platformdirs  # 22 ms: not needed where OAVR_HOME is set

        dirs = platformdirs.PlatformDirs(APP_NAME, appauthor=False)
        return cls(
            config=Path(dirs.user_config_dir),
            data=Path(dirs.user_data_dir),
            state=Path(dirs.user_state_dir),
            cache=Path(dirs.user_cache_dir),
            videos=Path(dirs.user_videos_dir) / VIDEOS_FOLDER_NAME,
        )

    def demo(self) -> Paths:
        """The demo's own places, apart from everything else of this installation."""
        return Paths.under(self.data / _DEMO_FOLDER)

    @property
    def is_demo(self) -> bool:
        """Whether these are the demo's own places: what costs money there is make-believe."""
        return self.data.parent.name == _DEMO_FOLDER


def expanded(text: str) -> Path:
    """A path as a person writes it, with ~ put in; raises BadInput where it names nobody or holds a zero byte."""
    try:
        if "\0" in text:
            raise ValueError
        return Path(text).expanduser()
    except (RuntimeError, ValueError):
        raise BadInput(f"{safe(text, 120)} is not a path on this computer. Check how it is written.") from None


def private_dir(path: Path) -> Path:
    """Create a folder, and what is missing above it, that only its owner can read; returns it."""
    if not path.parent.exists():
        private_dir(path.parent)  # mkdir(parents=True) would give the parents the default mode
    path.mkdir(mode=0o700, exist_ok=True)
    return path
