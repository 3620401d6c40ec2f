"""GraphQL: the reader by itself, and every field of the simulated schema."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from oavr_tui.simulator.graphql import Field, GraphqlError, Types, Word, answer, check, parse
from oavr_tui.simulator.runpod_schema import TYPES
from tests.simulator.runpod_live import GPU, TEMPLATE, account

NAMES = st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,8}", fullmatch=True)
PLAIN = (
    st.none()
    | st.booleans()
    | st.integers(-(10**20), 10**20)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"]))
    | NAMES.filter(lambda name: name not in ("true", "false", "null")).map(Word)
)
VALUES = st.recursive(PLAIN, lambda each: st.lists(each, max_size=4) | st.dictionaries(NAMES, each, max_size=4))


def literal(value: Any) -> str:
    """A value as GraphQL spells it."""
    if isinstance(value, Word):
        return str(value)
    if isinstance(value, dict):
        return "{" + " ".join(f"{name}: {literal(each)}" for name, each in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(literal(each) for each in value) + "]"
    return json.dumps(value, ensure_ascii=False)


def only(text: str, variables: dict[str, Any] | None = None, name: str | None = None) -> Field:
    """The only root field of a query."""
    (field,) = parse(text, variables, name).fields
    return field


@settings(max_examples=60)
@given(VALUES)
def test_every_value_is_read_as_it_was_written(value: Any) -> None:
    read = only("{ f(input: " + literal(value) + ") }").arguments["input"]
    assert read == value
    assert type(read) is type(value)


@settings(max_examples=60)
@given(VALUES)
def test_a_variable_is_the_same_as_its_literal(value: Any) -> None:
    assert only("query Q($v: [X!]! = 3) { f(input: {a: [$v]}) }", {"v": value}).arguments == {"input": {"a": [value]}}
    assert only("query Q($v: X = " + literal(value) + ") { f(a: $v) }").arguments == {"a": value}


@settings(max_examples=300)
@given(st.text(st.sampled_from('{}()[]$:!@="\\ .\n#,aon1-u"'), max_size=60))
def test_whatever_comes_is_read_or_refused(text: str) -> None:
    try:
        parse(text)
    except GraphqlError as error:
        assert error.message


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (r'"\"\\\/\b\f\n\r\tä\u{1F600}"', '"\\/\b\f\n\r\tä\U0001f600'),
        (r'"\\u{41}"', r"\u{41}"),
        ('""', ""),
        ('"""\n    a "b" \\""" \n      c\n  """', 'a "b" """ \n  c'),
        ('""""""', ""),
        ("-0.5e-3", -0.0005),
        ("COMMUNITY", Word("COMMUNITY")),
        ("[1 2,3]", [1, 2, 3]),
    ],
)
def test_literals_of_every_kind(text: str, value: Any) -> None:
    assert only("{ f(a: " + text + ") }").arguments["a"] == value


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "{ }",
        "{ f(a: ) }",
        "{ f(a: 01) }",
        "{ f(a: 1x) }",
        '{ f(a: "it"s") }',
        '{ f(a: "two\nlines") }',
        r'{ f(a: "\q") }',
        r'{ f(a: "\u{110000}") }',
        "query Q($a) { f }",
        "{ f(a: $b) }",
        "{ ...unknown }",
        "fragment F on X { ...F } { ...F }",
        "query A { f } query B { f }",
        "destroy { f }",
        "{ f } ?",
        "{ f(a: " + "[" * 5000 + "]" * 5000 + ") }",
        "{ f" * 5000,
    ],
)
def test_what_cannot_be_read_is_an_error(text: str) -> None:
    with pytest.raises(GraphqlError):
        parse(text)


def test_aliases_fragments_and_directives() -> None:
    text = """
        query A { other }
        query B($no: Boolean = false) { # a comment
          mine: f(x: 1) @include(if: true) { ...Names, ... on T { c } ... @skip(if: $no) { d } e @include(if: $no) }
        }
        fragment Names on T { a, b }
    """
    field = only(text, name="B")
    assert (field.name, field.alias, [each.name for each in field.fields]) == ("f", "mine", ["a", "b", "c", "d"])
    assert parse("mutation { f }").kind == "mutation"
    with pytest.raises(GraphqlError, match="Unknown operation"):
        parse(text, operation_name="C")


def test_an_answer_holds_what_was_asked_for_and_nothing_else() -> None:
    types: Types = {"Query": {"one": "T", "many": "T", "plain": ""}, "T": {"a": "", "b": ""}}
    whole = {"one": lambda given: {"a": given["x"], "b": 0}, "many": [{"a": 1, "b": 2}, {"a": 3, "b": 4}], "plain": 5}
    fields = parse("{ one(x: 7) { a } many { z: b } plain }").fields
    check(fields, "Query", types)
    assert answer(fields, whole) == {"one": {"a": 7}, "many": [{"z": 2}, {"z": 4}], "plain": 5}
    for wrong in ("{ none }", "{ one }", "{ plain { a } }", "{ one { c } }"):
        with pytest.raises(GraphqlError):
            check(parse(wrong).fields, "Query", types)


def everything(kind: str, depth: int = 0) -> str:
    """A selection of all fields of a type."""
    chosen = [name if not inner else name + everything(inner, depth + 1) for name, inner in TYPES[kind].items()]
    return " {" + " ".join(chosen) + "}" if depth < 4 else ""


async def test_every_field_of_the_schema_is_answered(tmp_path: Path) -> None:
    volumes = [{"id": "vol1", "name": "films", "size": 100, "data_center": "EU-RO-1"}]
    async with account(tmp_path, volumes=volumes) as live:
        await live.running()
        data = await live.data("{ __typename myself" + everything("User") + "}")
        assert data["__typename"] == "Query"
        assert set(data["myself"]) == set(TYPES["User"])
        (pod,) = data["myself"]["pods"]
        assert set(pod["runtime"]) == set(TYPES["PodRuntime"])
        assert pod["memoryInGb"] == 62
        assert data["myself"]["networkVolumes"] == [
            {"id": "vol1", "name": "films", "size": 100, "dataCenterId": "EU-RO-1"}
        ]
        gpus = (await live.data("{ gpuTypes" + everything("GpuType") + "}"))["gpuTypes"]
        prices = {gpu["id"]: gpu["lowestPrice"] for gpu in gpus}
        assert prices[GPU] == {"minimumBidPrice": None, "uninterruptablePrice": 0.34, "stockStatus": "High"}
        centers = (await live.data("{ dataCenters" + everything("DataCenter") + "}"))["dataCenters"]
        assert all(each["gpuAvailability"] for each in centers)


async def test_variables_carry_what_literals_cannot_break(tmp_path: Path) -> None:
    odd = 'it"s {a: 1}\nline2 \\ ☃'
    query = """
        mutation Make($input: PodFindAndDeployOnDemandInput) {
          podFindAndDeployOnDemand(input: $input) { id name env desiredStatus runtime { uptimeInSeconds } }
        }
    """
    wish = {
        "name": odd,
        "gpuTypeId": GPU,
        "cloudType": "SECURE",
        "templateId": TEMPLATE,
        "env": [{"key": "K", "value": odd}],
    }
    async with account(tmp_path) as live:
        made = (await live.data(query, {"input": wish}))["podFindAndDeployOnDemand"]
        assert made["name"] == odd
        assert made["env"] == ["ENABLE_FEATURES=infinitetalk", f"K={odd}"]
        assert (made["desiredStatus"], made["runtime"]) == ("RUNNING", None)
        inline = f"{{ pod(input: {{podId: {json.dumps(made['id'])}}}) {{ name costPerHr }} }}"
        assert (await live.data(inline))["pod"] == {"name": odd, "costPerHr": 0.69}


async def test_a_mutation_that_asks_for_nonsense_does_nothing(tmp_path: Path) -> None:
    async with account(tmp_path) as live:
        for selection in ("{ id nonsense }", "", "{ machine }"):
            deploy = f'podFindAndDeployOnDemand(input: {{gpuTypeId: "{GPU}", imageName: "x"}}) {selection}'
            response = await live.graphql(f"mutation {{ {deploy} }}")
            assert response.status_code == 400
            assert response.json()["errors"][0]["extensions"]["code"] == "GRAPHQL_VALIDATION_FAILED"
        for wrong in ('{gpuTypeId: "x", imageName: "x"}', "{}", '{gpuTypeId: 5, imageName: "x", odd: 1}', "null"):
            answered = await live.graphql(f"mutation {{ podFindAndDeployOnDemand(input: {wrong}) {{ id }} }}")
            assert answered.json()["errors"][0]["extensions"]["code"] == "BAD_USER_INPUT"
        assert live.simulator.books()["pods"] == []
        assert (await live.http.post("/graphql", content=b"[1")).status_code == 400
        assert (await live.graphql("{ oops")).json()["errors"][0]["extensions"]["code"] == "GRAPHQL_PARSE_FAILED"
