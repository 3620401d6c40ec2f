"""What is said of plan and license: it fits, it is true, and foreign text in it does no harm."""

from __future__ import annotations

from dataclasses import replace

import pytest

from oavr_tui.app import license_words as words
from oavr_tui.app.frame import headline
from oavr_tui.app.license_words import ago, changed, device_words, first_run, in_headline, until_reset, usage_line
from oavr_tui.app.live import Live
from oavr_tui.models import LicensedDevice, LicenseStatus, Plan, Source
from tests.app.hostile import BAD, through

NOW = 1_790_000_000.0
MIDNIGHT = (NOW // 86_400 + 1) * 86_400
FREE = LicenseStatus(source=Source.SERVER, resets_at=MIDNIGHT, checked_at=NOW)
USED = replace(FREE, used=1)
PRO = LicenseStatus(Plan.PRO, Source.SERVER, limit=None, checked_at=NOW)
OFFLINE_PRO = replace(PRO, source=Source.OFFLINE, expires_at=NOW + 12 * 86_400)
NOT_COUNTED = LicenseStatus(limit=None)


@pytest.mark.parametrize(
    ("status", "wide", "narrow"),
    [
        (None, "previews are free", ""),
        (FREE, "Free · 1 full video left today · previews free", "Free · 1 left today"),
        (replace(FREE, limit=3), "Free · 3 full videos left today · previews free", "Free · 3 left today"),
        (
            replace(FREE, source=Source.OFFLINE),
            "Free · offline · 1 full video left today · previews free",
            "Free · 1 left today",
        ),
        (replace(FREE, source=Source.NONE), "Free · 1 full video left today · previews free", "Free · 1 left today"),
        (USED, "Free · daily limit reached · next in 9h 47m", "Free · next in 9h 47m"),
        (PRO, "Pro", "Pro"),
        (OFFLINE_PRO, "Pro · offline, good until Oct 3", "Pro · offline"),
        (NOT_COUNTED, "", ""),
    ],
)
def test_the_plan_in_the_headline(status: LicenseStatus | None, wide: str, narrow: str) -> None:
    assert in_headline(status, NOW, narrow=False) == wide
    assert in_headline(status, NOW, narrow=True) == narrow
    live = Live()
    live.ready, live.driving, live.license = True, True, status
    for room, width in ((True, 60), (False, 80)):
        left, right = headline(live, NOW, demo=False, narrow=room)
        assert sum(len(text) for text, _look, _wanted in (*left, *right)) <= width
    assert headline(live, NOW, demo=True, narrow=False)[1] == [], "nothing is counted in the demo"


def test_the_countdown_ends_at_midnight_and_never_says_nothing() -> None:
    for before, said in ((86_400, "24h 00m"), (3601, "1h 01m"), (3600, "1h 00m"), (61, "2m"), (60, "1m"), (1, "1m")):
        assert until_reset(USED, MIDNIGHT - before) == said
    assert until_reset(USED, MIDNIGHT + 5) == "1m"


def test_how_long_ago_a_device_was_seen() -> None:
    assert [ago(at, NOW) for at in (0, NOW, NOW + 99, NOW - 86_400, NOW - 20 * 86_400)] == [
        "",
        "today",
        "today",
        "yesterday",
        "20 days ago",
    ]


def test_a_change_of_plan_is_said_once_and_only_then() -> None:
    assert changed(None, PRO) == "" == changed(PRO, PRO) == changed(FREE, USED)
    assert changed(FREE, PRO) == words.UNLOCKED
    assert changed(PRO, FREE) == words.ENDED
    assert changed(PRO, replace(FREE, trouble="This license was refunded.")) == "This license was refunded."


def test_usage() -> None:
    assert usage_line(FREE, NOW, demo=False) == "Full videos today: 0 of 1."
    assert usage_line(USED, NOW, demo=False).startswith("Full videos today: 1 of 1, the next day begins in 9h 47m")
    assert usage_line(PRO, NOW, demo=False) == "Full videos today: no limit (Pro)."
    assert usage_line(FREE, NOW, demo=True) == usage_line(NOT_COUNTED, NOW, demo=False) == ""


def test_foreign_text_is_harmless() -> None:
    name, facts = device_words(LicensedDevice(BAD, BAD, NOW, this=False), NOW)
    assert name and not through(name + facts)
    assert device_words(LicensedDevice("", "1234abcd", 0.0, this=True), NOW) == (
        "a device without a name",
        "this computer · 1234abcd",
    )
    assert not through(changed(PRO, replace(FREE, trouble=BAD)))


def test_how_many_are_free_for_somebody_new_is_what_the_license_says() -> None:
    for count, said in ((1, "1 full video a day"), (3, "3 full videos a day")):
        for small in (True, False):
            (free,) = first_run(replace(FREE, limit=count), 0, 60, small=small)
            assert said in free and "previews" in free
    assert first_run(None, 29, 60, small=True) == first_run(PRO, 29, 60, small=True) == []
    assert first_run(NOT_COUNTED, 29, 60, small=True) == []


@pytest.mark.parametrize("width", [53, 62, 100])
def test_what_pro_costs_fits_beside_the_first_steps(width: int) -> None:
    _free, pro = first_run(FREE, 29, width, small=False)
    assert len(pro) <= width and "$29 once" in pro and "RunPod" in pro


def test_a_key_that_was_taken_and_does_not_hold_is_explained_in_one_sentence() -> None:
    assert "Check now" in words.not_confirmed(FREE)
    assert words.not_confirmed(replace(FREE, trouble="The clock is wrong.")) == "The clock is wrong."
    assert not through(words.not_confirmed(replace(FREE, trouble=BAD)))
