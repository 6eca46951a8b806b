"""Search for what a List holds: row Q-09, `_list`.

https://hl7.org/fhir/R4/search.html#list
"""

from time import perf_counter
from typing import Any

import pytest

from tests.house import NINA, OTTO, PAUL, House
from tests.people import stored
from tests.rest.test_includes import to
from tests.rest.test_includes_under_policy import document, listed, record
from tests.rest.test_search_has import made, observation
from tests.rest.test_search_interactions import addresses, new


def folder(plain: House, *members: str) -> str:
    """The id of a new List."""
    body: dict[str, Any] = {"resourceType": "List", "status": "current", "mode": "working"}
    if members:
        body |= {"entry": [{"item": to(one)} for one in members]}
    return stored(plain.post("List", None, body))


def test_Q09_list_finds_its_members_of_the_type_that_is_searched(plain: House) -> None:
    one, two = made(plain), made(plain)
    seen = observation(plain, made(plain), new())
    id_ = folder(plain, one, two, seen)
    for value in (id_, f"List/{id_}"):
        assert addresses(plain.get(f"Patient?_list={value}&_sort=_id")) == sorted([one, two])
    assert addresses(plain.get(f"Observation?_list={id_}")) == [seen]
    assert addresses(plain.get(f"Basic?_list={id_}")) == []
    assert f"_list={id_}" in plain.get(f"Patient?_list={id_}").json["link"][0]["url"]


def test_Q09_list_stands_among_other_criteria(plain: House) -> None:
    family = new()
    one, other = made(plain, name=[{"family": family}]), made(plain)
    a, b = folder(plain, one), folder(plain, other)
    both = plain.get(f"Patient?_list={a},{b}&_sort=_id")
    assert addresses(both) == sorted([one, other])
    assert addresses(plain.get(f"Patient?_list={a}&_list={b}")) == []
    assert addresses(plain.get(f"Patient?_list={a},{b}&family={family}")) == [one]
    seen = observation(plain, one, new())
    assert addresses(plain.get(f"Observation?patient._list={a}")) == [seen]
    assert addresses(plain.get(f"Observation?patient._list={b}")) == []
    found = plain.get(f"Patient?_has:Observation:patient:_list={folder(plain, seen)}")
    assert addresses(found) == [one]


def test_Q09_list_finds_members_of_all_types_quickly(plain: House) -> None:
    one = made(plain)
    seen = observation(plain, one, new())
    id_ = folder(plain, one, seen)
    start = perf_counter()
    found = addresses(plain.get(f"?_list={id_}"))
    assert perf_counter() - start < 2
    assert found == [one, seen]
    assert addresses(plain.get(f"?_type=Patient,Basic&_list={id_}")) == [one]


def test_Q09_list_of_nothing_and_of_no_list_finds_nothing(plain: House) -> None:
    for id_ in (folder(plain), "never", made(plain).split("/")[1]):
        assert addresses(plain.get(f"Patient?_list={id_}")) == []


@pytest.mark.parametrize(
    ("query", "code", "said"),
    [
        ("_list=$current-problems", "not-supported", "`$current-problems`"),
        ("_list=a b", "value", "`a b`"),
        ("_list=Patient/1", "value", "`Patient/1`"),
        ("_list:not=1", "not-supported", "`:not`"),
    ],
)
def test_Q09_list_that_cannot_be_one_is_refused(
    plain: House, query: str, code: str, said: str
) -> None:
    answer = plain.get(f"Patient?{query}")
    assert (answer.status, answer.json["issue"][0]["code"]) == (400, code)
    assert said in answer.diagnostics


def test_Q09_list_with_hidden_entries_finds_the_others(house: House) -> None:
    patient, _ = record(house, NINA, doctor=PAUL)
    seen, hidden = document(house, patient), document(house, patient, masked=True)
    id_ = listed(house, patient, seen, hidden).split("/")[1]
    assert addresses(house.get(f"DocumentReference?_list={id_}", NINA)) == [seen]
    whole = house.get(f"DocumentReference?_list={id_}&_sort=_id", PAUL)
    assert addresses(whole) == sorted([seen, hidden])


def test_Q09_list_that_is_hidden_is_as_if_it_were_not_there(house: House) -> None:
    patient, _ = record(house, NINA, doctor=PAUL)
    one = document(house, patient, masked=True)
    id_ = listed(house, patient, one).split("/")[1]
    for who in (NINA, OTTO):
        for type_ in ("DocumentReference", "Patient", "List"):
            hidden = house.get(f"{type_}?_list={id_}", who).json
            never = house.get(f"{type_}?_list=never", who).json
            assert set(hidden) == set(never) and "entry" not in hidden
            assert hidden["total"] == never["total"] == 0
    assert addresses(house.get(f"DocumentReference?_list={id_}", PAUL)) == [one]


def test_Q09_list_tells_nothing_to_a_token_that_does_not_cover_lists(house: House) -> None:
    patient, _ = record(house, NINA)
    one = document(house, patient)
    id_ = listed(house, patient, one).split("/")[1]
    narrow = NINA.but(scope="user/DocumentReference.rs user/Patient.rs")
    for query in (f"_list={id_}", f"patient._list={id_}"):
        assert house.get(f"DocumentReference?{query}", narrow).status == 403
    assert addresses(house.get(f"DocumentReference?_list={id_}", NINA)) == [one]
