"""Things that are no ordinary files, and names that no terminal should see as they are."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oavr_tui.errors import FailureCode, OavrError
from oavr_tui.media.files import PICTURE, VIDEO, VOICE, Kind, looks_like, open_regular, shown_name
from tests.media.makers import save_photo
from tests.media.sentences import check_refusal

KINDS = [PICTURE, VOICE, VIDEO]


def refusal(path: Path, kind: Kind = PICTURE) -> str:
    name = shown_name(path, None, kind)
    with pytest.raises(OavrError) as caught:
        open_regular(path, name, kind).close()
    check_refusal(caught.value, name, kind.failure.code)
    return caught.value.message


def missing(folder: Path) -> Path:
    return folder / "anna.png"


def directory(folder: Path) -> Path:
    (folder / "anna.png").mkdir()
    return folder / "anna.png"


def pipe(folder: Path) -> Path:
    os.mkfifo(folder / "anna.png")
    return folder / "anna.png"


def link_to_endless_device(folder: Path) -> Path:
    (folder / "anna.png").symlink_to("/dev/zero")
    return folder / "anna.png"


def dead_link(folder: Path) -> Path:
    (folder / "anna.png").symlink_to(folder / "gone")
    return folder / "anna.png"


def link_to_itself(folder: Path) -> Path:
    (folder / "anna.png").symlink_to(folder / "anna.png")
    return folder / "anna.png"


def through_a_file(folder: Path) -> Path:
    (folder / "file").write_text("x")
    return folder / "file" / "anna.png"


def empty(folder: Path) -> Path:
    (folder / "anna.png").touch()
    return folder / "anna.png"


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.noun)
@pytest.mark.parametrize(
    ("make", "words"),
    [
        (missing, "is not there"),
        (directory, "is a folder"),
        (pipe, "is a device or a pipe"),
        (link_to_endless_device, "is a device or a pipe"),
        (dead_link, "is not there"),
        (link_to_itself, "cannot be opened (too many levels of symbolic links)"),
        (through_a_file, "leads through a file"),
        (empty, "is empty (0 bytes)"),
        (lambda folder: folder / ("a" * 300), "cannot be opened (file name too long)"),
        (lambda folder: folder / "an\0na.png", "cannot be opened (its name is not a valid one)"),
        (lambda folder: Path("/dev/zero"), "is a device or a pipe"),
        (lambda folder: Path("/dev/null"), "is a device or a pipe"),
        (lambda folder: folder, "is a folder"),
    ],
)
def test_what_is_no_ordinary_file_is_refused_at_once(
    make: Callable[[Path], Path], words: str, kind: Kind, tmp_path: Path
) -> None:
    assert words in refusal(make(tmp_path), kind)


def test_a_socket_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)  # a socket's path may be no longer than some 100 characters
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("anna.png")
        assert "is a device or a pipe" in refusal(tmp_path / "anna.png")


_AS_SOMEBODY_ELSE = """
import os, sys
from pathlib import Path
from oavr_tui.errors import BadInput
from oavr_tui.media.files import PICTURE, open_regular
if os.geteuid() == 0:
    os.setgroups([]); os.setgid(65534); os.setuid(65534)
try:
    open_regular(Path(sys.argv[1]), "anna.png", PICTURE)
except BadInput as error:
    print(error.message)
"""


@pytest.mark.parametrize("folder_too", [False, True])
def test_a_file_that_may_not_be_read_is_refused(folder_too: bool, tmp_path: Path) -> None:
    folder = tmp_path / "private"
    folder.mkdir()
    path = save_photo(folder / "anna.png")
    path.chmod(0)
    for parent in (tmp_path, *tmp_path.parents):
        if parent.stat().st_uid == os.geteuid() and parent != Path(parent.anchor):
            parent.chmod(parent.stat().st_mode | 0o111)
    folder.chmod(0 if folder_too else 0o755)
    try:
        # root may read everything, so that another user has to try
        done = subprocess.run(
            [sys.executable, "-c", _AS_SOMEBODY_ELSE, str(path)], capture_output=True, text=True, timeout=60, check=True
        )
    finally:
        folder.chmod(0o755)
    assert done.stdout == ("anna.png may not be read by you. Change its permissions, or choose another picture.\n")


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("\x1b[31mred\x1b[0m.png", "red.png"),
        ("\x1b]0;title\x07anna.png", "anna.png"),
        ("two\nlines.png", "two lines.png"),
        ("[bold]anna[@click=x].png", "[bold]anna[@click=x].png"),
        ("\u202egnp.anna", "gnp.anna"),
        ("照片.png", "照片.png"),
        ("صورة.png", "صورة.png"),
        ("caf\udce9.png", "caf.png"),
        ("\x07", "The picture"),
        ("a" * 200 + ".png", "a" * 79 + "…"),
    ],
)
def test_names_are_shown_safely(name: str, shown: str, tmp_path: Path) -> None:
    assert shown_name(tmp_path / name, None, PICTURE) == shown
    assert shown in refusal(tmp_path / name)


@given(st.text())
def test_any_name_makes_a_proper_sentence(name: str) -> None:
    shown = shown_name(Path("/nowhere/at/all.png"), name, PICTURE)
    with pytest.raises(OavrError) as caught:
        open_regular(Path("/nowhere/at/all.png"), shown, PICTURE)
    assert caught.value.code == FailureCode.BAD_INPUT
    assert caught.value.message.startswith(shown)


@given(st.binary(max_size=200))
def test_any_first_bytes_look_like_something_or_nothing(head: bytes) -> None:
    assert isinstance(looks_like(head), str)
    assert isinstance(looks_like(b"\0\0\0\x20ftyp" + head), str)


def test_an_open_file_is_at_its_start_and_ready(tmp_path: Path) -> None:
    path = save_photo(tmp_path / "anna.png")
    with open_regular(path, "anna.png", PICTURE) as file:
        assert file.read() == path.read_bytes()
