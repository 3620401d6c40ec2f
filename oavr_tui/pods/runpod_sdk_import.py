"""Loading the `runpod` package without what it does to a program in a terminal.

As it is, its import starts three processes to learn the processor's name, sends the root logger to standard error, and
fails where ~/.runpod/config.toml has a [default] table without a key. Here none of this happens. It takes some 0.4 s;
call `loaded` in a thread only. Nothing of the package is imported by importing this module.
"""

from __future__ import annotations

import importlib
import logging
import os
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from oavr_tui.errors import OavrError, Rejected

_SETTINGS = "runpod.cli.groups.config.functions"
_LOGGERS = ("urllib3", "paramiko", "uvicorn")
_NO_KEY_OF_ITS_OWN = "set for every call apart"

_lock = threading.Lock()
_found: Sdk | OavrError | None = None


@dataclass(frozen=True, slots=True)
class Sdk:
    """The package's functions for pods, its escape hatch for any other question, and what they raise."""

    pods: Any
    query: Callable[[str], dict[str, Any]]
    no_access: type[Exception]
    refusal: type[Exception]


def loaded(post: Callable[[], object]) -> Sdk:
    """The package, loaded once for the process. Raises Rejected where it is missing or not as this program knows it.

    post: makes what takes the place of `requests` in the package's one module that sends anything, so that address,
    key, deadline and size of each request are ours (see runpod_sdk_post).
    """
    global _found
    with _lock:
        if _found is None:
            try:
                _found = _load(post())
            except Exception as error:
                _found = _unusable(error)
        if isinstance(_found, OavrError):
            raise _unusable(None)
        return _found


def _load(post: object) -> Sdk:
    with _logging_as_it_was(), _processor_unasked():
        package = _imported()
        wire, errors = importlib.import_module("runpod.api.graphql"), importlib.import_module("runpod.error")
    if not isinstance(getattr(wire, "requests", None), ModuleType):
        raise ImportError("the package no longer sends its requests from where this program can guide them")
    vars(wire)["requests"] = post
    # A key from the package's own settings must never be used in place of the person's.
    vars(package)["api_key"] = _NO_KEY_OF_ITS_OWN
    return Sdk(package, wire.run_graphql_query, errors.AuthenticationError, errors.QueryError)


def _imported() -> ModuleType:
    try:
        return importlib.import_module("runpod")
    except ImportError:
        raise
    except Exception:
        # The package's own settings cannot be read. They are not needed: the second try finds an empty file.
        settings = sys.modules.get(_SETTINGS)
        if settings is None:
            raise
        vars(settings)["CREDENTIAL_FILE"] = os.devnull
        return importlib.import_module("runpod")


def _unusable(error: Exception | None) -> Rejected:
    if error is not None:
        logging.getLogger(__name__).warning("the runpod package cannot be used: %s", type(error).__name__)
    return Rejected("The runpod package on this computer cannot be used. Install oavr-tui again, or update it.")


@contextmanager
def _logging_as_it_was() -> Iterator[None]:
    """basicConfig() does nothing where the root has a handler; levels that the package sets are set back."""
    root, guard = logging.getLogger(), logging.NullHandler()
    levels = {name: logging.getLogger(name).level for name in _LOGGERS}
    root.addHandler(guard)
    try:
        yield
    finally:
        root.removeHandler(guard)
        for name, level in levels.items():
            logging.getLogger(name).setLevel(level)


@contextmanager
def _processor_unasked() -> Iterator[None]:
    """Put something in the place of the module that would start processes to learn the processor's name."""
    if "cpuinfo" in sys.modules:
        yield
        return
    stand_in = ModuleType("cpuinfo")
    vars(stand_in)["get_cpu_info"] = lambda: {"brand_raw": ""}
    sys.modules["cpuinfo"] = stand_in
    try:
        yield
    finally:
        sys.modules.pop("cpuinfo", None)
