"""Licenses and devices: the rules one by one, and a model held against them."""

from __future__ import annotations

from contextlib import ExitStack

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from license_server import licenses
from license_server.kv.interface import Put
from license_server.licenses import device_id, pro
from license_server.records import License, Status, license_from, to_bytes
from license_server.tokens import Signer
from tests.license_server.stores import NOON, SIGNER, World, fresh_key, ops, world
from tests.license_server.tokens import read_token

DAY = 86_400


def sold(here: World, devices: int = 3) -> str:
    """The key of a new license."""
    record = License("", "buyer@example.com", devices, here.now, "2026-11-24T12:00:00Z")
    return here.do(licenses.create(record, fresh_key)).key


def activate(here: World, key: str, fingerprint: str) -> licenses.Result:
    return here.do(licenses.activate(key, fingerprint, here.now, SIGNER))


def is_pro(here: World, fingerprint: str) -> licenses.Pro | None:
    return here.look(pro(fingerprint, here.now, SIGNER))


def test_a_key_is_made_again_when_somebody_has_it() -> None:
    with world() as here:
        keys = iter(["OAVR-A", "OAVR-A", "OAVR-B", "OAVR-B", "OAVR-C"])
        made = []
        for _ in range(3):
            record = License("", None, 3, NOON, "2026-11-24T12:00:00Z")
            made.append(here.do(licenses.create(record, lambda: next(keys))).key)
        assert made == ["OAVR-A", "OAVR-B", "OAVR-C"]


def test_an_activated_device_gets_a_token_and_one_a_day_after_it() -> None:
    with world() as here:
        key = sold(here)
        first = activate(here, key, "device")
        assert first.outcome == "ok" and first.token is not None
        assert read_token(first.token, SIGNER.public)["fp"] == "device"
        assert activate(here, key, "device") == first._replace(outcome="already")
        here.now += DAY - 1
        known = is_pro(here, "device")
        assert known == licenses.Pro(key, first.token, False)
        here.now += 1
        known = is_pro(here, "device")
        assert known is not None and known.token_due
        renewed = here.do(licenses.renew_token("device", here.now, SIGNER))
        assert renewed is not None and renewed.token != first.token
        assert is_pro(here, "device") == renewed
        (device,) = license_from(here.rows("license")[key.replace("-", "")]).devices
        assert (device.activated, device.seen) == (NOON, here.now)


def test_another_signing_key_or_a_clock_set_back_is_a_reason_for_a_new_token() -> None:
    with world() as here:
        activate(here, sold(here), "device")
        for due in (
            here.look(pro("device", here.now, Signer(bytes(32)))),
            here.look(pro("device", here.now - 1, SIGNER)),
        ):
            assert due is not None and due.token_due


def test_a_device_with_two_licenses_stays_licensed_by_the_other_one() -> None:
    with world() as here:
        one, two = sold(here), sold(here)
        activate(here, one, "device")
        token = activate(here, two, "device").token
        known = is_pro(here, "device")
        assert known == licenses.Pro(two, token or "", False), "no new token for asking"
        here.do(licenses.hold(two, "revoked"))
        known = is_pro(here, "device")
        assert known is not None and (known.key, known.token_due) == (one, True)
        assert here.do(licenses.renew_token("device", here.now, SIGNER)) is not None
        known = is_pro(here, "device")
        assert known is not None and (known.key, known.token_due) == (one, False)
        here.do(licenses.deactivate(one, "device"))
        assert is_pro(here, "device") is None
        assert here.do(licenses.renew_token("device", here.now, SIGNER)) is None


def test_a_device_leaves_by_its_fingerprint_or_by_the_name_it_is_listed_under() -> None:
    with world() as here:
        key = sold(here)
        for name in ("a", "b", "c"):
            activate(here, key, name)
        assert activate(here, key, "d").outcome == "full"
        assert here.do(licenses.deactivate(key, "a")).outcome == "ok"
        assert here.do(licenses.deactivate(key, "a")).outcome == "not_here"
        assert here.do(licenses.deactivate(key, device=device_id("b"))).outcome == "ok"
        assert here.do(licenses.deactivate("OAVR-NOT-THERE", "c")).outcome == "unknown"
        assert here.do(licenses.deactivate(key)).outcome == "not_here"
        assert activate(here, key, "d").outcome == "ok"
        assert sorted(here.rows("device")) == ["c", "d"]
        here.do(licenses.hold(key, "suspended"))
        assert here.do(licenses.deactivate(key, "c")).outcome == "ok"


def test_a_claim_works_once_and_only_for_a_license_that_is_good() -> None:
    with world() as here:
        key = sold(here)
        here.do(ops(Put("claim", "nonce-1234", key.replace("-", "").encode(), NOON + 60)))
        here.do(licenses.hold(key, "suspended"))
        assert here.do(licenses.claim("nonce-1234", "device", NOON, SIGNER)).outcome == "inactive"
        here.do(licenses.hold(key, ""))
        assert here.look(licenses.find_claimed("nonce-1234"))
        assert here.do(licenses.claim("nonce-1234", "device", NOON, SIGNER)).outcome == "ok"
        assert here.do(licenses.claim("nonce-1234", "other", NOON, SIGNER)).outcome == "unknown"
        assert is_pro(here, "device") is not None and is_pro(here, "other") is None


def test_another_key_stands_for_a_license_but_never_takes_the_place_of_one() -> None:
    with world() as here:
        mine, victim = sold(here), sold(here)
        for name in ("85DB562A-C11D4B06-A2335A6B-8C079166", victim, "", "x" * 500):
            here.do(licenses.add_alias(name, mine.replace("-", "")))
        found = here.look(licenses.validate("85db562a c11d4b06 a2335a6b 8c079166")).license
        assert found is not None and found.key == mine
        here.do(licenses.add_alias("85DB562A-C11D4B06-A2335A6B-8C079166", victim.replace("-", "")))
        found = here.look(licenses.validate("85DB562A-C11D4B06-A2335A6B-8C079166")).license
        assert found is not None and found.key == mine
        found = here.look(licenses.validate(victim)).license
        assert found is not None and found.key == victim


@pytest.mark.parametrize("key", ["device", "2026-11-24/device", "signing_key", "meta", "", "\ud800", "x" * 5000])
def test_nothing_that_is_no_license_is_found_as_one(key: str) -> None:
    with world() as here:
        here.do(licenses.signing_key(bytes(32)))
        activate(here, sold(here), "device")
        assert here.look(licenses.validate(key)).outcome == "unknown"
        assert activate(here, key, "other").outcome == "unknown"


def test_the_signing_key_is_made_once() -> None:
    with world() as here:
        assert here.do(licenses.signing_key(b"1" * 32)) == here.do(licenses.signing_key(b"2" * 32)) == b"1" * 32
        assert here.look(licenses.alive())


def test_a_limit_is_a_number_of_devices() -> None:
    with world() as here:
        key = sold(here)
        for wrong in (0, -1, 10_001):
            with pytest.raises(ValueError, match="devices"):
                here.do(licenses.set_limit(key, wrong))


def test_a_record_of_a_newer_version_can_be_read() -> None:
    record = License("OAVR-A", None, 3, NOON, "2026-11-24T12:00:00Z", hold="suspended")
    assert license_from(to_bytes(record)[:-1] + b',"new":1}') == record


class LicensesAgainstModel(RuleBasedStateMachine):
    """The model: for each license its limit, what was said of it, and a set of devices."""

    FINGERPRINTS = st.sampled_from("abcde")
    NUMBERS = st.integers(0, 1)

    def __init__(self) -> None:
        super().__init__()
        self.exits = ExitStack()
        self.devices: list[set[str]] = [set(), set()]
        self.limits = [2, 3]
        self.holds = ["", ""]

    @initialize()
    def open(self) -> None:
        self.here = self.exits.enter_context(world())
        self.keys = [sold(self.here, limit) for limit in self.limits]

    def status(self, n: int) -> Status:
        return "revoked" if self.holds[n] == "revoked" else "suspended" if self.holds[n] else "active"

    @rule(n=NUMBERS, who=st.lists(FINGERPRINTS, min_size=1, max_size=5))
    def activate_at_once(self, n: int, who: list[str]) -> None:
        told = self.here.all_at_once([licenses.activate(self.keys[n], fp, self.here.now, SIGNER) for fp in who])
        for fp, result in zip(who, told, strict=True):
            assert isinstance(result, licenses.Result)
            if self.holds[n]:
                expected = "inactive"
            elif fp in self.devices[n]:
                expected = "already"
            elif len(self.devices[n]) >= self.limits[n]:
                expected = "full"
            else:
                expected = "ok"
                self.devices[n].add(fp)
            assert result.outcome == expected

    @rule(n=NUMBERS, fp=FINGERPRINTS)
    def deactivate(self, n: int, fp: str) -> None:
        outcome = self.here.do(licenses.deactivate(self.keys[n], fp)).outcome
        assert outcome == ("ok" if fp in self.devices[n] else "not_here")
        self.devices[n].discard(fp)

    @rule(n=NUMBERS)
    def release(self, n: int) -> None:
        self.here.do(licenses.release(self.keys[n]))
        self.devices[n].clear()

    @rule(n=NUMBERS, decree=st.sampled_from(["", "suspended", "revoked"]))
    def hold(self, n: int, decree: str) -> None:
        self.here.do(licenses.hold(self.keys[n], decree))  # type: ignore[arg-type]
        self.holds[n] = decree

    @rule(n=NUMBERS, limit=st.integers(1, 4))
    def set_limit(self, n: int, limit: int) -> None:
        self.here.do(licenses.set_limit(self.keys[n], limit))
        self.limits[n] = limit

    @rule(seconds=st.sampled_from([60, DAY]), fp=FINGERPRINTS)
    def time_passes(self, seconds: int, fp: str) -> None:
        self.here.now += seconds
        self.here.do(licenses.renew_token(fp, self.here.now, SIGNER))

    @invariant()
    def they_agree(self) -> None:
        if not hasattr(self, "here"):
            return
        for n, key in enumerate(self.keys):
            record = self.here.look(licenses.validate(key)).license
            assert record is not None
            assert {device.fingerprint for device in record.devices} == self.devices[n]
            assert (record.status, record.max_devices) == (self.status(n), self.limits[n])
        for fp in "abcde":
            good = {self.keys[n] for n in (0, 1) if fp in self.devices[n] and not self.holds[n]}
            known = is_pro(self.here, fp)
            assert (known.key in good) if known else not good
            if known and not known.token_due:
                assert read_token(known.token, SIGNER.public)["fp"] == fp
        assert set(self.here.rows("device")) == self.devices[0] | self.devices[1]

    def teardown(self) -> None:
        self.exits.close()


LicensesAgainstModel.TestCase.settings = settings(max_examples=20, stateful_step_count=20, deadline=None)
TestLicensesAgainstModel = LicensesAgainstModel.TestCase
