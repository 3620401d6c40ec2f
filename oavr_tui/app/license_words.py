"""What is said of plan, license and devices; no widget in sight. Foreign text in it is safe."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from oavr_tui.text import counted, safe

if TYPE_CHECKING:
    from oavr_tui.engine.license_commands import LicenseCommands
    from oavr_tui.models import LicensedDevice, LicenseStatus

DEVICES = 3
"""On how many devices a license may be, where the server has not said so yet."""
UNLOCKED = "✔ Pro is unlocked on this device: as many full videos a day as you like."
ENDED = "Pro has ended on this device; one full video a day stays free."
NO_SERVER = "No license server is configured here: this computer counts by itself."
NOT_SOLD = "Pro is not sold here: no address to buy it at is set."
_NOT_CONFIRMED = (
    "The license server took the key, but does not say yet that this device is Pro: press Check now in Settings in a "
    "minute."
)
_DAY = 86_400
_DEVICE_NAME = 40


def until_reset(status: LicenseStatus, now: float) -> str:
    """How long until the next free video comes, as 14h 23m or 5m; rounded up, so that it never says 0m."""
    minutes = max(1, -int(-(status.resets_at - now) // 60))
    return f"{minutes // 60}h {minutes % 60:02}m" if minutes >= 60 else f"{minutes}m"


def day(seconds: float) -> str:
    """A date here, as Dec 7."""
    at = datetime.fromtimestamp(seconds).astimezone()
    return f"{at:%b} {at.day}"


def ago(seconds: float, now: float) -> str:
    """When something was, as today, yesterday, 5 days ago; "" where that is not known."""
    if seconds <= 0:
        return ""
    days = int(max(now - seconds, 0) // _DAY)
    return "today" if days == 0 else "yesterday" if days == 1 else f"{days} days ago"


def is_offline(status: LicenseStatus) -> bool:
    """Whether this computer speaks for a server that is out of reach."""
    return status.source == "offline"


def in_headline(status: LicenseStatus | None, now: float, *, narrow: bool) -> str:
    """The plan in a few words for the first line; empty where videos are not counted. now: unix seconds."""
    if status is None:
        return "" if narrow else "previews are free"
    words = []
    if status.is_pro:
        words.append("Pro")
        if is_offline(status):
            words.append(
                "offline" if narrow or not status.expires_at else f"offline, good until {day(status.expires_at)}"
            )
        return " · ".join(words)
    if status.left is None:
        return ""
    words.append("Free")
    if is_offline(status) and not narrow:
        words.append("offline")
    if status.left == 0:
        words += [] if narrow else ["daily limit reached"]
        words.append(f"next in {until_reset(status, now)}")
    else:
        words.append(f"{status.left} left today" if narrow else f"{counted(status.left, 'full video')} left today")
        words += [] if narrow else ["previews free"]
    return " · ".join(words)


def limit_hints(status: LicenseStatus, now: float) -> tuple[str, ...]:
    """The same beside the choice of a full video, at length and briefly."""
    wait = until_reset(status, now)
    return f"daily limit reached · the next is yours in {wait}", f"daily limit · next in {wait}", f"next in {wait}"


def allowance(status: LicenseStatus) -> str:
    """What is free, as "1 full video a day"."""
    return f"{counted(status.limit or 1, 'full video')} a day"


def offer(price: int, max_devices: int = 0) -> str:
    """What Pro is and costs. price: whole dollars."""
    return f"Pro: unlimited full videos, on {max_devices or DEVICES} devices, ${price} once."


def first_run(status: LicenseStatus | None, price: int, width: int, *, small: bool) -> list[str]:
    """What is free and what Pro is, for somebody new: a line each, for so many cells. price: whole dollars, 0 where it
    is not sold. small: there is no heading before them. Empty while it is not known, and for who has Pro."""
    if status is None or status.left is None:
        return []
    free = counted(status.limit or 0, "full video")
    lines = [f"Free: previews without limit, {free} a day." if small else f"previews are free, and {free} a day"]
    if price:
        lines.append(_fitting(_FIRST_OFFERS, width).format(price=price))
    return lines


_FIRST_OFFERS = (
    "Pro: as many full videos as you like, ${price} once. What RunPod costs is paid to RunPod.",
    "Pro: as many full videos as you like, ${price} once; RunPod apart.",
    "Pro: no daily limit, ${price} once. RunPod is paid apart.",
)
"""The price may have five digits."""


def _fitting(texts: tuple[str, ...], width: int) -> str:
    return next((text for text in texts if len(text) + 1 <= width), texts[-1])


def limit_lines(status: LicenseStatus, now: float, license: LicenseCommands) -> list[str]:
    """What the daily limit means, until when, and what else there is."""
    lines = [
        f"Free: {allowance(status)}. The next one is yours in {until_reset(status, now)}. Quick previews stay free, "
        "and are not counted."
    ]
    if is_offline(status):
        lines.append("The license server is out of reach, so this computer's own count holds.")
    if license.sells:
        lines.append(offer(license.price, status.max_devices))
    return lines


def plan_lines(status: LicenseStatus, license: LicenseCommands, now: float, *, demo: bool) -> list[str]:
    """Plan and license for the settings: what holds, by whose word, and what is wrong."""
    if demo:
        return ["The demo's own studios count nothing. On a ComfyUI of your own the ordinary limit holds here too."]
    if status.is_pro:
        lines = ["Pro: as many full videos as you like."]
        facts = [f"key {safe(status.key, 60)}"] if status.key else []
        facts += [f"bought {safe(status.purchased_on, 20)}"] if status.purchased_on else []
        facts += [f"{status.devices_used} of {status.max_devices} devices"] if status.max_devices else []
        lines += [" · ".join(facts)] if facts else []
        if is_offline(status):
            until = f" until {day(status.expires_at)}" if status.expires_at else ""
            lines.append(f"The license server is out of reach; Pro goes on without it{until}.")
    else:
        lines = [f"Free: {allowance(status)}, previews without limit."]
        if not license.configured:
            lines.append(NO_SERVER)
        elif license.sells:
            lines.append(offer(license.price, status.max_devices))
    if status.trouble and not (status.is_pro and is_offline(status)):  # which was said, with the day
        lines.append(safe(status.trouble, 400))
    lines += _about_device(license)
    if license.configured and status.checked_at and now - status.checked_at > _DAY:
        lines.append(f"The license server was last reached {ago(status.checked_at, now)}.")
    return lines


def _about_device(license: LicenseCommands) -> list[str]:
    """By which name the license server and the list of devices know this computer."""
    if not license.configured:
        return []
    line = f"This device: {safe(license.device_shown, 16)}"
    if not license.device_folder:
        return [f"{line}."]
    return [f"{line}. It lives in {safe(license.device_folder, 300)}; keep that folder if you use containers."]


def usage_line(status: LicenseStatus, now: float, *, demo: bool) -> str:
    """Full videos of today; empty where they are not counted."""
    if demo or (status.left is None and not status.is_pro):
        return ""
    if status.is_pro:
        return "Full videos today: no limit (Pro)."
    used = f"Full videos today: {status.used} of {status.limit or 0}"
    if status.used == 0:
        return f"{used}."
    return f"{used}, the next day begins in {until_reset(status, now)} (midnight UTC)."


def device_words(device: LicensedDevice, now: float) -> tuple[str, str]:
    """A device's name and what else is known of it."""
    name = safe(device.name, _DEVICE_NAME) or "a device without a name"
    seen = "" if device.this else ago(device.last_seen, now)
    facts = ["this computer"] if device.this else []
    facts += [f"last seen {seen}"] if seen else []
    return name, " · ".join([*facts, safe(device.shown, 16)])


def not_confirmed(status: LicenseStatus) -> str:
    """Why a license that the server accepted does not hold here all the same."""
    return safe(status.trouble, 400) or _NOT_CONFIRMED


def changed(before: LicenseStatus | None, after: LicenseStatus) -> str:
    """What to say when the plan is another one; empty where it is the same."""
    if before is None or before.is_pro == after.is_pro:
        return ""
    if after.is_pro:
        return UNLOCKED
    return safe(after.trouble, 400) or ENDED
