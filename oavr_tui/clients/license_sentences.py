"""What a license server's refusals mean for a person. Never its own words, never a key."""

from __future__ import annotations

SENTENCES = {
    "NOT_FOUND": "This license key is not known. Compare it with the one in your mail, character by character.",
    "REFUNDED": "This license was refunded, so it cannot be used any more. One full video a day stays free.",
    "REVOKED": "This license was withdrawn, so it cannot be used any more. If that is wrong, write to whom you bought "
    "it from.",
    "SUSPENDED": "This license is suspended at the moment. Nothing is lost: it works again as soon as that ends.",
    "DAILY_LIMIT": "Today's free full video is used.",
    "COMMITTED": "This video is counted already.",
    "BAD_REQUEST": "The license server does not understand this. Check the key, and that the app is up to date.",
}
"""By the server's word for it."""


def too_many_devices(most: int) -> str:
    """most: devices that the license may be on, 0 where that is not known."""
    many = f"{most} devices" if most else "as many devices as it may"
    return f"This license is on {many} already. Release one of them, then activate it here."
