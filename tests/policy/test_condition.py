"""Conditions on facts, and what is left of them when some facts are known."""

from itertools import product

import pytest

from fhir_server.policy.condition import (
    ALWAYS,
    NEVER,
    AllOf,
    AnyOf,
    Condition,
    Is,
    Not,
    OneOf,
    holds,
    simplify,
)

A, B = Is("a", "1"), OneOf("b", frozenset({"1", "2"}))


@pytest.mark.parametrize(
    ("condition", "wanted"),
    [
        (A, {("1", "1"), ("1", "2"), ("1", "3")}),
        (B, {("1", "1"), ("1", "2"), ("2", "1"), ("2", "2")}),
        (AllOf((A, B)), {("1", "1"), ("1", "2")}),
        (AnyOf((A, B)), {("1", "1"), ("1", "2"), ("1", "3"), ("2", "1"), ("2", "2")}),
        (Not(A), {("2", "1"), ("2", "2"), ("2", "3")}),
        (ALWAYS, set(product("12", "123"))),
        (NEVER, set()),
        (OneOf("a", frozenset()), set()),
        (Not(AllOf((A, Not(B)))), set(product("12", "123")) - {("1", "3")}),
    ],
)
def test_a_condition_holds_where_it_should(
    condition: Condition, wanted: set[tuple[str, str]]
) -> None:
    found = {(a, b) for a, b in product("12", "123") if holds(condition, {"a": a, "b": b})}
    assert found == wanted


@pytest.mark.parametrize("condition", [A, B, AllOf((A, B)), AnyOf((Not(A), B)), Not(A)])
def test_a_missing_fact_is_an_error_and_no_no(condition: Condition) -> None:
    with pytest.raises(KeyError):
        holds(condition, {})


CONDITIONS: list[Condition] = [
    A, B, Not(A), AllOf((A, B)), AnyOf((A, B)), AllOf((A, Not(B), AnyOf((A, B)))), ALWAYS, NEVER,
    Not(AnyOf((AllOf((A, B)), Not(B)))), AnyOf((NEVER, AllOf((ALWAYS, A)))), AllOf((AnyOf(()), A)),
]  # fmt: skip


@pytest.mark.parametrize("condition", CONDITIONS)
@pytest.mark.parametrize("known", [(), ("a",), ("b",), ("a", "b")])
def test_what_is_left_holds_exactly_where_the_whole_does(
    condition: Condition, known: tuple[str, ...]
) -> None:
    for a, b in product("12", "123"):
        facts = {"a": a, "b": b}
        left = simplify(condition, {name: facts[name] for name in known})
        assert holds(left, facts) == holds(condition, facts)


@pytest.mark.parametrize("condition", CONDITIONS)
def test_with_all_facts_known_nothing_is_left(condition: Condition) -> None:
    assert simplify(condition, {"a": "1", "b": "3"}) in (ALWAYS, NEVER)


def test_what_is_left_is_as_small_as_it_can_be() -> None:
    assert simplify(AllOf((A, B)), {"a": "1"}) == B
    assert simplify(AnyOf((A, B)), {"a": "2"}) == B
    assert simplify(Not(AllOf((A, B))), {"a": "2"}) == ALWAYS
    assert simplify(AnyOf((AllOf((A, B)), Not(B))), {}) == AnyOf((AllOf((A, B)), Not(B)))
