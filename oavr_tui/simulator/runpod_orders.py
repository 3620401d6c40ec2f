"""What clients send to rent a pod, by v2 and by GraphQL, checked and made into one kind of order.

What is said explicitly wins over the template, empty texts and zeros included; environments are merged by key.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from oavr_tui.simulator import runpod_refusals as refusals
from oavr_tui.simulator.runpod_account import Account
from oavr_tui.simulator.runpod_catalog import CLOUDS, CloudName, Template
from oavr_tui.simulator.runpod_pod import Order
from oavr_tui.simulator.runpod_refusals import Reason, Refusal

Name = Annotated[str, Field(max_length=191)]
Text = Annotated[str, Field(max_length=4000)]
Count = Annotated[int, Field(ge=1, le=16)]
Version = Annotated[str, Field(pattern=r"^\d{1,4}\.\d{1,4}$")]
Disk = Annotated[int, Field(ge=0, le=100_000)]
Model = TypeVar("Model", bound=BaseModel)
Value = TypeVar("Value", str, int)


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class GpuWish(_Part):
    id: Text
    count: Count = 1
    minCudaVersion: Version | None = None  # noqa: N815 (the names of the wire)
    allowedCudaVersions: list[Version] = []  # noqa: N815
    minRamPerGpu: Annotated[int, Field(ge=1)] | None = None  # noqa: N815
    minVcpuCountPerGpu: Annotated[int, Field(ge=1)] | None = None  # noqa: N815


class NetworkMount(_Part):
    volumeId: Text  # noqa: N815
    path: Text


class PersistentMount(_Part):
    size: Annotated[int, Field(ge=10, le=100_000)]
    path: Text


class Mounts(_Part):
    network: Annotated[list[NetworkMount], Field(max_length=1)] = []
    persistent: PersistentMount | None = None


class V2Create(_Part):
    """The body of POST /v2/pods."""

    name: Annotated[str, Field(min_length=1, max_length=191)]
    image: Text | None = None
    templateId: Text | None = None  # noqa: N815
    gpu: GpuWish
    cloud: Literal["SECURE", "COMMUNITY"] = "SECURE"
    dataCenterIds: list[Text] = []  # noqa: N815
    disk: Annotated[int, Field(ge=1, le=100_000)] | None = None
    ports: list[Text] | None = None
    env: dict[str, str] = {}
    mounts: Mounts = Mounts()
    args: Text | None = None
    registry: Text | None = None
    startSsh: bool = False  # noqa: N815
    startJupyter: bool = False  # noqa: N815
    globalNetworking: bool = False  # noqa: N815

    def order(self, account: Account) -> Order:
        """What is to be rented. Raises Refusal."""
        template = _template(account, self.templateId, self.image, refusals.NOT_FOUND)
        persistent = self.mounts.persistent
        network = self.mounts.network[0] if self.mounts.network else None
        if network is not None and persistent is not None:
            raise Refusal(refusals.BROKEN_RULE, "mounts: a pod has either a network volume or a persistent one")
        if self.gpu.minCudaVersion and self.gpu.allowedCudaVersions:
            raise Refusal(refusals.BROKEN_RULE, "gpu: either minCudaVersion or allowedCudaVersions")
        own = template.volume if persistent is None else persistent.size
        mount = network or persistent
        return Order(
            name=self.name,
            gpu=self.gpu.id,
            count=self.gpu.count,
            clouds=("community",) if self.cloud == "COMMUNITY" else ("secure",),
            image=_chosen(self.image, template.image),
            template=self.templateId or "",
            args=_chosen(self.args, template.args),
            ports=template.ports if self.ports is None else tuple(self.ports),
            env=dict(template.env) | self.env,
            disk=_chosen(self.disk, template.disk),
            volume=0 if network is not None else own,
            volume_path=template.volume_path if mount is None else mount.path,
            network_volume="" if network is None else network.volumeId,
            data_centers=tuple(self.dataCenterIds),
            min_memory=(self.gpu.minRamPerGpu or 0) * self.gpu.count,
            cuda=tuple(self.gpu.allowedCudaVersions),
            min_cuda=self.gpu.minCudaVersion or "",
        )


class Pair(_Part):
    key: Text
    value: str


class GraphqlCreate(_Part):
    """The input of podFindAndDeployOnDemand: what the SDK and the web console send."""

    name: Name = ""
    imageName: Text | None = None  # noqa: N815
    cloudType: Literal["ALL", "SECURE", "COMMUNITY"] = "ALL"  # noqa: N815
    startSsh: bool = True  # noqa: N815
    gpuTypeId: Text  # noqa: N815
    supportPublicIp: bool = True  # noqa: N815
    gpuCount: Count = 1  # noqa: N815
    volumeInGb: Disk | None = None  # noqa: N815
    containerDiskInGb: Disk | None = None  # noqa: N815
    minVcpuCount: int = 1  # noqa: N815
    minMemoryInGb: int = 1  # noqa: N815
    allowedCudaVersions: list[Text] | None = None  # noqa: N815
    dataCenterId: Text | None = None  # noqa: N815
    countryCode: Text | None = None  # noqa: N815
    dockerArgs: Text | None = None  # noqa: N815
    ports: Text | None = None
    volumeMountPath: Text | None = None  # noqa: N815
    env: list[Pair] | None = None
    templateId: Text | None = None  # noqa: N815
    networkVolumeId: Text | None = None  # noqa: N815
    minDownload: float | None = None  # noqa: N815
    minUpload: float | None = None  # noqa: N815
    stopAfter: Text | None = None  # noqa: N815
    terminateAfter: Text | None = None  # noqa: N815

    def order(self, account: Account) -> Order:
        """What is to be rented; stopAfter and terminateAfter do nothing, as with RunPod. Raises Refusal."""
        unknown = Reason(400, "Template not found", "BAD_USER_INPUT")
        template = _template(account, self.templateId, self.imageName, unknown)
        clouds: tuple[CloudName, ...] = CLOUDS
        if self.cloudType != "ALL":
            clouds = ("community",) if self.cloudType == "COMMUNITY" else ("secure",)
        ports = template.ports if self.ports is None else tuple(each for each in self.ports.split(",") if each)
        return Order(
            name=self.name,
            gpu=self.gpuTypeId,
            count=self.gpuCount,
            clouds=clouds,
            image=self.imageName or template.image,
            template=self.templateId or "",
            args=_chosen(self.dockerArgs, template.args),
            ports=ports,
            env=dict(template.env) | {pair.key: pair.value for pair in self.env or ()},
            disk=_chosen(self.containerDiskInGb, template.disk),
            volume=0 if self.networkVolumeId else _chosen(self.volumeInGb, template.volume),
            volume_path=_chosen(self.volumeMountPath, template.volume_path),
            network_volume=self.networkVolumeId or "",
            data_centers=() if self.dataCenterId is None else (self.dataCenterId,),
            min_memory=self.minMemoryInGb,
            cuda=tuple(self.allowedCudaVersions or ()),
        )


class SaveTemplate(_Part):
    """The input of saveTemplate."""

    name: Name
    imageName: Text  # noqa: N815
    dockerArgs: Text = ""  # noqa: N815
    containerDiskInGb: Disk = 10  # noqa: N815
    volumeInGb: Disk = 0  # noqa: N815
    volumeMountPath: Text = "/workspace"  # noqa: N815
    ports: Text = ""
    env: list[Pair] = []
    isServerless: bool = False  # noqa: N815
    containerRegistryAuthId: Text = ""  # noqa: N815
    startSsh: bool = True  # noqa: N815
    isPublic: bool = False  # noqa: N815
    readme: str = ""

    def template(self, template_id: str) -> Template:
        """The template that is kept."""
        return Template(
            template_id,
            self.name,
            self.imageName,
            tuple(each for each in self.ports.split(",") if each),
            disk=self.containerDiskInGb,
            volume=self.volumeInGb,
            volume_path=self.volumeMountPath,
            args=self.dockerArgs,
            env=tuple((pair.key, pair.value) for pair in self.env),
        )


class PodAction(_Part):
    """The body of POST /v2/pods/{id}/action."""

    action: Literal["start", "stop", "restart", "terminate"]


class PodChange(_Part):
    """What PATCH /v2/pods/{id} may change here."""

    name: Annotated[str, Field(min_length=1, max_length=191)]


class PodInput(_Part):
    """The input of pod, podStop, podResume and podTerminate."""

    podId: Text  # noqa: N815
    gpuCount: Count = 1  # noqa: N815


def checked(kind: type[Model], given: Any) -> Model:
    """A body or an input as that kind. Raises Refusal that names the first place that is wrong."""
    try:
        return kind.model_validate(given)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(str(part) for part in first["loc"]) or "body"
        raise Refusal(refusals.INVALID, f"{place}: {first['msg']}.") from None


def argument(kind: type[Model], arguments: Mapping[str, Any]) -> Model:
    """GraphQL's argument `input` as that kind. Raises Refusal."""
    return checked(kind, arguments.get("input"))


def _template(account: Account, template_id: str | None, image: str | None, unknown: Reason) -> Template:
    """The template, or an empty one where only an image is given. Raises Refusal, for `unknown` without such a one."""
    if template_id:
        found = account.template(template_id)
        if found is None:
            raise Refusal(unknown)
        return found
    if not image:
        raise Refusal(refusals.INVALID, "Either an image or a template is needed.")
    return Template("", "", image)


def _chosen(given: Value | None, else_this: Value) -> Value:
    return else_this if given is None else given
