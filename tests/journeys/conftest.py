"""What journeys need: they make more full videos in a day than one gets for nothing."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.licenses.server import plenty


@pytest.fixture(scope="package", autouse=True)
def a_generous_license_server() -> Iterator[None]:
    """For every process that these tests start."""
    with plenty():
        yield
