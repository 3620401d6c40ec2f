"""Which engine the tests of rules run on: each of them once on SQLite, once on a real Redis."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.license_server.programs import RedisServer, redis_server
from tests.license_server.stores import on_engine

ON_BOTH = {
    "test_generations",
    "test_gumroad",
    "test_licenses",
    "test_races",
    "test_outbox",
    "test_confirm",
    "test_sold",
}
"""Modules whose tests run on both; of others only those that look into no file."""
ON_BOTH_TOO = {
    "test_a_rule_that_only_looks_may_not_write",
    "test_a_key_that_cannot_be_written_costs_nobody_else_an_answer",
    "test_nothing_acknowledged_is_lost_by_kill",
    "test_nothing_acknowledged_is_lost_by_twenty_kills",
}


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    name = metafunc.module.__name__.rpartition(".")[2]
    if name in ON_BOTH or metafunc.definition.name in ON_BOTH_TOO:
        metafunc.fixturenames.append("engine")
        metafunc.parametrize("engine", ["sqlite", "redis"], indirect=True)


@pytest.fixture(scope="session")
def redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    """A Redis for many tests, with databases enough for each of them to have its own."""
    with redis_server(tmp_path_factory.mktemp("redis")) as server:
        yield server


@pytest.fixture(autouse=True)
def engine(request: pytest.FixtureRequest) -> Iterator[None]:
    """The engine of this test: by its parameter, or by the attribute `engine` of its class."""
    if getattr(request, "param", getattr(request.cls, "engine", "sqlite")) == "sqlite":
        yield
    else:
        with on_engine(request.getfixturevalue("redis").url):
            yield
