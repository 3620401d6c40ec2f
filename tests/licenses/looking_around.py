"""The app in a home that may only be read, run by somebody who may not write there; prints what it said, as JSON."""

from __future__ import annotations

import asyncio
import json
import sys

from oavr_tui.app.app import OavrApp
from oavr_tui.errors import OavrError
from oavr_tui.models import Request
from oavr_tui.paths import Paths
from oavr_tui.settings import load_settings


async def look_around() -> None:
    """Open the app, see every screen, ask for a preview, and leave."""
    paths = Paths.find()
    app = OavrApp(paths, load_settings(paths))
    refused = ""
    async with app.run_test(size=(80, 24)) as pilot, asyncio.timeout(60):
        engine = await app.engine_when_open()
        while not app.said:
            await pilot.pause()
        for place in ("videos", "pods", "settings", "docs", "studio"):
            await app.go(place)
            await pilot.pause()
        try:
            await engine.submit(Request("portrait.png", "voice.wav"))
        except OavrError as error:
            refused = error.message
    print(json.dumps({"said": [told.text for told in app.said], "refused": refused, "fault": bool(app.parting)}))


if __name__ == "__main__":
    asyncio.run(look_around())
    sys.exit(0)
