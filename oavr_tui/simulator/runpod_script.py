"""How the simulated RunPod account is and what may go wrong with it, said in a file: its script.

A script is a JSON object; every key may be left out:

keys             {"full": "...", "read_only": "..."}: the first may do everything, the second only look
balance          dollars of credit at the start (default 25); in a replaced script: the new balance
time_scale       how much faster money runs than real time, and how much shorter every delay is (default 1); it cannot
                 be replaced. Times that the API tells are real ones: at 60, a pod of one real minute costs an hour.
spend_limit      dollars an hour that the account tells as its limit (default 80)
pull_seconds     until the container's image is there: PROVISIONING (default 1)
start_seconds    until the container runs: STARTING (default 0.5)
stop_keeps_gpu   the GPU of a stopped pod stays free for it, as if nobody else wanted one (default false)
prices           {gpu id: {"community": dollars an hour or null, "secure": ...}}: instead of the catalogue's
capacity         {gpu id: {"community": machines left, "secure": ...}}: unlimited where not said
stock            {gpu id: "NONE" | "LOW" | "MEDIUM" | "HIGH" | null}: what the catalogue claims, null for nothing at all
                 (default HIGH, and NONE where no machine is left)
host_memory_gb   memory of a pod's host: a number, or a list of which each new pod takes the next (default 62)
host_cuda        the newest CUDA version of all hosts (default "12.8")
tells_memory     whether v2 tells gpu.memory of a pod, as its description says and its examples do not (default: where
                 host_memory_gb is given)
tells_template   whether v2 tells the template of a pod, as its examples do; its description says null (default true)
volumes          [{"id", "name", "size" in GB, "data_center"}]: the account's network volumes (default none)
billing_lag      seconds by which GET /v2/billing/pods lags behind (default 0)
boot             what every pod's machine does when it is switched on: see pod_script.py
faults           a list of faults: see runpod_faults.py
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from oavr_tui.errors import BadInput
from oavr_tui.simulator.pod_script import BootScript
from oavr_tui.simulator.runpod_catalog import GPU_TYPES, CloudName, GpuType
from oavr_tui.simulator.runpod_faults import Fault
from oavr_tui.text import safe

FULL_KEY = "rpa_SIMULATED0FULL"
READ_ONLY_KEY = "rpa_SIMULATED0READ"
LARGEST_SCRIPT = 1 << 20

Seconds = Annotated[float, Field(ge=0, le=1e6)]
Dollars = Annotated[float, Field(ge=0, le=1e6)]
Gigabytes = Annotated[float, Field(ge=1, le=1e5)]
Machines = Annotated[int, Field(ge=0, le=10_000)]
StockWord = Literal["NONE", "LOW", "MEDIUM", "HIGH"]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Keys(_Part):
    """Any other key, and none, is answered with 401."""

    full: str = FULL_KEY
    read_only: str = READ_ONLY_KEY


class NetworkVolume(_Part):
    id: Annotated[str, Field(pattern=r"^[A-Za-z0-9]{1,32}$")]
    name: str = "volume"
    size: Annotated[int, Field(ge=1, le=10_000)] = 100
    data_center: str = "US-KS-2"


class Script(_Part):
    """The whole account; every key is documented at the head of this module."""

    keys: Keys = Keys()
    balance: Dollars = 25.0
    time_scale: Annotated[float, Field(gt=0, le=1e6)] = 1.0
    spend_limit: Dollars = 80.0
    pull_seconds: Seconds = 1.0
    start_seconds: Seconds = 0.5
    stop_keeps_gpu: bool = False
    prices: dict[str, dict[CloudName, Dollars | None]] = {}
    capacity: dict[str, dict[CloudName, Machines]] = {}
    stock: dict[str, StockWord | None] = {}
    host_memory_gb: Gigabytes | Annotated[list[Gigabytes], Field(min_length=1)] = 62.0
    host_cuda: Annotated[str, Field(pattern=r"^\d{1,3}\.\d{1,3}$")] = "12.8"
    tells_memory: bool | None = None
    tells_template: bool = True
    volumes: list[NetworkVolume] = []
    billing_lag: Seconds = 0.0
    boot: BootScript = BootScript()
    faults: list[Fault] = []

    @classmethod
    def from_json(cls, text: str | bytes) -> Script:
        """Read a script. Raises BadInput with the place and the reason of the first mistake."""
        if len(text) > LARGEST_SCRIPT:
            raise BadInput("The account script is larger than a megabyte; it is probably another file.")
        try:
            return cls.model_validate_json(text)
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            place = ".".join(str(part) for part in first["loc"]) or "the file itself"
            raise BadInput(safe(f"The account script is wrong at {place}: {first['msg']}.")) from None

    @classmethod
    def from_file(cls, path: Path) -> Script:
        """Read a script from a file. Raises BadInput."""
        try:
            return cls.from_json(path.read_bytes())
        except OSError as error:
            raise BadInput(safe(f"The account script cannot be read: {error.strerror}.")) from None

    def changed(self, *, time_scale: float | None, balance: float | None, key: str | None) -> Script:
        """The same with what is given. Raises BadInput for what no script may hold."""
        given = {"time_scale": time_scale, "balance": balance}
        update = {name: value for name, value in given.items() if value is not None}
        keys = self.keys if key is None else self.keys.model_copy(update={"full": key})
        return self.from_json(self.model_copy(update={**update, "keys": keys}).model_dump_json(exclude_unset=True))

    @property
    def memory_is_told(self) -> bool:
        """Whether v2 tells gpu.memory."""
        return "host_memory_gb" in self.model_fields_set if self.tells_memory is None else self.tells_memory

    def gpu(self, gpu_id: str) -> GpuType | None:
        """The GPU type of that id with the scripted prices, or None."""
        return next((each for each in self.gpus() if each.id == gpu_id), None)

    def gpus(self) -> list[GpuType]:
        """All GPU types with the scripted prices."""
        return [self._priced(each) for each in GPU_TYPES]

    def _priced(self, gpu: GpuType) -> GpuType:
        prices = self.prices.get(gpu.id, {})
        return GpuType(
            gpu.id,
            gpu.name,
            gpu.memory,
            secure=prices.get("secure", gpu.secure),
            community=prices.get("community", gpu.community),
            pool=gpu.pool,
        )
