"""What every test may rely on: the --full switch, and a home of its own that nothing outside can see."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from oavr_tui.paths import Paths

# How long an example takes says more of what else this computer does than of the program.
_USUAL = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("full", _USUAL, max_examples=100)
settings.register_profile("suite", _USUAL, max_examples=25)


def pytest_configure(config: pytest.Config) -> None:
    settings.load_profile("full" if config.getoption("--full") else "suite")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--full", action="store_true", help="also run the long tortures")


LONGEST = ("terminal", "journeys", "faults", "commands", "app")
"""Folders whose tests take seconds each: they come first, so that no worker is left alone with one at the end."""


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: LONGEST.index(folder) if (folder := item.path.parent.name) in LONGEST else len(LONGEST))
    if config.getoption("--full"):
        return
    long = [item for item in items if item.get_closest_marker("full")]
    config.hook.pytest_deselected(items=long)
    items[:] = [item for item in items if item not in set(long)]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Paths:
    """An empty home, also seen by child processes."""
    monkeypatch.setenv("OAVR_HOME", str(tmp_path / "home"))
    return Paths.find()
