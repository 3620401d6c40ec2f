"""The nouns of the app as frozen dataclasses, and the table of what may follow what.

Rules:
1. A job's state changes only through `Job.moved_to`, which looks at FOLLOWS and raises on an illegal step; a pod's
   through `Pod.moved_to` and POD_FOLLOWS.
2. These classes hold facts, not behaviour; they load nothing but the standard library, so that the first frame is fast.
3. What is written to disk is `dataclasses.asdict` of these; pydantic checks it on the way back in (store/documents.py).

They are taken from here, whichever module they stand in; those of pods and licenses are loaded when first asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from oavr_tui.models.jobs import (
    AUTO,
    DEFAULT_PROMPT,
    ENDED,
    FOLLOWS,
    FPS,
    LONGEST_FULL_SECONDS,
    LONGEST_PREVIEW_SECONDS,
    PREVIEW,
    SIZES,
    Failure,
    Job,
    JobState,
    OutputFile,
    PictureInfo,
    Progress,
    Quality,
    Request,
    Shape,
    Video,
    VoiceInfo,
    shape_of,
)
from oavr_tui.models.steps import IllegalStep

if TYPE_CHECKING:
    from oavr_tui.models.licenses import LicensedDevice, LicenseStatus, Plan, Source
    from oavr_tui.models.pods import (
        BILLED_STATES,
        POD_FOLLOWS,
        STARTING_STATES,
        Measure,
        Pod,
        PodKind,
        PodState,
        PodWish,
        Spell,
        SpellKind,
        machine_kind,
    )


_OF_LICENSES = frozenset({"LicenseStatus", "LicensedDevice", "Plan", "Source"})


def __getattr__(name: str) -> object:
    """The nouns of pods and licenses, loaded when they are first used: the first frame needs none of them."""
    if name not in __all__:
        raise AttributeError(f"module {__name__} has no attribute {name}")
    if name in _OF_LICENSES:
        from oavr_tui.models import licenses

        return getattr(licenses, name)
    from oavr_tui.models import pods

    return getattr(pods, name)


__all__ = [
    "AUTO",
    "BILLED_STATES",
    "DEFAULT_PROMPT",
    "ENDED",
    "FOLLOWS",
    "FPS",
    "LONGEST_FULL_SECONDS",
    "LONGEST_PREVIEW_SECONDS",
    "POD_FOLLOWS",
    "PREVIEW",
    "SIZES",
    "STARTING_STATES",
    "Failure",
    "IllegalStep",
    "Job",
    "JobState",
    "LicenseStatus",
    "LicensedDevice",
    "Measure",
    "OutputFile",
    "PictureInfo",
    "Plan",
    "Pod",
    "PodKind",
    "PodState",
    "PodWish",
    "Progress",
    "Quality",
    "Request",
    "Shape",
    "Source",
    "Spell",
    "SpellKind",
    "Video",
    "VoiceInfo",
    "machine_kind",
    "shape_of",
]
