"""What the simulated server says of itself: machine, versions, features, nodes, models, log and files."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from oavr_tui.simulator.core import VERSIONS, Core
from oavr_tui.simulator.node_info import MODEL_FOLDERS


class InfoRoutes:
    """The handlers, one a route; routes.py says which."""

    def __init__(self, core: Core) -> None:
        self._core = core

    async def system_stats(self, request: web.Request) -> web.Response:
        new = self._core.options.generation == "new"
        system: dict[str, Any] = {
            "os": "linux" if new else "posix",
            "ram_total": self._core.options.ram,
            "ram_free": self._core.options.ram // 2,
            "comfyui_version": VERSIONS[self._core.options.generation],
            "required_frontend_version": "1.49.6" if new else "1.27.10",
            "installed_templates_version": "0.11.44" if new else "0.1.94",
            "required_templates_version": "0.11.44" if new else "0.1.94",
            "python_version": "3.11.7 (simulated)",
            "pytorch_version": "2.13.0+cu124" if new else "2.8.0+cu124",
            "embedded_python": False,
            "argv": ["main.py", "--listen", "127.0.0.1"],
        }
        if new:
            package = {"name": "comfyui-frontend-package", "installed": "1.49.6", "required": "1.49.6"}
            system |= {"comfy_package_versions": [package], "deploy_environment": "local-git"}
        return web.json_response({"system": system, "devices": [self._device()]})

    def _device(self) -> dict[str, Any]:
        has = self._core.options
        card, memory = (f"cuda:0 {has.device}", "cuda", 0, has.vram), ("cpu", "cpu", None, has.ram)
        name, kind, index, total = card if has.vram else memory
        return {
            "name": name,
            "type": kind,
            "index": index,
            "vram_total": total,
            "vram_free": total,
            "torch_vram_total": total,
            "torch_vram_free": total,
        }

    async def features(self, request: web.Request) -> web.Response:
        return web.json_response(self._core.features())

    async def all_nodes(self, request: web.Request) -> web.Response:
        return web.json_response({name: self._core.info.describe(name) for name in self._core.info.names()})

    async def one_node(self, request: web.Request) -> web.Response:
        name = request.match_info["name"]
        return web.json_response({name: self._core.info.describe(name)} if name in self._core.info else {})

    async def model_folders(self, request: web.Request) -> web.Response:
        return web.json_response(list(MODEL_FOLDERS))

    async def models(self, request: web.Request) -> web.Response:
        found = self._core.info.models(request.match_info["folder"])
        return web.Response(status=404) if found is None else web.json_response(found)

    async def logs(self, request: web.Request) -> web.Response:
        return web.json_response(self._core.log_text())

    async def files(self, request: web.Request) -> web.Response:
        folder = self._core.folders.kind(request.match_info["kind"])
        if folder is None:
            return web.json_response({"error": "Invalid directory type"}, status=400)
        return web.json_response(sorted(entry.name for entry in folder.iterdir() if entry.is_file()))
