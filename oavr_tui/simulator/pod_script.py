"""What a simulated pod does, said in a file: its boot, its log, its ComfyUI, and the proxy in front of it.

A script is a JSON object; every key may be left out, an unknown one is refused:

    {"seconds_per_file": 2, "boot": {"fail_file": "vae.safetensors"}, "proxy": {"ws_idle_seconds": 5}}

All seconds are those of the `sleep` that the machine was given, which may run faster than a clock on the wall; only
those of the proxy are as long as they are for who talks through it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from oavr_tui.errors import BadInput
from oavr_tui.simulator.faults import (
    Drop,
    Fault,
    HalfOpen,
    Latency,
    Slow,
    Status,
    TooLarge,
    Truncate,
)
from oavr_tui.simulator.making import DEFAULT_DEVICE, DEFAULT_RAM, DEFAULT_UPLOAD_LIMIT, DEFAULT_VRAM
from oavr_tui.simulator.node_info import Generation
from oavr_tui.text import safe

COMFYUI_PORT = 8188
LOG_PORT = 8001
DEFAULT_FILES = (
    "Wan2_1-I2V-14B-480P_fp8_e4m3fn.safetensors",
    "Wan2_1-InfiniteTalk-Single_fp8_e4m3fn_scaled_KJ.safetensors",
    "Wan2_1-InfiniteTalk-Multi_fp8_e4m3fn_scaled_KJ.safetensors",
    "lightx2v_I2V_14B_480p_cfg_step_distill_rank64_bf16.safetensors",
    "umt5-xxl-enc-bf16.safetensors",
    "Wan2_1_VAE_bf16.safetensors",
    "clip_vision_h.safetensors",
    "MelBandRoformer_fp16.safetensors",
    "wav2vec2-chinese-base_fp16.safetensors",
    "wav2vec2-config.json",
    "wav2vec2-preprocessor_config.json",
    "wav2vec2-feature_extractor_config.json",
    "umt5-tokenizer.json",
    "umt5-tokenizer_config.json",
    "umt5-special_tokens_map.json",
    "clip_vision_h-config.json",
    "infinitetalk-workflow.json",
)
"""What a pod made for InfiniteTalk fetches at its first start; the large ones first."""
_LARGEST_SCRIPT = 1 << 20

Seconds = Annotated[float, Field(ge=0, le=86_400)]
Bytes = Annotated[int, Field(ge=0, le=1 << 44)]
FileName = Annotated[str, Field(pattern=r"^[\w][\w.+-]{0,199}$")]
Port = Annotated[int, Field(ge=1, le=65_535)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ComfyOptions(_Part):
    """The pod's ComfyUI. vram, ram, max_upload_size: bytes; step_seconds, load_seconds: of one sampler step at least,
    and of loading the big model; faults: as in faults.py, for this server itself."""

    generation: Generation = "new"
    vram: Bytes = DEFAULT_VRAM
    device: Annotated[str, Field(max_length=100)] = DEFAULT_DEVICE
    ram: Bytes = DEFAULT_RAM
    step_seconds: Seconds = 0.0
    load_seconds: Seconds = 0.0
    max_upload_size: Bytes = DEFAULT_UPLOAD_LIMIT
    faults: tuple[Annotated[Fault, Field(discriminator="do")], ...] = ()


class LogEvent(_Part):
    """Something odd that gets into the log once it has `after_lines` lines since the container started.

    bad_byte       a byte that is not UTF-8: every reader gets one error and is sent away, again and again
    mend           the log is written anew without such bytes
    restart        the file is cut to nothing and begins anew, while readers keep their place in the old one
    partial        a line is written in two halves, `seconds` apart
    giant          one line of `length` characters
    crlf           a line that ends with CR LF
    tqdm           a progress bar: `length` frames, `seconds` apart, each beginning with CR
    odd_breaks     a line with form feeds, line separators and the like inside
    """

    do: Literal["bad_byte", "mend", "restart", "partial", "giant", "crlf", "tqdm", "odd_breaks"]
    after_lines: Annotated[int, Field(ge=1, le=1_000_000)] = 1
    length: Annotated[int, Field(ge=1, le=1 << 24)] = 200_000
    seconds: Seconds = 1.0


class LogOptions(_Part):
    """The log server. server: "silent" takes connections and says nothing, "down" does not listen."""

    server: Literal["up", "silent", "down"] = "up"
    events: Annotated[tuple[LogEvent, ...], Field(max_length=1000)] = ()


class BootFaults(_Part):
    """What goes wrong while the pod starts.

    fail_file: this file cannot be had: the container ends, waits restart_seconds and starts again with what it has;
    fail_times: how often that happens before it can be had, None for ever.
    hang_in: nothing goes on from there: "pull" (the container never starts), "files" (after the first file began),
    "warming" (ComfyUI is being started). never_comfy: ComfyUI ends with a traceback, and the container stays.
    page: what is answered with 200 and an HTML page in ComfyUI's place: nothing, "until_up", or "forever".
    """

    fail_file: FileName | None = None
    fail_times: Annotated[int, Field(ge=1)] | None = None
    restart_seconds: Seconds = 5.0
    hang_in: Literal["pull", "files", "warming"] | None = None
    never_comfy: bool = False
    page: Literal["never", "until_up", "forever"] = "never"


ProxyFault = Annotated[
    Latency | Status | TooLarge | Drop | HalfOpen | Truncate | Slow,
    Field(discriminator="do"),
]


class ProxyOptions(_Part):
    """The proxy. ports: those exposed as "<port>/http"; any other is 404 for ever.

    silence_seconds: 524 when the pod has said nothing for so long, and an answer under way is cut; ws_idle_seconds: a
    WebSocket without any frame is cut; upload_limit: bytes, a larger body is 413. cut_after: [least, most] seconds
    after which WebSockets and event streams are cut whatever happens on them, drawn with `seed`; None for never.
    faults: as in faults.py (without lost_history, restart, fail); the path begins with the port, as in "/8188/view".
    """

    ports: tuple[Port, ...] = (COMFYUI_PORT, LOG_PORT)
    silence_seconds: Annotated[float, Field(gt=0, le=86_400)] = 100.0
    ws_idle_seconds: Annotated[float, Field(gt=0, le=86_400)] = 100.0
    upload_limit: Bytes = 100_000_000
    cut_after: tuple[Seconds, Seconds] | None = None
    seed: int = 0
    faults: tuple[ProxyFault, ...] = ()

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.cut_after is not None and self.cut_after[0] > self.cut_after[1]:
            raise ValueError("cut_after: the least time is first")
        return self


class BootScript(_Part):
    """One simulated pod. files: what the first start fetches; at_once: how many of them at the same time.

    seconds_per_file: to fetch one; warm_seconds: from the line that announces ComfyUI until it can be reached.
    """

    files: Annotated[tuple[FileName, ...], Field(max_length=1000)] = DEFAULT_FILES
    at_once: Annotated[int, Field(ge=1, le=64)] = 1
    seconds_per_file: Seconds = 20.0
    warm_seconds: Seconds = 30.0
    comfy: ComfyOptions = ComfyOptions()
    log: LogOptions = LogOptions()
    boot: BootFaults = BootFaults()
    proxy: ProxyOptions = ProxyOptions()

    @model_validator(mode="after")
    def _known_file(self) -> Self:
        if self.boot.fail_file is not None and self.boot.fail_file not in self.files:
            raise ValueError("boot.fail_file is not one of the files")
        return self

    @classmethod
    def from_json(cls, text: str | bytes) -> BootScript:
        """Read a script. Raises BadInput with the place and the reason of the first mistake."""
        if len(text) > _LARGEST_SCRIPT:
            raise BadInput("The pod script is larger than a megabyte; it is probably another file.")
        try:
            return cls.model_validate_json(text)
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            place = ".".join(str(part) for part in first["loc"]) or "the file itself"
            raise BadInput(safe(f"The pod script is wrong at {place}: {first['msg']}.")) from None

    @classmethod
    def from_file(cls, path: Path) -> BootScript:
        """Read a script from a file. Raises BadInput."""
        try:
            return cls.from_json(path.read_bytes())
        except OSError as error:
            raise BadInput(safe(f"The pod script cannot be read: {error.strerror}.")) from None
