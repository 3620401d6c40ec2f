"""Keeping secrets out of whatever is shown, written or sent: known ones in any spelling, and what looks like one.

A known secret is found as it is, and also where a program has spelled it in its own way: percent-encoded as in an
address, escaped as in JSON or in Python's repr, as character references of HTML, in other capitals, and several of
these at a time.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

HIDDEN = "•••"
"""What stands in a secret's place."""
SHORTEST_SECRET = 4
"""Characters; hiding every occurrence of something shorter would leave no text."""

_SHOWN = 4

# What looks like a secret. The groups stay, everything else is replaced.
_LOOKS = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        # user:password@ in an address, and a token alone in their place; the address may be encoded or escaped.
        r"((?::|%3a)(?:\\{0,8}/|%2f){2})[^\s/?#\"'<>\\]{1,2000}(@|%40)",
        r"(authorization[\"'\\]{0,4}\s*[=:,]\s*(?:b?[\"'\\]{1,4})?(?:(?:bearer|basic|token)\s+)?)[^\s\"'\\,;]+()",
        r"(\bbearer(?:\s|%20|\+)+)[^\s\"'\\,;]{4,}()",
        # A word of base64 (RFC 7617) and not of a language: it holds a digit, a sign, or a capital inside.
        r"(\bbasic(?:\s|%20|\+)+)(?-i:(?=[A-Z]?[a-z]*[A-Z0-9+/=%]))[\w+/%]{6,}={0,2}()",
        r"((?:api[_-]?key|access[_-]?token|token|password|passwd|secret)[\"'\\]*\s*[=:]\s*[\"'\\]*)[^\s\"'&,;\\]+()",
        r"([?&](?:key|auth|signature|claim|fingerprint)=)[^\s\"'&#]+()",
        r"((?:license_?key|fingerprint|claim)[\"'\\]*\s*[=:]\s*[\"'\\]*)(?=[\w-]*\d)[\w-]{16,}()",
        r"(rpa_)[\w-]{6,}()",
        r"()\b[0-9A-F]{8}(?:(?:-|%2d)[0-9A-F]{8}){3}\b()",  # Gumroad's own license keys
        r"()\b[der]1[0-9a-f]{64}\b()",  # what a device is known by
        r"(OAVR(?:-|%2d))[0-9A-Z]{4}(?:(?:-|%2d)[0-9A-Z]{4})+(?:-[0-9A-Z]{1,3})?()",
    )
)
_POD_PLACES = re.compile(r"\b[a-z0-9]{4,40}(?=-\d{1,5}\.proxy\.runpod\.net)|(?<=/pods/)[a-z0-9]{8,40}\b", re.IGNORECASE)

# The folders of an absolute path, which may hold spaces; not of an address, nor the stroke of "$0.34/h".
_FOLDER = r"(?! )(?:(?![.,:;] )(?:[^/\"'\n]|(?<=\w)'(?=\w))){1,255}(?<![ :])/"
_FOLDERS = re.compile(rf"(?:file:(?://)?|(?<![\w/:.%~…]))(?:~[\w.-]*/(?:{_FOLDER})*|/(?:{_FOLDER})+)")


def mask_id(pod_id: str) -> str:
    """An id fit to show: at most its first 4 characters and never more than half of it, like 7h9k…"""
    return pod_id[: min(_SHOWN, len(pod_id) // 2)] + "…"


def without_folders(text: str) -> str:
    """The text with every absolute path cut down to its last part: /home/ann/a.png becomes …/a.png."""
    return _FOLDERS.sub("…/", text)


class Redactor:
    """Replaces secrets in any text. It knows what a RunPod key, a license key, a device's fingerprint, a sign-in and a
    pod's public address look like, and further secrets and pod ids that it is told."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        self._instead: dict[str, str] = {}
        self._patterns: dict[str, re.Pattern[str]] = {}
        for secret in secrets:
            self.know(secret)

    def know(self, secret: str | None) -> None:
        """Hide this from now on, also where it is spelled otherwise. Costs nothing where it is known already.

        None, and what is shorter than 4 characters, is passed over.
        """
        self._add(secret, HIDDEN)

    def know_pod(self, pod_id: str | None) -> None:
        """Show no more than the beginning of this id from now on; None and what is too short are passed over."""
        self._add(pod_id, mask_id(pod_id or ""))

    def _add(self, secret: str | None, instead: str) -> None:
        if secret is None or len(secret) < SHORTEST_SECRET or not secret.strip("•… ") or secret in self._instead:
            return
        # The longest first, so that one which holds another is hidden as a whole.
        known = {**self._instead, secret: instead}
        self._instead = dict(sorted(known.items(), key=lambda item: len(item[0]), reverse=True))

    def __call__(self, text: str) -> str:
        """The text without secrets."""
        # What is known goes first, since a part of it may look like a secret, and the rest would then be left.
        text = self._without_known(text)
        for pattern in _LOOKS:
            text = pattern.sub(rf"\1{HIDDEN}\2", text)
        text = _POD_PLACES.sub(lambda found: mask_id(found.group()), text)
        return self._without_known(text)

    def _without_known(self, text: str) -> str:
        """Until nothing is found any more: what stands around a hidden secret may be another's two halves."""
        known = [(self._pattern(secret), instead) for secret, instead in self._instead.items()]
        for _ in range(len(text) + 1):  # every secret is longer than what replaces it, so this ends
            before = text
            for pattern, instead in known:
                text = pattern.sub(instead.replace("\\", r"\\"), text)
            if text == before:
                break
        return text

    def _pattern(self, secret: str) -> re.Pattern[str]:
        """Made when it is first needed: it takes some milliseconds, and many a process has nothing to write."""
        if secret not in self._patterns:
            self._patterns[secret] = re.compile(_spellings(secret), re.IGNORECASE)
        return self._patterns[secret]


# --- spellings
#
# Only backslashes can stand for themselves and for the quoting of what follows, so each row of them is taken together
# with the character behind it, and every other way to spell a character is told by what it begins with. So no text can
# be matched in so many ways that trying them takes long.

_MOST_QUOTING = 15
"""Backslashes in front of a character that is quoted four times over: 2**4 - 1."""

_LETTERS = {"\n": "n", "\r": "r", "\t": "t", "\b": "b", "\f": "f"}
_NAMES = {"&": "amp", "<": "lt", ">": "gt", '"': "quot", "'": "apos"}


def _spellings(secret: str) -> str:
    """A pattern of this secret in every spelling."""
    return "".join(_row_and_character(row, character) for row, character in _rows(secret))


def _rows(secret: str) -> Iterator[tuple[int, str]]:
    """How many backslashes, and the character behind them; the last one may be missing."""
    for found in re.finditer(r"(\\*)([^\\])|(\\+)\Z", secret):
        row, character, rest = found.groups()
        yield (len(rest), "") if rest else (len(row), character)


def _row_and_character(row: int, character: str) -> str:
    if row:
        most = row * (_MOST_QUOTING + 1) + _MOST_QUOTING
        return f"{_BACKSLASH}{{{row},{most}}}" + (f"(?:{_plain(character)}|{_escaped(character)})" if character else "")
    if character.isalnum():  # quoted only to spell it by its number
        return f"(?:{_plain(character)}|{_BACKSLASH}{{1,{_MOST_QUOTING}}}{_escaped(character)})"
    return f"{_BACKSLASH}{{0,{_MOST_QUOTING}}}(?:{_plain(character)}|{_escaped(character)})"


def _plain(character: str) -> str:
    """The character itself, or as an address or HTML spells it."""
    code = ord(character)
    data = character.encode("utf-8", "surrogatepass")
    names = [f"#0{{0,8}}{code}", f"#x0{{0,8}}{code:x}", *([_NAMES[character]] if character in _NAMES else [])]
    ways = [
        re.escape(character),
        "".join(f"%(?:25){{0,4}}{byte:02x}" for byte in data),
        f"&(?:amp;){{0,4}}(?:{'|'.join(names)});",
        *([r"\+"] if character == " " else []),
    ]
    return "|".join(ways)


def _escaped(character: str) -> str:
    """What JSON, Python and others write for it behind a backslash, which may itself be spelled in several ways."""
    code = ord(character)
    data = character.encode("utf-8", "surrogatepass")
    utf16 = character.encode("utf-16-be", "surrogatepass")
    units = [f"u{utf16[index : index + 2].hex()}" for index in range(0, len(utf16), 2)]
    between = f"{_BACKSLASH}{{1,{_MOST_QUOTING}}}" if len(data) > 1 else ""
    escapes = [between.join(units), f"u{code:08x}", between.join(f"x{byte:02x}" for byte in data)]
    if code < 256:
        escapes.append(f"x{code:02x}")
    if character in _LETTERS:
        escapes.append(_LETTERS[character])
    return rf"(?:(?<=\\)|(?<=5c)|(?<=5c;)|(?<=92;))(?:{'|'.join(dict.fromkeys(escapes))})"


_BACKSLASH = rf"(?:{_plain(chr(92))}|(?<=\\)(?:u005c|x5c))"
