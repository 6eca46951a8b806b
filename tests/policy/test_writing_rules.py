"""Each rule about writing, over HTTP, by its id in the design's access-rules.csv."""

from typing import Any

import pytest

from fhir_server.policy.labels import MASKED, SECRET, VEILED
from tests.house import ANNE, BRUNO, CNAM, NINA, OTTO, PAUL, STRUCTURE, House, Person
from tests.people import logical, stored
from tests.policy.record import ARCHIVE, Record, document, labelled, made, replacing

SECRETARY = Person(
    "secretary", "urn:oid:1.2.250.1.71.4.2.1|810000000074", "Secretaire", ANNE.organization
)
AUTOMATE = Person("system", ANNE.organization, "Automate")
REMB = {
    "coding": [
        {
            "system": "https://mos.esante.gouv.fr/NOS/TRE_A05-TypeDocComplementaire/FHIR/"
            "TRE-A05-TypeDocComplementaire",
            "code": "REMB",
        }
    ]
}
EXPPAT = {"coding": [REMB["coding"][0] | {"code": "EXPPAT_1"}]}


def test_r033_r034_the_holder_writes_and_disposes_of_his_own_documents(record: Record) -> None:
    assert record.deposit(record.holder).status == 403
    id_ = record.deposited(record.holder, type=EXPPAT)
    assert record.sees(record.holder, id_) and record.sees(NINA, id_)
    assert record.patch(record.holder, id_, ("/extension", [ARCHIVE])).status == 200
    assert record.house.call("DELETE", f"DocumentReference/{id_}", record.holder).status == 204
    assert record.read(record.holder, id_).status == 410


def test_r035_the_holder_does_not_delete_what_a_professional_wrote(record: Record) -> None:
    id_ = record.deposited(ANNE)
    assert record.house.call("DELETE", f"DocumentReference/{id_}", record.holder).status == 403
    assert record.patch(record.holder, id_, ("/status", "entered-in-error")).status == 403
    assert record.sees(record.holder, id_)


def test_r037_r038_the_holder_masks_and_unmasks_at_any_time(record: Record) -> None:
    id_ = record.deposited(ANNE)
    masked = record.mask(record.holder, id_)
    assert (masked.status, masked.json["meta"]["versionId"]) == (200, "2")
    assert not record.sees(NINA, id_)
    assert record.label(record.holder, id_).status == 200
    assert record.sees(NINA, id_)
    assert {"R037", "R038"} <= record.rules(record.holder)


def test_r040_the_holder_blocks_and_unblocks(record: Record) -> None:
    id_ = record.deposited(ANNE)
    block = record.consent(record.holder, "dmp-pro-block", NINA)
    assert block.status == 201 and not record.sees(NINA, id_)
    assert record.house.call("DELETE", f"Consent/{block.id}", record.holder).status == 204
    assert record.sees(NINA, id_)


def test_r041_the_attending_doctor_cannot_be_blocked(record: Record) -> None:
    answer = record.consent(record.holder, "dmp-pro-block", PAUL)
    assert (answer.status, answer.json["issue"][0]["code"]) == (422, "business-rule")
    assert record.found(PAUL) == set() and record.find(PAUL).status == 200
    assert record.found(record.holder, type_="Consent") == set()


@pytest.mark.parametrize(
    "code",
    [
        "dmp-pro-access",
        "dmp-pro-block",
        "dmp-attending-equivalent",
        "dmp-team-opposition",
        "dmp-emergency-opposition",
        "dmp-centre15-opposition",
        "dmp-cross-border",
        "dmp-post-mortem-opposition",
        "dmp-occupational",
    ],
)
def test_r047_the_holder_declares_his_consents(record: Record, code: str) -> None:
    assert record.consent(record.holder, code, OTTO).status == 201
    assert record.consent(BRUNO, code, OTTO).status == 403
    other = made(record.house, [])
    assert record.consent(other.holder, code, OTTO).status == 403


@pytest.mark.parametrize("code", ["dmp-mask", "dmp-minor-secret"])
def test_c6_and_c9_are_views_of_labels(record: Record, code: str) -> None:
    answer = record.consent(record.holder, code, OTTO)
    label = {"dmp-mask": MASKED, "dmp-minor-secret": SECRET}[code]
    assert answer.status == 422 and f"`{label}`" in answer.diagnostics


def test_r071_the_author_replaces_r072_and_nobody_else(record: Record) -> None:
    id_ = record.deposited(ANNE)
    assert record.house.post("DocumentReference", NINA, replacing(record.id, id_)).status in (
        403,
        422,
    )
    assert record.read(ANNE, id_).json["status"] == "current"
    new = stored(record.house.post("DocumentReference", ANNE, replacing(record.id, id_)))
    assert record.read(ANNE, id_).json["status"] == "superseded"
    assert record.found(NINA, "&status=current") == {new}
    assert record.found(NINA, "&status=superseded") == {id_}  # R191
    twice = record.house.post("DocumentReference", ANNE, replacing(record.id, id_))
    assert (twice.status, twice.json["issue"][0]["code"]) == (409, "conflict")


def test_r072_who_is_not_the_author_neither_deletes_nor_archives(record: Record) -> None:
    id_ = record.deposited(ANNE)
    for who in (NINA, PAUL):
        assert record.house.call("DELETE", f"DocumentReference/{id_}", who).status == 403
        assert record.patch(who, id_, ("/status", "superseded")).status == 403
        assert record.patch(who, id_, ("/extension", [ARCHIVE])).status == 403
    assert record.house.call("DELETE", f"DocumentReference/{id_}", OTTO).status == 404


@pytest.mark.parametrize("how", ["DELETE", "PATCH"])
def test_r073_the_author_deletes_r190_and_only_who_saw_it_knows(record: Record, how: str) -> None:
    id_ = record.deposited(ANNE)
    url = record.read(ANNE, id_).json["content"][0]["attachment"]["url"].rsplit("/fhir/")[-1]
    if how == "DELETE":
        assert record.house.call("DELETE", f"DocumentReference/{id_}", ANNE).status == 204
    else:
        assert record.patch(ANNE, id_, ("/status", "entered-in-error")).status in (200, 204)
    for who, status in ((ANNE, 410), (NINA, 410), (PAUL, 410), (record.holder, 410), (OTTO, 404)):
        answers = [
            record.read(who, id_),
            record.read(who, id_, "/_history/1"),
            record.house.get(url, who),
        ]
        assert [answer.status for answer in answers] == [status] * 3
    assert all(id_ not in record.found(who) for who in (ANNE, NINA, PAUL, record.holder))
    history = record.read(NINA, id_, "/_history").json
    assert (history["total"], "resource" in history["entry"][0]) == (1, False)
    assert record.read(OTTO, id_, "/_history").status == 404


def test_r073_a_hidden_document_that_is_deleted_stays_hidden(record: Record) -> None:
    id_ = record.deposited(ANNE, MASKED)
    record.house.call("DELETE", f"DocumentReference/{id_}", ANNE)
    assert (record.read(ANNE, id_).status, record.read(NINA, id_).status) == (410, 404)


def test_r073s_own_documents_are_found_by_their_identifier_td31b(record: Record) -> None:
    def query(oid: str) -> str:
        return f"DocumentReference?identifier=urn:ietf:rfc:3986|{oid}"

    mine, other = f"urn:oid:2.25.{record.id[:8]}1".replace("-", ""), "urn:oid:2.25.2"
    id_ = record.deposited(ANNE, masterIdentifier={"system": "urn:ietf:rfc:3986", "value": mine})
    record.deposited(
        PAUL, masterIdentifier={"system": "urn:ietf:rfc:3986", "value": other + record.id}
    )
    for who in (ANNE.but(auth_mode="INDIRECTE"), AUTOMATE, SECRETARY):
        found = record.house.get(query(mine), who)
        assert (found.status, [entry["id"] for entry in found.entries]) == (200, [id_])
        assert record.house.get(query(other + record.id), who).entries == []
        assert record.house.get(query(mine) + "&type=x", who).status == 403


def test_r074_the_author_archives_and_takes_out_again_r192(record: Record) -> None:
    id_ = record.deposited(ANNE)
    assert record.patch(ANNE, id_, ("/extension", [ARCHIVE])).status == 200
    assert record.found(NINA, "&status=current") == {id_}
    assert record.patch(ANNE, id_, ("/extension", None)).json.get("extension") is None


def test_r075_r076_the_author_veils_when_he_deposits_and_not_later(record: Record) -> None:
    id_ = record.deposited(ANNE)
    for who in (ANNE, PAUL, record.holder):
        answer = record.label(who, id_, VEILED)
        assert (answer.status, answer.json["issue"][0]["code"]) == (422, "business-rule")


def test_r078_secrecy_is_set_and_lifted_by_author_and_holder(record: Record) -> None:
    id_ = record.deposited(ANNE)
    for who in (ANNE, record.holder):
        assert record.label(who, id_, SECRET).status == 200
        assert record.label(who, id_).status == 200
    assert record.label(NINA, id_, SECRET).status == 403


def test_r084_the_team_feeds_the_record_r093_and_so_does_a_stranger_who_declares_it(
    record: Record,
) -> None:
    assert record.deposit(NINA).status == 201
    assert "R084" in record.rules(NINA)
    id_ = record.deposited(OTTO)
    assert "R093" in record.rules(OTTO) and "R084" not in record.rules(OTTO)
    assert record.found(OTTO) == {id_}  # his own, and nothing else


def test_r093_nobody_deposits_for_nobody(record: Record) -> None:
    for subject in (
        {"reference": "Patient/nobody"},
        {"identifier": {"system": CNAM.sub.split("|")[0], "value": "1"}},
    ):
        answer = record.house.post("DocumentReference", ANNE, document(record.id, subject=subject))
        assert answer.status == 422


def test_r150_indirect_callers_do_not_consult(record: Record) -> None:
    id_ = record.deposited(ANNE)
    for who in (NINA.but(auth_mode="INDIRECTE"), SECRETARY, AUTOMATE):
        for path in (
            f"DocumentReference?patient={record.id}",
            f"DocumentReference/{id_}",
            "DocumentReference/never",
            "Consent",
            "AuditEvent",
        ):
            assert record.house.get(path, who).status == 403
        patient = record.house.get(f"Patient/{record.id}", who)
        assert patient.status == 200 and "name" not in patient.json


def test_r151_a_secretary_deposits_for_authors_of_her_organisation(record: Record) -> None:
    def role(organization: str) -> dict[str, Any]:
        system, value = organization.split("|")
        house = {
            "resourceType": "Organization",
            "id": "o",
            "identifier": [{"system": system, "value": value}],
        }
        made = {
            "resourceType": "PractitionerRole",
            "id": "r",
            "practitioner": logical(ANNE),
            "organization": {"reference": "#o"},
        }
        return {"contained": [made, house], "author": [{"reference": "#r"}]}

    assert record.deposit(SECRETARY, **role(OTTO.organization)).status == 403
    assert record.deposit(SECRETARY, author=[logical(ANNE)]).status == 403
    id_ = record.deposited(SECRETARY, **role(ANNE.organization))
    assert record.sees(ANNE, id_) and "R151" in record.rules(SECRETARY)
    assert record.found(ANNE, type_="List") and record.find(SECRETARY).status == 403


def test_r152_an_automate_deposits(record: Record) -> None:
    id_ = record.deposited(AUTOMATE)
    assert record.sees(ANNE, id_) and "R152" in record.rules(AUTOMATE)  # she is of that house


def test_r160_the_operator_deposits_reimbursements_r161_and_reads_no_content(
    record: Record,
) -> None:
    id_ = record.deposited(ANNE)
    assert record.deposit(CNAM).status == 403
    own = record.deposited(CNAM, type=REMB)
    assert record.sees(NINA, own) and record.sees(record.holder, own)
    assert record.find(CNAM).status == 403
    assert record.read(CNAM, id_).status == 404 == record.read(CNAM, own).status
    assert record.house.get(f"Observation?patient={record.id}", CNAM).status == 403


def test_k04_who_sees_a_document_masks_it_and_cannot_unmask_it(record: Record) -> None:
    id_ = record.deposited(ANNE)
    assert record.mask(OTTO, id_).status == 404
    assert record.mask(NINA, id_).status in (200, 204)
    assert not record.sees(NINA, id_)
    assert record.label(NINA, id_).status == 404
    assert record.label(ANNE, id_).status == 200  # R064


def test_k10_the_author_sets_the_level(record: Record) -> None:
    id_ = record.deposited(ANNE)
    assert record.label(ANNE, id_, level="V").status == 200
    assert record.label(NINA, id_, level="N").status == 403
    assert record.label(record.holder, id_, level="N").status == 403
    answer = record.patch(ANNE, id_, ("/securityLabel", labelled() + labelled(level="R")))
    assert (answer.status, answer.json["issue"][0]["code"]) == (422, "code-invalid")


def test_k53_a_minor_acts_through_his_representatives(house: House) -> None:
    record = made(house, [NINA], birthDate="2008-11-25")
    record.deposited(ANNE)
    for path in (
        f"Patient/{record.id}",
        f"DocumentReference?patient={record.id}",
        "AuditEvent",
        "Organization",
    ):
        assert house.get(path, record.holder).status == 403
    assert record.deposit(record.holder, type=EXPPAT).status == 403
    before = house.now
    house.now += 86_400_000  # on his birthday
    assert record.find(record.holder).status == 200
    house.now = before


def test_an_establishments_consent_opens_to_its_people(record: Record) -> None:
    id_ = record.deposited(ANNE)
    clinic = Person("system", f"{STRUCTURE}|1750100158", "Clinique")
    assert record.consent(record.holder, "dmp-pro-access", clinic).status == 201
    assert record.sees(OTTO, id_)
