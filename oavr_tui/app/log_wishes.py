"""What a log pane asks the app for: copying, saving the whole log, and the person's pager."""

from __future__ import annotations

import asyncio
import shlex
import shutil
import signal
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from textual import work
from textual.app import SuspendNotSupported

from oavr_tui.app.live import Live
from oavr_tui.app.talking import Talking
from oavr_tui.text import safe

if TYPE_CHECKING:
    from oavr_tui.app.widgets.log_pane import LogPane
    from oavr_tui.redact import Redactor

_NO_LOG = "Nothing has been logged there yet, so there is nothing to save."


class LogWishes(Talking):
    """Serves every log pane of the app, wherever it is. The live state is the app's."""

    live: Live

    def log_redactor(self) -> Redactor:
        """Hides what looks like a secret, and the ids of all pods that are known now."""
        from oavr_tui.redact import Redactor

        redact = Redactor()
        for pod in self.live.pods:
            redact.know_pod(pod.pod_id)
        return redact

    async def on_log_pane_copy(self, event: LogPane.Copy) -> None:
        event.stop()
        await self.copy_text(event.text, event.what)

    def on_log_pane_save(self, event: LogPane.Save) -> None:
        event.stop()
        self.save_log(event.file, event.suggested_name)

    def on_log_pane_pager(self, event: LogPane.Pager) -> None:
        event.stop()
        self._page(event.file)

    @work(group="save-log")
    async def save_log(self, file: Path, name: str) -> None:
        """Save a log as a file where downloads go, and say where and how long it is."""
        try:
            path, lines = await asyncio.to_thread(self._saved, file, name)
        except FileNotFoundError:
            self.say(_NO_LOG, bad=True)
        except OSError as error:
            self.say(f"The log could not be saved: {error.strerror or 'it cannot be written'}.", bad=True)
        else:
            self.say(f"Saved {'1 line' if lines == 1 else f'{lines:,} lines'} as {path}")

    def _saved(self, file: Path, name: str) -> tuple[Path, int]:
        from oavr_tui.engine.log_copy import copy_log, free_name

        home = Path.home()
        downloads = home / "Downloads"
        path = free_name(downloads if downloads.is_dir() else home, name)
        return path, copy_log(file, path, self.log_redactor())

    @work(exclusive=True, group="pager")
    async def _page(self, file: Path) -> None:
        """Give the terminal to the pager with a clean copy of the log; the app goes on meanwhile, unseen."""
        program = self._pager()
        if not program:
            self.say("There is no pager here: set PAGER to one, or save the log with S.", bad=True)
            return
        with tempfile.TemporaryDirectory(prefix="oavr-log-") as folder:
            copy = Path(folder) / "log.txt"
            try:
                await asyncio.to_thread(self._copied, file, copy)
                # Batched, since the screen would be drawn over the pager otherwise.
                with self._interrupts_unheard(), self.batch_update(), self.suspend():
                    process = await asyncio.create_subprocess_exec(*program, str(copy), env=self.environ)
                    await process.wait()
            except FileNotFoundError:
                self.say(_NO_LOG, bad=True)
            except (OSError, SuspendNotSupported) as error:
                self.say(f"The pager {safe(program[0], 60)} cannot be used here: {safe(str(error), 100)}.", bad=True)

    @contextmanager
    def _interrupts_unheard(self) -> Iterator[None]:
        """In a pager ^C means to stop what it does; it reaches us as well, and means nothing here."""
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGINT, lambda: None)
        try:
            yield
        finally:
            loop.add_signal_handler(signal.SIGINT, self.leave, 128 + signal.SIGINT)

    def _copied(self, file: Path, target: Path) -> None:
        from oavr_tui.engine.log_copy import copy_log

        copy_log(file, target, self.log_redactor())

    def _pager(self) -> list[str]:
        """The command line of the pager; empty where there is none."""
        try:
            wished = shlex.split(self.environ.get("PAGER", ""))
        except ValueError:
            wished = []
        for words in (wished, ["less"], ["more"]):
            path = shutil.which(words[0], path=self.environ.get("PATH")) if words else None
            if path:
                return [path, *words[1:]]
        return []
