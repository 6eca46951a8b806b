"""A query string into a Query."""

import pytest

from fhir_server.fhir.outcome import BadRequest
from fhir_server.search.keys import key
from fhir_server.search.parameters import parameters
from fhir_server.search.query import EVERYTHING, AllOf, HasKey, Sort
from tests.search.asking import query

DOCUMENTS = parameters("DocumentReference")


def test_a_search_of_nothing_in_particular_is_everything() -> None:
    asked = query("Patient")
    assert asked.where == EVERYTHING
    assert (asked.type_, asked.count, asked.used, asked.ignored) == ("Patient", 20, (), ())
    assert (asked.total, asked.summary, asked.sort, asked.cursor) == ("", "", (), "")


def test_parameters_are_joined_by_and_and_commas_by_or() -> None:
    where = query("DocumentReference?status=current&type=a,b").where
    assert isinstance(where, AllOf)
    assert [len(part.keys) for part in where.parts if isinstance(part, HasKey)] == [1, 2]


def test_a_repeated_parameter_is_asked_twice() -> None:
    where = query("DocumentReference?type=a&type=b").where
    assert isinstance(where, AllOf) and len(where.parts) == 2


def test_what_was_used_is_told_in_order() -> None:
    text = "DocumentReference?type=a&nothing=1&_sort=-date&status=current&_format=json&_total=none"
    asked = query(text)
    assert asked.used == (
        ("type", "a"),
        ("_sort", "-date"),
        ("status", "current"),
        ("_total", "none"),
    )
    assert asked.ignored == ("nothing",)


@pytest.mark.parametrize(
    "name",
    ["nothing", "Status", "_phrase", "_has:Consent:patient:actor", "near"],
)
def test_what_is_not_done_is_ignored_or_refused_when_strict(name: str) -> None:
    assert query(f"DocumentReference?{name}=1").ignored == (name,)
    with pytest.raises(BadRequest) as refusal:
        query(f"DocumentReference?{name}=1", strict=True)
    assert (refusal.value.code, f"`{name}`" in refusal.value.text) == ("not-supported", True)


def test_strict_handling_accepts_what_is_known() -> None:
    text = "DocumentReference?status=current&_format=json&_pretty=true&_sort=date&_count=3"
    assert query(text, strict=True).count == 3


def test_a_named_query_is_always_refused() -> None:
    with pytest.raises(BadRequest) as refusal:
        query("DocumentReference?_query=mine")
    assert refusal.value.code == "not-supported"


@pytest.mark.parametrize("value", ["", ",", ",,"])
def test_an_empty_value_has_no_effect(value: str) -> None:
    asked = query(f"DocumentReference?status={value}")
    assert (asked.where, asked.used, asked.ignored) == (EVERYTHING, (), ())


@pytest.mark.parametrize(
    ("text", "count", "used"),
    [("5", 5, "5"), ("500", 500, "500"), ("501", 500, "500"), ("0", 0, "0"), ("007", 7, "7")],
)
def test_a_page_is_as_large_as_asked_up_to_the_largest(text: str, count: int, used: str) -> None:
    asked = query(f"Patient?_count={text}")
    assert (asked.count, asked.used) == (count, (("_count", used),))


@pytest.mark.parametrize("text", ["_count=0", "_summary=count", "_count=5&_summary=count"])
def test_a_count_of_nothing_and_a_summary_of_count_are_the_same(text: str) -> None:
    asked = query(f"Patient?{text}")
    assert (asked.count, asked.summary) == (0, "count")


@pytest.mark.parametrize(
    "pair",
    ["_count=-1", "_count=x", "_count=1.5", "_count=1e3", "_total=some", "_summary=yes"],
)
def test_a_result_parameter_with_a_bad_value_is_refused(pair: str) -> None:
    with pytest.raises(BadRequest) as refusal:
        query(f"Patient?{pair}")
    assert (refusal.value.code, f"`{pair.split('=')[1]}`" in refusal.value.text) == ("value", True)


def test_of_two_page_sizes_the_last_holds() -> None:
    asked = query("Patient?_count=5&active=true&_count=7")
    assert (asked.count, asked.used) == (7, (("active", "true"), ("_count", "7")))


def test_each_sort_key_names_the_rows_it_is_in() -> None:
    asked = query("DocumentReference?_sort=-date,description,status,_lastUpdated,-_id")
    assert asked.sort == (
        Sort("date", "date", DOCUMENTS["date"].number, True),
        Sort("description", "string", DOCUMENTS["description"].number, False),
        Sort("status", "token", DOCUMENTS["status"].number, False),
        Sort("_lastUpdated", "updated", 0, False),
        Sort("_id", "id", 0, True),
    )


def test_a_sort_key_that_is_not_done_is_left_out_of_what_was_used() -> None:
    asked = query("DocumentReference?_sort=relationship,-date,nothing")
    assert asked.used == (("_sort", "-date"),)
    assert asked.ignored == ("_sort=relationship", "_sort=nothing")


def test_references_and_addresses_can_be_sorted() -> None:
    asked = query("DocumentReference?_sort=-author,_source,_profile")
    profile = DOCUMENTS["_profile"]
    assert asked.sort == (
        Sort("author", "reference", DOCUMENTS["author"].number, True),
        Sort("_source", "string", key(DOCUMENTS["_source"].number, "address"), False),
        Sort("_profile", "string", key(profile.number, "address"), False),
    )


def test_contained_resources_are_not_searched() -> None:
    assert query("Patient?_contained=false&_containedType=container").ignored == ()
    for value in ("true", "both"):
        with pytest.raises(BadRequest) as refused:
            query(f"Patient?_contained={value}")
        assert (refused.value.code, f"`{value}`" in str(refused.value)) == ("not-supported", True)


def test_numbers_and_quantities_can_be_sorted() -> None:
    asked = query("Observation?_sort=value-quantity")
    assert [key.kind for key in asked.sort] == ["number"]


def test_elements_total_and_summary_are_kept() -> None:
    asked = query("Patient?_elements=name, gender,&_total=accurate&_summary=data")
    assert asked.elements == ("name", "gender")
    assert (asked.total, asked.summary) == ("accurate", "data")


def test_the_cursor_is_kept_apart() -> None:
    asked = query("Patient?active=true&_cursor=abc")
    assert (asked.cursor, asked.used) == ("abc", (("active", "true"),))


@pytest.mark.parametrize("text", ["Patient?name=a%00b", "Patient?%00=1", "Patient?_id=%00"])
def test_what_no_database_takes_is_refused(text: str) -> None:
    with pytest.raises(BadRequest) as refusal:
        query(text)
    assert refusal.value.code == "value"


def test_a_long_value_is_cut_in_the_refusal() -> None:
    with pytest.raises(BadRequest) as refusal:
        query("DocumentReference?date=" + "x" * 500)
    assert len(refusal.value.text) < 150
