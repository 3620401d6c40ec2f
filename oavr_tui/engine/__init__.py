"""What the app does: asyncio, no Textual, no terminal."""
