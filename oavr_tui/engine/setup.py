"""What the fleet is set up with in an ordinary installation: settings, environment, secrets, and the real provider."""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING

from oavr_tui.engine.keeper import start_keeper
from oavr_tui.engine.rental import PodSetup
from oavr_tui.paths import Paths
from oavr_tui.pods.plan import plan_of
from oavr_tui.pods.runpod_address import runpod_address
from oavr_tui.secrets_file import address_token, runpod_key
from oavr_tui.settings import Control, Settings

if TYPE_CHECKING:
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


def _load() -> None:
    for name in _NEEDED:
        import_module(name)
