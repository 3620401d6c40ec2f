"""What the simulated RunPod has to rent when nothing else is scripted: GPU types, templates, data centers.

Ids are RunPod's exact strings; prices are snapshots of autumn 2026, in dollars an hour, and stand for nothing but
their order of size.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

CloudName = Literal["community", "secure"]
CLOUDS: tuple[CloudName, ...] = ("community", "secure")


@dataclass(frozen=True, slots=True)
class GpuType:
    """memory: GB. secure, community: dollars an hour for one, None where that cloud has none. pool: as the API says."""

    id: str
    name: str
    memory: int
    secure: float | None
    community: float | None
    pool: str

    def price(self, cloud: CloudName) -> float | None:
        """Dollars an hour in that cloud, None where it is not offered there."""
        return self.secure if cloud == "secure" else self.community


GPU_TYPES = (
    GpuType("NVIDIA GeForce RTX 3090", "RTX 3090", 24, 0.43, 0.22, "AMPERE_24"),
    GpuType("NVIDIA RTX A5000", "RTX A5000", 24, 0.29, 0.16, "AMPERE_24"),
    GpuType("NVIDIA L4", "L4", 24, 0.43, None, "ADA_24"),
    GpuType("NVIDIA GeForce RTX 4090", "RTX 4090", 24, 0.69, 0.34, "ADA_24"),
    GpuType("NVIDIA GeForce RTX 5090", "RTX 5090", 32, 0.94, 0.69, "ADA_32_PRO"),
    GpuType("NVIDIA L40S", "L40S", 48, 0.86, 0.79, "ADA_48_PRO"),
    GpuType("NVIDIA RTX 6000 Ada Generation", "RTX 6000 Ada", 48, 0.77, 0.74, "ADA_48_PRO"),
    GpuType("NVIDIA RTX A6000", "RTX A6000", 48, 0.49, 0.33, "AMPERE_48"),
    GpuType("NVIDIA A40", "A40", 48, 0.44, None, "AMPERE_48"),
    GpuType("NVIDIA A100 80GB PCIe", "A100 PCIe", 80, 1.39, 1.19, "AMPERE_80"),
    GpuType("NVIDIA A100-SXM4-80GB", "A100 SXM", 80, 1.49, 1.39, "AMPERE_80"),
    GpuType("NVIDIA H100 PCIe", "H100 PCIe", 80, 2.89, 1.99, "ADA_80_PRO"),
    GpuType("NVIDIA H100 80GB HBM3", "H100 SXM", 80, 3.29, 2.69, "ADA_80_PRO"),
    GpuType("NVIDIA B200", "B200", 180, 6.79, None, "BLACKWELL_180"),
)


@dataclass(frozen=True, slots=True)
class Template:
    """What a pod is made from. disk: GB of the container's own, volume: GB that stay while it is stopped."""

    id: str
    name: str
    image: str
    ports: tuple[str, ...] = ()
    disk: int = 10
    volume: int = 0
    volume_path: str = "/workspace"
    args: str = ""
    env: tuple[tuple[str, str], ...] = ()


TEMPLATES = (
    Template(
        "qvidd7ityi",
        "InfiniteTalk",
        "ghcr.io/simulated/infinitetalk:cu124",
        ("8188/http", "8001/http", "22/tcp"),
        disk=60,
        volume=100,
        env=(("ENABLE_FEATURES", "infinitetalk"),),
    ),
    Template(
        "6au21jp9c9",
        "Wan 2.2",
        "ghcr.io/simulated/wan22:cu124",
        ("8188/http", "8001/http", "22/tcp"),
        disk=60,
        volume=100,
        env=(("ENABLE_FEATURES", "wan2.2"),),
    ),
)

DATA_CENTERS = {"US-KS-2": "US Kansas 2", "EU-RO-1": "EU Romania 1", "EU-SE-1": "EU Sweden 1"}
