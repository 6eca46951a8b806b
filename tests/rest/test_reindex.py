"""A SearchParameter resource that an operator stores works after `$reindex`.

https://hl7.org/fhir/R4/searchparameter.html; two servers over one database stand for two workers.
"""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.house import ANNE, CNAM, LUCIEN, NINA, Answer, House, Person
from tests.people import opened, stored
from tests.rest.test_includes_under_policy import document

Json = dict[str, Any]


def parameter(code: str, type_: str, expression: str, *bases: str, **more: Any) -> Json:
    return {
        "resourceType": "SearchParameter", "url": f"http://a.example/{code}", "name": code,
        "status": "active", "description": "x", "code": code, "type": type_,
        "base": list(bases), "expression": expression,
    } | more  # fmt: skip


@pytest.fixture
def plain(database_url: str) -> Iterator[House]:
    house = House(database_url, auth="off", policy="off")
    yield house
    house.close()


@pytest.fixture
def worker(plain: House, database_url: str) -> Iterator[House]:
    """The same server once more."""
    house = House(database_url, auth="off", policy="off")
    yield house
    house.close()


@pytest.fixture
def house(database_url: str) -> Iterator[House]:
    house = House(database_url)
    yield house
    house.close()


def reindexed(house: House, who: Person | None = None) -> dict[str, tuple[str, str]]:
    """Code → state and reason of each SearchParameter, once all is done."""
    values: Json = {"finished": {"valueBoolean": False}}
    while not values["finished"]["valueBoolean"]:
        answer = house.post("$reindex", who, None)
        assert answer.status == 200, answer.body
        values = {one["name"]: one for one in answer.json["parameter"]}
    assert values["done"] == values["total"] | {"name": "done"}
    return states(answer)


def states(answer: Answer) -> dict[str, tuple[str, str]]:
    found = {}
    for one in answer.json["parameter"]:
        if one["name"] == "parameter":
            parts = {part["name"]: part for part in one["part"]}
            reason = parts.get("reason", {}).get("valueString", "")
            found[parts["code"]["valueCode"]] = (parts["state"]["valueCode"], reason)
    return found


def ids(answer: Answer) -> list[str]:
    assert answer.status == 200, answer.body
    return sorted(one["id"] for one in answer.entries if one["resourceType"] != "OperationOutcome")


def strictly(house: House, path: str) -> Answer:
    return house.get(path, prefer="handling=strict")


def declared(house: House, type_: str) -> Json:
    (rest,) = house.get("metadata").json["rest"]
    found: Json = next(one for one in rest["resource"] if one["type"] == type_)
    return found


BIRTHS = parameter("births", "number", "Patient.multipleBirth.as(integer)", "Patient")


def test_what_is_stored_is_searched_by_after_a_reindex_and_declared(plain: House) -> None:
    three = stored(plain.post("Patient", None, {"resourceType": "Patient",
                                                "multipleBirthInteger": 3}))  # fmt: skip
    stored(plain.post("Patient", None, {"resourceType": "Patient"}))
    stored(plain.post("SearchParameter", None, BIRTHS))
    assert len(ids(plain.get("Patient?births=3"))) == 2  # ignored like any unknown name
    assert strictly(plain, "Patient?births=3").status == 400
    assert "births" not in {p["name"] for p in declared(plain, "Patient")["searchParam"]}
    assert states(plain.get("$reindex")) == {"births": ("waiting", "")}
    assert reindexed(plain) == {"births": ("active", "")}
    answer = strictly(plain, "Patient?births=3&births=gt2&_sort=-births&births:missing=false")
    assert ids(answer) == [three]
    assert "births=3" in answer.json["link"][0]["url"]
    (there,) = [p for p in declared(plain, "Patient")["searchParam"] if p["name"] == "births"]
    assert there == {"name": "births", "type": "number", "definition": BIRTHS["url"]}


def test_a_get_only_tells(plain: House) -> None:
    stored(plain.post("SearchParameter", None, BIRTHS))
    for _ in range(2):
        answer = plain.get("$reindex")
        assert answer.json["parameter"][0] == {"name": "finished", "valueBoolean": False}
    assert strictly(plain, "Patient?births=3").status == 400


def test_all_workers_search_by_it_and_write_by_it(plain: House, worker: House) -> None:
    for house in (plain, worker):
        assert ids(house.get("Patient")) == []
    stored(plain.post("SearchParameter", None, BIRTHS))
    reindexed(plain)
    assert strictly(worker, "Patient?births=3").status == 200
    patient = {"resourceType": "Patient", "multipleBirthInteger": 3}
    made = [stored(house.post("Patient", None, patient)) for house in (plain, worker)]
    for house in (plain, worker):
        assert ids(strictly(house, "Patient?births=3")) == sorted(made)
        assert "births" in {p["name"] for p in declared(house, "Patient")["searchParam"]}


def test_a_reference_is_followed_and_chained_like_any_other(plain: House) -> None:
    house = stored(plain.post("Organization", None, {"resourceType": "Organization", "name": "H"}))
    contact = {"organization": {"reference": f"Organization/{house}"}}
    patient = stored(plain.post("Patient", None, {"resourceType": "Patient",
                                                  "contact": [contact]}))  # fmt: skip
    stored(plain.post("SearchParameter", None, parameter(
        "contact-house", "reference", "Patient.contact.organization", "Patient")))  # fmt: skip
    reindexed(plain)
    for query in (
        f"Patient?contact-house={house}", f"Patient?contact-house=Organization/{house}",
        "Patient?contact-house.name=h", "Patient?contact-house:Organization.name=h",
    ):  # fmt: skip
        assert ids(strictly(plain, query)) == [patient], query
    assert ids(strictly(plain, f"Organization?_has:Patient:contact-house:_id={patient}")) == [house]
    both = sorted([house, patient])
    assert ids(strictly(plain, "Patient?_include=Patient:contact-house")) == both
    assert ids(strictly(plain, "Patient?_include=Patient:*")) == both
    assert ids(strictly(plain, "Organization?_revinclude=Patient:contact-house")) == both
    assert "Patient:contact-house" in declared(plain, "Patient")["searchInclude"]
    assert "Patient:contact-house" in declared(plain, "Organization")["searchRevInclude"]


def test_a_condition_may_name_it(plain: House) -> None:
    patient = {"resourceType": "Patient", "multipleBirthInteger": 3}
    stored(plain.post("Patient", None, patient))
    assert plain.post("Patient", None, patient, if_none_exist="births=3").status == 400
    stored(plain.post("SearchParameter", None, BIRTHS))
    reindexed(plain)
    assert plain.post("Patient", None, patient, if_none_exist="births=3").status == 200


def test_what_is_gone_is_not_offered_any_more(plain: House) -> None:
    id_ = stored(plain.post("SearchParameter", None, BIRTHS))
    reindexed(plain)
    assert strictly(plain, "Patient?births=3").status == 200
    assert plain.call("DELETE", f"SearchParameter/{id_}").status == 204
    assert strictly(plain, "Patient?births=3").status == 400
    assert "births" not in {p["name"] for p in declared(plain, "Patient")["searchParam"]}
    assert states(plain.get("$reindex")) == {"births": ("retired", "")}
    assert reindexed(plain) == {}


@pytest.mark.parametrize("status", ["draft", "retired", "unknown"])
def test_what_is_not_active_is_named_with_its_status(plain: House, status: str) -> None:
    id_ = stored(plain.post("SearchParameter", None, BIRTHS | {"status": status}))
    assert reindexed(plain)["births"] == ("refused", f"its status is `{status}`, not `active`")
    assert strictly(plain, "Patient?births=3").status == 400
    now = plain.call("PUT", f"SearchParameter/{id_}", None, BIRTHS | {"id": id_})
    assert (now.status, reindexed(plain)["births"]) == (200, ("active", ""))


def test_what_cannot_be_searched_by_is_named_with_the_reason(plain: House) -> None:
    stored(plain.post("SearchParameter", None, BIRTHS | {"expression": "Patient.nonsense"}))
    stored(plain.post("SearchParameter", None, parameter("name", "string", "Patient.name",
                                                         "Patient")))  # fmt: skip
    assert reindexed(plain) == {
        "births": ("refused", "`Patient` has no `nonsense`"),
        "name": ("refused", "`Patient` has a parameter `name` already"),
    }


def test_a_parameter_of_the_operation_that_is_none_is_refused(plain: House) -> None:
    answer = plain.call("POST", "$reindex", None, None, query="type=Patient")
    assert answer.status == 400
    assert "`type` is no parameter of `$reindex`" in answer.diagnostics


# Under the policy.


@pytest.mark.parametrize("who", [ANNE, LUCIEN, NINA], ids=lambda who: who.name)
def test_the_operator_alone_indexes_under_the_policy(house: House, who: Person) -> None:
    opened(house, ANNE, NINA)
    for method in ("POST", "GET"):
        assert house.call(method, "$reindex", who).status == 403
    assert house.call("GET", "$reindex").status == 401
    assert reindexed(house, CNAM) == {}


def test_what_is_hidden_is_not_found_by_it(house: House) -> None:
    patient = opened(house, ANNE, NINA)
    seen, hidden = (
        document(house, f"Patient/{patient}", masked=masked).split("/")[1]
        for masked in (False, True)
    )
    stored(house.post("SearchParameter", CNAM, parameter(
        "holder", "reference", "DocumentReference.subject", "DocumentReference")))  # fmt: skip
    reindexed(house, CNAM)
    assert ids(house.get(f"DocumentReference?holder={patient}", ANNE)) == sorted([seen, hidden])
    answer = house.get(f"DocumentReference?holder={patient}", NINA)
    assert (ids(answer), answer.json["total"]) == ([seen], 1)
    found = house.get("Patient?_revinclude=DocumentReference:holder", NINA)
    assert ids(found) == sorted([patient, seen])


TELLING = [
    parameter("listed", "date", "List.entry.date", "List"),
    parameter("follows", "reference", "DocumentReference.relatesTo.target", "DocumentReference"),
    parameter("about", "reference", "Consent.provision.data.reference", "Consent"),
    parameter("told", "string", "AuditEvent.entity.name", "AuditEvent"),
]


def test_what_would_tell_of_hidden_entries_is_refused(house: House) -> None:
    for one in TELLING:
        stored(house.post("SearchParameter", CNAM, one))
    found = reindexed(house, CNAM)
    assert {state for state, _ in found.values()} == {"refused"}
    assert all("left out" in reason for _, reason in found.values())
    opened(house, NINA)
    for one in TELLING:
        answer = house.get(f"{one['base'][0]}?{one['code']}=a", NINA, prefer="handling=strict")
        assert answer.status == 400


def test_what_was_indexed_without_the_policy_tells_nothing_under_it(
    plain: House, database_url: str
) -> None:
    stored(plain.post("SearchParameter", None, TELLING[0]))
    assert reindexed(plain) == {"listed": ("active", "")}
    assert strictly(plain, "List?listed=2024").status == 200
    house = House(database_url)
    try:
        answer = house.get("List?listed=2024", CNAM, prefer="handling=strict")
        assert answer.status == 400
        assert "listed" not in {p["name"] for p in declared(house, "List")["searchParam"]}
    finally:
        house.close()
