"""Modifiers, alternatives and chains."""

from typing import Any

import pytest

from fhir_server.fhir.outcome import BadRequest
from fhir_server.search.parameters import parameters
from fhir_server.search.parse import parse
from fhir_server.search.query import AnyOf, IdIs, Leads, Not, Nothing
from fhir_server.search.registry import Offer
from tests.search.asking import BASE, NOW, finds, query

PATIENT: dict[str, Any] = {
    "resourceType": "Patient",
    "id": "p",
    "identifier": [{"system": "urn:ins", "value": "123"}],
    "managingOrganization": {"reference": "Organization/o"},
}
ORGANIZATION = {"resourceType": "Organization", "id": "o", "name": "Clinique Exemple"}
DOCTOR = {"resourceType": "Practitioner", "id": "d", "name": [{"given": ["Anne"]}]}
DOCUMENT: dict[str, Any] = {
    "resourceType": "DocumentReference",
    "id": "x",
    "meta": {"lastUpdated": "2026-11-24T06:00:00.123Z"},
    "subject": {"reference": "Patient/p"},
    "author": [{"reference": "Practitioner/d"}, {"reference": "Organization/o"}],
}


@pytest.mark.parametrize(
    ("search", "found"),
    [
        ("patient.identifier=urn:ins|123", True),
        ("patient.identifier=urn:ins|124", False),
        ("subject:Patient.identifier=urn:ins|123", True),
        ("subject.identifier=123", True),
        ("subject:Group.identifier=123", False),
        ("author.given=anne", True),
        ("author.name=clinique", True),
        ("author:Practitioner.name=clinique", False),
        ("patient.organization.name=clinique", True),
        ("patient.organization.name:exact=clinique", False),
        ("patient.organization.name:contains=exemple", True),
        ("patient._id=p", True),
        ("patient._id=q", False),
        ("patient.organization=o", True),
        ("patient.identifier:missing=true", False),
        ("patient.active:not=true", True),
        ("custodian.name:missing=true", False),
        ("patient.identifier=urn:ins|123&author.given=anne", True),
        ("patient.identifier=urn:ins|123&author.given=lise", False),
    ],
)
def test_a_chain_goes_through_references(search: str, found: bool) -> None:
    assert finds(f"DocumentReference?{search}", DOCUMENT, PATIENT, ORGANIZATION, DOCTOR) is found


def test_a_chain_to_what_cannot_be_seen_finds_nothing() -> None:
    assert not finds("DocumentReference?patient.identifier=urn:ins|123", DOCUMENT)


def test_a_chain_with_one_possible_type_is_one_step() -> None:
    number = parameters("DocumentReference")["patient"].number
    where = query("DocumentReference?patient.identifier=urn:ins|123").where
    assert isinstance(where, Leads)
    assert (where.parameter, where.types) == (number, ("Patient",))


def test_a_chain_goes_only_through_types_that_have_what_follows() -> None:
    where = query("DocumentReference?author.given=anne").where
    assert isinstance(where, AnyOf)
    types = [part.types for part in where.parts if isinstance(part, Leads)]
    # In a role it is asked of the person, as MHD's `author.given` is.
    assert types == [("Patient",), ("Practitioner",), ("PractitionerRole",)]
    where = query("DocumentReference?author.communication=fr").where
    assert isinstance(where, Leads) and where.types == ("Practitioner",)


@pytest.mark.parametrize(
    "name", ["status.name", "patient.nothing", "nothing.identifier", "_id.x", "patient.", ".x"]
)
def test_a_chain_that_leads_nowhere_is_an_unknown_parameter(name: str) -> None:
    asked = query(f"DocumentReference?{name}=1")
    assert (asked.ignored, asked.used) == ((name,), ())


def test_a_chain_through_a_type_that_is_no_target_is_refused() -> None:
    with pytest.raises(BadRequest) as refusal:
        query("DocumentReference?subject:Medication.code=1")
    assert refusal.value.code == "not-supported"


@pytest.mark.parametrize(
    "search",
    [
        "DocumentReference?" + "related." * 5 + "_id=1",
        "Provenance?target.subject.subject._id=1",
        "Patient?identifier=" + ",".join(map(str, range(1_001))),
    ],
    ids=["too long", "too broad", "too many values"],
)
def test_what_would_cost_too_much_is_refused(search: str) -> None:
    with pytest.raises(BadRequest) as refusal:
        query(search)
    assert refusal.value.code == "too-costly"


@pytest.mark.parametrize(
    ("search", "found"),
    [
        ("_id=x", True),
        ("_id=y,x", True),
        ("_id=y", False),
        ("_id:not=y", True),
        ("_id:missing=true", False),
        ("_id:missing=false", True),
        ("_lastUpdated=2026-11-24", True),
        ("_lastUpdated=2026-11-24T06:00:00.123Z", True),
        ("_lastUpdated=2026-11-24T06:00:00.124Z", False),
        ("_lastUpdated=gt2026-11-24T06:00:00.122Z", True),
        ("_lastUpdated=gt2026-11-24T06:00:00.123Z", False),
        ("_lastUpdated=2025,2026", True),
        ("_lastUpdated:missing=true", False),
    ],
)
def test_id_and_last_update_are_searched_like_any_parameter(search: str, found: bool) -> None:
    assert finds(f"DocumentReference?{search}", DOCUMENT) is found


def test_ids_and_their_negation_are_in_the_tree() -> None:
    assert query("Patient?_id=a,b").where == IdIs(("a", "b"))
    assert query("Patient?_id:not=a").where == Not(IdIs(("a",)))
    assert query("Patient?_id:missing=true").where == Nothing()


@pytest.mark.parametrize("name", ["_id:exact", "_lastUpdated:exact", "status:above", "status:x"])
def test_a_modifier_that_is_not_done_is_refused(name: str) -> None:
    with pytest.raises(BadRequest, match="is not supported for") as refusal:
        query(f"DocumentReference?{name}=2026")
    assert refusal.value.code == "not-supported"


@pytest.mark.parametrize("value", ["yes", "TRUE", "1"])
def test_missing_is_true_or_false(value: str) -> None:
    with pytest.raises(BadRequest, match="is no value for `status:missing`"):
        query(f"DocumentReference?status:missing={value}")


def test_empty_alternatives_do_not_count() -> None:
    assert finds("DocumentReference?_id=,x,", DOCUMENT)


def test_what_an_item_that_may_be_left_out_leads_to_inside_is_not_asked_under_the_policy() -> None:
    pairs = [("item:DocumentReference.identifier", "x")]
    for guarded in (True, False):
        offer = Offer(guarded=guarded)
        where = parse("List", pairs, base=BASE, now=NOW, page_size=1, max_page=1, offer=offer).where
        assert isinstance(where, Leads)
        assert (where.inside is None) is guarded
