"""An engine whose home may only be read from some moment on; prints what is said of wishes then, as JSON."""

from __future__ import annotations

import asyncio
import json

from oavr_tui.engine.engine import Engine
from oavr_tui.errors import OavrError
from oavr_tui.models import Request
from oavr_tui.paths import Paths


async def wish_in_vain() -> None:
    """Drive, close the folders, and wish for a preview and a full video."""
    paths, said = Paths.find(), []
    home = paths.config.parent
    async with Engine(paths, environ={}) as engine, engine.driving_when_free(), asyncio.timeout(60):
        while not engine.driving:
            await asyncio.sleep(0.05)
        for folder in [each for each in home.rglob("*") if each.is_dir()]:
            folder.chmod(0o555)
        for on in ("preview", "http://127.0.0.1:9"):
            try:
                await engine.submit(Request("portrait.png", "voice.wav", on=on))
            except OavrError as error:
                said.append(error.message)
        used = (await engine.license.refresh()).used
        jobs = len(engine.jobs())
    print(json.dumps({"said": said, "used": used, "jobs": jobs}))


if __name__ == "__main__":
    asyncio.run(wish_in_vain())
