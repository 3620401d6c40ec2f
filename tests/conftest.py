"""What every test may rely on: the --full switch, and a home of its own that nothing outside can see."""

from __future__ import annotations

from pathlib import Path

import pytest

from oavr_tui.paths import Paths


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--full", action="store_true", help="also run the long tortures")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
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
