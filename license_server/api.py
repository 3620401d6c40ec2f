"""The routes: what a request must hold, which rule it asks for, and the answer. Knows no storage."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias, TypeVar

from license_server import answers, generations, gumroad, inputs, licenses, pings
from license_server.answers import Answer, Refused, answer_json, bad_request, failed, then
from license_server.generations import Check, moment
from license_server.http_messages import Request, Response
from license_server.kv.interface import Done, Rule
from license_server.rate_limit import RateLimit
from license_server.tokens import Signer

T = TypeVar("T")
Route: TypeAlias = Callable[[Request, Answer], None]

WEBHOOK = "/api/gumroad/webhook"
VALID, SUCCESS, CAN = {"valid": False}, {"success": False}, {"canGenerate": False}

log = logging.getLogger("license_server.api")


class Runs(Protocol):
    """Runs a rule against the store, and tells its result or what went wrong."""

    def __call__(self, rule: Rule[T], done: Done[T], /) -> None: ...


class Sold(Protocol):
    """Asks where licenses are sold, as `sold.Sold` does."""

    def find(self, key: str, told: Done[bool], /) -> None: ...
    def renew(self, key: str, nonce: str, told: Callable[[], None], /) -> None: ...


@dataclass(frozen=True, slots=True)
class Options:
    """What the owner decides. `reveal_key`: check answers with the whole key; `say_405`: else 404, as documented."""

    free_daily_limit: int = 1
    reveal_key: bool = True
    say_405: bool = False


class Api:
    """The handler of all requests."""

    def __init__(
        self,
        read: Runs,
        write: Runs,
        *,
        signer: Signer,
        seller: pings.Seller,
        clock: Callable[[], float],
        new_key: Callable[[], str],
        guard: RateLimit,
        sold: Sold | None = None,
        options: Options | None = None,
    ) -> None:
        self._read, self._write = read, write
        self._signer, self._seller, self._clock, self._new_key = signer, seller, clock, new_key
        self._guard, self._sold = guard, sold
        self._options = options or Options()
        self._routes: dict[tuple[str, str], Route] = {
            ("GET", "/api/generation/check"): self._check,
            ("POST", "/api/generation/track"): self._track,
            ("POST", "/api/license/validate"): self._validate,
            ("POST", "/api/license/activate"): self._activate,
            ("POST", "/api/license/deactivate"): self._deactivate,
            ("POST", "/api/license/devices"): self._devices,
            ("GET", "/api/license/public-key"): self._public_key,
            ("POST", WEBHOOK): self._webhook,
            ("GET", WEBHOOK): self._webhook_active,
            ("GET", "/healthz"): self._health,
        }

    def __call__(self, request: Request, answer: Answer) -> None:
        """Answers one request, at once or later; malformed input is 400, never worse."""
        route = self._routes.get((request.method, request.path)) or self._other(request)
        try:
            route(request, answer)
        except Refused as refused:
            answer(refused.response)
        except pings.BadPing:
            answer(answers.WEBHOOK_BAD)

    def _other(self, request: Request) -> Route:
        """What is no route as it stands."""
        method, path = request.method, request.path
        if method == "OPTIONS":
            return lambda _, answer: answer(answers.OPTIONS)
        if path.startswith(WEBHOOK + "/"):
            path = WEBHOOK
        route = self._routes.get(("GET" if method == "HEAD" else method, path))
        if route is not None:
            return route
        allowed = ", ".join(known for known, where in self._routes if where == path)
        if self._options.say_405 and allowed:
            return lambda _, answer: answer(answers.no_method(allowed))
        return lambda _, answer: answer(answers.NOT_FOUND)

    def _admit(self, request: Request, flag: dict[str, Any], *, guessing: bool) -> None:
        """Refuses those who ask too often, or (where a key could be guessed) have guessed too much."""
        peer = request.peer
        wait = self._guard.banned(peer) if guessing else self._guard.take("generation", peer)
        if wait:
            raise Refused(answers.too_many(flag, wait))

    # Videos

    def _check(self, request: Request, answer: Answer) -> None:
        self._admit(request, CAN, guessing=False)
        fingerprint, nonce = inputs.check_query(request.query)
        if not fingerprint:
            raise Refused(bad_request(CAN, "Missing fingerprint"))
        now = self._clock()

        def done(result: Check | Exception) -> None:
            if isinstance(result, Exception):
                answer(failed(result))
            elif result.pro is None and nonce:
                self._claim(fingerprint, nonce, now, answer)
            elif result.pro is not None and result.pro.token_due:
                self._renew(fingerprint, result.pro, now, answer)
            else:
                answer(self._checked(result, now))

        self._read(generations.check(fingerprint, now, self._signer), done)

    def _checked(self, result: Check, now: float) -> Response:
        if result.pro is not None:
            return answers.checked_pro(result.pro.key, result.pro.token, self._options.reveal_key)
        return answers.checked_free(result.used, self._options.free_daily_limit, moment(now))

    def _renew(self, fingerprint: str, pro: licenses.Pro, now: float, answer: Answer) -> None:
        """Answers a licensed device with its token of the day; without one, if it cannot be kept now."""

        def done(result: licenses.Pro | Exception | None) -> None:
            if isinstance(result, Exception):
                log.error("no token could be kept: %s", type(result).__name__)
            renewed = result if isinstance(result, licenses.Pro) else pro._replace(token="")
            answer(self._checked(Check(renewed), now))

        self._write(licenses.renew_token(fingerprint, now, self._signer), done)

    def _claim(self, fingerprint: str, nonce: str, now: float, answer: Answer) -> None:
        """A device whose nonce has come back with a sale becomes licensed by asking; others stay as they are."""

        def look() -> None:
            check = generations.check(fingerprint, now, self._signer)
            self._read(check, then(answer, lambda result: self._checked(result, now)))

        def looked(waiting: object) -> None:
            # Polled every few seconds: only a nonce that is known is worth a transaction.
            if isinstance(waiting, tuple):
                self._write(licenses.claim(nonce, fingerprint, now, self._signer), lambda _: look())
            else:
                look()

        self._read(licenses.find_claimed(nonce), looked)

    def _track(self, request: Request, answer: Answer) -> None:
        self._admit(request, SUCCESS, guessing=False)
        fields = inputs.fields(request)
        fingerprint = inputs.printable(fields.get("fingerprint"))
        if not fingerprint:
            raise Refused(bad_request(SUCCESS, "Missing fingerprint"))
        job, state = inputs.job(fields)
        if (job is None) != (state is None):
            raise Refused(bad_request(SUCCESS, "Invalid jobId or state"))
        now, limit = self._clock(), self._options.free_daily_limit
        if job is None or state is None:
            rule = generations.track(fingerprint, now, self._signer)
        else:
            rule = generations.track_job(fingerprint, job, state, now, self._signer, limit)
        self._write(rule, then(answer, lambda result: answers.tracked(result, limit, moment(now), state)))

    # Licenses

    def _validate(self, request: Request, answer: Answer) -> None:
        _, key, fingerprint = self._asked(request, VALID)
        done: Done[licenses.Result] = then(answer, lambda result: answers.validated(result, fingerprint))
        self._about_key(request, key, self._read, lambda: licenses.validate(key), done)

    def _activate(self, request: Request, answer: Answer) -> None:
        fields, key, fingerprint = self._asked(request, SUCCESS, key_or="claim", device=True)
        nonce, name = inputs.printable(fields.get("claim")), inputs.device_name(fields.get("deviceName"))
        now, signer = self._clock(), self._signer

        def rule() -> Rule[licenses.Result]:
            if key:
                return licenses.activate(key, fingerprint, now, signer, name)
            return licenses.claim(nonce, fingerprint, now, signer, name)

        done: Done[licenses.Result] = then(answer, lambda result: answers.activated(result, not key))

        def go_on() -> None:
            self._about_key(request, key, self._write, rule, done)

        if self._sold is None:
            go_on()
        else:
            self._sold.renew(key, nonce, go_on)

    def _deactivate(self, request: Request, answer: Answer) -> None:
        fields, key, fingerprint = self._asked(request, SUCCESS)
        device = inputs.printable(fields.get("deviceId"))
        if not (fingerprint or device):
            raise Refused(bad_request(SUCCESS, "Missing licenseKey or fingerprint"))
        done = then(answer, answers.deactivated)
        self._about_key(request, "", self._write, lambda: licenses.deactivate(key, fingerprint, device), done)

    def _devices(self, request: Request, answer: Answer) -> None:
        _, key, fingerprint = self._asked(request, SUCCESS)
        done: Done[licenses.Result] = then(answer, lambda result: answers.devices(result, fingerprint))
        self._about_key(request, "", self._read, lambda: licenses.validate(key), done)

    def _asked(
        self, request: Request, flag: dict[str, Any], key_or: str = "", device: bool = False
    ) -> tuple[dict[str, Any], str, str]:
        """The fields of a request about a key, its key ("" with `key_or` in its place), its fingerprint or ""."""
        self._admit(request, flag, guessing=True)
        fields = inputs.fields(request)
        key, fingerprint = inputs.license_key(fields.get("licenseKey")), inputs.printable(fields.get("fingerprint"))
        named = key or ("licenseKey" not in fields and inputs.printable(fields.get(key_or)))
        if not named or (device and not fingerprint):
            raise Refused(bad_request(flag, "Missing licenseKey or fingerprint" if device else "Missing licenseKey"))
        return fields, key, fingerprint

    def _about_key(
        self,
        request: Request,
        sold_as: str,
        run: Runs,
        rule: Callable[[], Rule[licenses.Result]],
        done: Done[licenses.Result],
    ) -> None:
        """Runs a rule about a key. One that is unknown is looked for where it may have been sold, else is a guess."""

        def unknown(result: licenses.Result | Exception) -> None:
            if isinstance(result, licenses.Result) and result.outcome == "unknown":
                self._guard.failed(request.peer)
            done(result)

        def first(result: licenses.Result | Exception) -> None:
            lost = isinstance(result, licenses.Result) and result.outcome == "unknown"
            if lost and self._sold is not None and (key := pings.as_sold(sold_as)):
                self._sold.find(key, looked)
            else:
                unknown(result)

        def looked(found: bool | Exception) -> None:
            if isinstance(found, Exception):
                done(found)
            else:
                run(rule(), unknown)

        run(rule(), first)

    def _public_key(self, request: Request, answer: Answer) -> None:
        signer = self._signer
        answer(answer_json(200, {"kid": signer.kid, "algorithm": "Ed25519", "publicKey": signer.public_text}))

    # Sales

    def _webhook(self, request: Request, answer: Answer) -> None:
        seller, headers = self._seller, request.headers
        presented = inputs.webhook_secret(request.path[len(WEBHOOK) + 1 :], request.query)
        trusted = pings.believed(seller, presented, headers.get("x-gumroad-signature", ""), request.body)
        if not trusted:
            self._distrust(request)
        fields = pings.parse(headers.get("content-type", ""), request.body)

        def done(result: gumroad.Received) -> Response:
            log.info("a ping of Gumroad: %s", result.outcome)
            return answers.WEBHOOK_IGNORED if result.outcome == "ignored" else answers.WEBHOOK_OK

        rule = gumroad.receive(seller, fields, trusted, self._clock(), self._new_key)
        self._write(rule, then(answer, done))

    def _distrust(self, request: Request) -> None:
        """Turns a ping away that nobody vouches for, but for a few that can be confirmed with Gumroad."""
        self._admit(request, {}, guessing=True)
        if self._seller.secrets or not self._seller.confirm:
            self._guard.failed(request.peer)
            raise Refused(answers.WEBHOOK_DENIED)
        if self._guard.take("hint", request.peer):
            raise Refused(answers.UNAVAILABLE)  # of all that one could say, this is what Gumroad tries again after

    def _webhook_active(self, request: Request, answer: Answer) -> None:
        answer(answers.WEBHOOK_ACTIVE)

    def _health(self, request: Request, answer: Answer) -> None:
        self._read(licenses.alive(), then(answer, lambda _: answer_json(200, {"ok": True})))
