"""What the fleet is set up with in an ordinary installation: settings, environment, secrets, and the real provider."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING

from oavr_tui.engine.gate import GateSetup
from oavr_tui.engine.keeper import start_keeper
from oavr_tui.engine.make_believe import is_in_force
from oavr_tui.engine.rental import PodSetup
from oavr_tui.paths import Paths
from oavr_tui.pods.plan import plan_of
from oavr_tui.pods.runpod_address import runpod_address
from oavr_tui.secrets_file import address_token, runpod_key
from oavr_tui.settings import Control, Settings
from oavr_tui.vendor import vendor

if TYPE_CHECKING:
    from oavr_tui.clients.device import Device
    from oavr_tui.pods.provider import Provider


_NEEDED = ("oavr_tui.pods.runpod", "oavr_tui.pods.runpod_v2", "httpcore", "anyio")
"""What asking an account loads in the end, some of it only with the first question."""


def pod_setup(paths: Paths, settings: Settings, environ: Mapping[str, str] | None = None) -> PodSetup:
    """Raises BadInput where the environment names an unusable address of RunPod."""
    environ = os.environ if environ is None else environ
    address = runpod_address(environ)

    def open_account(key: str, control: Control) -> Provider:
        from oavr_tui.pods.runpod import RunPod

        return RunPod(key, base=address.base, control=control)

    return PodSetup(
        plan=plan_of(settings),
        key=lambda: runpod_key(paths, environ),
        open_account=open_account,
        service=address.service,
        token=partial(address_token, paths),
        start_keeper=partial(start_keeper, paths, environ),
        keeper=settings.pods_keeper,
        load=_load,
    )


def gate_setup(
    paths: Paths, environ: Mapping[str, str] | None = None, hide: Callable[[str], None] = lambda _secret: None
) -> GateSetup:
    """The gate of an ordinary installation. hide(secret): no log and no file may show it. Raises BadInput as pod_setup
    does."""
    environ = os.environ if environ is None else environ
    return GateSetup(
        vendor=vendor(environ),
        find_device=lambda: _device(paths, environ),
        make_believe=is_in_force(paths, environ),
        hide=hide,
    )


def _device(paths: Paths, environ: Mapping[str, str]) -> Device:
    from oavr_tui.clients.device import find_device

    return find_device(paths, environ)


def _load() -> None:
    for name in _NEEDED:
        import_module(name)
