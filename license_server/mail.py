"""The key by mail: one letter, by the SMTP server that the owner names."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.errors import MessageError
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime, parseaddr
from urllib.parse import parse_qs, unquote, urlsplit

import aiosmtplib

from license_server.kv.ask import ask
from license_server.kv.interface import Get, Rule, Store
from license_server.outbox import Do, Later, Never, Task, Then
from license_server.records import License, license_from

STEP_WITHIN = 15.0
"""Seconds for connecting, and for each answer of the mail server."""

_OUR_ACCOUNT = {530, 534, 535, 538}
"""RFC 4954 section 6: about logging in, whatever it is said to."""
TEXT = """\
Hello,

thank you for buying OpenAvathar Pro. This is your license key:

    {key}

What to do: start oavr-tui, open Settings, and paste it under "License".
It works on {devices} at the same time; to change to another one, take it off an old one first.

Please keep this letter: the key is also how you get your license back on a new computer.
"""


@dataclass(frozen=True, slots=True)
class Post:
    """How mail is sent: `tls` from the first byte, or `starttls` before anything is said; never a password without."""

    host: str
    port: int
    sender: str
    user: str = ""
    password: str = field(default="", repr=False)
    tls: bool = False
    starttls: bool = False
    trust: str | None = None


def post_from(url: str, sender: str, trust: str | None = None) -> Post:
    """What SMTP_URL says: `smtp://[user:password@]host[:587][?starttls=1]`, or `smtps://[user:password@]host[:465]`.

    `sender` is the address of the owner, as it will stand in letters (MAIL_FROM); `trust` a file of certificates to
    believe in place of the system's.

    Raises:
        ValueError: it says something else, there is no sender, or a password would go over the wire for all to read.
    """
    parts = urlsplit(url)
    starttls = parse_qs(parts.query).get("starttls", ["0"])[0] in ("1", "true", "yes")
    if parts.scheme not in ("smtp", "smtps") or not parts.hostname:
        raise ValueError(
            "SMTP_URL must look like smtp://user:password@host:587?starttls=1 or smtps://user:password@host"
        )
    tls = parts.scheme == "smtps"
    near = parts.hostname in ("localhost", "127.0.0.1", "::1")
    if parts.username and not (tls or starttls or near):
        raise ValueError("SMTP_URL: a password needs ?starttls=1 or smtps://, or everybody on the way can read it")
    if "@" not in parseaddr(sender)[1]:
        raise ValueError("MAIL_FROM must be the address that keys are mailed from")
    return Post(
        parts.hostname,
        parts.port or (465 if tls else 587),
        sender,
        unquote(parts.username or ""),
        unquote(parts.password or ""),
        tls,
        starttls,
        trust,
    )


def letter(post: Post, license_id: str, record: License, now: float) -> EmailMessage:
    """The letter with a license's key. The same license has the same Message-ID: readers show what came twice once.

    Raises:
        Never: the buyer's address is none.
    """
    message = EmailMessage()
    try:
        message["To"] = Address(addr_spec=record.email or "")
        message["From"] = post.sender
        message["Subject"] = "Your license key for OpenAvathar Pro"
    except (ValueError, IndexError, MessageError) as error:
        raise Never("the address of the buyer is none") from error
    message["Date"] = format_datetime(datetime.fromtimestamp(now, UTC))
    domain = parseaddr(post.sender)[1].rpartition("@")[2]
    message["Message-ID"] = f"<license-{hashlib.sha256(license_id.encode()).hexdigest()[:20]}@{domain}>"
    message["Auto-Submitted"] = "auto-generated"  # RFC 3834: nobody's holiday note is to answer it
    devices = f"{record.max_devices} devices" if record.max_devices != 1 else "one device"
    message.set_content(TEXT.format(key=record.key, devices=devices))
    return message


def mailer(post: Post, store: Store, clock: Callable[[], float]) -> Do:
    """What does the outbox's tasks `mail/<license>`. Nothing is sent for a license that is not active any more."""

    async def do(task: Task) -> Then | None:
        record = await ask(store.read, _license(task.of))
        if record is not None and record.status == "active" and record.email:
            await send(post, letter(post, task.of, record, clock()))
        return None

    return do


def _license(license_id: str) -> Rule[License | None]:
    value: bytes | None = yield Get("license", license_id)
    return license_from(value) if value is not None else None


async def send(post: Post, message: EmailMessage) -> None:
    """Hands a letter to the mail server.

    Raises:
        Never: it will not have it (a lasting refusal, RFC 5321 section 4.2.1: 5xx) for its sender, receiver or content.
        Later: it cannot be reached, does not answer, does not let us in, or wants it later.
    """
    client = aiosmtplib.SMTP(
        hostname=post.host,
        port=post.port,
        timeout=STEP_WITHIN,
        use_tls=post.tls,
        start_tls=post.starttls,
        username=post.user or None,
        password=post.password or None,
        cert_bundle=post.trust,
    )
    try:
        async with client:
            await client.send_message(message)
    except (aiosmtplib.SMTPRecipientsRefused, aiosmtplib.SMTPResponseException) as error:
        raise _refusal(error) from error
    except (aiosmtplib.SMTPException, OSError) as error:
        raise Later(f"the mail server: {type(error).__name__}") from error


def _refusal(error: aiosmtplib.SMTPRecipientsRefused | aiosmtplib.SMTPResponseException) -> Later | Never:
    """By its number only: what is said with it may hold the address."""
    if isinstance(error, aiosmtplib.SMTPRecipientsRefused):
        code = error.recipients[0].code if error.recipients else 0
    else:
        code = error.code
    # What is wrong with our own account, or with the sender, is for the owner to mend; the letter is good.
    letters = isinstance(error, aiosmtplib.SMTPRecipientsRefused | aiosmtplib.SMTPDataError)
    text = f"the mail server answered {code}"
    return Never(text) if letters and 500 <= code < 600 and code not in _OUR_ACCOUNT else Later(text)
