"""Servers in processes of their own under wrk: requests a second, CPU a request, memory."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast


def wrk_command(connections: int, seconds: int) -> list[str]:
    """One thread of wrk, which keeps its connections open. Raises FileNotFoundError where there is no wrk."""
    wrk = shutil.which("wrk")
    if wrk is None:
        raise FileNotFoundError("wrk is not installed (apt-get install wrk)")
    return [wrk, "-t1", f"-c{connections}", f"-d{seconds}", "--timeout", "20s"]


class Served:
    """A server that says its port, at the end of the first line that it prints."""

    def __init__(self, words: Sequence[str], *, errors: int | None = None) -> None:
        self.process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=errors, text=True)
        self.port = int(re.findall(r"\d+", cast(Any, self.process.stdout).readline())[-1])

    def measure(self, load: Sequence[str], path: str) -> tuple[float, float]:
        """Requests a second, and microseconds of CPU a request. Raises RuntimeError where not all answers are 2xx."""
        before = self.cpu_seconds()
        target = f"http://127.0.0.1:{self.port}{path}"
        said = subprocess.run([*load, target], capture_output=True, text=True, check=True, timeout=300).stdout
        spent = self.cpu_seconds() - before
        rate = re.search(r"Requests/sec:\s+([\d.]+)", said)
        count = re.search(r"(\d+) requests in", said)
        if "Non-2xx" in said or "Socket errors" in said or rate is None or count is None:
            raise RuntimeError(said)
        return float(rate[1]), spent / int(count[1]) * 1e6

    def cpu_seconds(self) -> float:
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def rss(self) -> int:
        """KiB."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(status.split("VmRSS:")[1].split()[0])

    def end(self) -> None:
        self.process.terminate()
        self.process.wait(timeout=30)
