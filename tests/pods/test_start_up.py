"""Which machine is asked for, what may be afforded, and when a start has taken too long."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oavr_tui.errors import NoFunds, NoGpu
from oavr_tui.models import STARTING_STATES, PodKind, PodState
from oavr_tui.pods.plan import BLACKWELL, DEFAULT_GPUS, Plan, gpu_name
from oavr_tui.pods.provider import Account, Cloud, Offer, Stock, Volume
from oavr_tui.pods.start_up import DEADLINES, affordable, bad_host, candidates, overdue
from tests.pods.nouns import NOW, plan, pod

RTX_4090, L40S, RTX_6000 = DEFAULT_GPUS[:3]
RTX_5090 = "NVIDIA GeForce RTX 5090"
VOLUME = Volume("vol1", "models", 100, "EU-RO-1")


def offer(
    gpu: str = RTX_4090, price: float | None = 0.5, cloud: Cloud = Cloud.COMMUNITY, stock: Stock = Stock.HIGH
) -> Offer:
    return Offer(gpu, gpu_name(gpu), 24, cloud, price, stock)


def refusal(offers: list[Offer], allowed: Plan | None = None, volume: Volume | None = None) -> str:
    with pytest.raises(NoGpu) as caught:
        candidates(offers, allowed or plan(), volume)
    return caught.value.message


# --- candidates


def test_the_order_of_gpus_comes_first_and_then_the_price() -> None:
    offers = [
        offer(L40S, 0.2),
        offer(RTX_4090, 0.69, Cloud.SECURE),
        offer(RTX_4090, 0.34),
        offer(RTX_6000, 0.1, Cloud.SECURE),
    ]
    assert candidates(offers, plan(), None) == [offers[2], offers[1], offers[0], offers[3]]
    assert candidates(offers, plan(gpus=(RTX_6000, L40S)), None) == [offers[3], offers[0]]


def test_secure_comes_first_where_it_is_cheaper() -> None:
    community, secure = offer(price=0.7), offer(price=0.6, cloud=Cloud.SECURE)
    assert candidates([community, secure], plan(), None) == [secure, community]


def test_a_network_volume_is_in_the_secure_cloud_only() -> None:
    community, secure = offer(), offer(price=0.7, cloud=Cloud.SECURE)
    assert candidates([community, secure], plan(), VOLUME) == [secure]
    sentence = refusal([community, secure], plan(cloud="community"), VOLUME)
    assert "models" in sentence
    assert "pods.cloud" in sentence


def test_the_cloud_may_be_chosen() -> None:
    community, secure = offer(), offer(price=0.7, cloud=Cloud.SECURE)
    assert candidates([community, secure], plan(cloud="community"), None) == [community]
    assert candidates([community, secure], plan(cloud="secure"), None) == [secure]
    assert "secure cloud" in refusal([community], plan(cloud="secure"))


def test_a_price_at_the_cap_is_within_it() -> None:
    assert candidates([offer(price=1.0)], plan(price_cap=1.0), None)


def test_all_too_dear_names_the_cap_and_the_cheapest() -> None:
    sentence = refusal([offer(price=1.04), offer(L40S, 1.2), offer(RTX_6000, 1.01, stock=Stock.NONE)])
    assert "$1.00/h" in sentence
    assert "RTX 4090 at $1.04/h" in sentence
    assert "pods.price_cap" in sentence


def test_a_price_a_little_above_the_cap_is_not_told_as_the_same() -> None:
    assert "$1.004/h" in refusal([offer(price=1.004)])


def test_none_free_says_to_wait() -> None:
    sentence = refusal([offer(stock=Stock.NONE), offer(L40S, 0.8, stock=Stock.NONE)])
    assert "free right now" in sentence
    assert "Wait" in sentence
    assert "price_cap" not in sentence


def test_some_too_dear_and_the_others_not_free_says_both() -> None:
    sentence = refusal([offer(stock=Stock.NONE), offer(L40S, 1.5)])
    assert "free" in sentence
    assert "L40S at $1.50/h" in sentence
    assert "pods.price_cap" in sentence


def test_none_of_the_wished_kinds_is_offered() -> None:
    sentence = refusal([offer("NVIDIA H200", 0.2)])
    assert "RTX 4090" in sentence
    assert "pods.gpus" in sentence
    assert "pods.gpus" in refusal([])


@pytest.mark.parametrize("price", [None, 0.0, -1.0])
def test_what_has_no_price_is_not_asked_for(price: float | None) -> None:
    assert "no price" in refusal([offer(price=price)])


def test_an_unknown_stock_is_tried() -> None:
    assert candidates([offer(stock=Stock.UNKNOWN), offer(L40S, stock=Stock.LOW)], plan(), None)[1].gpu == L40S


def test_the_default_template_never_gets_a_blackwell_gpu() -> None:
    wished = plan(gpus=(RTX_5090, RTX_4090))
    offers = [offer(RTX_5090, 0.3), offer()]
    assert candidates(offers, wished, None) == [offers[1]]
    assert candidates(offers, plan(gpus=(RTX_5090, RTX_4090), template="mine"), None) == offers
    assert "template" in refusal(offers[:1], wished)


GPUS = st.sampled_from([*DEFAULT_GPUS, RTX_5090, "NVIDIA B200", "NVIDIA L4"])
OFFERS = st.builds(offer, GPUS, st.one_of(st.none(), st.floats(0, 5)), st.sampled_from(Cloud), st.sampled_from(Stock))
PLANS = st.builds(
    plan,
    gpus=st.lists(GPUS, min_size=1, max_size=5, unique=True).map(tuple),
    cloud=st.sampled_from(["any", "community", "secure"]),
    template=st.sampled_from(["qvidd7ityi", "mine"]),
    price_cap=st.floats(0.01, 5),
)


@given(st.lists(OFFERS, max_size=20), PLANS, st.sampled_from([None, VOLUME]))
def test_every_candidate_keeps_every_rule(offers: list[Offer], allowed: Plan, volume: Volume | None) -> None:
    try:
        chosen = candidates(offers, allowed, volume)
    except NoGpu as error:
        chosen = []
        assert error.message.endswith(".")
        assert error.can_retry
    for each in offers:
        fits = (
            each.gpu in allowed.gpus
            and each.per_hour is not None
            and 0 < each.per_hour <= allowed.price_cap
            and each.stock is not Stock.NONE
            and (allowed.cloud in ("any", each.cloud.value))
            and not (volume and each.cloud is Cloud.COMMUNITY)
            and not (allowed.template == "qvidd7ityi" and BLACKWELL.search(each.gpu))
        )
        assert chosen.count(each) == (offers.count(each) if fits else 0)
    ranks = [(allowed.gpus.index(each.gpu), each.per_hour) for each in chosen]
    assert ranks == sorted(ranks, key=lambda rank: (rank[0], rank[1] or 0.0))


# --- money


def test_ten_minutes_must_be_left_of_the_day() -> None:
    affordable(plan(day_cap=5.0), 0.6, 4.89, None)
    with pytest.raises(NoFunds) as refused:
        affordable(plan(day_cap=5.0), 0.6, 4.91, None)
    assert "$5.00" in refused.value.message
    assert "$4.91" in refused.value.message
    assert "pods.day_cap" in refused.value.message
    assert not refused.value.can_retry


def test_an_hour_must_be_on_the_account() -> None:
    affordable(plan(), 0.69, 0.0, Account(0.69, None))
    with pytest.raises(NoFunds) as refused:
        affordable(plan(), 0.69, 0.0, Account(0.5, None))
    assert "$0.50" in refused.value.message
    assert "$0.69/h" in refused.value.message
    assert "runpod.io" in refused.value.message


def test_an_account_that_does_not_tell_is_no_obstacle() -> None:
    affordable(plan(), 0.69, 0.0, None)
    affordable(plan(), 0.69, 0.0, Account(None, None))


def test_a_debt_is_told_as_nothing_left() -> None:
    with pytest.raises(NoFunds, match=r"holds \$0\.00"):
        affordable(plan(), 0.69, 0.0, Account(-2.0, None))


# --- deadlines


@pytest.mark.parametrize("state", sorted(STARTING_STATES))
def test_a_start_without_progress_is_overdue_after_its_deadline(state: PodState) -> None:
    since = NOW - DEADLINES[state]
    assert not overdue(pod(state, since=since), NOW)
    assert overdue(pod(state, since=since - 1), NOW)
    assert not overdue(pod(state, since=since - 1, progress_at=NOW - 5), NOW)
    assert overdue(pod(state, since=NOW - 5), NOW, scale=0.001)
    assert not overdue(pod(state, since=since - 1), NOW, scale=2)
    assert not overdue(pod(state, since=since - 1, kind=PodKind.ADDRESS), NOW)


@pytest.mark.parametrize("state", sorted(set(PodState) - STARTING_STATES))
def test_only_a_start_is_overdue(state: PodState) -> None:
    assert not overdue(pod(state, since=0.0), NOW)


# --- hosts


def test_a_host_needs_memory() -> None:
    assert bad_host(48) is None
    assert bad_host(None) is None
    sentence = bad_host(31)
    assert sentence is not None
    assert "31 GB" in sentence
    assert "48 GB" in sentence
