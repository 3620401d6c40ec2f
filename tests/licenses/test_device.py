"""This device: the same after a restart and in another folder, another one elsewhere, and never a crash."""

from __future__ import annotations

import stat
from pathlib import Path

from oavr_tui.clients.device import DEVICE_VARIABLE, Device, find_device
from oavr_tui.paths import Paths

ID, OTHER = "0123456789abcdef0123456789abcdef", "f" * 32


def machine(folder: Path, machine_id: str | None = ID) -> Path:
    """The files of a system. machine_id: None where there is none."""
    (folder / "etc").mkdir(parents=True, exist_ok=True)
    if machine_id is not None:
        (folder / "etc" / "machine-id").write_text(machine_id + "\n")
    return folder


def found(home: Path, root: Path, account: str = "1000", **environ: str) -> Device:
    return find_device(Paths.under(home), environ, root=root, platform="linux", account=account)


def test_it_stays_whatever_happens_to_our_folder(tmp_path: Path) -> None:
    root = machine(tmp_path / "root")
    first = found(tmp_path / "a", root)
    assert first.kind == "machine"
    assert first.fingerprint.isascii() and 1 <= len(first.fingerprint) <= 128
    assert ID not in first.fingerprint
    (tmp_path / "a").rename(tmp_path / "b")
    assert found(tmp_path / "b", root).fingerprint == found(tmp_path / "c", root).fingerprint == first.fingerprint
    assert stat.S_IMODE((tmp_path / "b" / "data" / "device.json").stat().st_mode) == 0o600


def test_another_person_or_machine_is_another_device(tmp_path: Path) -> None:
    root, other = machine(tmp_path / "root"), machine(tmp_path / "other", OTHER)
    devices = {found(tmp_path / "a", root).fingerprint, found(tmp_path / "b", root, account="1001").fingerprint}
    devices.add(found(tmp_path / "c", other).fingerprint)
    assert len(devices) == 3


def test_a_copied_home_knows_what_it_was(tmp_path: Path) -> None:
    before = found(tmp_path / "a", machine(tmp_path / "root"))
    copied = found(tmp_path / "a", machine(tmp_path / "other", OTHER))
    again = found(tmp_path / "a", tmp_path / "other")
    assert copied.previous == again.previous == before.fingerprint
    assert copied.fingerprint == again.fingerprint != before.fingerprint


def test_a_container_keeps_what_it_drew_though_its_image_brings_an_id(tmp_path: Path) -> None:
    for number, trace in enumerate((".dockerenv", "run/.containerenv", "proc/1/cgroup")):
        root = machine(tmp_path / str(number))
        (root / trace).parent.mkdir(parents=True, exist_ok=True)
        (root / trace).write_text("0::/kubepods/burstable/pod1\n")
        home, elsewhere = tmp_path / f"home-{number}", tmp_path / f"elsewhere-{number}"
        first = found(home, root)
        assert first.kind == "random"
        assert found(home, root) == first
        assert found(elsewhere, root).fingerprint != first.fingerprint


def test_a_variable_makes_no_container_of_a_machine_that_was_booted(tmp_path: Path) -> None:
    root = machine(tmp_path / "root")
    assert found(tmp_path / "a", root, KUBERNETES_SERVICE_HOST="10.0.0.1").kind == "random"
    (root / "run/systemd/system").mkdir(parents=True)
    assert found(tmp_path / "b", root, KUBERNETES_SERVICE_HOST="10.0.0.1").kind == "machine"


def test_an_id_that_is_empty_or_none_is_no_id(tmp_path: Path) -> None:
    for number, text in enumerate(("", "uninitialized", "0" * 32, "\x00" * 40, None)):
        root = machine(tmp_path / str(number), text)
        assert found(tmp_path / f"home-{number}", root).kind == "random"


def test_a_home_that_cannot_be_written_gives_a_device_and_a_warning(tmp_path: Path) -> None:
    (tmp_path / "home").write_text("a file where the folder would be")
    alone = found(tmp_path / "home", machine(tmp_path / "root", None))
    assert alone.fingerprint and "cannot be written" in alone.warning
    assert found(tmp_path / "home", machine(tmp_path / "other")).warning == ""  # found again the same way


def test_a_damaged_file_is_replaced(tmp_path: Path) -> None:
    root = machine(tmp_path / "root", None)
    file = tmp_path / "home" / "data" / "device.json"
    file.parent.mkdir(parents=True)
    for text in ("", "{", "[]", '{"fingerprint": 7}', '{"fingerprint": "short"}'):
        file.write_text(text)
        first = found(tmp_path / "home", root)
        assert first.warning == ""
        assert found(tmp_path / "home", root) == first


def test_the_environment_names_it_and_this_computer_counts_for_itself(tmp_path: Path) -> None:
    root = machine(tmp_path / "root")
    given = found(tmp_path / "a", root, **{DEVICE_VARIABLE: "kiosk 7"})
    assert given.kind == "given"
    assert "kiosk" not in given.fingerprint
    assert given.own == found(tmp_path / "a", root).fingerprint != given.fingerprint
    assert (
        given.fingerprint == found(tmp_path / "b", machine(tmp_path / "x", OTHER), OAVR_DEVICE_ID="kiosk 7").fingerprint
    )
