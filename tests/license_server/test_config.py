"""Settings: flags win over the environment, what is not understood is refused in a sentence, secrets are not shown."""

from __future__ import annotations

from ipaddress import ip_network

import pytest

from license_server.config import BadSettings, Settings, settings_from, warnings

LONG = "a-secret-of-decent-length"


def test_the_defaults() -> None:
    found = settings_from({})
    assert (found.kv, found.host, found.port) == ("sqlite:///licenses.db", "127.0.0.1", 8787)
    assert found.rate_limit and not found.dev and not found.trusted
    assert found.options.free_daily_limit == 1 and found.options.reveal_key and not found.options.say_405


def test_the_environment_is_read() -> None:
    found = settings_from(
        {
            "OAVR_LICENSE_KV": "sqlite:////srv/l.db",
            "OAVR_LICENSE_HOST": "::1",
            "OAVR_LICENSE_PORT": "0",
            "OAVR_LICENSE_RATE_LIMIT": "off",
            "OAVR_LICENSE_TRUSTED_PROXY": "10.0.0.0/8, 192.0.2.1",
            "GUMROAD_SECRET": f" {LONG} , older-secret-of-length ",
            "GUMROAD_PRODUCT_ID": "a==,b",
            "GUMROAD_SELLER_ID": "s==",
            "GUMROAD_ACCESS_TOKEN": "t",
            "SMTP_URL": "smtp://localhost",
            "MAIL_FROM": "keys@example.com",
            "FREE_DAILY_LIMIT": "0",
            "REVEAL_KEY_IN_CHECK": "no",
            "METHOD_NOT_ALLOWED": "On",
        }
    )
    assert (found.kv, found.host, found.port, found.rate_limit) == ("sqlite:////srv/l.db", "::1", 0, False)
    assert list(found.trusted) == [ip_network("10.0.0.0/8"), ip_network("192.0.2.1/32")]
    assert found.seller.secrets == (LONG, "older-secret-of-length")
    assert found.seller.products == {"a==", "b"} and found.seller.seller_id == "s=="
    assert found.seller.confirm and found.seller.mail
    assert found.options.free_daily_limit == 0 and not found.options.reveal_key and found.options.say_405


def test_flags_win_and_networks_add_up() -> None:
    env = {"OAVR_LICENSE_KV": "sqlite:///a", "OAVR_LICENSE_HOST": "::1", "OAVR_LICENSE_PORT": "1"}
    env |= {"OAVR_LICENSE_RATE_LIMIT": "off", "OAVR_LICENSE_TRUSTED_PROXY": "10.0.0.0/8"}
    found = settings_from(env, kv="sqlite:///b", host="0.0.0.0", port=0, rate_limit=True, trusted=["::1"])
    assert (found.kv, found.host, found.port, found.rate_limit) == ("sqlite:///b", "0.0.0.0", 0, True)
    assert list(found.trusted) == [ip_network("10.0.0.0/8"), ip_network("::1/128")]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("OAVR_LICENSE_PORT", "65536"),
        ("OAVR_LICENSE_PORT", "-1"),
        ("OAVR_LICENSE_PORT", "http"),
        ("OAVR_LICENSE_RATE_LIMIT", "maybe"),
        ("OAVR_LICENSE_TRUSTED_PROXY", "10.0.0.1/8"),
        ("OAVR_LICENSE_TRUSTED_PROXY", "proxy.example.com"),
        ("GUMROAD_SECRET", "one,two,three"),
        ("FREE_DAILY_LIMIT", "1.5"),
        ("FREE_DAILY_LIMIT", "²"),
        ("FREE_DAILY_LIMIT", "1000000"),
        ("REVEAL_KEY_IN_CHECK", "2"),
    ],
)
def test_what_is_not_understood_is_refused(name: str, value: str) -> None:
    with pytest.raises(BadSettings) as refused:
        settings_from({name: value})
    assert "\n" not in str(refused.value) and "three" not in str(refused.value)


def test_a_port_that_is_none_is_refused() -> None:
    with pytest.raises(BadSettings):
        settings_from({}, port=70_000)


@pytest.mark.parametrize("env", [{}, {"GUMROAD_SECRET": " , "}, {"GUMROAD_ACCESS_TOKEN": " "}])
def test_without_a_way_to_tell_a_real_sale_it_does_not_start(env: dict[str, str]) -> None:
    with pytest.raises(BadSettings, match="GUMROAD_SECRET"):
        settings_from(env).check()
    settings_from(env, dev=True).check()


@pytest.mark.parametrize("env", [{"GUMROAD_SECRET": "s"}, {"GUMROAD_ACCESS_TOKEN": "t"}])
def test_with_one_it_does(env: dict[str, str]) -> None:
    settings_from(env).check()


def test_secrets_are_not_shown() -> None:
    found = settings_from({"GUMROAD_SECRET": "tell-nobody"}, rate_limit=False)
    assert "tell-nobody" not in repr(found) + " ".join(warnings(found))


def test_what_is_worth_a_second_look() -> None:
    assert len(warnings(Settings(kv="sqlite:///a", dev=True, rate_limit=False))) == 3
    assert len(warnings(settings_from({"GUMROAD_SECRET": "short", "GUMROAD_PRODUCT_ID": "p=="}))) == 1
    assert warnings(settings_from({"GUMROAD_SECRET": LONG, "GUMROAD_PRODUCT_ID": "p==,permalink"})) == []
    (found,) = warnings(settings_from({"GUMROAD_SECRET": LONG, "GUMROAD_PRODUCT_ID": "permalink"}))
    assert "product id" in found
