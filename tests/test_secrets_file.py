"""The file of keys: what is kept is found again, nobody else can read it, and no sentence ever shows a key."""

from __future__ import annotations

import fcntl
import os
import stat
import string
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from oavr_tui import secrets_file
from oavr_tui.errors import BadInput
from oavr_tui.paths import Paths
from oavr_tui.secrets_file import (
    address_token,
    check_shape,
    forget_address_token,
    forget_runpod_key,
    load_secrets,
    runpod_key,
    save_address_token,
    save_runpod_key,
    where_from,
)

KEY, OTHER = "rpa_8Q2W4E6R8T0Y2U4I", "rpa_another0KEY0another"
TOKEN = "tok\"en\\0'9#=["


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def written(home: Paths, text: str, file_mode: int = 0o600) -> Path:
    home.config.mkdir(parents=True)
    home.secrets_file.write_text(text)
    home.secrets_file.chmod(file_mode)
    return home.secrets_file


def test_a_key_is_kept_found_and_forgotten(home: Paths) -> None:
    assert runpod_key(home, {}) is None
    assert where_from(home, {}) == ""
    save_runpod_key(home, f"  {KEY}\n")
    assert runpod_key(home, {}) == KEY
    assert where_from(home, {}) == str(home.secrets_file)
    assert mode(home.secrets_file) == 0o600
    assert mode(home.config) == 0o700
    assert forget_runpod_key(home) is True
    assert forget_runpod_key(home) is False
    assert runpod_key(home, {}) is None


def test_the_environment_goes_first(home: Paths) -> None:
    save_runpod_key(home, KEY)
    there = {"RUNPOD_API_KEY": f" {OTHER} "}
    assert (runpod_key(home, there), where_from(home, there)) == (OTHER, "RUNPOD_API_KEY")
    assert runpod_key(home, {"RUNPOD_API_KEY": "  "}) == KEY


def test_keys_and_tokens_leave_each_other_alone_and_a_persons_own_lines(home: Paths) -> None:
    written(home, "# mine\n[runpod]\n# my key\nkey = 'rpa_8Q2W4E6R8T0Y2U4I' # work\n\n[other]\nx = 1\n")
    save_address_token(home, "big.box-1", TOKEN)
    save_runpod_key(home, OTHER)
    assert address_token(home, "big.box-1") == TOKEN
    text = home.secrets_file.read_text()
    assert "# mine" in text and "# my key" in text and "[other]\nx = 1" in text
    assert tomllib.loads(text)["address_tokens"] == {"big.box-1": TOKEN}
    assert forget_address_token(home, "big.box-1") is True
    assert address_token(home, "big.box-1") is None
    assert runpod_key(home, {}) == OTHER


@pytest.mark.parametrize("text", ["runpod.key = '{}'", "runpod = {{ key = '{}' }}", "[runpod]\nkey = '{}'\n"])
def test_every_way_to_write_it_can_be_changed(home: Paths, text: str) -> None:
    written(home, text.format(KEY))
    assert runpod_key(home, {}) == KEY
    save_runpod_key(home, OTHER)
    assert runpod_key(home, {}) == OTHER
    assert forget_runpod_key(home)
    assert runpod_key(home, {}) is None


@pytest.mark.parametrize("open_mode", [0o644, 0o640, 0o660, 0o604, 0o777])
def test_a_file_that_others_can_read_is_closed_with_a_note(home: Paths, open_mode: int) -> None:
    written(home, f"[runpod]\nkey = '{KEY}'\n", open_mode)
    first, second = load_secrets(home, {}), load_secrets(home, {})
    assert first.runpod_key == KEY
    assert len(first.notes) == 1 and "now only you can" in first.notes[0] and KEY not in first.notes[0]
    assert second.notes == ()
    assert mode(home.secrets_file) == 0o600


def test_asking_for_a_token_closes_it_too(home: Paths) -> None:
    written(home, f"[address_tokens]\nbox = '{KEY}'\n", 0o644)
    assert address_token(home, "box") == KEY
    assert mode(home.secrets_file) == 0o600


BAD = {
    "empty": "",
    "short": "1234567",
    "long": "k" * 257,
    "a space inside": "rpa_1234 5678",
    "a line inside": "rpa_1234\n5678",
    "a control character": "rpa_12345\x1b[0m",
    "not ASCII": "rpa_12345é",
    "an invisible sign": "rpa_12345\u200b",
}


@pytest.mark.parametrize("value", BAD.values(), ids=BAD.keys())
def test_what_cannot_be_a_key_is_refused_without_showing_it(home: Paths, value: str) -> None:
    refusals: list[Callable[[], object]] = [
        lambda: save_runpod_key(home, value),
        lambda: save_address_token(home, "box", value),
        lambda: check_shape(value, "It"),
        lambda: runpod_key(home, {"RUNPOD_API_KEY": value or "."}),
    ]
    for refused in refusals:
        with pytest.raises(BadInput) as caught:
            refused()
        assert not value or value not in caught.value.message
    assert not home.secrets_file.exists()


@pytest.mark.parametrize("value", [8, True, None, ["a"], {"a": 1}])
def test_only_text_is_a_key(value: object) -> None:
    with pytest.raises(BadInput):
        check_shape(value, "It")


def test_the_longest_and_shortest_are_kept(home: Paths) -> None:
    printable = "".join(map(chr, range(33, 127)))
    for key in ("12345678", (printable * 3)[:256]):
        save_runpod_key(home, key)
        assert runpod_key(home, {}) == key


@pytest.mark.parametrize("name", ["", "a\nb", "x" * 501])
def test_a_token_needs_a_name(home: Paths, name: str) -> None:
    with pytest.raises(BadInput):
        save_address_token(home, name, KEY)


BROKEN = {
    "no TOML": f"key = {KEY}",
    "no table": f"runpod = '{KEY}'",
    "no text": "[runpod]\nkey = 5\n",
    "too large": f"[runpod]\nkey = '{KEY}'\n" + "#" * (1 << 20),
    "nested": f"[runpod]\nkey = {'[' * 5000}'{KEY}'",
}


@pytest.mark.parametrize("text", BROKEN.values(), ids=BROKEN.keys())
def test_a_broken_file_is_a_sentence_and_is_left_as_it_is(home: Paths, text: str) -> None:
    written(home, text)
    with pytest.raises(BadInput) as caught:
        runpod_key(home, {})
    assert KEY not in caught.value.message and str(home.secrets_file) in caught.value.message
    if "key = 5" not in text:
        with pytest.raises(BadInput):
            save_runpod_key(home, OTHER)
        assert home.secrets_file.read_text() == text


def test_a_file_that_is_not_text_is_a_sentence(home: Paths) -> None:
    written(home, "").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(BadInput):
        runpod_key(home, {})


def test_a_broken_file_keeps_nobody_from_the_key_of_the_environment(home: Paths) -> None:
    written(home, "broken", 0o644)
    found = load_secrets(home, {"RUNPOD_API_KEY": OTHER})
    assert found.runpod_key == OTHER
    assert any("cannot be read" in note for note in found.notes)
    assert any("now only you can" in note for note in found.notes)
    with pytest.raises(BadInput, match="cannot be read"):
        load_secrets(home, {})


def test_a_token_of_no_use_takes_only_itself_away(home: Paths) -> None:
    written(home, f"[runpod]\nkey = '{KEY}'\n[address_tokens]\nbad = 'x y'\ngood = '{TOKEN[:3]}12345678'\n")
    found = load_secrets(home, {})
    assert found.runpod_key == KEY
    assert list(found.address_tokens) == ["good"]
    assert len(found.notes) == 1 and "bad" in found.notes[0] and "x y" not in found.notes[0]
    with pytest.raises(BadInput):
        address_token(home, "bad")
    assert address_token(home, "good") is not None


@pytest.mark.parametrize("kind", ["folder", "pipe"])
def test_something_else_in_its_place_is_a_sentence(home: Paths, kind: str) -> None:
    home.config.mkdir(parents=True)
    if kind == "folder":
        home.secrets_file.mkdir(mode=0o755)
    else:
        os.mkfifo(home.secrets_file)
    asked: list[Callable[[], object]] = [
        lambda: runpod_key(home, {}),
        lambda: save_runpod_key(home, KEY),
        lambda: forget_runpod_key(home),
    ]
    for ask in asked:
        with pytest.raises(BadInput, match=r"cannot be read|cannot be opened"):
            ask()


def test_a_link_stays_a_link(home: Paths, tmp_path: Path) -> None:
    home.config.mkdir(parents=True)
    real = tmp_path / "dotfiles.toml"
    home.secrets_file.symlink_to(real)
    save_runpod_key(home, KEY)
    assert home.secrets_file.is_symlink()
    assert KEY in real.read_text() and mode(real) == 0o600


def test_what_cannot_be_written_is_a_sentence_and_changes_nothing(home: Paths) -> None:
    save_runpod_key(home, KEY)
    blocked = home.secrets_file.with_name(f".secrets.toml.{os.getpid()}.part")
    blocked.mkdir()  # where the new file would be written; unlike a mode, this holds for root, too
    with pytest.raises(BadInput) as caught:
        save_runpod_key(home, OTHER)
    assert OTHER not in caught.value.message and "nothing was changed" in caught.value.message
    assert runpod_key(home, {}) == KEY


def test_nothing_is_left_beside_it(home: Paths) -> None:
    save_runpod_key(home, KEY)
    save_address_token(home, "box", TOKEN)
    forget_runpod_key(home)
    assert [file.name for file in home.config.iterdir()] == ["secrets.toml"]


def test_secrets_do_not_show_in_what_python_prints(home: Paths) -> None:
    save_runpod_key(home, KEY)
    save_address_token(home, "box", TOKEN)
    shown = repr(load_secrets(home, {}))
    assert KEY not in shown and TOKEN not in shown


def test_processes_that_write_at_a_time_keep_each_others_changes(home: Paths) -> None:
    code = """
import sys
import tomlkit
from oavr_tui.paths import Paths
from oavr_tui.secrets_file import save_address_token
print("ready", flush=True)
sys.stdin.readline()
for number in range(30):
    save_address_token(Paths.find(), f"{sys.argv[1]}-{number}", f"token-{sys.argv[1]}-{number}")
"""
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", code, f"box{number}"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        for number in range(3)
    ]
    for writer in writers:
        assert writer.stdout is not None and writer.stdout.readline() == "ready\n"
    for writer in writers:
        assert writer.stdin is not None
        writer.stdin.write("\n")
        writer.stdin.flush()
    for writer in writers:
        writer.communicate(timeout=60)
    assert [writer.returncode for writer in writers] == [0, 0, 0]
    assert len(load_secrets(home, {}).address_tokens) == 90


def test_a_writer_that_has_stopped_for_good_holds_nobody_up(home: Paths, monkeypatch: pytest.MonkeyPatch) -> None:
    save_runpod_key(home, KEY)
    monkeypatch.setattr(secrets_file, "_LOOK_SECONDS", 0.0)
    fd = os.open(home.config, os.O_RDONLY)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        save_runpod_key(home, OTHER)
    finally:
        os.close(fd)
    assert runpod_key(home, {}) == OTHER


keys = st.text("".join(map(chr, range(33, 127))), min_size=8, max_size=40)
names = st.text(string.ascii_letters + "0123456789.-_ '\"[]=#é:/", min_size=1, max_size=12)


class SecretsMachine(RuleBasedStateMachine):
    """Whatever is kept and forgotten in whatever order, the file says what a dictionary says."""

    @initialize()
    def begin(self) -> None:
        import tempfile

        self.folder = tempfile.TemporaryDirectory()
        self.home = Paths.under(Path(self.folder.name))
        self.key: str | None = None
        self.tokens: dict[str, str] = {}

    @rule(key=keys)
    def save_key(self, key: str) -> None:
        save_runpod_key(self.home, key)
        self.key = key

    @rule()
    def forget_key(self) -> None:
        assert forget_runpod_key(self.home) is (self.key is not None)
        self.key = None

    @rule(name=names, token=keys)
    def save_token(self, name: str, token: str) -> None:
        save_address_token(self.home, name, token)
        self.tokens[name] = token

    @rule(data=st.data())
    def forget_token(self, data: st.DataObject) -> None:
        name = data.draw(names | st.sampled_from([*sorted(self.tokens), "none"]))
        assert forget_address_token(self.home, name) is (self.tokens.pop(name, None) is not None)

    @invariant()
    def same(self) -> None:
        found = load_secrets(self.home, {})
        assert (found.runpod_key, dict(found.address_tokens), found.notes) == (self.key, self.tokens, ())
        assert all(address_token(self.home, name) == token for name, token in self.tokens.items())

    def teardown(self) -> None:
        self.folder.cleanup()


TestSecretsMachine = SecretsMachine.TestCase
TestSecretsMachine.settings = settings(max_examples=25, stateful_step_count=12, deadline=None)
