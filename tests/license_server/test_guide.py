"""The owner's guide does what it says: its blocks are run as they stand, one after another, in an empty home."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.license_server.programs import free_port
from tests.programs import needs

CHECKOUT = Path(__file__).parents[2]
GUIDE = CHECKOUT / "license_server" / "README.md"
BETWEEN = "====8<===="


class Block(NamedTuple):
    """A block of the guide that is to be run, and what stands below it as what one sees."""

    shell: str
    shown: str
    installs: bool


def blocks() -> list[Block]:
    found = re.findall(
        r"<!-- tried(: install)? -->\n```sh\n(.*?)```\n(?:```text\n(.*?)```\n)?", GUIDE.read_text(), re.DOTALL
    )
    assert len(found) == GUIDE.read_text().count("<!-- tried")
    return [Block(shell, shown, bool(installs)) for installs, shell, shown in found]


def pattern(shown: str) -> re.Pattern[str]:
    """What is shown, with anything in the place of an ellipsis; spaces at the end of lines do not count."""
    lines = (".*".join(re.escape(part) for part in line.rstrip().split("…")) for line in shown.splitlines())
    return re.compile(r" *\n".join(lines) + r" *\n?")


def instead_of_installing(home: Path) -> str:
    """The command of this interpreter, where the guide installs one: the folder's wheel is tried by the long test."""
    program = home / "licenses" / "venv" / "bin" / "oavr-license-server"
    program.parent.mkdir(parents=True)
    program.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m license_server "$@"\n')
    program.chmod(0o755)
    return "cd ~/licenses\n"


def follow(home: Path, install: bool) -> None:
    """Runs all blocks in one shell, and compares what each printed with what the guide shows."""
    needs("bash")
    needs("curl")
    home.mkdir()
    tried = blocks()
    words = [block.shell if install or not block.installs else instead_of_installing(home) for block in tried]
    script = f"echo '{BETWEEN}'\n".join(words).replace("127.0.0.1:8787", f"127.0.0.1:{(port := free_port())}")
    env = {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "CHECKOUT": str(CHECKOUT),
        "OAVR_LICENSE_PORT": str(port),
        **({} if install else {"PYTHONPATH": str(CHECKOUT)}),
        **{name: value for name, value in os.environ.items() if name.startswith(("PIP_", "SSL_", "REQUESTS_"))},
    }
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", f"trap 'kill $(jobs -p) 2>/dev/null || true' EXIT\n{script}"],
        env=env,
        cwd=home,
        capture_output=True,
        text=True,
        timeout=170,
    )
    log = home / "licenses" / "server.log"
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}\n{log.read_text() if log.exists() else ''}"
    printed = done.stdout.replace(str(port), "8787").split(f"{BETWEEN}\n")
    assert len(printed) == len(tried)
    for block, said in zip(tried, printed, strict=True):
        if block.shown:
            assert pattern(block.shown).fullmatch(said), f"{block.shell}\n-- shown:\n{block.shown}\n-- said:\n{said}"
    assert "Traceback" not in done.stderr + log.read_text()


def test_the_guide_is_true(tmp_path: Path) -> None:
    follow(tmp_path / "home", install=False)


@pytest.mark.full
def test_the_guide_is_true_in_an_environment_of_its_own(tmp_path: Path) -> None:
    follow(tmp_path / "home", install=True)


def test_what_is_shown_is_compared() -> None:
    """That a difference is found: in a line, and when there are more lines or fewer."""
    shown = "a … c\n{…}\n"
    assert pattern(shown).fullmatch("a b c\n{}\n")
    assert not pattern(shown).fullmatch("a b d\n{}\n")
    assert not pattern(shown).fullmatch("a b c\n{}\nmore\n")
    assert not pattern(shown).fullmatch("a b c\n")


def test_every_command_and_setting_is_in_the_guide() -> None:
    text = GUIDE.read_text()
    sources = "".join((CHECKOUT / "license_server" / name).read_text() for name in ("config.py", "outside.py"))
    names = set(re.findall(r'"([A-Z]{3,}(?:_[A-Z]+)+)"', sources))
    assert {"OAVR_LICENSE_KV", "GUMROAD_SECRET", "SMTP_URL"} <= names
    for name in names:
        assert f"`{name}`" in text, name
    for name in ("create", "show", "find", "list", "revoke", "suspend", "restore", "release", "set-limit", "resend"):
        assert re.search(rf"`(license )?{name}[ `\[]", text), name
    for name in ("stats", "history", "backup FILE", "kv export FILE", "kv import FILE", "doctor [--url URL]"):
        assert f"`{name}`" in text, name
