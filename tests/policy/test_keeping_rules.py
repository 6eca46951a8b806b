"""Who keeps shared resources, Patients and teams, over HTTP: `contract.md` sections 4 and 7."""

from typing import Any

import pytest

from tests.house import ANNE, CNAM, NINA, OTTO, PAUL, Person
from tests.people import logical, stored, team
from tests.policy.record import Record

SECRETARY = Person(
    "secretary", "urn:oid:1.2.250.1.71.4.2.1|810000000074", "Secretaire", ANNE.organization
)
AUTOMATE = Person("system", ANNE.organization, "Automate")


def test_k02_k03_the_operator_administers(record: Record) -> None:
    patient = record.house.get(f"Patient/{record.id}", CNAM).json
    assert patient["name"]
    assert (
        record.house.call(
            "PUT", f"Patient/{record.id}", CNAM, patient | {"gender": "female"}
        ).status
        == 200
    )
    for who in (PAUL, NINA, record.holder):
        assert record.house.call(
            "PUT", f"Patient/{record.id}", who, patient | {"gender": "other"}
        ).status in (403, 405)


SHARED: dict[str, dict[str, Any]] = {
    "Practitioner": {},
    "Organization": {"name": "x"},
    "Location": {"name": "x"},
    "Device": {},
    "Endpoint": {
        "status": "active",
        "connectionType": {"code": "x"},
        "payloadType": [{"text": "x"}],
        "address": "http://a.example",
    },
    "ValueSet": {"status": "active"},
}


@pytest.mark.parametrize("type_", SHARED)
def test_k01_k02_shared_resources_are_the_operators_and_everybodys(
    record: Record, type_: str
) -> None:
    body = {"resourceType": type_} | SHARED[type_]
    for who in (ANNE, record.holder, SECRETARY):
        assert record.house.post(type_, who, body).status == 403
    id_ = stored(record.house.post(type_, CNAM, body))
    for who in (ANNE, record.holder, SECRETARY, AUTOMATE, OTTO):
        assert record.house.get(f"{type_}/{id_}", who).status == 200
    chosen = f"chosen-{record.id}"
    assert record.house.call("PUT", f"{type_}/{chosen}", CNAM, body | {"id": chosen}).status == 201


def test_a_house_that_is_blocked_or_opposed_deposits_nothing(record: Record) -> None:
    clinic = Person("system", ANNE.organization, "Clinique")
    assert record.consent(record.holder, "dmp-team-opposition", clinic).status == 201
    for who in (ANNE, AUTOMATE, SECRETARY):
        assert record.deposit(who, author=[logical(clinic)]).status == 403


def test_rights_go_by_the_identifiers_of_whom_a_reference_leads_to(record: Record) -> None:
    def practitioner(value: str) -> dict[str, Any]:
        return {
            "resourceType": "Practitioner",
            "identifier": [{"system": OTTO.sub.split("|")[0], "value": value}],
        }

    id_ = record.deposited(ANNE)
    otto = stored(record.house.post("Practitioner", CNAM, practitioner(OTTO.sub.split("|")[1])))
    role = {
        "resourceType": "PractitionerRole",
        "practitioner": {"reference": f"Practitioner/{otto}"},
    }
    role_id = stored(record.house.post("PractitionerRole", CNAM, role))
    member = {"member": {"reference": f"PractitionerRole/{role_id}"}}
    assert not record.sees(OTTO, id_)
    found = record.team()
    grown = found | {"participant": [*found["participant"], member]}
    assert record.house.call("PUT", f"CareTeam/{found['id']}", PAUL, grown).status == 200
    assert record.sees(OTTO, id_)


def test_k07_k08_k09_who_composes_the_team(record: Record) -> None:
    found, path = record.team(), f"CareTeam/{record.team()['id']}"
    members = found["participant"]

    def put(who: Person, **more: Any) -> int:
        return record.house.call("PUT", path, who, record.team() | more).status

    both = [*members, {"member": logical(OTTO)}]
    assert put(OTTO, participant=both) == 405
    assert put(record.holder, participant=both) == 200  # K09
    assert put(record.holder, participant=members) == 200
    assert put(NINA, participant=both) == 200  # K08
    assert put(NINA, participant=members) == 403
    assert put(record.holder, participant=members) == 200
    assert put(PAUL, participant=both) == 200  # K07
    assert put(record.holder, status="inactive") == 200
    assert record.find(NINA).status == 403
    assert record.house.post("CareTeam", PAUL, team(record.id, NINA)).status == 201
    assert record.house.post("CareTeam", record.holder, team(record.id, NINA)).status == 403
    assert record.house.post("CareTeam", OTTO, team(record.id, OTTO)).status == 403
