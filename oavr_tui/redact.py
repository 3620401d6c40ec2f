"""Keeping secrets out of whatever is shown, written or sent: known ones in any spelling, and what looks like one."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

HIDDEN = "•••"
"""What stands in a secret's place."""
SHORTEST_SECRET = 4
"""Characters; hiding every occurrence of something shorter would leave no text."""

_SHOWN = 4


def mask_id(pod_id: str) -> str:
    """An id fit to show: at most its first 4 characters and never more than half of it, like 7h9k…"""
    return pod_id[: min(_SHOWN, len(pod_id) // 2)] + "…"


_LOOKS: tuple[tuple[re.Pattern[str], str | Callable[[re.Match[str]], str]], ...] = (
    (re.compile(r"rpa_[A-Za-z0-9_-]{6,}"), f"rpa_{HIDDEN}"),
    (re.compile(r"OAVR-[A-Z0-9]{2,8}(?:-[A-Z0-9]{1,8})*", re.IGNORECASE), f"OAVR-{HIDDEN}"),
    # user:password@ in an address, and a token alone in their place
    (re.compile(r"(?<=://)[^\s/?#\"'<>]+@"), f"{HIDDEN}@"),
    (re.compile(r"(authorization\W{1,8})(?:[a-z]+\s+)?[^\s\"',;]+", re.IGNORECASE), rf"\1{HIDDEN}"),
    (re.compile(r"\b(bearer\s+)[^\s\"',;]{4,}", re.IGNORECASE), rf"\1{HIDDEN}"),
    # A word of base64 and not of a language: it holds a digit, a sign, or a capital after its first letter.
    (re.compile(r"\b((?i:basic)\s+)(?=[A-Z]?[a-z]*[A-Z0-9+/=])[A-Za-z0-9+/]{6,}={0,2}"), rf"\1{HIDDEN}"),
    (
        re.compile(
            r"((?:api[_-]?key|access[_-]?token|token|password|passwd|secret)[\"'\\]*\s*[=:]\s*[\"'\\]*)[^\s\"'&,;\\]+",
            re.IGNORECASE,
        ),
        rf"\1{HIDDEN}",
    ),
    (
        re.compile(r"\b[a-z0-9]{4,40}(?=-\d{1,5}\.proxy\.runpod\.net)", re.IGNORECASE),
        lambda found: mask_id(found.group()),
    ),
)


class Redactor:
    """Replaces secrets in any text. It knows what a RunPod key, a license key, a sign-in and a pod's public address
    look like, and further secrets and pod ids that it is told."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        self._known: dict[str, tuple[re.Pattern[str], str]] = {}
        for secret in secrets:
            self.know(secret)

    def know(self, secret: str | None) -> None:
        """Hide this from now on, also where it is written as in an address, in JSON, or in Python's own way.

        None, and what is shorter than 4 characters, is passed over.
        """
        if secret is not None and len(secret) >= SHORTEST_SECRET and secret.strip("•… "):
            self._known[secret] = (re.compile(_spellings(secret)), HIDDEN)

    def know_pod(self, pod_id: str) -> None:
        """Show no more than the beginning of this id from now on."""
        if len(pod_id) >= SHORTEST_SECRET:
            self._known[pod_id] = (re.compile(_spellings(pod_id)), mask_id(pod_id))

    def __call__(self, text: str) -> str:
        """The text without secrets."""
        for pattern, instead in _LOOKS:
            text = pattern.sub(instead, text)
        return self._without_known(text)

    def _without_known(self, text: str) -> str:
        """Until nothing is found any more: what stands around a hidden secret may be another's two halves."""
        for _ in range(len(text) + 1):
            before = text
            # The longest first, so that one which holds another is hidden as a whole.
            for secret in sorted(self._known, key=len, reverse=True):
                pattern, instead = self._known[secret]
                text = pattern.sub(lambda _, instead=instead: instead, text)  # type: ignore[misc]
            if text == before:
                break
        return text


def _spellings(secret: str) -> str:
    r"""A pattern for a text in which any character may be itself, %41, \u0041 or \x41, with any number of backslashes
    where one quotes, and any depth of %25."""
    return "".join(
        _backslashes(len(run)) if run.startswith("\\") else "".join(map(_character, run))
        for run in re.findall(r"\\+|[^\\]+", secret)
    )


def _backslashes(count: int) -> str:
    # Possessive, as a long row of them would otherwise be tried in every division.
    return rf"(?:\\{{{count},}}+|(?:%(?:25)*+5[cC]|\\++u005[cC]|\\++x5[cC]){{{count}}})"


def _character(character: str) -> str:
    data = character.encode("utf-8", "surrogatepass")
    utf16 = character.encode("utf-16-be", "surrogatepass")
    units = [utf16[index : index + 2].hex() for index in range(0, len(utf16), 2)]
    ways = [
        r"\\*+" + re.escape(character),
        "".join(f"%(?:25)*+(?i:{byte:02x})" for byte in data),
        "".join(rf"\\++u(?i:{unit})" for unit in units),
        rf"\\++U(?i:{ord(character):08x})",
    ]
    if ord(character) < 256:
        ways.append(rf"\\++x(?i:{ord(character):02x})")
    if character == " ":
        ways.append(r"\+")
    if character in _LETTERS:
        ways.append(rf"\\++{_LETTERS[character]}")
    return f"(?:{'|'.join(ways)})"


_LETTERS = {"\n": "n", "\r": "r", "\t": "t", "\b": "b", "\f": "f"}
