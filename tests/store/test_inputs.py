from __future__ import annotations

import hashlib
import os
import socket
from pathlib import Path

import pytest

from oavr_tui.errors import BadInput, DiskFull, Rejected
from oavr_tui.store.inputs import Inputs
from tests.limits import files_no_larger_than
from tests.store.helpers import FaultyDisk, PowerCut


@pytest.fixture
def inputs(tmp_path: Path) -> Inputs:
    return Inputs(tmp_path / "inputs")


def given(tmp_path: Path, name: str, content: bytes = b"a picture") -> Path:
    path = tmp_path / name
    path.write_bytes(content)
    return path


def kept(tmp_path: Path) -> list[str]:
    return sorted(path.name for path in (tmp_path / "inputs").iterdir())


def test_a_kept_input_outlives_its_source(tmp_path: Path, inputs: Inputs) -> None:
    source = given(tmp_path, "Me.PNG")
    digest = inputs.keep(source)
    source.write_bytes(b"something else")
    path = inputs.path(digest)
    assert digest == hashlib.sha256(b"a picture").hexdigest()
    assert path is not None and path.name == f"{digest}.png" and path.read_bytes() == b"a picture"
    assert path.stat().st_mode & 0o077 == 0


def test_the_same_content_is_kept_once(tmp_path: Path, inputs: Inputs) -> None:
    first = inputs.keep(given(tmp_path, "a.png"))
    assert inputs.keep(given(tmp_path, "b.jpg")) == first
    assert kept(tmp_path) == [f"{first}.png"]


@pytest.mark.parametrize(
    ("name", "suffix"), [("x", ""), ("x.tar.gz", ".gz"), ("x.p/g".replace("/", "\n"), ""), (".png", "")]
)
def test_only_a_plain_suffix_is_kept(tmp_path: Path, inputs: Inputs, name: str, suffix: str) -> None:
    digest = inputs.keep(given(tmp_path, name))
    assert kept(tmp_path) == [f"{digest}{suffix}"]
    assert inputs.path(digest) == tmp_path / "inputs" / f"{digest}{suffix}"


def test_large_files_are_streamed(tmp_path: Path, inputs: Inputs) -> None:
    content = os.urandom(3_000_001)
    path = inputs.path(inputs.keep(given(tmp_path, "voice.wav", content)))
    assert path is not None and path.read_bytes() == content


def test_what_is_no_ordinary_file_is_refused_at_once(tmp_path: Path, inputs: Inputs) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(tmp_path / "socket"))
        for name in ("pipe", "loop", "socket", "absent", ".", "a" * 300, "nul\0"):
            with pytest.raises(BadInput) as caught:
                inputs.keep(tmp_path / name)
            assert caught.value.message.endswith(".") and "\0" not in caught.value.message
    for device in ("/dev/zero", "/dev/null", "/dev/tty"):
        with pytest.raises(BadInput):
            inputs.keep(Path(device))
    assert not (tmp_path / "inputs").exists()


def test_empty_and_too_large_files_are_refused_and_leave_nothing(tmp_path: Path) -> None:
    inputs = Inputs(tmp_path / "inputs", largest=10)
    with pytest.raises(BadInput, match="empty"):
        inputs.keep(given(tmp_path, "empty.png", b""))
    with pytest.raises(BadInput, match="too large"):
        inputs.keep(given(tmp_path, "big.png", b"x" * 11))
    inputs.keep(given(tmp_path, "fits.png", b"x" * 10))
    assert len(kept(tmp_path)) == 1


def test_an_unreadable_file_is_told_of(tmp_path: Path, inputs: Inputs) -> None:
    if os.geteuid() == 0:
        pytest.skip("root may read everything")
    source = given(tmp_path, "closed.png")
    source.chmod(0)
    with pytest.raises(BadInput, match="permissions"):
        inputs.keep(source)


def test_a_full_disk_is_told_of_and_leaves_nothing(tmp_path: Path, inputs: Inputs) -> None:
    source = given(tmp_path, "voice.wav", b"x" * 3_000_000)
    with files_no_larger_than(1_500_000), pytest.raises(DiskFull, match=r"voice\.wav"):
        inputs.keep(source)
    assert kept(tmp_path) == []
    assert inputs.path(inputs.keep(source)) is not None


@pytest.mark.parametrize("fault", ["error", "full", "stop"])
def test_no_fault_leaves_half_an_input_under_a_hash(tmp_path: Path, fault: str) -> None:
    source = given(tmp_path, "a.png", b"y" * 2_500_000)
    digest = hashlib.sha256(source.read_bytes()).hexdigest()
    for at in range(6):
        folder = tmp_path / f"inputs-{at}"
        try:
            Inputs(folder, disk=FaultyDisk(at, fault)).keep(source)
        except (Rejected, DiskFull, PowerCut):
            assert Inputs(folder).path(digest) is None
        path = Inputs(folder).path(Inputs(folder).keep(source))
        assert path is not None and path.read_bytes() == source.read_bytes()


def test_a_damaged_copy_is_replaced(tmp_path: Path, inputs: Inputs) -> None:
    source = given(tmp_path, "a.png")
    path = inputs.path(inputs.keep(source))
    assert path is not None
    path.write_bytes(b"cut")
    inputs.keep(source)
    assert path.read_bytes() == b"a picture"


def test_release_keeps_what_is_needed_and_what_is_not_ours(tmp_path: Path) -> None:
    time = 1_000_000.0
    inputs = Inputs(tmp_path / "inputs", now=lambda: time)
    assert inputs.release(set()) == 0
    needed = inputs.keep(given(tmp_path, "a.png", b"a"))
    done = inputs.keep(given(tmp_path, "b.png", b"b"))
    for name in ("notes.txt", ".oavr-young.part", ".oavr-old.part"):
        (tmp_path / "inputs" / name).write_text("x")
    for name, at in ((f"{done}.png", time - 5), (".oavr-young.part", time), (".oavr-old.part", time - 90_000)):
        os.utime(tmp_path / "inputs" / name, (at, at))
    assert inputs.release({needed}, min_age=10) == 1
    assert inputs.path(done) is not None
    assert inputs.release({needed}) == 1
    assert kept(tmp_path) == sorted([".oavr-young.part", f"{needed}.png", "notes.txt"])


@pytest.mark.parametrize("digest", ["", "../../etc/passwd", "*", "A" * 64, "a" * 63])
def test_only_a_hash_is_looked_for(inputs: Inputs, digest: str) -> None:
    assert inputs.path(digest) is None
