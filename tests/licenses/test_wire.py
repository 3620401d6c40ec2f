"""Our client on the answers that the documented server gave, as they were recorded."""

from __future__ import annotations

from typing import Any

import pytest

from oavr_tui.clients.license_api import Checked, KeyFacts, LicenseApi, Tracked
from oavr_tui.errors import LicenseRefused, LicenseUnreachable
from tests.license_server.test_wire import RECORDED
from tests.licenses.answering import answering

KEY = "OAVR-AAAA-BBBB-CCCC-DDDD"


def recorded(name: str) -> bytes:
    """A recorded answer as it goes over the wire, without the lengths that a proxy may change."""
    (said,) = [case["response"] for case in RECORDED["cases"] if case["id"] == name]
    body = said["body"].encode()
    return b"HTTP/1.1 %d X\r\nContent-Length: %d\r\n\r\n%b" % (said["status"], len(body), body)


async def asked(name: str, what: str, *words: str) -> Any:
    async with answering(recorded(name)) as url:
        api = LicenseApi(url)
        try:
            return await getattr(api, what)(*words)
        finally:
            await api.close()


async def test_what_a_check_says() -> None:
    assert await asked("check.free", "check", "free-1") == Checked(False, 0, 1, "", "", 0.0)
    assert (await asked("check.used", "check", "free-1")).used == 1
    pro: Checked = await asked("check.pro", "check", "device-1")
    assert (pro.is_pro, pro.limit, pro.token, pro.key[:5]) == (True, None, "", "OAVR-")


async def test_what_a_report_says() -> None:
    assert await asked("track.first", "track", "free-1", "job", "commit") == Tracked(False, 1, None, 0.0)
    assert (await asked("track.pro", "track", "device-1", "job", "commit")).is_pro


async def test_what_is_said_of_keys() -> None:
    facts: KeyFacts = await asked("validate.fresh", "validate", KEY)
    assert facts == KeyFacts(0, 3, "2026-11-23", None)
    assert (await asked("activate.again", "activate", KEY, "device-1")).token == ""


@pytest.mark.parametrize(
    ("name", "what", "reason"),
    [
        ("validate.unknown", "validate", "NOT_FOUND"),
        ("activate.unknown", "activate", "NOT_FOUND"),
        ("activate.fourth", "activate", "DEVICE_LIMIT"),
    ],
)
async def test_a_refusal_without_a_code_is_understood(name: str, what: str, reason: str) -> None:
    with pytest.raises(LicenseRefused) as refused:
        await asked(name, what, KEY, "device-9")
    assert refused.value.reason == reason


async def test_the_number_of_devices_is_in_the_sentence() -> None:
    with pytest.raises(LicenseRefused, match="3 devices"):
        await asked("activate.fourth", "activate", KEY, "device-9")


@pytest.mark.parametrize("name", ["unknown_path", "wrong_method", "check.missing"])
async def test_what_says_nothing_of_a_license_is_no_answer(name: str) -> None:
    with pytest.raises(LicenseUnreachable):
        await asked(name, "check", "free-1")
