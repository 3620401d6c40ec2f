"""RunPod's GraphQL of the simulated account: the fields that its SDK and its web console ask for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from oavr_tui.simulator.graphql import Field, Resolver, answer, check
from oavr_tui.simulator.runpod_account import Account
from oavr_tui.simulator.runpod_catalog import CLOUDS, DATA_CENTERS, CloudName, GpuType, Template
from oavr_tui.simulator.runpod_faults import Deed, PodFault
from oavr_tui.simulator.runpod_log import iso
from oavr_tui.simulator.runpod_orders import GraphqlCreate, PodInput, SaveTemplate, argument
from oavr_tui.simulator.runpod_pod import RENTED, SimPod, Status
from oavr_tui.simulator.runpod_schema import TYPES

Whole = dict[str, Any]
_DESIRED: dict[Status, str] = {Status.EXITED: "EXITED", Status.ERROR: "DEAD", Status.TERMINATED: "TERMINATED"}
"""What GraphQL calls desiredStatus; RUNNING from the moment it was asked for."""
_DEEDS: dict[str, Deed] = {
    "podFindAndDeployOnDemand": "create",
    "podStop": "stop",
    "podResume": "start",
    "podTerminate": "terminate",
    "saveTemplate": "templates",
    "gpuTypes": "catalog",
    "dataCenters": "catalog",
    "pod": "get",
}


def deed_of(field: Field) -> Deed:
    """What a root field asks for."""
    if field.name == "myself":
        inner = {each.name for each in field.fields}
        return "list" if "pods" in inner else "volumes" if inner == {"networkVolumes"} else "account"
    return _DEEDS.get(field.name, "other")


class Graph:
    """The root objects. dooms: faults of the pod that is created or started by this request."""

    def __init__(self, account: Account, dooms: Sequence[PodFault] = ()) -> None:
        self._account = account
        self._dooms = dooms

    def query(self, fields: tuple[Field, ...]) -> Whole:
        """Answer a query. Raises GraphqlError and Refusal."""
        check(fields, "Query", TYPES)
        whole: Whole = {
            "__typename": "Query",
            "myself": lambda _: self._myself(),
            "pod": self._one_pod,
            "gpuTypes": self._gpu_types,
            "dataCenters": lambda _: self._data_centers(),
        }
        return answer(fields, whole)

    def mutate(self, fields: tuple[Field, ...]) -> Whole:
        """Carry out a mutation; one that asks for what does not exist does nothing. Raises GraphqlError, Refusal."""
        check(fields, "Mutation", TYPES)
        whole: Whole = {
            "__typename": "Mutation",
            "podFindAndDeployOnDemand": self._create,
            "podStop": self._stop,
            "podResume": self._resume,
            "podTerminate": self._terminate,
            "saveTemplate": self._save_template,
        }
        return answer(fields, whole)

    def _create(self, arguments: Mapping[str, Any]) -> Whole:
        order = argument(GraphqlCreate, arguments).order(self._account)
        return self._pod(self._account.create(order, self._dooms))

    def _stop(self, arguments: Mapping[str, Any]) -> Whole:
        return self._pod(self._account.stop(argument(PodInput, arguments).podId))

    def _resume(self, arguments: Mapping[str, Any]) -> Whole:
        return self._pod(self._account.start(argument(PodInput, arguments).podId, self._dooms))

    def _terminate(self, arguments: Mapping[str, Any]) -> None:
        self._account.terminate(argument(PodInput, arguments).podId)

    def _save_template(self, arguments: Mapping[str, Any]) -> Whole:
        template = argument(SaveTemplate, arguments).template(self._account.new_id())
        self._account.templates.append(template)
        return _template(template)

    def _one_pod(self, arguments: Mapping[str, Any]) -> Whole | None:
        pod = self._account.pod(argument(PodInput, arguments).podId)
        return None if pod is None else self._pod(pod)

    def _myself(self) -> Whole:
        account = self._account
        volumes = [
            {
                "__typename": "NetworkVolume",
                "id": each.id,
                "name": each.name,
                "size": each.size,
                "dataCenterId": each.data_center,
            }
            for each in account.script.volumes
        ]
        return {
            "__typename": "User",
            "id": "user_simulated",
            "email": "somebody@example.com",
            "pubKey": "",
            "clientBalance": account.balance,
            "currentSpendPerHr": account.per_hour,
            "spendLimit": account.script.spend_limit,
            "networkVolumes": volumes,
            "pods": [self._pod(pod) for pod in account.pods()],
        }

    def _pod(self, pod: SimPod) -> Whole:
        order = pod.order
        uptime = int(self._account.now() - pod.started_at) if pod.status is Status.RUNNING and pod.started_at else 0
        moved = "Exited by User" if pod.status is Status.EXITED else "Rented by User"
        return {
            "__typename": "Pod",
            "id": pod.id,
            "name": pod.name,
            "containerDiskInGb": order.disk,
            "costPerHr": pod.host.price,
            "adjustedCostPerHr": pod.host.price if pod.status in RENTED else 0,
            "desiredStatus": _DESIRED.get(pod.status, "RUNNING"),
            "dockerArgs": order.args,
            "dockerId": None,
            "env": [f"{key}={value}" for key, value in order.env.items()],
            "gpuCount": order.count,
            "imageName": order.image,
            "lastStatusChange": f"{moved}: {iso(pod.changed_at)}",
            "createdAt": iso(pod.created_at),
            "machineId": f"m{pod.id[:11]}",
            "memoryInGb": pod.host.memory_gb,
            "podType": "RESERVED",
            "port": None,
            "ports": ",".join(order.ports),
            "templateId": order.template or None,
            "networkVolumeId": order.network_volume or None,
            "uptimeSeconds": uptime,
            "vcpuCount": 8,
            "volumeInGb": order.volume,
            "volumeMountPath": order.volume_path,
            "runtime": _runtime(pod, uptime),
            "machine": {
                "__typename": "PodMachineInfo",
                "podHostId": f"{pod.id}-64410000",
                "gpuDisplayName": pod.host.gpu.name,
                "gpuTypeId": pod.host.gpu.id,
                "dataCenterId": pod.host.data_center,
                "secureCloud": pod.host.cloud == "secure",
                "location": pod.host.data_center[:2],
            },
        }

    def _gpu_types(self, arguments: Mapping[str, Any]) -> list[Whole]:
        wanted = (arguments.get("input") or {}).get("id")
        return [self._gpu(gpu) for gpu in self._account.script.gpus() if wanted in (None, gpu.id)]

    def _gpu(self, gpu: GpuType) -> Whole:
        return {
            "__typename": "GpuType",
            "id": gpu.id,
            "displayName": gpu.name,
            "memoryInGb": gpu.memory,
            "maxGpuCount": 8,
            "manufacturer": "Nvidia",
            "cudaCores": 0,
            "secureCloud": gpu.secure is not None,
            "communityCloud": gpu.community is not None,
            "securePrice": gpu.secure,
            "communityPrice": gpu.community,
            "oneMonthPrice": None,
            "threeMonthPrice": None,
            "oneWeekPrice": None,
            "communitySpotPrice": None,
            "secureSpotPrice": None,
            "lowestPrice": self._lowest_price(gpu),
        }

    def _lowest_price(self, gpu: GpuType) -> Resolver:
        def resolve(arguments: Mapping[str, Any]) -> Whole:
            asked = (arguments.get("input") or {}).get("secureCloud")
            clouds: tuple[CloudName, ...] = CLOUDS if asked is None else ("secure",) if asked else ("community",)
            stock = self._account.market.stock(gpu, clouds)
            offered = () if stock == "NONE" else clouds
            prices = [price for cloud in offered if (price := gpu.price(cloud)) is not None]
            return {
                "__typename": "LowestPrice",
                "minimumBidPrice": None,
                "uninterruptablePrice": min(prices, default=None),
                "stockStatus": None if stock in (None, "NONE") else str(stock).capitalize(),
            }

        return resolve

    def _data_centers(self) -> list[Whole]:
        available = [
            {
                "__typename": "GpuAvailability",
                "gpuTypeId": gpu.id,
                "available": stock != "NONE",
                "stockStatus": None if stock in (None, "NONE") else str(stock).capitalize(),
            }
            for gpu in self._account.script.gpus()
            for stock in (self._account.market.stock(gpu, ("secure",)),)
        ]
        return [
            {"__typename": "DataCenter", "id": key, "name": name, "gpuAvailability": available}
            for key, name in DATA_CENTERS.items()
        ]


def _runtime(pod: SimPod, uptime: int) -> Whole | None:
    """Telemetry: nothing until the container runs."""
    if pod.status is not Status.RUNNING:
        return None
    loads = [
        {"__typename": "PodRuntimeGpus", "id": f"GPU-{at}", "gpuUtilPercent": pod.gpu_load, "memoryUtilPercent": 0}
        for at in range(pod.order.count)
    ]
    usage = {"__typename": "PodRuntimeContainer", "cpuPercent": 3, "memoryPercent": 10}
    return {"__typename": "PodRuntime", "uptimeInSeconds": uptime, "ports": [], "gpus": loads, "container": usage}


def _template(template: Template) -> Whole:
    return {
        "__typename": "PodTemplate",
        "id": template.id,
        "name": template.name,
        "imageName": template.image,
        "dockerArgs": template.args,
        "containerDiskInGb": template.disk,
        "volumeInGb": template.volume,
        "volumeMountPath": template.volume_path,
        "ports": ",".join(template.ports),
        "env": [{"__typename": "EnvironmentVariable", "key": key, "value": value} for key, value in template.env],
        "isServerless": False,
    }
