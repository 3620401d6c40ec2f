"""The app as a demo: everything works, on a make-believe account that costs nothing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Demo:
    """key: what the make-believe account takes. prepare: opens it; blocks a second or so; may raise OavrError."""

    key: str
    prepare: Callable[[], None]
