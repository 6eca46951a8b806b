"""A criterion and a resource, in memory."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fhir_server.search.extract import Index
from fhir_server.search.match import Found, matches
from fhir_server.search.query import (
    EVERYTHING,
    AllOf,
    AnyOf,
    Criterion,
    DateIs,
    HasKey,
    IdIs,
    Leads,
    LedBy,
    Not,
    Nothing,
    NumberIs,
    SpanIs,
    StringIs,
    UpdatedIs,
)

INDEX = Index(
    keys=frozenset({1, 2}),
    strings=((7, "anne", "Anne"), (8, "exemple", "Exemple")),
    dates=((7, 100, 200), (7, 300, 400)),
    numbers=((7, 1.0, 2.0),),
    references=((7, "Patient", "p"), (8, "Group", "g")),
)
TARGET = Index(frozenset({3}), (), (), (), ())
STORED: dict[tuple[str, str], Found] = {("Patient", "p"): Found(TARGET, "p", 5)}


def meets(criterion: Criterion) -> bool:
    return matches(
        criterion, INDEX, id_="x", updated=50, follow=lambda type_, id_: STORED.get((type_, id_))
    )


@pytest.mark.parametrize(
    ("criterion", "expected"),
    [
        (HasKey((1,)), True),
        (HasKey((3, 2)), True),
        (HasKey((3,)), False),
        (StringIs(7, "starts", ("an",)), True),
        (StringIs(7, "starts", ("x", "an")), True),
        (StringIs(7, "starts", ("nn",)), False),
        (StringIs(7, "contains", ("x", "nn")), True),
        (StringIs(8, "starts", ("an",)), False),
        (DateIs(7, "eq", 90, 210), True),
        (DateIs(7, "eq", 90, 190), False),
        (DateIs(7, "sa", 200, 210), True),
        (DateIs(8, "ne", 0, 1), False),
        (NumberIs(7, "gt", 1.0, 1.5), True),
        (NumberIs(7, "sa", 1.0, 1.5), False),
        (NumberIs(8, "ap", 1.0, 1.5), False),
        (SpanIs(7, ("eq", 0.5, 1.5), ("gt", 1.5, 1.6)), True),
        (SpanIs(7, ("eq", 0.5, 1.5), ("gt", 2.0, 2.1)), False),
        (SpanIs(7, ("ne", 0.5, 1.5), ("gt", 1.5, 1.6)), False),
        (SpanIs(8, ("eq", 0.5, 1.5), ("gt", 1.5, 1.6)), False),
        (IdIs(("y", "x")), True),
        (IdIs(("y",)), False),
        (UpdatedIs("eq", 50, 51), True),
        (UpdatedIs("lt", 50, 51), False),
        (Leads(7, ("Patient",), HasKey((3,))), True),
        (Leads(7, ("Patient",), HasKey((1,))), False),
        (Leads(7, ("Patient",), IdIs(("p",))), True),
        (Leads(7, ("Patient",), UpdatedIs("eq", 5, 6)), True),
        (Leads(7, ("Group",), EVERYTHING), False),
        (Leads(8, ("Group",), EVERYTHING), False),
        (LedBy("Consent", 9, "Patient", EVERYTHING), False),
        (EVERYTHING, True),
        (AllOf((HasKey((1,)), IdIs(("y",)))), False),
        (AnyOf(()), False),
        (AnyOf((HasKey((3,)), IdIs(("x",)))), True),
        (Not(HasKey((3,))), True),
        (Nothing(), False),
        (Not(Nothing()), True),
    ],
)
def test_each_criterion_is_met_or_not(criterion: Criterion, expected: bool) -> None:
    assert meets(criterion) is expected


def test_who_refers_to_it_is_asked_of_the_caller() -> None:
    def leading(type_: str, parameter: int, target: str, id_: str) -> list[Found]:
        return [Found(TARGET, "c", 1)] if (type_, parameter, target, id_) == asked else []

    asked = ("Consent", 9, "Patient", "x")

    def met(criterion: Criterion) -> bool:
        return matches(
            criterion, INDEX, id_="x", updated=0, follow=lambda *_: None, leading=leading
        )

    assert met(LedBy("Consent", 9, "Patient", HasKey((3,))))
    assert not met(LedBy("Consent", 9, "Patient", HasKey((1,))))
    assert not met(LedBy("Consent", 9, "Group", HasKey((3,))))
    assert not met(LedBy("Consent", 8, "Patient", HasKey((3,))))


criteria = st.recursive(
    st.one_of(
        st.builds(lambda key: HasKey((key,)), st.integers(1, 4)),
        st.builds(lambda id_: IdIs((id_,)), st.sampled_from("xyz")),
        st.just(Nothing()),
    ),
    lambda parts: st.one_of(
        st.builds(AllOf, st.lists(parts, max_size=3).map(tuple)),
        st.builds(AnyOf, st.lists(parts, max_size=3).map(tuple)),
        st.builds(Not, parts),
    ),
)


@given(st.lists(criteria, max_size=4))
def test_all_and_any_are_each_other_s_negation(parts: list[Criterion]) -> None:
    negated = AnyOf(tuple(Not(part) for part in parts))
    assert meets(AllOf(tuple(parts))) is not meets(negated)
