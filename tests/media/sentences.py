"""What every sentence for a person must be."""

from __future__ import annotations

import re
import unicodedata

from oavr_tui.errors import FailureCode, OavrError


def check_sentence(sentence: str, name: str) -> None:
    """Names the file, ends with a period, has no control bytes and nothing of a program's insides."""
    assert name in sentence
    assert sentence.endswith(".")
    assert not any(unicodedata.category(ch) in {"Cc", "Cs"} for ch in sentence)
    assert not any(0x202A <= ord(ch) <= 0x202E or 0x2066 <= ord(ch) <= 0x2069 for ch in sentence)
    assert len(sentence) < 400
    for word in ("Traceback", "Error", "Errno", "Exception", "<_io", "NoneType"):
        assert word not in sentence
    assert not re.search(r"\b0x[0-9a-f]", sentence)


def check_refusal(error: OavrError, name: str, code: FailureCode = FailureCode.BAD_INPUT) -> None:
    """A refusal with this code whose sentence also says what to do."""
    assert error.code == code
    check_sentence(error.message, name)
    assert error.message.count(". ") >= 1  # what happened, and then what to do
