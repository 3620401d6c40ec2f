"""The routes of REST v2 of the simulated account, in the shapes of the API's own examples."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web

from oavr_tui.simulator import runpod_refusals as refusals
from oavr_tui.simulator.runpod_account import Account
from oavr_tui.simulator.runpod_billing import bill, moment
from oavr_tui.simulator.runpod_catalog import CLOUDS, DATA_CENTERS, CloudName, GpuType, Template
from oavr_tui.simulator.runpod_faults import PodFault
from oavr_tui.simulator.runpod_log import LogLine, iso
from oavr_tui.simulator.runpod_orders import PodAction, PodChange, V2Create, checked
from oavr_tui.simulator.runpod_pod import ACTIONS, RENTED, SimPod, Status
from oavr_tui.simulator.runpod_refusals import Refusal

POD_FAULTS: web.RequestKey[tuple[PodFault, ...]] = web.RequestKey("POD_FAULTS", tuple)
_LOOK = 0.1
"""Seconds between two looks into a log that is followed."""
_BEAT = 10.0
_LONGEST_TAIL = 5000
_USUAL_TAIL = 100


class V2:
    """The handlers. sleep takes real seconds."""

    def __init__(
        self, account: Account, closing: asyncio.Event, *, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    ) -> None:
        self._account = account
        self._closing = closing
        self._sleep = sleep

    def add_to(self, router: web.UrlDispatcher) -> None:
        """All routes."""
        router.add_get("/v2/pods", self.list)
        router.add_post("/v2/pods", self.create)
        router.add_get("/v2/pods/{id}", self.get)
        router.add_patch("/v2/pods/{id}", self.rename)
        router.add_delete("/v2/pods/{id}", self.delete)
        router.add_post("/v2/pods/{id}/action", self.action)
        router.add_get("/v2/pods/{id}/logs", self.logs)
        router.add_get("/v2/catalog/gpus", self.gpus)
        router.add_get("/v2/network-volumes", self.volumes)
        router.add_get("/v2/templates", self.templates)
        router.add_get("/v2/billing/pods", self.billing)

    async def list(self, request: web.Request) -> web.Response:
        return web.json_response({"pods": [self._pod(pod) for pod in self._account.pods()]})

    async def create(self, request: web.Request) -> web.Response:
        wish = checked(V2Create, await _body(request))
        pod = self._account.create(wish.order(self._account), request.get(POD_FAULTS, ()))
        return web.json_response(self._pod(pod), status=201)

    async def get(self, request: web.Request) -> web.Response:
        return web.json_response(self._pod(self._account.need(request.match_info["id"])))

    async def rename(self, request: web.Request) -> web.Response:
        pod = self._account.need(request.match_info["id"])
        pod.name = checked(PodChange, await _body(request)).name
        return web.json_response(self._pod(pod))

    async def delete(self, request: web.Request) -> web.Response:
        self._account.terminate(request.match_info["id"])
        return web.Response(status=204)

    async def action(self, request: web.Request) -> web.Response:
        pod_id = request.match_info["id"]
        match checked(PodAction, await _body(request)).action:
            case "start":
                pod = self._account.start(pod_id, request.get(POD_FAULTS, ()))
            case "stop":
                pod = self._account.stop(pod_id)
            case "restart":
                pod = self._account.restart(pod_id)
            case _:
                self._account.terminate(pod_id)
                return web.Response(status=204)
        return web.json_response(self._pod(pod))

    async def gpus(self, request: web.Request) -> web.Response:
        query = request.query
        with_stock = query.get("include") == "AVAILABILITY"
        if with_stock != ("product" in query) or ("cloud" in query and not with_stock):
            raise Refusal(refusals.BROKEN_RULE, "include=AVAILABILITY needs a product, and only it may have one")
        asked = query.get("cloud", "SECURE")
        if asked not in ("SECURE", "COMMUNITY"):
            raise Refusal(refusals.INVALID, "cloud: SECURE or COMMUNITY.")
        cloud: CloudName = "secure" if asked == "SECURE" else "community"
        stocked = cloud if with_stock else None
        return web.json_response({"gpus": [self._gpu(gpu, stocked) for gpu in self._account.script.gpus()]})

    async def volumes(self, request: web.Request) -> web.Response:
        found = [
            {"id": each.id, "name": each.name, "size": each.size, "dataCenter": each.data_center, "type": "STANDARD"}
            for each in self._account.script.volumes
        ]
        return web.json_response({"networkVolumes": found})

    async def templates(self, request: web.Request) -> web.Response:
        return web.json_response({"templates": [_template(each) for each in self._account.templates]})

    async def billing(self, request: web.Request) -> web.Response:
        pods, now, script = self._account.all_pods(), self._account.now(), self._account.script
        body = bill(request.query, pods, now=now, known=now - script.billing_lag / script.time_scale)
        return web.json_response(body)

    async def logs(self, request: web.Request) -> web.StreamResponse:
        """The log as server-sent events, until the pod is gone or the reader is."""
        pod = self._account.need(request.match_info["id"])
        pod.log.follow(pod.machine.log_text, self._account.now())
        source = request.query.get("source", "")
        lines, last = _first_lines(request, pod)
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream", "Cache-Control": "no-cache"})
        await response.prepare(request)
        silent = 0.0
        try:
            while True:
                for line in lines:
                    last = line.number
                    if source in ("", line.source):
                        await response.write(_event(line))
                        silent = 0.0
                if pod.status is Status.TERMINATED or self._closing.is_set():
                    break
                if silent >= _BEAT:
                    await response.write(b": heartbeat\n\n")
                    silent = 0.0
                await self._sleep(_LOOK)
                silent += _LOOK
                pod.log.follow(pod.machine.log_text, self._account.now())
                lines = list(pod.log.after(last))
            await response.write_eof()
        except ConnectionError:
            return response
        return response

    def _pod(self, pod: SimPod) -> dict[str, Any]:
        order, script = pod.order, self._account.script
        host = {"vcpuCount": 8, "memory": pod.host.memory_gb} if script.memory_is_told else {}
        mounts: dict[str, Any] = {}
        if order.network_volume:
            mounts["network"] = [{"volumeId": order.network_volume, "path": order.volume_path}]
        elif order.volume:
            mounts["persistent"] = {"size": order.volume, "path": order.volume_path}
        runtime: dict[str, Any] | None = None
        if pod.status is Status.RUNNING and pod.started_at is not None:
            loads = [{"util": pod.gpu_load, "memoryUtil": pod.gpu_load // 2}] * order.count
            runtime = {"uptime": int(self._account.now() - pod.started_at), "gpus": loads, "ports": []}
            runtime |= {"cpu": {"util": 3}, "memory": {"util": 10}}
        return {
            "id": pod.id,
            "name": pod.name,
            "image": order.image,
            "args": order.args,
            "disk": order.disk,
            "ports": list(order.ports),
            "env": order.env,
            "registry": None,
            "status": pod.status.value,
            "actions": list(ACTIONS[pod.status]),
            "mounts": mounts,
            "gpu": {"id": pod.host.gpu.id, "count": order.count, **host},
            "cloud": pod.host.cloud.upper(),
            "dataCenterId": pod.host.data_center,
            "cudaVersion": pod.cuda,
            "ssh": {"proxy": None, "direct": None},
            "template": (order.template or None) if script.tells_template else None,
            "cost": pod.host.price if pod.status in RENTED else 0,
            "locked": False,
            "globalNetworking": {"enabled": False},
            "runtime": runtime,
            "createdAt": iso(pod.created_at),
            "startedAt": None if pod.started_at is None else iso(pod.started_at),
        }

    def _gpu(self, gpu: GpuType, stocked: CloudName | None) -> dict[str, Any]:
        prices = {cloud: price for cloud in CLOUDS if (price := gpu.price(cloud)) is not None}
        body: dict[str, Any] = {
            "id": gpu.id,
            "name": gpu.name,
            "pool": gpu.pool,
            "manufacturer": "NVIDIA",
            "memory": gpu.memory,
            "secure": "secure" in prices,
            "community": "community" in prices,
            "price": prices,
            "maxCount": dict.fromkeys(prices, 8),
        }
        stock = None if stocked is None else self._account.market.stock(gpu, [stocked])
        if stock is not None:
            centers = [{"id": key, "name": name, "availability": stock} for key, name in DATA_CENTERS.items()]
            cuda = [self._account.script.host_cuda]
            body |= {"availability": stock, "dataCenters": centers, "cudaVersions": cuda}
        return body


def _first_lines(request: web.Request, pod: SimPod) -> tuple[list[LogLine], int]:
    """What a reader gets at once, and the number of the last line that it has: Last-Event-ID comes before `since`, and
    that before `tail`."""
    resumed = request.headers.get("Last-Event-ID", "").rpartition("/")[2]
    if resumed.isdecimal():
        return list(pod.log.after(int(resumed[:18]))), int(resumed[:18])
    lines = list(pod.log.after(0))
    last = lines[-1].number if lines else 0
    if since := request.query.get("since"):
        return [line for line in lines if line.at >= moment(since, 0.0)], last
    tail = request.query.get("tail", str(_USUAL_TAIL))
    if not tail.isdecimal() or int(tail[:9]) > _LONGEST_TAIL:
        raise Refusal(refusals.INVALID, f"tail: 0 to {_LONGEST_TAIL}.")
    return lines[len(lines) - min(int(tail), len(lines)) :], last


def _event(line: LogLine) -> bytes:
    data = json.dumps({"ts": iso(line.at), "source": line.source, "line": line.line}, ensure_ascii=False)
    return f"id: {line.id}\ndata: {data}\n\n".encode("utf-8", "replace")


def _template(template: Template) -> dict[str, Any]:
    mounts = {"persistent": {"size": template.volume, "path": template.volume_path}} if template.volume else {}
    return {
        "id": template.id,
        "name": template.name,
        "image": template.image,
        "args": template.args,
        "disk": template.disk,
        "mounts": mounts,
        "ports": list(template.ports),
        "env": dict(template.env),
        "registry": None,
        "serverless": False,
        "public": False,
        "category": "NVIDIA",
        "startSsh": True,
        "startJupyter": False,
        "allowedCudaVersions": [],
    }


async def _body(request: web.Request) -> Any:
    try:
        return json.loads(await request.read())
    except (ValueError, RecursionError):
        raise Refusal(refusals.BROKEN_RULE, "the request body is not JSON") from None
