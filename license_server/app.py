"""The server as a whole: store, rules and routes put together, and run until told to stop."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Callable

from license_server import http_server
from license_server.answers import CORS
from license_server.api import Api
from license_server.config import Settings
from license_server.keys import new_key
from license_server.kv import close_store, open_store
from license_server.kv.ask import ask as ask
from license_server.kv.interface import Store
from license_server.licenses import signing_key
from license_server.metrics import Metrics, Writes
from license_server.outside import Services
from license_server.rate_limit import RateLimit
from license_server.tokens import Signer

SWEEP_EVERY = 2.0
"""Seconds between two looks for what has expired."""


async def run(
    settings: Settings,
    started: Callable[[str, int], None],
    *,
    clock: Callable[[], float] = time.time,
) -> None:
    """Serves until SIGTERM or SIGINT; `started` is told the address once connections are accepted.

    Raises:
        BadSettings, StoreError, OSError (the address cannot be had).
    """
    settings.check()
    store = open_store(settings.kv, clock)
    try:
        signer = Signer(await ask(store.write, signing_key(secrets.token_bytes(32))))
        writes, fresh_key = Writes(store), lambda: new_key(secrets.choice)
        services = Services(settings.outside, settings.seller, store, clock, fresh_key, secrets.token_hex(8))
        api = Api(
            store.read,
            writes,
            signer=signer,
            seller=settings.seller,
            clock=clock,
            new_key=fresh_key,
            guard=RateLimit(time.monotonic, enabled=settings.rate_limit),
            sold=services.sold,
            options=settings.options,
        )
        token = settings.outside.metrics_token
        metrics = Metrics(api, store, writes, services.worker, time.perf_counter, token)
        async with asyncio.TaskGroup() as tasks:
            besides = services.start(tasks, sweeping=lambda: _sweep(store), counting=metrics.count)
            try:
                await http_server.serve(
                    metrics, settings.host, settings.port, trusted=settings.trusted, started=started, own_headers=CORS
                )
            finally:
                for task in besides:
                    task.cancel()
        await services.close()
    finally:
        await close_store(store)


async def _sweep(store: Store) -> None:
    while True:
        await asyncio.sleep(SWEEP_EVERY)
        store.sweep()
