"""The jobs of a new server: GET /api/jobs, GET /api/jobs/{id} and the two ways to cancel. Only under /api."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from oavr_tui.simulator.core import Core
from oavr_tui.simulator.state import Prompt

STATUSES = ("pending", "in_progress", "completed", "failed", "cancelled")
_LAST_MESSAGE = {"execution_success": "completed", "execution_interrupted": "cancelled"}


def add_jobs_routes(app: web.Application, core: Core) -> None:
    """Add the four routes."""

    async def listed(request: web.Request) -> web.Response:
        wanted = [part for part in request.query.get("status", "").split(",") if part]
        if wrong := [part for part in wanted if part not in STATUSES]:
            text = f"Invalid status value(s): {', '.join(wrong)}. Valid values: {', '.join(STATUSES)}"
            return web.json_response({"error": text}, status=400)
        try:
            limit = int(request.query["limit"]) if "limit" in request.query else None
            offset = max(0, int(request.query.get("offset", "0")))
        except ValueError:
            return web.json_response({"error": "limit and offset must be integers"}, status=400)
        jobs = [job for job in _all_jobs(core) if not wanted or job["status"] in wanted]
        jobs.sort(key=lambda job: job["create_time"], reverse=request.query.get("sort_order", "desc") != "asc")
        page = jobs[offset:] if limit is None else jobs[offset : offset + max(0, limit)]
        pagination = {
            "offset": offset,
            "limit": limit,
            "total": len(jobs),
            "has_more": offset + len(page) < len(jobs),
        }
        return web.json_response({"jobs": page, "pagination": pagination})

    async def one(request: web.Request) -> web.Response:
        prompt_id = request.match_info["id"]
        if prompt_id in core.queue.history:
            return web.json_response(_finished(prompt_id, core.queue.history[prompt_id], whole=True))
        found = [job for job in _unfinished(core) if job["id"] == prompt_id]
        if not found:
            return web.json_response({"error": "Job not found"}, status=404)
        return web.json_response(found[0])

    async def cancel_one(request: web.Request) -> web.Response:
        return web.json_response({"cancelled": _cancel(core, request.match_info["id"])})

    async def cancel_many(request: web.Request) -> web.Response:
        body = await request.json()
        ids = body.get("job_ids", []) if isinstance(body, dict) else []
        results = [_cancel(core, str(prompt_id)) for prompt_id in ids]
        return web.json_response({"cancelled": any(results)})

    app.router.add_get("/api/jobs", listed)
    app.router.add_post("/api/jobs/cancel", cancel_many)
    app.router.add_get("/api/jobs/{id}", one)
    app.router.add_post("/api/jobs/{id}/cancel", cancel_one)


def _cancel(core: Core, prompt_id: str) -> bool:
    """Waiting or running, without a gap between the two."""
    return core.queue.delete(prompt_id) or core.runner.interrupt(prompt_id)


def _all_jobs(core: Core) -> list[dict[str, Any]]:
    finished = [_finished(prompt_id, entry, whole=False) for prompt_id, entry in core.queue.history.items()]
    return finished + _unfinished(core)


def _unfinished(core: Core) -> list[dict[str, Any]]:
    jobs = [_waiting(prompt, "pending") for prompt in core.queue.pending]
    if core.queue.running is not None:
        jobs.append(_waiting(core.queue.running, "in_progress"))
    return jobs


def _waiting(prompt: Prompt, status: str) -> dict[str, Any]:
    return {
        "id": prompt.prompt_id,
        "status": status,
        "priority": prompt.number,
        "create_time": prompt.extra_data["create_time"],
        "outputs_count": 0,
        "previewable_outputs_count": 0,
    }


def _finished(prompt_id: str, entry: dict[str, Any], *, whole: bool) -> dict[str, Any]:
    number, _, graph, extra_data, _ = entry["prompt"]
    messages = entry["status"]["messages"]
    kind, last = messages[-1]
    files = [
        {**item, "nodeId": node_id, "mediaType": media}
        for node_id, output in entry["outputs"].items()
        for media, items in output.items()
        for item in items
        if isinstance(item, dict) and "filename" in item
    ]
    job: dict[str, Any] = {
        "id": prompt_id,
        "status": _LAST_MESSAGE.get(kind, "failed"),
        "priority": number,
        "create_time": extra_data["create_time"],
        "execution_start_time": messages[0][1]["timestamp"],
        "execution_end_time": last["timestamp"],
        "outputs_count": len(files),
        "previewable_outputs_count": len(files),
    }
    if files:
        job["preview_output"] = files[-1]
    if kind == "execution_error":
        job["execution_error"] = last
    if whole:
        job["outputs"] = entry["outputs"]
        job["execution_status"] = entry["status"]
        job["workflow"] = {"prompt": graph, "extra_data": extra_data}
    return job
