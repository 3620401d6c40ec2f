"""The key by mail, through real mail servers: delivered, refused, slow, down and up again, over TLS."""

from __future__ import annotations

import asyncio
import datetime
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from license_server import mail
from license_server.licenses import create, hold
from license_server.mail import Post, mailer, post_from, send
from license_server.outbox import FIRST_WAIT, Later, Worker, put_in, resend
from license_server.records import License
from tests.license_server.programs import free_port
from tests.license_server.stores import NOON, World, fresh_key, world

SENDER = "OpenAvathar <keys@vendor.example>"


NO_ADDRESSES = [None, "", "no address", "a@b\r\nBcc: many@example.com", "<>", "@", "a@"]


class Postbox:
    """What a mail server does with what comes: keeps it, or answers as it is told."""

    def __init__(self) -> None:
        self.letters: list[EmailMessage] = []
        self.to: list[str] = []
        self.says_to_receiver = ""
        self.says_to_data = ""
        self.asked = asyncio.Event()
        self.hangs = False

    async def handle_RCPT(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if self.hangs:
            self.asked.set()
            await asyncio.sleep(3600)
        if self.says_to_receiver:
            return self.says_to_receiver
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        if self.says_to_data:
            return self.says_to_data
        assert isinstance(envelope.content, bytes)
        found = message_from_bytes(envelope.content, policy=policy.default)
        assert isinstance(found, EmailMessage)
        self.letters.append(found)
        self.to += envelope.rcpt_tos
        return "250 OK"


@contextmanager
def post_office(box: Postbox, port: int = 0, **how: object) -> Iterator[int]:
    """A mail server in a thread, on a port that is told."""
    port = port or free_port()
    controller = Controller(box, hostname="127.0.0.1", port=port, **how)  # type: ignore[arg-type]
    controller.start()
    try:
        yield port
    finally:
        controller.stop()


def licensed(here: World, email: str | None = "buyer@example.com", devices: int = 3) -> License:
    return here.do(create(License("", email, devices, NOON, "2026-11-20T10:15:30Z"), fresh_key))


def worker(here: World, port: int, **how: str) -> Worker:
    post = post_from(f"smtp://127.0.0.1:{port}", SENDER)
    return Worker(here.store, lambda: here.now, "one", {"mail": mailer(post, here.store, lambda: here.now)})


def deliver(here: World, working: Worker) -> int:
    return here.runner.run(working.round("mail"))


def test_a_buyer_gets_a_letter_with_key_and_devices() -> None:
    box = Postbox()
    with world() as here, post_office(box) as port:
        record = licensed(here, devices=6)
        assert here.do(resend(record.key, here.now)).outcome == "ok"
        assert deliver(here, worker(here, port)) == 1
        assert here.rows("outbox") == {}
    (letter,) = box.letters
    assert box.to == ["buyer@example.com"]
    assert letter["To"] == "buyer@example.com" and letter["From"] == SENDER
    text = letter.get_content().replace("\r\n", "\n")
    assert f"    {record.key}\n" in text
    assert "on 6 devices" in text
    assert record.key not in str(letter["Subject"])


def test_a_mail_server_that_is_down_gets_the_letter_when_it_is_up() -> None:
    box = Postbox()
    port = free_port()
    with world() as here:
        record = licensed(here)
        here.do(resend(record.key, here.now))
        working = worker(here, port)
        assert deliver(here, working) == 1, "it is tried"
        assert len(here.rows("outbox")) == 1 and working.failed == {"mail": 1}
        with post_office(box, port):
            assert deliver(here, working) == 0, "not before its time"
            here.now += FIRST_WAIT
            assert deliver(here, working) == 1
        assert here.rows("outbox") == {} and len(box.letters) == 1


@pytest.mark.parametrize(
    ("to_receiver", "to_data", "aside"),
    [("550 no such box", "", 1), ("", "554 spam", 1), ("450 later", "", 0), ("", "452 full", 0), ("530 log in", "", 0)],
)
def test_what_is_refused_for_good_is_put_aside_and_the_rest_is_tried_again(
    to_receiver: str, to_data: str, aside: int, caplog: pytest.LogCaptureFixture
) -> None:
    box = Postbox()
    box.says_to_receiver, box.says_to_data = to_receiver, to_data
    with world() as here, post_office(box) as port:
        record = licensed(here)
        here.do(resend(record.key, here.now))
        working = worker(here, port)
        deliver(here, working)
        assert working.aside == {"mail": aside}
        assert len(here.rows("aside")) == aside and len(here.rows("outbox")) == 1 - aside
        assert box.letters == []
        box.says_to_receiver = box.says_to_data = ""
        assert here.do(resend(record.key, here.now)).outcome == "ok"
        assert deliver(here, working) == 1 and len(box.letters) == 1, "the owner can send it again"
    assert "buyer@example.com" not in caplog.text and record.key not in caplog.text


def test_a_mail_server_that_does_not_answer_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mail, "STEP_WITHIN", 0.2)
    box = Postbox()
    box.hangs = True
    with world() as here, post_office(box) as port:
        here.do(resend(licensed(here).key, here.now))
        working = worker(here, port)
        deliver(here, working)
        assert working.failed == {"mail": 1} and len(here.rows("outbox")) == 1


@pytest.mark.parametrize("email", NO_ADDRESSES)
def test_whatever_stands_for_an_address_nobody_else_gets_mail(email: str | None) -> None:
    box = Postbox()
    with world() as here, post_office(box) as port:
        record = licensed(here, email)
        outcome = here.do(resend(record.key, here.now)).outcome
        assert outcome == ("ok" if email else "not_here")
        deliver(here, worker(here, port))
        assert here.rows("outbox") == {} and len(here.rows("aside")) == (1 if email else 0)
    assert box.to == []


def test_no_key_goes_out_for_a_license_that_is_not_good_any_more() -> None:
    box = Postbox()
    with world() as here, post_office(box) as port:
        record = licensed(here)
        here.do(resend(record.key, here.now))
        here.do(hold(record.key, "revoked"))
        assert deliver(here, worker(here, port)) == 1
        assert here.do(resend(record.key, here.now)).outcome == "inactive"
        here.do(put_in("mail", "NOSUCHLICENSE", here.now))
        assert deliver(here, worker(here, port)) == 1
        assert here.rows("outbox") == {}
    assert box.letters == []


def certificate(folder: Path) -> Path:
    """A certificate of its own for 127.0.0.1, and its key, in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=2))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    file = folder / "certificate.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    file.write_bytes(made.public_bytes(serialization.Encoding.PEM) + private)
    return file


def login(server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: object) -> AuthResult:
    assert isinstance(data, LoginPassword)
    return AuthResult(success=(data.login, data.password) == (b"vendor", b"p@ss word"))


def message() -> EmailMessage:
    return mail.letter(post_from("smtp://localhost", SENDER), "ID", License("OAVR-KEY", "a@b.example", 3, 0, ""), NOON)


@pytest.mark.filterwarnings("ignore:Requiring AUTH")  # with TLS from the first byte there is no STARTTLS to require
@pytest.mark.parametrize("scheme", ["smtps", "smtp"])
async def test_over_tls_with_a_password_and_only_to_whom_is_trusted(
    tmp_path: Path, scheme: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mail, "STEP_WITHIN", 3.0)
    file = certificate(tmp_path)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(file)
    how = {"ssl_context": context} if scheme == "smtps" else {"tls_context": context, "require_starttls": True}
    box = Postbox()
    with post_office(box, authenticator=login, auth_required=True, auth_require_tls=scheme == "smtp", **how) as port:
        address = f"{scheme}://vendor:p%40ss%20word@localhost:{port}?starttls={int(scheme == 'smtp')}"
        await send(post_from(address, SENDER, str(file)), message())
        assert box.to == ["a@b.example"]
        with pytest.raises(Later):
            await send(post_from(address, SENDER), message())
        with pytest.raises(Later):
            await send(post_from(address.replace("vendor", "other"), SENDER, str(file)), message())
    assert len(box.letters) == 1


@pytest.mark.parametrize(
    ("url", "sender"),
    [
        ("http://mail", SENDER),
        ("smtp://", SENDER),
        ("mail.example", SENDER),
        ("smtp://user:password@mail.example", SENDER),
        ("smtp://mail.example", ""),
        ("smtp://mail.example", "the owner"),
    ],
)
def test_settings_that_do_not_do_are_said(url: str, sender: str) -> None:
    with pytest.raises(ValueError, match=r"SMTP_URL|MAIL_FROM") as told:
        post_from(url, sender)
    assert "password@" not in str(told.value) or "user:password@host" in str(told.value)


def test_settings_are_understood_and_a_password_is_not_shown() -> None:
    post = post_from("smtp://me:a%2Fb@mail.example?starttls=1", SENDER)
    assert post == Post("mail.example", 587, SENDER, "me", "a/b", starttls=True)
    assert "a/b" not in repr(post)
    assert post_from("smtps://mail.example", SENDER).port == 465
