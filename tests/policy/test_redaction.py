"""Lists of references without those that lead to hidden documents: `contract.md` section 7."""

from copy import deepcopy
from typing import Any

import pytest

from fhir_server.fhir.reference import elements
from fhir_server.policy.redaction import removable_links, minimal_patient, restored, without

A, B = ("DocumentReference", "a"), ("DocumentReference", "b")


def reference(address: tuple[str, str], prefix: str = "") -> dict[str, Any]:
    return {"reference": f"{prefix}{'/'.join(address)}"}


def listed(*addresses: tuple[str, str], prefix: str = "") -> dict[str, Any]:
    return {
        "resourceType": "List",
        "title": "t",
        "entry": [{"item": reference(a, prefix)} for a in addresses],
    }


RESOURCES = {
    "List": listed(A, B),
    "DocumentReference": {
        "resourceType": "DocumentReference",
        "relatesTo": [{"code": "replaces", "target": reference(x)} for x in (A, B)],
    },
    "Consent": {
        "resourceType": "Consent",
        "provision": {
            "type": "permit",
            "data": [{"meaning": "instance", "reference": reference(x)} for x in (A, B)],
        },
    },
    "AuditEvent": {
        "resourceType": "AuditEvent",
        "entity": [{"what": reference(x)} for x in (A, B)],
    },
    "DocumentManifest": {
        "resourceType": "DocumentManifest",
        "content": [reference(A), reference(B)],
    },
    "Composition": {
        "resourceType": "Composition",
        "relatesTo": [{"code": "replaces", "targetReference": reference(x)} for x in (A, B)],
    },
}


@pytest.mark.parametrize("resource", RESOURCES.values(), ids=RESOURCES)
def test_what_leads_to_hidden_documents_is_left_out(resource: dict[str, Any]) -> None:
    before = deepcopy(resource)
    assert removable_links(resource) == (A, B)
    one = without(resource, frozenset({A}))
    assert removable_links(one) == (B,)
    assert removable_links(without(resource, frozenset({A, B}))) == ()
    assert without(resource, frozenset()) == resource
    assert resource == before, "what is stored was changed"


def test_an_element_left_empty_is_left_out() -> None:
    assert without(listed(A), frozenset({A})) == {"resourceType": "List", "title": "t"}
    left = without(RESOURCES["Consent"], frozenset({A, B}))
    assert left["provision"] == {"type": "permit"}


@pytest.mark.parametrize(
    "prefix", ["", "http://127.0.0.1:8080/fhir/", "https://elsewhere.example/"]
)
def test_an_absolute_address_leads_there_too(prefix: str) -> None:
    assert removable_links(listed(A, prefix=prefix)) == (A,)


def test_an_address_with_a_version_leads_there_too() -> None:
    resource = {
        "resourceType": "List",
        "entry": [{"item": {"reference": "DocumentReference/a/_history/2"}}],
    }
    assert removable_links(resource) == (A,)
    assert "entry" not in without(resource, frozenset({A}))


@pytest.mark.parametrize("type_", ["Binary", "List", "DocumentManifest"])
def test_bytes_and_lists_can_be_hidden_too(type_: str) -> None:
    assert removable_links(listed((type_, "x"))) == ((type_, "x"),)


@pytest.mark.parametrize(
    "item",
    [
        {"display": "x"},
        {"reference": "#a"},
        {"reference": "Patient/a"},
        {"type": "Practitioner", "identifier": {"value": "x"}},
        {},
    ],
)
def test_other_references_stay(item: dict[str, Any]) -> None:
    resource = {"resourceType": "List", "entry": [{"item": item}]}
    assert removable_links(resource) == ()
    assert without(resource, frozenset({A})) == resource


@pytest.mark.parametrize(
    "item",
    [
        {"identifier": {"value": "x"}},
        {"type": "DocumentReference", "identifier": {"value": "x"}},
        {"reference": "#d"},
        {"reference": "urn:oid:1.2.3"},
        {"reference": "../DocumentReference/a"},
    ],
)
def test_what_names_a_document_without_its_address_is_shown_to_nobody(
    item: dict[str, Any]
) -> None:
    inner = {"resourceType": "DocumentReference", "id": "d"}
    inside = {"contained": [inner]} if item.get("reference") == "#d" else {}
    resource = {"resourceType": "List", **inside, "entry": [{"item": item}, *listed(B)["entry"]]}
    (hidden, _) = removable_links(resource)
    assert hidden[0] == ""
    assert without(resource, frozenset({hidden})) == {
        "resourceType": "List", "entry": listed(B)["entry"],
    }  # fmt: skip


def test_a_type_without_lists_stays_as_it_is() -> None:
    resource = {"resourceType": "Observation", "focus": [reference(A)]}
    assert removable_links(resource) == () and without(resource, frozenset({A})) == resource


def test_of_a_patient_everybody_knows_the_minimum() -> None:
    closing, other = {"url": "closing", "valueString": "x"}, {"url": "other", "valueString": "y"}
    patient = {
        "resourceType": "Patient",
        "id": "p",
        "meta": {"versionId": "3", "profile": ["http://a.example"]},
        "identifier": [{"value": "1"}],
        "active": True,
        "extension": [closing, other],
        "name": [{"family": "x"}],
        "birthDate": "1980",
        "gender": "male",
        "address": [{"city": "x"}],
        "generalPractitioner": [{"display": "x"}],
        "contained": [{}],
        "text": {"div": "x"},
        "_active": {"extension": [other]},
    }
    assert minimal_patient(patient, frozenset({"closing"})) == {
        "resourceType": "Patient",
        "id": "p",
        "meta": {
            "versionId": "3",
            "tag": [
                {
                    "system": "http://terminology.hl7.org/CodeSystem/v3-ObservationValue",
                    "code": "SUBSETTED",
                }
            ],
        },
        "identifier": [{"value": "1"}],
        "active": True,
        "extension": [closing],
    }
    assert "extension" not in minimal_patient(patient, frozenset())


def test_references_are_found_wherever_they_stand() -> None:
    resource = {
        "subject": {"reference": "a"},
        "x": [{"y": {"reference": "b", "z": {"reference": "c"}}}],
        "reference": 5,
    }
    assert [found["reference"] for found in elements(resource)] == ["a", "b", "c"]


def test_what_a_writer_was_not_shown_stays_whatever_he_changes() -> None:
    def consent(*ids: str) -> dict[str, Any]:
        data = [
            {"meaning": "related", "reference": {"reference": f"DocumentReference/{id_}"}}
            for id_ in ids
        ]
        return {"resourceType": "Consent", "provision": {"data": data}}

    full, shown = consent("seen", "hidden", "other"), consent("seen", "other")
    assert restored(consent("seen", "other"), shown, full) == full
    added = restored(consent("seen", "other", "new"), shown, full)
    assert added == consent("seen", "other", "new", "hidden")
    assert restored(consent("other"), shown, full) == consent("other", "hidden")
