"""Studios that cannot be started: what the person is told, how often a machine was asked for, and that none stays."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from oavr_tui.simulator.runpod_catalog import GPU_TYPES
from oavr_tui.simulator.runpod_script import READ_ONLY_KEY
from tests.faults.account import house

V2_GONE = {"match": {"api": "v2"}, "do": "gone"}
SDK_GONE = {"match": {"api": "graphql"}, "do": "gone"}
LONG = pytest.mark.full
NOTHING_FREE = {gpu.id: {"community": 0, "secure": 0} for gpu in GPU_TYPES}
CREATE = {"match": {"deed": "create"}}


# --- the key and the money


@pytest.mark.parametrize(
    ("key", "creates", "words"),
    [
        ("rpa_WRONG", 0, ("does not accept this key", "nothing was done", "make a new one")),
        (READ_ONLY_KEY, 1, ("may look at machines but not start", "nothing was started", "write permission")),
    ],
    ids=["wrong", "read-only"],
)
async def test_a_key_that_is_of_no_use(tmp_path: Path, key: str, creates: int, words: tuple[str, ...]) -> None:
    async with house(tmp_path, key=key) as here:
        code, sentence = await here.fails()
        assert code == "no_key"
        assert all(each in sentence for each in words), sentence
        assert here.creates == creates
        assert here.machines == []
        await here.nothing_costs()


@pytest.mark.parametrize(
    ("faults", "creates", "words"),
    [
        ([], 0, ("account holds $0.20", "an hour's price ($0.34/h)", "Add credit")),
        ([SDK_GONE], 1, ("starts nothing", "too little credit", "Add some")),
    ],
    ids=["balance-known", "balance-unknown"],
)
async def test_too_little_credit(
    tmp_path: Path, faults: list[dict[str, Any]], creates: int, words: tuple[str, ...]
) -> None:
    async with house(tmp_path, *faults, script={"balance": 0.2}) as here:
        code, sentence = await here.fails()
        assert code == "no_funds"
        assert all(each in sentence for each in words), sentence
        assert here.creates == creates
        assert here.machines == []


async def test_the_days_limit(tmp_path: Path) -> None:
    async with house(tmp_path, pods_day_cap=0.1, pods_gpus="L40S") as here:
        code, sentence = await here.fails()
        assert code == "no_funds"
        assert "limit of $0.10 a day" in sentence
        assert "10 minutes at $0.79/h cost $0.13" in sentence
        assert "pods.day_cap" in sentence
        assert here.creates == 0


# --- the machines


async def test_everything_is_dearer_than_allowed(tmp_path: Path) -> None:
    async with house(tmp_path, pods_price_cap=0.05) as here:
        code, sentence = await here.fails()
        assert code == "no_gpu"
        assert "costs more than your cap of $0.05/h; the cheapest is RTX A6000 at $0.33/h" in sentence or (
            "costs more than your cap of $0.05/h; the cheapest is A6000 at $0.33/h" in sentence
        )
        assert "pods.price_cap" in sentence
        assert here.creates == 0


@pytest.mark.parametrize(
    ("faults", "script", "creates", "words"),
    [
        ([], {"capacity": NOTHING_FREE}, 0, ("None of the GPUs that you allow is free", "Wait", "pods.gpus")),
        # Each kind that costs at most $1.00 is asked for once, and no other.
        ([{**CREATE, "do": "no_capacity"}], {}, 9, ("no machine free", "Nothing was started", "pods.price_cap")),
    ],
    ids=["said-in-the-catalogue", "said-when-asked"],
)
async def test_no_machine_is_free(
    tmp_path: Path, faults: list[dict[str, Any]], script: dict[str, Any], creates: int, words: tuple[str, ...]
) -> None:
    async with house(tmp_path, *faults, script=script) as here:
        code, sentence = await here.fails()
        assert code == "no_gpu"
        assert all(each in sentence for each in words), sentence
        assert here.creates == creates
        assert here.machines == []


async def test_the_first_kind_is_taken_and_the_second_is_not(tmp_path: Path) -> None:
    taken = {"match": {"deed": "create", "nth": [1, 2]}, "do": "no_capacity"}
    async with house(tmp_path, taken) as here:
        await here.engine.fleet.deploy(name="mine")
        pod = await here.ready("mine")
        assert [pod["gpu"] for pod in here.machines] == ["NVIDIA L40S"]
        assert pod.gpu_name == "L40S"
        assert here.creates == 3  # the wished one in both clouds, then the next
        await here.nothing_costs()


# --- answers that get lost


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param({"do": "error", "status": 500, "when": "after"}, id="500"),
        pytest.param({"do": "error", "status": 502, "form": "html", "when": "after"}, id="502-page", marks=LONG),
        pytest.param({"do": "error", "status": 503, "form": "empty", "when": "after"}, id="503-empty", marks=LONG),
        pytest.param({"do": "drop", "when": "after"}, id="cut-off", marks=LONG),
    ],
)
@pytest.mark.parametrize("control", ["v2", "sdk"])
async def test_a_machine_whose_creation_got_no_answer_is_adopted(
    tmp_path: Path, fault: dict[str, Any], control: str
) -> None:
    async with house(tmp_path, {"match": {"deed": "create", "nth": 1}, **fault}, pods_control=control) as here:
        pod = await here.engine.fleet.deploy(name="mine")
        await here.ready("mine")
        assert here.creates == 1
        assert len(here.machines) == 1
        assert here.engine.fleet.book.get(pod.id) is not None
        await here.nothing_costs()


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param({"do": "error", "status": 500}, id="500", marks=LONG),
        pytest.param({"do": "error", "status": 502, "form": "html"}, id="502-page"),
        pytest.param({"do": "drop"}, id="cut-off", marks=LONG),
    ],
)
async def test_a_creation_that_did_not_happen_is_asked_for_under_another_name(
    tmp_path: Path, fault: dict[str, Any]
) -> None:
    async with house(tmp_path, {"match": {"deed": "create", "nth": 1}, **fault}) as here:
        await here.engine.fleet.deploy(name="mine")
        await here.ready("mine")
        assert here.creates == 2
        assert len(here.machines) == 1
        await here.nothing_costs()


@pytest.mark.full
async def test_creations_that_never_get_an_answer(tmp_path: Path) -> None:
    async with house(tmp_path, {"match": {"deed": "create"}, "do": "error", "status": 500}) as here:
        code, sentence = await here.fails()
        assert code == "unreachable"
        for words in ("did not say whether it started", "Should one turn up", "is terminated", "Try again"):
            assert words in sentence
        assert here.creates == 2
        assert here.machines == []


@pytest.mark.full
async def test_a_machine_that_turns_up_after_it_was_given_up(tmp_path: Path) -> None:
    """Its creation got no answer, the list did not have it for as long as anybody looked, and then it does."""
    lost = {"match": {"deed": "create"}, "do": "error", "status": 500, "when": "after"}
    hidden = {"match": {"deed": "list"}, "do": "body", "body": '{"pods": []}'}
    async with house(tmp_path, lost, hidden, pods_control="v2") as here:
        code, _ = await here.fails()
        assert code == "unreachable"
        assert len(here.costly) == 2  # nobody can know yet
        here.replace_script()
        await here.until(lambda: not here.costly)
        assert here.times_said("turned up after it had been given up", "terminated") == 2
        assert {pod["end"] for pod in here.machines} == {"terminated"}


# --- an account that does not answer


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param({"do": "error", "status": 500}, id="500", marks=LONG),
        pytest.param({"do": "error", "status": 503, "form": "html"}, id="503-page"),
        pytest.param({"do": "error", "status": 502, "form": "empty"}, id="502-empty", marks=LONG),
        pytest.param({"do": "drop"}, id="cut-off"),
    ],
)
async def test_the_account_is_in_trouble(tmp_path: Path, fault: dict[str, Any]) -> None:
    async with house(tmp_path, fault) as here:
        code, sentence = await here.fails()
        assert code == "unreachable"
        assert "RunPod" in sentence
        assert sentence.endswith(".")
        assert here.creates == 0


async def test_trouble_that_passes_is_no_trouble(tmp_path: Path) -> None:
    passing = [
        {"match": {"deed": deed, "nth": [1, 2]}, "do": "error", "status": 502, "form": "html"}
        for deed in ("list", "catalog", "get")
    ]
    async with house(tmp_path, *passing) as here:
        await here.engine.fleet.deploy(name="mine")
        await here.ready("mine")
        assert here.creates == 1
        await here.nothing_costs()


@pytest.mark.parametrize("deed", ["list", "catalog", "create"])
async def test_asked_too_often(tmp_path: Path, deed: str) -> None:
    """RunPod says when to ask again, and it is."""
    fault = {"match": {"api": "v2", "deed": deed, "nth": 1}, "do": "rate_limit", "retry_after": 2}
    async with house(tmp_path, fault) as here:
        await here.engine.fleet.deploy(name="mine")
        await here.ready("mine")
        assert len(here.machines) == 1
        await here.nothing_costs()


async def test_asked_too_often_for_good(tmp_path: Path) -> None:
    async with house(tmp_path, {"do": "rate_limit", "retry_after": 12}, hurry=40) as here:
        code, sentence = await here.fails()
        assert code == "unreachable"
        assert "asked too often" in sentence
        assert "Nothing was started" in sentence
        assert here.machines == []


# --- an API that is gone


@pytest.mark.parametrize("status", [pytest.param(404, marks=LONG), pytest.param(410, marks=LONG)])
async def test_the_rest_api_is_gone_and_the_package_does_it_all(tmp_path: Path, status: int) -> None:
    async with house(tmp_path, {**V2_GONE, "status": status}) as here:
        job = await here.makes()
        assert job.cost > 0
        await here.nothing_costs()
        assert (here.creates, len(here.machines)) == (1, 1)


@pytest.mark.full
@pytest.mark.parametrize("status", [200, 404])
async def test_graphql_is_gone_and_the_rest_api_does_it_all(tmp_path: Path, status: int) -> None:
    async with house(tmp_path, {**SDK_GONE, "status": status}) as here:
        await here.makes()
        await here.nothing_costs()
        assert (here.creates, len(here.machines)) == (1, 1)


@pytest.mark.parametrize("control", ["auto", pytest.param("v2", marks=LONG), pytest.param("sdk", marks=LONG)])
async def test_every_way_is_gone(tmp_path: Path, control: str) -> None:
    async with house(tmp_path, V2_GONE, SDK_GONE, pods_control=control) as here:
        code, sentence = await here.fails()
        assert code == "rejected"
        assert "no longer answers" in sentence
        assert "update this program" in sentence
        assert here.machines == []
