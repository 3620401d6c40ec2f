"""Which machines the simulated RunPod has left, and which of them fits what is asked for."""

from __future__ import annotations

from collections.abc import Iterable

from oavr_tui.simulator import runpod_refusals as refusals
from oavr_tui.simulator.runpod_catalog import DATA_CENTERS, CloudName, GpuType
from oavr_tui.simulator.runpod_pod import Host, Order
from oavr_tui.simulator.runpod_refusals import Refusal
from oavr_tui.simulator.runpod_script import Script


class Market:
    """The machines of one script; a new script makes a new market."""

    def __init__(self, script: Script) -> None:
        self._script = script
        self._left = {(gpu, cloud): left for gpu, clouds in script.capacity.items() for cloud, left in clouds.items()}
        hosts = script.host_memory_gb
        self._memory = list(hosts) if isinstance(hosts, list) else [hosts]

    def has(self, gpu: GpuType, cloud: CloudName) -> bool:
        """Whether a machine of that kind is free."""
        return self._left.get((gpu.id, cloud), 1) > 0

    def take(self, gpu: GpuType, cloud: CloudName) -> None:
        """One machine less."""
        self._shift(gpu, cloud, -1)

    def give_back(self, gpu: GpuType, cloud: CloudName) -> None:
        """One machine more."""
        self._shift(gpu, cloud, +1)

    def stock(self, gpu: GpuType, clouds: Iterable[CloudName]) -> str | None:
        """What the catalogue claims about a GPU type: NONE, LOW, MEDIUM, HIGH, or None for nothing."""
        if not any(self.has(gpu, cloud) for cloud in clouds if gpu.price(cloud) is not None):
            return "NONE"
        return self._script.stock.get(gpu.id, "HIGH")

    def find(self, order: Order) -> Host:
        """A free host that fits; it is not taken yet. Raises Refusal where there is none."""
        gpu = self._script.gpu(order.gpu)
        if gpu is None:
            raise Refusal(refusals.INVALID, "gpu.id: unknown GPU type.")
        unknown = set(order.data_centers) - set(DATA_CENTERS)
        if unknown:
            raise Refusal(refusals.INVALID, "dataCenterIds: unknown data center.")
        clouds, centers = order.clouds, order.data_centers or tuple(DATA_CENTERS)
        if order.network_volume:
            clouds, centers = ("secure",), self._center_of_volume(order)
        for cloud in clouds:
            price = gpu.price(cloud)
            if price is not None and self.has(gpu, cloud) and self._cuda_fits(order):
                return Host(gpu, cloud, centers[0], self._next_memory(order.min_memory), price * order.count)
        raise Refusal(refusals.NO_CAPACITY)

    def _center_of_volume(self, order: Order) -> tuple[str]:
        """A network volume is only in Secure Cloud, and only in its own data center (RunPod's documentation)."""
        volume = next((each for each in self._script.volumes if each.id == order.network_volume), None)
        if volume is None:
            raise Refusal(refusals.BROKEN_RULE, "network volume not found")
        if "secure" not in order.clouds:
            raise Refusal(refusals.BROKEN_RULE, "network volumes are only available in Secure Cloud")
        if order.data_centers and volume.data_center not in order.data_centers:
            raise Refusal(refusals.BROKEN_RULE, "the network volume is in another data center")
        return (volume.data_center,)

    def _cuda_fits(self, order: Order) -> bool:
        newest = _version(self._script.host_cuda)
        allowed = not order.cuda or any(_version(each) <= newest for each in order.cuda)
        return allowed and _version(order.min_cuda) <= newest

    def _next_memory(self, least: float) -> float:
        """The memory of the next host that has enough; those that have not are passed over."""
        while len(self._memory) > 1 and self._memory[0] < least:
            self._memory.pop(0)
        memory = self._memory[0]
        if memory < least:
            raise Refusal(refusals.NO_CAPACITY)
        if len(self._memory) > 1:
            self._memory.pop(0)
        return memory

    def _shift(self, gpu: GpuType, cloud: CloudName, by: int) -> None:
        place = (gpu.id, cloud)
        if place in self._left:
            self._left[place] = max(0, self._left[place] + by)


def _version(text: str) -> tuple[int, ...]:
    """ "12.8" as numbers that compare; what cannot be read is no demand."""
    parts = text.split(".")
    return tuple(int(part) for part in parts) if all(part.isdecimal() for part in parts) else ()
