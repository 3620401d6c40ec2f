"""What a license server says, checked on the way in. Loads pydantic; import it lazily.

Only what the documented server said too is needed; everything newer may be missing. What is not known is ignored.
"""

from __future__ import annotations

from typing import Annotated, TypeVar

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError
from pydantic.alias_generators import to_camel

Short = Annotated[str, Field(max_length=300)]
Count = Annotated[int, Field(ge=0, le=10**9, strict=True)]
Flag = Annotated[bool, Field(strict=True)]
Time = Annotated[float, Field(ge=0, le=1e11, allow_inf_nan=False)]
NoteText = Annotated[str, Field(max_length=4096)]


class Malformed(Exception):
    """An answer that is not what a license server says."""


class _Said(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, frozen=True)


class CheckSaid(_Said):
    """GET /api/generation/check. limit, used: only of a device without a license."""

    can_generate: Flag
    is_pro: Flag
    limit: Count | None = None
    used: Count | None = None
    license_key: Short | None = None
    token: NoteText | None = None


class TrackSaid(_Said):
    """POST /api/generation/track, also where it refuses. count: of the job's day, 0 for Pro."""

    success: Flag
    count: Count = 0
    is_pro: Flag = False
    limit: Count | None = None


class KeySaid(_Said):
    """POST /api/license/validate. purchase_date: the day, or a time as the documented server said."""

    valid: Flag
    activations_used: Count = 0
    max_activations: Count = 0
    purchase_date: Short | None = None
    activated_here: bool | None = None


class ActivatedSaid(_Said):
    """POST /api/license/activate and deactivate."""

    success: Flag
    activations_used: Count = 0
    max_activations: Count = 0
    token: NoteText | None = None
    license_key: Short | None = None


class DeviceSaid(_Said):
    device_id: Short
    device_name: Short | None = None
    activated_at: Time = 0
    last_seen: Time = 0
    this_device: bool = False


class DevicesSaid(_Said):
    """POST /api/license/devices."""

    success: Flag
    devices: list[DeviceSaid] = Field(max_length=10_000)
    activations_used: Count = 0
    max_activations: Count = 0


class PublicKeySaid(_Said):
    """GET /api/license/public-key."""

    kid: Short
    public_key: Short


class RefusalSaid(_Said):
    """Any answer with an error. code is missing on the documented server."""

    error: Short
    code: Short = ""


T = TypeVar("T", bound=BaseModel)


def parse(kind: type[T], body: bytes) -> T:
    """Raises Malformed, which quotes nothing of the answer."""
    try:
        return TypeAdapter(kind).validate_json(body)
    except ValidationError:
        raise Malformed from None
