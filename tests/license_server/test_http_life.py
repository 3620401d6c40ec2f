"""The life of connections to a real server: keep-alive, answers in order, deadlines, limits of number, shutdown."""

from __future__ import annotations

import signal
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack
from email.utils import parsedate_to_datetime
from selectors import EVENT_READ, DefaultSelector

import pytest

from tests.license_server.http_client import ANSWER_SECONDS, Got, Server, hear, read_answer, running, split_answer

LOOPS = ["asyncio", "uvloop"]
SHORT = {
    "head_seconds": 0.6,
    "body_seconds": 0.6,
    "idle_seconds": 0.6,
    "answer_seconds": 0.6,
    "write_seconds": 0.6,
    "linger_seconds": 0.4,
    "drain_seconds": 20.0,
    "tick_seconds": 0.1,
}


@pytest.fixture(scope="module", params=LOOPS)
def server(request: pytest.FixtureRequest) -> Iterator[Server]:
    with running(request.param) as started:
        yield started


@pytest.fixture(scope="module", params=LOOPS)
def hasty(request: pytest.FixtureRequest) -> Iterator[Server]:
    """A server that waits for nobody."""
    with running(request.param, **SHORT) as started:
        yield started


def get(path: str, *lines: str, version: str = "1.1", method: str = "GET") -> bytes:
    return "\r\n".join([f"{method} {path} HTTP/{version}", "Host: a", *lines, "", ""]).encode()


# Keep-alive.


def test_a_connection_goes_on_unless_told_otherwise(server: Server) -> None:
    with server.connect() as connection:
        for number in range(3):
            connection.sendall(get(f"/{number}"))
            answer = read_answer(connection)
            assert answer.json["path"] == f"/{number}"
            assert "connection" not in answer.headers


@pytest.mark.parametrize(
    ("version", "line", "stays", "told"),
    [
        ("1.1", "Connection: close", False, "close"),
        ("1.1", "Connection: keep-alive", True, None),
        ("1.0", "X-Nothing: at all", False, "close"),
        ("1.0", "Connection: close", False, "close"),
        ("1.0", "Connection: keep-alive", True, "keep-alive"),
    ],
)
def test_who_closes(server: Server, version: str, line: str, stays: bool, told: str | None) -> None:
    said = server.say(get("/echo", line, version=version), closes=not stays)
    assert said.closed is not stays
    assert said.answers[0].headers.get("connection") == told


def test_http_1_0_needs_no_host(server: Server) -> None:
    assert server.say(b"GET /echo HTTP/1.0\r\n\r\n", closes=True).statuses == [200]


def test_nothing_after_a_close_is_answered(server: Server) -> None:
    assert server.say(get("/echo", "Connection: close") + get("/echo"), closes=True).statuses == [200]


def test_what_was_asked_reaches_the_handler(server: Server) -> None:
    asked = server.say(get("/a%20b//c?x=%41&y", "X-One: 1", "x-one: 2", "X-Latin: \xe9")).answers[0].json
    assert (asked["method"], asked["path"], asked["query"]) == ("GET", "/a%20b//c", "x=%41&y")
    assert asked["headers"]["x-one"] == "1, 2"
    assert asked["peer"] == "127.0.0.1"


def test_a_head_request_gets_a_length_and_no_body(server: Server) -> None:
    with server.connect() as connection:
        connection.sendall(get("/big?bytes=500", method="HEAD") + get("/echo", "Connection: close"))
        said = hear(connection, wait_for_end=True)
    head, rest = split_answer(said.raw, head_only=True)
    assert (head.status, head.headers["content-length"]) == (200, "500")
    assert split_answer(rest)[0].json["path"] == "/echo"


def test_an_answer_without_content_has_no_length(server: Server) -> None:
    said = server.say(get("/empty") + get("/echo"))
    assert said.statuses == [204, 200]
    assert "content-length" not in said.answers[0].headers


def test_the_date_is_that_of_the_clock(server: Server) -> None:
    date = parsedate_to_datetime(server.ask().headers["date"])
    assert abs(date.timestamp() - time.time()) < ANSWER_SECONDS


def test_options_may_ask_about_the_whole_server(server: Server) -> None:
    assert server.say(get("*", method="OPTIONS")).answers[0].json["path"] == "*"


# Expect: 100-continue.


def test_a_client_that_waits_is_told_to_go_on(server: Server) -> None:
    with server.connect() as connection:
        connection.sendall(get("/echo", "Content-Length: 4", "Expect: 100-continue", method="POST"))
        assert connection.recv(1 << 16) == b"HTTP/1.1 100 Continue\r\n\r\n"
        connection.sendall(b"body")
        assert read_answer(connection).json["body"] == "body"


def test_a_client_that_waits_with_too_much_is_not_told_to_go_on(server: Server) -> None:
    expecting = get("/echo", "Content-Length: 65537", "Expect: 100-continue", method="POST")
    assert server.say(expecting, closes=True).statuses == [413]


def test_a_client_of_http_1_0_is_told_nothing_it_does_not_know(server: Server) -> None:
    asking = get("/echo", "Content-Length: 4", "Expect: 100-continue", method="POST", version="1.0")
    assert server.say(asking + b"body", closes=True).statuses == [200]


def test_going_on_keeps_its_turn_behind_an_answer_that_is_still_due(server: Server) -> None:
    expecting = get("/echo", "Content-Length: 4", "Expect: 100-continue", method="POST")
    with server.connect() as connection:
        connection.sendall(get("/later?ms=150") + expecting + b"body")
        said = hear(connection, wait_for_end=False)
        if len(said.answers) < 3:
            said = type(said)(said.raw + hear(connection, wait_for_end=False).raw, said.closed)
    assert said.statuses == [200, 100, 200]


# Answers in order, each on its own.


def test_answers_come_in_the_order_of_the_questions(server: Server) -> None:
    asked = get("/later?ms=200") + get("/later?ms=20") + get("/echo", "Connection: close")
    said = server.say(asked, closes=True)
    assert [answer.json["query"] for answer in said.answers] == ["ms=200", "ms=20", ""]
    assert said.closed


def test_a_client_that_has_said_all_still_hears_the_answers(server: Server) -> None:
    said = server.say(get("/later?ms=100") + get("/later?ms=10"), closes=True, half=True)
    assert (said.statuses, said.closed) == ([200, 200], True)


def test_half_a_request_and_the_end_gets_no_answer(server: Server) -> None:
    assert server.say(get("/echo")[:-2], closes=True, half=True).raw == b""


def test_a_peer_that_has_gone_disturbs_no_other_answer(server: Server) -> None:
    """Five wait for one batch; some of them reset their connection before it is answered."""
    with ExitStack() as open_ones:
        waiting = [open_ones.enter_context(server.connect()) for _ in range(5)]
        for connection in waiting:
            connection.sendall(get("/never"))
        server.ask()
        for gone in waiting[::2]:
            gone.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            gone.close()
        server.ask()
        assert server.ask("/release").json == {"released": True}
        assert [read_answer(connection).json for connection in waiting[1::2]] == [{"kept": True}] * 2


def test_a_handler_that_raises_is_an_internal_error_and_the_server_lives() -> None:
    with running() as own:
        said = own.say(get("/raises", "Content-Length: 6", method="POST") + b"secret" + get("/echo"))
        assert said.statuses == [500, 200]
        assert said.answers[0].json == {"error": "internal"}
        code, logged = own.end()
        assert code == 0
        assert "ValueError" in logged and "http_child.py" in logged, "where it was"
        assert "secret" not in logged


def test_only_the_first_of_two_answers_counts(server: Server) -> None:
    said = server.say(get("/twice") + get("/echo"))
    assert said.statuses == [200, 200]
    assert said.answers[0].json == {"time": 1}


@pytest.mark.parametrize("loop", LOOPS)
def test_an_error_reaches_a_client_that_goes_on_sending(loop: str) -> None:
    """What it sends after the refusal is taken and dropped, since a reset could take the answer with it."""
    with running(loop, linger_seconds=ANSWER_SECONDS) as own, own.connect() as connection:
        connection.sendall(get("/echo", "Content-Length: 4000000", method="POST"))
        own.ask()
        for _ in range(40):
            connection.sendall(b"a" * 100_000)
        said = hear(connection, wait_for_end=True)
    assert (said.statuses, said.closed, said.reset) == ([413], True, False)


def test_a_header_that_would_split_the_answer_is_an_internal_error(server: Server) -> None:
    said = server.say(get("/splits") + get("/echo"))
    assert said.statuses == [500, 200]
    assert b"X-More" not in said.raw


# Deadlines.


def test_a_connection_that_says_nothing_is_closed(hasty: Server) -> None:
    said = hasty.say(closes=True)
    assert (said.raw, said.closed) == (b"", True)


def test_a_connection_that_rests_too_long_is_closed(hasty: Server) -> None:
    said = hasty.say(get("/echo"), closes=True)
    assert (said.statuses, said.closed) == ([200], True)


@pytest.mark.parametrize(
    "part",
    [
        b"G",
        b"GET /echo HTTP/1.1\r\nHost: a\r\n",
        b"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n1234",
        b"POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n4\r\n1234\r\n",
    ],
    ids=["a letter", "half a head", "half a body", "half the chunks"],
)
@pytest.mark.parametrize("first", [b"", get("/echo")], ids=["new", "after another request"])
def test_half_a_request_is_told_that_it_took_too_long(hasty: Server, part: bytes, first: bytes) -> None:
    said = hasty.say(first + part, closes=True)
    assert said.statuses == [200] * bool(first) + [408]
    assert said.closed


def test_empty_lines_do_not_keep_a_connection_open(hasty: Server) -> None:
    assert survivors(hasty, [b"\r\n"], 5, every=0.1) == 0


def test_slow_clients_are_gone(hasty: Server) -> None:
    """A hundred that send byte after byte: some a head, some a body, some after a request that went well."""
    before = hasty.rss()
    assert survivors(hasty, slow_requests(), 100, every=0.1) == 0
    assert hasty.ask().status == 200
    assert hasty.rss() - before < 8192


@pytest.mark.full
@pytest.mark.parametrize("loop", LOOPS)
def test_slow_clients_are_gone_within_15_seconds(loop: str) -> None:
    """One byte a second, with the deadlines that a server has by itself."""
    with running(loop) as own:
        started = time.monotonic()
        assert survivors(own, slow_requests(), 100, every=1.0) == 0
        assert time.monotonic() - started < 15 + 1, "the last look is up to a second late"
        assert own.ask().status == 200


def slow_requests() -> list[bytes]:
    head = b"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 10000\r\n"
    return [head + b"X: " + b"a" * 9000, head + b"\r\n" + b"a" * 9999, get("/echo") + head + b"X: " + b"a" * 9000]


def survivors(server: Server, requests: list[bytes], count: int, every: float) -> int:
    """How many of so many connections, each sending a byte of its request now and then, are open at the end.

    What is sent first is all up to the last header; then one byte each time, for at most ANSWER_SECONDS.
    """
    with ExitStack() as open_ones, DefaultSelector() as looking:
        slow: dict[socket.socket, bytes] = {}
        for number in range(count):
            connection = open_ones.enter_context(server.connect())
            request = requests[number % len(requests)]
            at = request.find(b"aaa") + 1
            connection.sendall(request[:at])
            slow[connection] = request[at:] or request
            looking.register(connection, EVENT_READ)
        until = time.monotonic() + ANSWER_SECONDS
        while slow and time.monotonic() < until:
            next_byte = time.monotonic() + every
            while (left := next_byte - time.monotonic()) > 0 and slow:
                for key, _ in looking.select(left):
                    connection = key.fileobj  # type: ignore[assignment]
                    if has_ended(connection):
                        looking.unregister(connection)
                        del slow[connection]
            for connection, rest in slow.items():
                slow[connection] = rest[1:] or rest
                try:
                    connection.send(rest[:1])
                except (BrokenPipeError, ConnectionResetError):
                    continue  # its end is seen by the next look
        return len(slow)


def has_ended(connection: socket.socket) -> bool:
    try:
        return not connection.recv(1 << 16)
    except ConnectionResetError:
        return True


def test_a_client_that_does_not_read_is_cut_off_and_costs_little(hasty: Server) -> None:
    """It asks on and on and takes nothing: the server stops reading, and after a while gives it up."""
    before = hasty.rss()
    with hasty.connect() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        until = time.monotonic() + ANSWER_SECONDS
        with pytest.raises((BrokenPipeError, ConnectionResetError)):
            while time.monotonic() < until:
                connection.sendall(get("/big?bytes=100000", "X: " + "a" * 8000))
    assert hasty.rss() - before < 8 * 1024
    assert hasty.ask().status == 200


def test_a_client_that_reads_late_gets_all(server: Server) -> None:
    size = 8_000_000
    with server.connect() as connection:
        connection.sendall(get(f"/big?bytes={size}") + get("/echo", "Connection: close"))
        server.ask()
        said = hear(connection, wait_for_end=True)
    assert [len(said.answers[0].body), said.answers[1].status] == [size, 200]


def test_a_request_that_is_never_answered_gets_an_error_at_last(hasty: Server) -> None:
    said = hasty.say(get("/never") + get("/never"), closes=True)
    assert (said.statuses, said.closed) == ([503], True)
    assert hasty.ask("/release").json == {"released": True}, "a late answer hurts nobody"


# Numbers.


def test_too_many_connections_are_told_so_and_the_next_is_served_when_one_ends() -> None:
    with running(connections=4) as own, ExitStack() as open_ones:
        busy = [open_ones.enter_context(own.connect()) for _ in range(4)]
        for connection in busy:
            connection.sendall(b"GET /echo")
        said = own.say(closes=True)
        assert (said.statuses, said.closed) == ([503], True)
        assert own.say(get("/echo"), closes=True).statuses == [503]
        with own.connect() as last:
            assert hear(last, wait_for_end=True).statuses == [503]
        busy[0].close()
        assert wait_until_served(own).json["path"] == "/echo"


def wait_until_served(own: Server) -> Got:
    """The first answer that is none of "busy"; who comes while far too many are there is cut off without any."""
    until = time.monotonic() + ANSWER_SECONDS
    while time.monotonic() < until:
        said = own.say(get("/echo", "Connection: close"), closes=True)
        if said.statuses == [200]:
            return said.answers[0]
    raise AssertionError("never served")


def test_a_connection_at_rest_makes_room_for_a_new_one() -> None:
    with running(connections=3) as own, ExitStack() as open_ones:
        resting = [open_ones.enter_context(own.connect()) for _ in range(3)]
        for connection in resting:
            connection.sendall(get("/echo"))
            assert read_answer(connection).status == 200
        assert own.ask().status == 200
        ended = [has_ended(connection) for connection in resting if readable(connection)]
        assert ended == [True], "one of them, and no more"


def readable(connection: socket.socket) -> bool:
    with DefaultSelector() as looking:
        looking.register(connection, EVENT_READ)
        return bool(looking.select(0.2))


def test_many_connections_beyond_the_limit_leave_the_server_as_it_was() -> None:
    with running(connections=10) as own:
        with ExitStack() as open_ones:
            for _ in range(300):
                open_ones.enter_context(own.connect())
        assert wait_until_served(own).status == 200


def test_too_many_requests_at_once_on_one_connection(server: Server) -> None:
    with running(pipelined=5) as own:
        said = own.say(get("/later?ms=50") * 5 + get("/later?ms=1") * 5, closes=True)
        assert (said.statuses, said.closed) == ([200] * 5 + [503], True)
        assert own.say(get("/echo") * 50).statuses == [200] * 50, "what is answered at once does not pile up"


# Who asks.


def test_a_trusted_proxy_says_who_asks() -> None:
    with running(trusted=["127.0.0.0/8", "10.0.0.0/8"]) as own:

        def peer(*lines: str) -> str:
            return str(own.say(get("/echo", *lines)).answers[0].json["peer"])

        assert peer() == "127.0.0.1"
        assert peer("X-Forwarded-For: 192.0.2.7") == "192.0.2.7"
        assert peer("X-Forwarded-For: 198.51.100.1, 192.0.2.7, 10.1.2.3") == "192.0.2.7", "what it claimed is left out"
        assert peer("X-Forwarded-For: 198.51.100.1", "X-Forwarded-For: 192.0.2.7") == "192.0.2.7"
        assert peer("X-Forwarded-For: 192.0.2.7, nonsense") == "127.0.0.1"
        assert peer("X-Forwarded-For: ::ffff:192.0.2.7") == "192.0.2.7"
        assert peer("X-Forwarded-For: 2001:db8::1") == "2001:db8::1"
        assert peer("X-Forwarded-For: 10.1.1.1") == "10.1.1.1"
        assert peer("X-Forwarded-For:") == "127.0.0.1"


def test_nobody_else_does(server: Server) -> None:
    assert server.say(get("/echo", "X-Forwarded-For: 192.0.2.7")).answers[0].json["peer"] == "127.0.0.1"


def test_ipv6() -> None:
    with running(host="::1", trusted=["::1/128"]) as own:
        assert own.ask().json["peer"] == "::1"


# Shutdown.


@pytest.mark.parametrize("loop", LOOPS)
@pytest.mark.parametrize("kind", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_lets_what_is_being_answered_come_to_its_end(loop: str, kind: signal.Signals) -> None:
    with running(loop) as own, ExitStack() as open_ones:
        resting, fresh, asking, sending = (open_ones.enter_context(own.connect()) for _ in range(4))
        resting.sendall(get("/echo"))
        read_answer(resting)
        asking.sendall(get("/later?ms=500"))
        sending.sendall(get("/echo", "Content-Length: 4", method="POST") + b"bo")
        own.ask()
        own.process.send_signal(kind)
        assert hear(resting, wait_for_end=True).closed, "it rested"
        assert hear(fresh, wait_for_end=True).closed, "it had asked nothing"
        with pytest.raises(ConnectionRefusedError):
            own.connect()
        sending.sendall(b"dy")
        for connection in (asking, sending):
            said = hear(connection, wait_for_end=True)
            assert (said.statuses, said.closed) == ([200], True)
            assert said.answers[0].headers["connection"] == "close"
            connection.close()
        assert own.process.wait(timeout=ANSWER_SECONDS) == 0


def test_shutdown_does_not_wait_for_ever() -> None:
    with running(drain_seconds=0.3) as own, own.connect() as connection:
        connection.sendall(get("/never"))
        own.ask()
        code, logged = own.end()
        assert code == 0
        assert "1 connections were cut off" in logged
        assert hear(connection, wait_for_end=True).closed
