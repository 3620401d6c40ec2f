"""What the vendor of the app decides, in one place: where licenses are kept, what Pro costs, and where it is sold.

Each can be overridden by the environment. Nothing is sold where no checkout address is set, and without an address of
a license server the rules of the free plan hold, by this computer's own count.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

LICENSE_URL = ""
"""The license server, as https://licenses.example.com; empty: there is none."""
PRICE = 29
"""Whole dollars, paid once."""
CHECKOUT_URL = ""
"""Where Pro is bought; empty: nowhere."""
LICENSE_PUBLIC_KEYS: tuple[str, ...] = ()
"""Ed25519 keys in base64 that the server's tokens may be signed with. Without any, the first that the server names is
kept."""

LICENSE_VARIABLE = "OAVR_LICENSE_URL"
PRICE_VARIABLE = "OAVR_PRICE"
CHECKOUT_VARIABLE = "OAVR_CHECKOUT_URL"
PUBLIC_KEY_VARIABLE = "OAVR_LICENSE_PUBLIC_KEY"

_REFUSED = (
    f"The address in {LICENSE_VARIABLE} is not used: it must begin with https://, unless it is this computer's own, "
    "since license keys are sent there."
)
_THIS_COMPUTER = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True, slots=True)
class Vendor:
    """license_url: without a slash at its end, empty where there is no server. price: whole dollars.

    checkout_url: empty where nothing is sold. public_keys: base64, 32 bytes each. refused: a sentence where the
    environment names a license server that may not be asked; empty otherwise.
    """

    license_url: str = ""
    price: int = PRICE
    checkout_url: str = ""
    public_keys: tuple[str, ...] = ()
    refused: str = ""

    @property
    def sells(self) -> bool:
        """Whether Pro can be bought, and then used."""
        return bool(self.checkout_url and self.license_url)


def vendor(environ: Mapping[str, str] | None = None) -> Vendor:
    """What is in force. A variable that is empty or of no use counts as not set; `refused` says it of the server."""
    environ = os.environ if environ is None else environ

    def given(name: str) -> str:
        return environ.get(name, "").strip()

    price, server = given(PRICE_VARIABLE), _address(given(LICENSE_VARIABLE))
    keys = tuple(key for key in re.split(r"[\s,]+", given(PUBLIC_KEY_VARIABLE)) if key)
    return Vendor(
        license_url=server or LICENSE_URL,
        price=int(price) if re.fullmatch(r"[0-9]{1,5}", price) else PRICE,
        checkout_url=_address(given(CHECKOUT_VARIABLE)) or CHECKOUT_URL,
        public_keys=keys or LICENSE_PUBLIC_KEYS,
        refused=_REFUSED if given(LICENSE_VARIABLE) and not server else "",
    )


def _address(text: str) -> str:
    """An address without a slash at its end; empty for what is none, or would send keys unencrypted over a network."""
    try:
        parts = urlsplit(text)
        host, _port = parts.hostname or "", parts.port
    except ValueError:
        return ""
    odd = parts.fragment or parts.username is not None or any(not "!" <= each <= "~" for each in text)
    if odd or not host or not (parts.scheme == "https" or (parts.scheme == "http" and host in _THIS_COMPUTER)):
        return ""
    return text.rstrip("/")
