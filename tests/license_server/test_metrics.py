"""`/metrics` of a real server, and the mail and the questions that a real server sends out."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from license_server.metrics import Histogram
from license_server.records import license_from
from tests.license_server.child import SECRET, Server, server, until
from tests.license_server.programs import gumroad
from tests.license_server.stores import world
from tests.license_server.test_confirm import PING, SALE, SALE_ID
from tests.license_server.test_gumroad import PINGS
from tests.license_server.test_mail import SENDER, Postbox, post_office

LINE = re.compile(r"(?:# (?:HELP|TYPE) .+|[a-z_]+(?:\{[^{}]*\})? [0-9.e+-]+)")
WEBHOOK = f"/api/gumroad/webhook?secret={SECRET}"


def figures(here: Server, **headers: str) -> dict[str, float]:
    told = here.ask("GET", "/metrics", headers=headers)
    assert told.status == 200 and told.headers["content-type"].startswith("text/plain; version=0.0.4")
    lines = told.body.decode().splitlines()
    for line in lines:
        assert LINE.fullmatch(line), line
    pairs = [line.rsplit(" ", 1) for line in lines if not line.startswith("#")]
    assert len(dict(pairs)) == len(pairs), "no figure twice"
    return {name: float(value) for name, value in pairs}


def test_a_server_tells_how_it_fares(tmp_path: Path) -> None:
    with server(tmp_path) as here:
        assert here.post(WEBHOOK, PINGS["sale"]["body"], PINGS["sale"]["headers"]).body == b"OK"
        for _ in range(3):
            here.get("/api/generation/check?fingerprint=device")
        here.post("/api/generation/track", {})
        here.get("/nothing/here")
        here.get("/nothing/there")
        found = figures(here)
        count = "oavr_request_seconds_count"
        assert found[f'{count}{{route="/api/gumroad/webhook",status="200"}}'] == 1
        assert found[f'{count}{{route="/api/generation/check",status="200"}}'] == 3
        assert found[f'{count}{{route="/api/generation/track",status="400"}}'] == 1
        assert found[f'{count}{{route="other",status="404"}}'] == 2
        bucket = 'oavr_request_seconds_bucket{route="/api/generation/check",status="200",le="+Inf"}'
        assert found[bucket] == 3
        assert found["oavr_store_group_writes_count"] >= 1
        assert found["oavr_store_write_errors_total"] == 0
    with server(tmp_path) as here:
        for _ in until():
            if figures(here).get('oavr_licenses{status="active"}') == 1:
                break


def test_figures_are_not_for_everybody(tmp_path: Path) -> None:
    with server(tmp_path) as here:
        assert here.ask("GET", "/metrics", headers={"X-Forwarded-For": "203.0.113.9"}).status == 404
    with server(tmp_path, METRICS_TOKEN="figures-please") as here:
        for headers in ({}, {"Authorization": "Bearer figures"}, {"Authorization": "figures-please"}):
            assert here.ask("GET", "/metrics", headers=headers).status == 404
        figures(here, Authorization="Bearer figures-please")


def test_a_sale_is_mailed_and_confirmed_by_the_running_server(tmp_path: Path) -> None:
    box = Postbox()
    with post_office(box) as port, gumroad() as there:
        there.sales[SALE_ID] = SALE | {"email": "other@example.com"}
        env = {
            "SMTP_URL": f"smtp://127.0.0.1:{port}",
            "MAIL_FROM": SENDER,
            "GUMROAD_ACCESS_TOKEN": there.token,
            "GUMROAD_API": there.url,
        }
        with server(tmp_path, **env) as here:
            assert here.post(WEBHOOK, PINGS["sale"]["body"], PINGS["sale"]["headers"]).body == b"OK"
            for _ in until():
                found = figures(here)
                done = [found.get(f'oavr_outbox_total{{kind="{kind}",result="done"}}') for kind in ("mail", "confirm")]
                if done == [1, 1]:
                    break
        with world(tmp_path) as store:
            (record,) = [license_from(value) for value in store.rows("license").values()]
    assert box.to == [PING["email"]] == [record.email]
    assert record.key in box.letters[0].get_content()
    assert there.asked == [SALE_ID]
    written = (tmp_path / "server.log").read_text()
    for secret in (record.key, PING["email"], there.token, SECRET):
        assert secret not in written


def test_mail_that_cannot_be_sent_never_fails_a_sale(tmp_path: Path) -> None:
    from tests.license_server.programs import free_port

    env = {"SMTP_URL": f"smtp://127.0.0.1:{free_port()}", "MAIL_FROM": SENDER}
    with server(tmp_path, **env) as here:
        assert here.post(WEBHOOK, PINGS["sale"]["body"], PINGS["sale"]["headers"]).body == b"OK"
        for _ in until():
            if figures(here).get('oavr_outbox_total{kind="mail",result="failed"}') == 1:
                break
        assert here.get("/healthz").status == 200


@pytest.mark.parametrize("values", [[], [0.0], [1.0, 2.0, 2.5, 100.0]])
def test_a_histogram_adds_up(values: list[float]) -> None:
    histogram = Histogram((1, 2))
    for value in values:
        histogram.add(value)
    lines = dict(line.rsplit(" ", 1) for line in histogram.lines("x"))
    assert lines['x_bucket{le="1"}'] == str(sum(value <= 1 for value in values))
    assert lines['x_bucket{le="2"}'] == str(sum(value <= 2 for value in values))
    assert lines['x_bucket{le="+Inf"}'] == lines["x_count"] == str(len(values))
    assert float(lines["x_sum"]) == sum(values)
