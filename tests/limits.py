"""A disk that is full, without filling one."""

from __future__ import annotations

import contextlib
import os
import resource
import sys
from collections.abc import Iterator

NO_BYTECODE = {"PYTHONDONTWRITEBYTECODE": "1"}
"""For the environment of a program whose files are limited: Python takes bytecode that was cut short for whole, and
keeps it, so that the module could not be loaded by anybody any more."""


@contextlib.contextmanager
def files_no_larger_than(room: int) -> Iterator[None]:
    """Let no file of this process, and of the programs that it starts, grow beyond `room` bytes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    before, writes_none = {name: os.environ.get(name) for name in NO_BYTECODE}, sys.dont_write_bytecode
    os.environ.update(NO_BYTECODE)
    sys.dont_write_bytecode = True
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        sys.dont_write_bytecode = writes_none
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
