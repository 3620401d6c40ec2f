"""What is hidden: every known secret in every spelling and surroundings, and what looks like one; and what is not."""

from __future__ import annotations

import base64
import html
import json
import re
import string
from collections.abc import Callable
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from oavr_tui.redact import HIDDEN, SHORTEST_SECRET, Redactor, mask_id, without_folders

Spell = Callable[[str], str]

SPELLINGS: dict[str, Spell] = {
    "plain": str,
    "capitals": str.upper,
    "small": str.lower,
    "address": lambda text: quote(text, safe=""),
    "form": quote_plus,
    "address in an address": lambda text: quote(quote(text, safe=""), safe=""),
    "every byte": lambda text: "".join(f"%{byte:02x}" for byte in text.encode()),
    "JSON": lambda text: json.dumps(text)[1:-1],
    "JSON in JSON": lambda text: json.dumps(json.dumps(text))[2:-2],
    "JSON with strokes": lambda text: json.dumps(text)[1:-1].replace("/", "\\/"),
    "JSON in an address": lambda text: quote(json.dumps(text)[1:-1], safe=""),
    "JSON in JSON in an address": lambda text: quote(json.dumps(json.dumps(text))[2:-2], safe=""),
    "JSON in HTML": lambda text: html.escape(json.dumps(text)[1:-1]),
    "address in JSON": lambda text: json.dumps(quote(text))[1:-1],
    "every character escaped": lambda text: "".join(f"\\u{ord(sign):04x}" for sign in text),
    "repr": lambda text: repr(text)[1:-1],
    "repr of bytes": lambda text: repr(text.encode())[2:-1],
    "HTML": html.escape,
    "HTML by numbers": lambda text: "".join(f"&#{ord(sign)};" for sign in text),
}

ascii_keys = st.text(string.ascii_letters + string.digits + string.punctuation, min_size=8, max_size=60)
any_secrets = st.text(st.characters(exclude_categories=["Cs"]), min_size=SHORTEST_SECRET, max_size=30).filter(
    lambda secret: bool(secret.strip("•… "))
)


def canonical(text: str) -> str:
    return text.casefold()


@settings(deadline=None)
@given(ascii_keys, st.text(max_size=40), st.text(max_size=40), st.sampled_from(sorted(SPELLINGS)))
@example("pass%25word", "x", "y", "address")
@example('back\\"slash\\\\', "\\", "\\", "JSON in JSON")
@example("%2525%25%", "%", "25", "address in an address")
@example('0000000"', "", "", "JSON in an address")
@example("key\u00e9\\\u00e9\\", "", "", "JSON in an address")
def test_a_known_secret_never_survives(secret: str, before: str, after: str, way: str) -> None:
    spelled = SPELLINGS[way](secret)
    shown = Redactor([secret])(before + spelled + after)
    assert spelled not in shown
    assert canonical(secret) not in canonical(shown)


@settings(deadline=None)
@given(any_secrets, st.text(max_size=20), st.text(max_size=20))
@example("\\\u00e9abc", "", "")
@example("\U0001f600\U0001f601 ab", "", "")
@example("••ab", "•", "b")
def test_nor_does_one_of_any_other_characters(secret: str, before: str, after: str) -> None:
    redactor = Redactor([secret])
    for way in (str, json.dumps, SPELLINGS["address"], SPELLINGS["repr of bytes"]):
        spelled = way(secret)
        assert spelled not in redactor(before + spelled + after), spelled


@settings(deadline=None)
@given(st.lists(any_secrets, min_size=1, max_size=4), st.data())
def test_many_at_a_time_touching_and_overlapping(secrets: list[str], data: st.DataObject) -> None:
    redactor = Redactor(secrets)
    parts = st.sampled_from([*secrets, *(secret[:3] for secret in secrets), *(secret[1:] for secret in secrets)])
    shown = redactor("".join(data.draw(st.lists(parts, max_size=8))))
    assert not any(secret in shown for secret in secrets)


@settings(deadline=None)
@given(
    st.text(string.ascii_letters + string.digits, min_size=8, max_size=20),
    st.sampled_from(["plain", "capitals", "address", "JSON", "every byte"]),
)
def test_of_a_known_pod_id_only_the_beginning_is_seen(pod_id: str, way: str) -> None:
    redactor = Redactor()
    redactor.know_pod(pod_id)
    shown = redactor(f"https://host/proxy/{SPELLINGS[way](pod_id)}-8188/x")
    assert shown == f"https://host/proxy/{mask_id(pod_id)}-8188/x"


def test_a_secret_that_holds_a_pod_id_or_looks_like_two_is_hidden_as_a_whole() -> None:
    redactor = Redactor(["tail-abcd1234-rpa_ABCDEFGHIJ&token=end"])
    redactor.know_pod("abcd1234")
    assert redactor("<tail-abcd1234-rpa_ABCDEFGHIJ&token=end>") == f"<{HIDDEN}>"


def test_what_is_left_around_one_secret_may_be_another() -> None:
    assert Redactor(["abcd", "u•••v", "z•••w", "x•••y"])("uzxabcdywv") == HIDDEN


@pytest.mark.parametrize("nothing", [None, "", "abc", "    ", "••••", "…………"])
def test_what_is_no_secret_hides_nothing(nothing: str | None) -> None:
    redactor = Redactor()
    redactor.know(nothing)
    redactor.know_pod(nothing)
    assert redactor("abc     •••• …………") == "abc     •••• …………"


@settings(max_examples=30, deadline=None)
@given(st.text(max_size=200))
def test_without_a_known_one_twice_is_as_good_as_once(text: str) -> None:
    redactor = Redactor()
    assert redactor(redactor(text)) == redactor(text)


KEY = "rpa_8Q2W4E6R8T0Y2U4I6O8P0A2S4D6F8G0H"
PAIR = base64.b64encode(b"ann:swordfish").decode()

LOOKS = [
    (f"key {KEY}.", f"key rpa_{HIDDEN}."),
    (f"{KEY.upper()} {KEY.lower()}", f"RPA_{HIDDEN} rpa_{HIDDEN}"),
    ("License OAVR-7K3M-9QXT-2ABC-WXYZ is used", f"License OAVR-{HIDDEN} is used"),
    ("oavr-7k3m-9qxt-2abc-wx", f"oavr-{HIDDEN}"),
    ("?k=OAVR%2D7K3M%2D9QXT%2D2ABC%2DWXYZ", f"?k=OAVR%2D{HIDDEN}"),
    ("his 85DB562A-C11D4B06-A2335A6B-8C079166, or", f"his {HIDDEN}, or"),
    ("?k=85db562a%2Dc11d4b06%2Da2335a6b%2D8c079166", f"?k={HIDDEN}"),
    (f"device d1{'0a' * 32} is", f"device {HIDDEN} is"),
    ("/check?fingerprint=my-laptop&claim=n0nce", f"/check?fingerprint={HIDDEN}&claim={HIDDEN}"),
    ('{"licenseKey": "AAAA1-BBBB2-CCCC3-DDDD"}', f'{{"licenseKey": "{HIDDEN}"}}'),
    ("Authorization: Bearer abc.def", f"Authorization: Bearer {HIDDEN}"),
    ("{'authorization': 'Bearer abc.def'}", f"{{'authorization': 'Bearer {HIDDEN}'}}"),
    ("[(b'authorization', b'weird')]", f"[(b'authorization', b'{HIDDEN}')]"),
    ('{"Authorization": "Token abcd"}', f'{{"Authorization": "Token {HIDDEN}"}}'),
    (f"sent Basic {PAIR}", f"sent Basic {HIDDEN}"),
    ("Bearer%20a1b2c3d4e5", f"Bearer%20{HIDDEN}"),
    ("http://ann:sword@fish@host:8188/x", f"http://{HIDDEN}@host:8188/x"),
    ("wss://onlytoken@host/ws", f"wss://{HIDDEN}@host/ws"),
    ("to=http%3A%2F%2Fann%3Asword%40host%2Fx", f"to=http%3A%2F%2F{HIDDEN}%40host%2Fx"),
    (r"http:\/\/ann:sword@host\/x", rf"http:\/\/{HIDDEN}@host\/x"),
    ("GET /ws?clientId=1&token=abc&x=2", f"GET /ws?clientId=1&token={HIDDEN}&x=2"),
    ('{"api_key": "abcdef", "n": 1}', f'{{"api_key": "{HIDDEN}", "n": 1}}'),
    ("https://7h9k2m4n6p-8188.proxy.runpod.net/queue", "https://7h9k…-8188.proxy.runpod.net/queue"),
    ("https://api.runpod.io/v2/pods/7h9k2m4n6p/logs", "https://api.runpod.io/v2/pods/7h9k…/logs"),
]


@pytest.mark.parametrize(("text", "shown"), LOOKS)
def test_what_looks_like_a_secret_is_hidden(text: str, shown: str) -> None:
    assert Redactor()(text) == shown


@pytest.mark.parametrize(
    "text",
    [
        "'oavr-tui jobs watch' goes on with it; oavr-license-server and oavr-tui config key, too.",
        "studio-1 costs $0.34/h. Basic authentication is not what it wants; your tokens are kept.",
        "The picture portrait.png is 480x832. Mail ann@example.org, or see https://example.org/a/b?x=1#y.",
        "Warming up: 12/40 (30%), 3,4 MB at 100 kB/s.",
        "5f0f1a2b-1111-4222-8333-944445555566",
    ],
)
def test_what_people_write_stays(text: str) -> None:
    assert Redactor(["another secret"])(text) == text


def test_hostile_text_takes_no_long_time() -> None:
    """A pattern that tries every division of such a text would not end within the time a test has."""
    redactor = Redactor(['\\"' * 20 + "end", "%25" * 20, "a" * 60])
    for text in ("\\" * 5000, '\\"' * 2500, "%25" * 2000, "a" * 59 + "b" + "a" * 2000, "%3A%2F%2F" * 800, "/ a" * 2000):
        assert Redactor()(text) and redactor(text)
        assert without_folders(text)


@settings(deadline=None)
@given(st.text(max_size=30))
def test_a_masked_id_shows_at_most_four_and_at_most_half(pod_id: str) -> None:
    shown = mask_id(pod_id).removesuffix("…")
    assert pod_id.startswith(shown)
    assert len(shown) <= min(4, len(pod_id) / 2)


def test_a_masked_id() -> None:
    assert mask_id("7h9k2m4n6p") == "7h9k…"
    assert mask_id("ab") == "a…"
    assert mask_id("") == "…"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("The picture /home/ann/My Pictures/a b.png is broken.", "The picture …/a b.png is broken."),
        ("~/a.png, ~bob/x/y", "…/a.png, …/y"),
        ("'/home/o'brien/x/y.png' x", "'…/y.png' x"),
        ("/a/b and /c/d", "…/b and …/d"),
        ("file:///home/ann/x and file:/home/ann/y", "…/x and …/y"),
        ("It is in /srv/a/b. Half of it, 1/2, is left.", "It is in …/b. Half of it, 1/2, is left."),
        ("http://host:8188/a/b/c and $0.34/h, 4 GB / 8 GB / x", "http://host:8188/a/b/c and $0.34/h, 4 GB / 8 GB / x"),
    ],
)
def test_folders_are_left_out(text: str, shown: str) -> None:
    assert without_folders(text) == shown


names = st.text(st.sampled_from(string.ascii_letters + "äé 0_-()"), min_size=1, max_size=12).filter(
    lambda name: name == name.strip()
)


@settings(deadline=None)
@given(st.lists(names, min_size=2, max_size=6), st.sampled_from(["{}", "see {}", "'{}'", "({})", "at {}: no", "{}."]))
def test_no_folder_of_a_path_survives(parts: list[str], sentence: str) -> None:
    shown = without_folders(sentence.format("/" + "/".join(parts)))
    assert shown == sentence.format("…/" + parts[-1])
    assert not re.search(r"(?<!…)/", shown)
