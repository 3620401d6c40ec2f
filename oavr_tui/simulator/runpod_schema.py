"""The part of RunPod's GraphQL schema that is simulated: what may be asked of what."""

from __future__ import annotations

from collections.abc import Mapping

_FIELDS = """
Query: myself=User pod=Pod gpuTypes=GpuType dataCenters=DataCenter
Mutation: podFindAndDeployOnDemand=Pod podStop=Pod podResume=Pod podTerminate saveTemplate=PodTemplate
User: id email pubKey clientBalance currentSpendPerHr spendLimit networkVolumes=NetworkVolume pods=Pod
NetworkVolume: id name size dataCenterId
Pod: id name containerDiskInGb costPerHr adjustedCostPerHr desiredStatus dockerArgs dockerId env gpuCount imageName
Pod: lastStatusChange createdAt machineId memoryInGb podType port ports templateId networkVolumeId uptimeSeconds
Pod: vcpuCount volumeInGb volumeMountPath runtime=PodRuntime machine=PodMachineInfo
PodRuntime: uptimeInSeconds ports=PodRuntimePorts gpus=PodRuntimeGpus container=PodRuntimeContainer
PodRuntimePorts: ip isIpPublic privatePort publicPort type
PodRuntimeGpus: id gpuUtilPercent memoryUtilPercent
PodRuntimeContainer: cpuPercent memoryPercent
PodMachineInfo: podHostId gpuDisplayName gpuTypeId dataCenterId secureCloud location
GpuType: id displayName memoryInGb maxGpuCount manufacturer cudaCores secureCloud communityCloud securePrice
GpuType: communityPrice oneMonthPrice threeMonthPrice oneWeekPrice communitySpotPrice secureSpotPrice
GpuType: lowestPrice=LowestPrice
LowestPrice: minimumBidPrice uninterruptablePrice stockStatus
DataCenter: id name gpuAvailability=GpuAvailability
GpuAvailability: gpuTypeId available stockStatus
PodTemplate: id name imageName dockerArgs containerDiskInGb volumeInGb volumeMountPath ports isServerless
PodTemplate: env=EnvironmentVariable
EnvironmentVariable: key value
"""


def _read(text: str) -> Mapping[str, Mapping[str, str]]:
    types: dict[str, dict[str, str]] = {}
    for line in text.strip().splitlines():
        kind, _, fields = line.partition(": ")
        for field in fields.split():
            name, _, inner = field.partition("=")
            types.setdefault(kind, {})[name] = inner
    return types


TYPES = _read(_FIELDS)
