"""Whose a resource is."""

from typing import Any

import pytest

from fhir_server.policy.owners import owners_of
from fhir_server.policy.people import inside
from fhir_server.policy.subject import Subject
from tests.policy.asking import HOUSE, INS, PS, caller


def owned(resource: dict[str, Any], subject: Subject) -> tuple[str, ...]:
    """The owners as far as the resource itself tells."""
    return owners_of(resource, subject, inside(resource))


def test_a_document_belongs_to_authors_houses_custodian_and_depositor() -> None:
    def named(value: str) -> dict[str, Any]:
        return {"identifier": {"system": "s", "value": value}}

    organization = {
        "resourceType": "Organization",
        "id": "o",
        "identifier": [{"system": HOUSE.split("|")[0], "value": "77"}],
    }
    practitioner = {
        "resourceType": "Practitioner",
        "id": "p",
        "identifier": [
            {"system": PS.split("|")[0], "value": "99"},
            {"system": "local", "value": "no"},
        ],
    }
    role = {
        "resourceType": "PractitionerRole",
        "id": "r",
        "practitioner": {"reference": "#p"},
        "organization": {"reference": "#o"},
    }
    found = owned(
        {
            "resourceType": "DocumentReference",
            "contained": [role, practitioner, organization],
            "author": [{"reference": "#r"}, named("a")],
            "custodian": named("c"),
            "authenticator": named("no"),
        },
        caller(organization=HOUSE),
    )
    assert set(found) == {
        PS,
        HOUSE,
        f"{PS.split('|')[0]}|99",
        f"{HOUSE.split('|')[0]}|77",
        "s|a",
        "s|c",
    }


@pytest.mark.parametrize(
    ("actor", "owners"),
    [
        ("professional", (PS, HOUSE)),
        ("system", (PS, HOUSE)),
        ("secretary", ()),
        ("operator", ()),
        ("holder", (INS,)),
    ],
)
def test_who_deposits_is_an_owner_unless_he_only_helps(actor: str, owners: tuple[str, ...]) -> None:
    found = owned({"resourceType": "DocumentReference"}, caller(actor, organization=HOUSE))
    assert found == owners


def test_a_patient_who_wrote_it_owns_it() -> None:
    system, value = INS.split("|")
    patient = {
        "resourceType": "Patient",
        "id": "p",
        "identifier": [{"system": system, "value": value}, {"system": "x", "value": "y"}],
    }
    resource = {
        "resourceType": "DocumentReference",
        "contained": [patient],
        "author": [{"reference": "#p"}],
    }
    assert owned(resource, caller("secretary")) == (INS,)
