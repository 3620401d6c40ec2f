"""How the server is run: from the environment, and flags that win over it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import IPv4Network, IPv6Network, ip_network

from license_server.api import Options
from license_server.outside import Outside, outside_from
from license_server.pings import Seller, is_product_id

KV = "sqlite:///licenses.db"
"""The store, where nothing else is said: a file in the folder that the program was started in."""
SHORTEST_SECRET = 16
"""Characters under which a secret is called short. It is used all the same: an older one may have to be."""

Network = IPv4Network | IPv6Network


class BadSettings(ValueError):
    """The settings do not do; the text says which, and what would."""


@dataclass(frozen=True, slots=True)
class Settings:
    """How the server is run. `dev`: without any way to tell a real sale from a forged one."""

    kv: str
    host: str = "127.0.0.1"
    port: int = 8787
    dev: bool = False
    rate_limit: bool = True
    trusted: Sequence[Network] = ()
    seller: Seller = field(default_factory=Seller, repr=False)
    options: Options = field(default_factory=Options)
    outside: Outside = field(default_factory=Outside)

    def check(self) -> None:
        """Raises BadSettings where nothing tells a real sale from a forged one."""
        if not (self.dev or self.seller.secrets or self.seller.confirm):
            raise BadSettings(
                "set GUMROAD_SECRET (it stands in the Ping URL at Gumroad) or GUMROAD_ACCESS_TOKEN: without either,"
                " a real sale cannot be told from a forged one; --dev runs without"
            )


def settings_from(
    env: Mapping[str, str],
    *,
    kv: str | None = None,
    host: str | None = None,
    port: int | None = None,
    dev: bool = False,
    rate_limit: bool | None = None,
    trusted: Iterable[str] = (),
) -> Settings:
    """The settings: what is given here, else what the environment says, else the defaults.

    The environment: OAVR_LICENSE_KV, OAVR_LICENSE_HOST, OAVR_LICENSE_PORT (0 to 65535), OAVR_LICENSE_RATE_LIMIT (on or
    off), OAVR_LICENSE_TRUSTED_PROXY (networks, with commas), and what `seller_from` and `options_from` read. `trusted`
    are networks as text, besides those of the environment.

    Raises:
        BadSettings: a value is none that is understood.
    """
    try:
        outside = outside_from(env)
    except ValueError as error:
        raise BadSettings(str(error)) from error
    if port is None:
        port = whole(env, "OAVR_LICENSE_PORT", 8787, 65_535)
    elif not 0 <= port <= 65_535:
        raise BadSettings("--port must be a whole number from 0 to 65535")
    return Settings(
        kv=kv or kv_from(env),
        host=host or env.get("OAVR_LICENSE_HOST") or "127.0.0.1",
        port=port,
        dev=dev,
        rate_limit=switch(env, "OAVR_LICENSE_RATE_LIMIT", True) if rate_limit is None else rate_limit,
        trusted=[network(text) for text in (*parts(env, "OAVR_LICENSE_TRUSTED_PROXY"), *trusted)],
        seller=seller_from(env),
        options=options_from(env),
        outside=outside,
    )


def kv_from(env: Mapping[str, str]) -> str:
    """Where the store is, by OAVR_LICENSE_KV."""
    return env.get("OAVR_LICENSE_KV") or KV


def seller_from(env: Mapping[str, str]) -> Seller:
    """What the environment says of Gumroad.

    GUMROAD_SECRET (with a comma, two: both are good while one replaces the other), GUMROAD_ACCESS_TOKEN,
    GUMROAD_PRODUCT_ID (with commas, several), GUMROAD_SELLER_ID; SMTP_URL: keys are sent by mail.

    Raises:
        BadSettings: more than two secrets.
    """
    secrets = parts(env, "GUMROAD_SECRET")
    if len(secrets) > 2:
        raise BadSettings("GUMROAD_SECRET holds one secret, or two with a comma between them; a secret has no comma")
    return Seller(
        secrets=secrets,
        products=frozenset(parts(env, "GUMROAD_PRODUCT_ID")),
        seller_id=env.get("GUMROAD_SELLER_ID", "").strip(),
        confirm=bool(env.get("GUMROAD_ACCESS_TOKEN", "").strip()),
        mail=bool(env.get("SMTP_URL", "").strip()),
    )


def options_from(env: Mapping[str, str]) -> Options:
    """What the environment says of answers.

    FREE_DAILY_LIMIT (videos, 0 to 999999), REVEAL_KEY_IN_CHECK and METHOD_NOT_ALLOWED (on or off).

    Raises:
        BadSettings: a value is none that is understood.
    """
    return Options(
        free_daily_limit=whole(env, "FREE_DAILY_LIMIT", 1, 999_999),
        reveal_key=switch(env, "REVEAL_KEY_IN_CHECK", True),
        say_405=switch(env, "METHOD_NOT_ALLOWED", False),
    )


def warnings(settings: Settings) -> list[str]:
    """What is allowed, but worth a second look; each a sentence without any secret in it."""
    found = []
    if settings.dev and not (settings.seller.secrets or settings.seller.confirm):
        found.append("nothing tells a real sale from a forged one (--dev): every sale is turned away")
    if any(len(secret) < SHORTEST_SECRET for secret in settings.seller.secrets):
        found.append(f"GUMROAD_SECRET is short: {SHORTEST_SECRET} characters or more are hard to guess")
    if not settings.seller.products:
        found.append("GUMROAD_PRODUCT_ID is not set: a sale of any of the seller's products makes a license")
    elif not any(map(is_product_id, settings.seller.products)):
        found.append(
            "GUMROAD_PRODUCT_ID names no product id (they end in ==): by a permalink alone, Gumroad cannot be asked"
            " about the key of a sale that it could not tell us of"
        )
    if not settings.rate_limit:
        found.append("no rate limit: keys can be guessed as fast as the network allows")
    return found


# One value


def parts(env: Mapping[str, str], name: str) -> tuple[str, ...]:
    """What stands between commas, without spaces around it and without what is empty."""
    return tuple(part for part in (part.strip() for part in env.get(name, "").split(",")) if part)


def switch(env: Mapping[str, str], name: str, default: bool) -> bool:
    """On or off, as people write it.

    Raises:
        BadSettings: it is neither.
    """
    said = env.get(name, "").strip().lower()
    if not said:
        return default
    if said in ("1", "true", "yes", "on"):
        return True
    if said in ("0", "false", "no", "off"):
        return False
    raise BadSettings(f"{name} must be on or off")


def whole(env: Mapping[str, str], name: str, default: int, most: int) -> int:
    """A whole number from 0 to `most`.

    Raises:
        BadSettings: it is none.
    """
    said = env.get(name, "").strip()
    if not said:
        return default
    if not (said.isascii() and said.isdigit() and len(said) <= 9 and int(said) <= most):
        raise BadSettings(f"{name} must be a whole number from 0 to {most}")
    return int(said)


def network(text: str) -> Network:
    """A network like `10.0.0.0/8`, or one address.

    Raises:
        BadSettings: it is neither.
    """
    try:
        return ip_network(text)
    except ValueError:
        raise BadSettings(f"a trusted proxy is an address or a network like 10.0.0.0/8, not {text!r}") from None
