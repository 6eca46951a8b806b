"""Points settled by `contract.md` section 7: statuses, documents, who writes; over HTTP."""

import json
from base64 import b64encode

import pytest

from fhir_server.policy.labels import MASKED, VEILED
from tests.documents import cda
from tests.house import ANNE, BASE, CLAIRE, CNAM, INS, LUCIEN, NINA, OTTO, PAUL, House, Person
from tests.interactions.shared import new_ins
from tests.people import consent, patient, stored
from tests.policy.record import Record, document, labelled, made, replacing

SUBSETTED = {
    "system": "http://terminology.hl7.org/CodeSystem/v3-ObservationValue",
    "code": "SUBSETTED",
}


# Status, by what the request names.


def test_a_professional_may_know_that_a_patient_exists_and_no_more(record: Record) -> None:
    ins = record.holder.sub
    for answer in (
        record.house.get(f"Patient/{record.id}", OTTO),
        record.house.get(f"Patient?identifier={ins}", OTTO),
    ):
        found = answer.json if answer.json["resourceType"] == "Patient" else answer.entries[0]
        assert set(found) == {"resourceType", "id", "meta", "identifier", "active"}
        assert found["meta"]["tag"] == [SUBSETTED]
    whole = record.house.get(f"Patient/{record.id}", NINA).json
    assert "name" in whole and "tag" not in whole["meta"]


@pytest.mark.parametrize(
    "query",
    [
        "family=Essai",
        "birthdate=1924-01-15",
        "identifier={value}&family=Essai",
        "_id={id}",
        "identifier={ins}&gender=male",
    ],
)
def test_by_nothing_else_is_a_patient_found(record: Record, query: str) -> None:
    value = record.holder.sub.split("|")[1]
    asked = query.format(id=record.id, ins=record.holder.sub, value=value)
    assert record.house.get(f"Patient?{asked}&_count=500", OTTO).json["total"] == 0


def test_others_than_professionals_do_not_even_know_that_a_patient_exists(record: Record) -> None:
    for who in (LUCIEN, CLAIRE):
        hidden, never = (record.house.get(f"Patient/{id_}", who) for id_ in (record.id, "never"))
        assert hidden.status == 404
        assert hidden.body.replace(record.id.encode(), b"never") == never.body
        assert record.house.get(f"Patient?identifier={record.holder.sub}", who).status == 403
        assert record.house.get(f"Patient?identifier={INS}|{new_ins()}", who).status == 403


@pytest.mark.parametrize(
    "type_", ["DocumentReference", "List", "Consent", "CareTeam", "Observation", "RelatedPerson"]
)
def test_a_named_patient_is_403_and_an_unknown_one_is_empty_for_professionals_alone(
    record: Record, type_: str
) -> None:
    unknown = f"{type_}?patient.identifier={INS}|{new_ins()}"
    assert record.find(OTTO, type_=type_).status == 403
    answer = record.house.get(unknown, OTTO)
    assert (answer.status, answer.json["total"]) == (200, 0)
    assert record.house.get(unknown, LUCIEN).status == 403


@pytest.mark.parametrize(
    "name",
    [
        "patient",
        "subject",
        "patient.identifier",
        "subject:Patient.identifier",
        "patient:identifier",
    ],
)
def test_however_a_patient_is_named(record: Record, name: str) -> None:
    value = record.holder.sub if "identifier" in name else f"Patient/{record.id}"
    assert record.house.get(f"DocumentReference?{name}={value}", OTTO).status == 403
    assert record.house.get(f"DocumentReference?{name}={value}", NINA).status == 200


def test_a_search_that_names_nobody_answers_with_what_is_visible(record: Record) -> None:
    id_ = record.deposited(ANNE)
    found = {
        entry["id"]
        for entry in record.house.get(
            "DocumentReference?_count=500&_sort=-_lastUpdated", OTTO
        ).entries
    }
    assert id_ not in found
    mine = {
        entry["id"]
        for entry in record.house.get(
            "DocumentReference?_count=500&_sort=-_lastUpdated", NINA
        ).entries
    }
    assert id_ in mine


def test_a_record_before_opening_is_a_patient_who_does_not_exist(house: House) -> None:
    ins = new_ins()
    body = patient(ins, active=False)
    id_ = stored(house.post("Patient", CNAM, body))
    record = Record(house, id_, Person("holder", f"{INS}|{ins}"))
    assert house.get(f"Patient/{id_}", OTTO).status == 404
    assert house.get(f"Patient?identifier={INS}|{ins}", OTTO).json["total"] == 0
    for who in (OTTO, record.holder):
        deposit = record.deposit(who)
        never = house.post("DocumentReference", who, document("never"))
        assert deposit.status == never.status
        assert deposit.body.replace(id_.encode(), b"never") == never.body
    assert record.find(OTTO).json["total"] == 0
    assert record.find(record.holder).status == 403
    assert house.get(f"Patient/{id_}", CNAM).status == 200


@pytest.mark.parametrize(
    "type_", ["DocumentReference", "Consent", "CareTeam", "Observation", "Binary", "List"]
)
def test_put_on_what_is_not_seen_is_405_stored_or_not(record: Record, type_: str) -> None:
    id_ = record.deposited(ANNE)
    body = {"resourceType": type_, "id": id_, "status": "x"}
    for target in (id_, "never"):
        answer = record.house.call("PUT", f"{type_}/{target}", OTTO, body | {"id": target})
        assert answer.status in (405, 400) and answer.status != 201
    answers = [
        record.house.call("PUT", f"DocumentReference/{t}", OTTO, document(record.id, id=t))
        for t in (id_, "never")
    ]
    assert {answer.status for answer in answers} == {405}
    assert (
        answers[0].body == answers[1].body
        and answers[0].headers["Allow"] == answers[1].headers["Allow"]
    )


# Documents.


def test_put_may_do_what_patch_may_and_no_more(record: Record) -> None:
    id_ = record.deposited(ANNE)
    stored_now = record.read(ANNE, id_).json
    path = f"DocumentReference/{id_}"
    assert (
        record.house.call(
            "PUT", path, record.holder, stored_now | {"securityLabel": labelled(MASKED)}
        ).status
        == 200
    )
    assert not record.sees(NINA, id_)
    for more in (
        {"description": "x"},
        {"securityLabel": labelled(), "description": "x"},
        {"author": [{"display": "x"}]},
    ):
        answer = record.house.call("PUT", path, ANNE, stored_now | more)
        assert answer.status == 405 and answer.headers["Allow"]
    assert (
        record.house.call("PUT", path, ANNE, record.read(ANNE, id_).json).status == 200
    )  # nothing changes


def test_nobody_changes_what_patch_may_not_change(record: Record) -> None:
    id_ = record.deposited(ANNE)
    for path, value in (
        ("/description", "x"),
        ("/content/0/attachment/title", "x"),
        ("/subject/display", "x"),
        ("/date", "2026-11-24T00:00:00Z"),
    ):
        answer = record.patch(ANNE, id_, (path, value))
        assert (answer.status, answer.json["issue"][0]["code"]) == (405, "not-supported")


def test_a_flag_goes_with_the_documents_that_were_replaced(record: Record) -> None:
    first = record.deposited(ANNE)
    second = stored(record.house.post("DocumentReference", ANNE, replacing(record.id, first)))
    third = stored(record.house.post("DocumentReference", ANNE, replacing(record.id, second)))
    assert record.found(NINA) == {first, second, third}
    record.mask(record.holder, third)
    assert record.found(NINA) == set()
    record.label(record.holder, third)
    assert record.found(NINA) == {first, second, third}


def test_what_replaces_a_masked_document_is_masked(record: Record) -> None:
    first = record.deposited(ANNE)
    record.mask(record.holder, first)
    second = stored(record.house.post("DocumentReference", ANNE, replacing(record.id, first)))
    assert not record.sees(NINA, second) and record.sees(PAUL, second)


def test_what_was_left_out_of_a_list_is_left_out_of_every_version(record: Record) -> None:
    masked, plain = record.deposited(ANNE), record.deposited(ANNE)
    items = [{"item": {"reference": f"DocumentReference/{id_}"}} for id_ in (masked, plain)]
    body = {
        "resourceType": "List",
        "status": "current",
        "mode": "working",
        "subject": {"reference": f"Patient/{record.id}"},
    }
    both = stored(record.house.post("List", ANNE, body | {"entry": items}))
    alone = stored(record.house.post("List", ANNE, body | {"entry": items[:1]}))
    assert record.house.get(f"List/{alone}", NINA).status == 200
    record.mask(record.holder, masked)
    for path in (f"List/{both}", f"List/{both}/_history/1"):
        assert [e["item"]["reference"] for e in record.house.get(path, NINA).json["entry"]] == [
            f"DocumentReference/{plain}"
        ]
    assert masked not in record.house.get(f"List/{both}/_history", NINA).body.decode()
    assert record.house.get(f"List/{alone}", NINA).status == 404  # a set of hidden documents alone
    found = record.found(NINA, type_="List")
    assert both in found and alone not in found


def test_a_hidden_document_is_not_told_by_what_replaces_it(record: Record) -> None:
    first = record.deposited(ANNE)
    second = stored(record.house.post("DocumentReference", ANNE, replacing(record.id, first)))
    record.mask(record.holder, first)
    assert "relatesTo" not in record.read(NINA, second).json
    assert "relatesTo" in record.read(ANNE, second).json


def test_a_unique_id_is_taken_for_those_who_see_it_and_free_for_the_others(record: Record) -> None:
    master = {"system": "urn:ietf:rfc:3986", "value": f"urn:oid:2.25.{len(record.id)}{new_ins()}"}
    record.deposited(ANNE, MASKED, masterIdentifier=master)
    for who in (ANNE, PAUL, ANNE.but(auth_mode="INDIRECTE")):
        answer = record.deposit(who, masterIdentifier=master)
        assert (answer.status, answer.json["issue"][0]["code"]) == (409, "conflict")
    assert record.deposit(NINA, masterIdentifier=master).status == 201


def test_a_reference_to_what_is_hidden_is_worded_like_one_to_nothing(record: Record) -> None:
    id_ = record.deposited(ANNE, MASKED)
    answers = [
        record.house.post("DocumentReference", NINA, replacing(record.id, target))
        for target in (id_, "never")
    ]
    assert {answer.status for answer in answers} == {422}
    assert answers[0].body.replace(id_.encode(), b"never") == answers[1].body
    assert answers[0].json["issue"][0]["code"] == "not-found"


def test_a_conditional_patch_counts_what_is_visible(record: Record) -> None:
    master = {"system": "urn:ietf:rfc:3986", "value": f"urn:oid:2.25.7{new_ins()}"}
    record.deposited(ANNE, MASKED, masterIdentifier=master)
    record.deposited(NINA, masterIdentifier=master)
    query, body = (
        f"identifier={master['value']}",
        [{"op": "add", "path": "/securityLabel", "value": labelled(MASKED)}],
    )

    def patched(who: Person) -> int:
        media = "application/json-patch+json"
        return record.house.call(
            "PATCH",
            "DocumentReference",
            who,
            json.dumps(body).encode(),
            query=query,
            content_type=media,
        ).status

    assert (patched(PAUL), patched(OTTO), patched(NINA)) == (412, 404, 200)


def test_what_is_deposited_comes_back_byte_for_byte_to_those_who_see_it(record: Record) -> None:
    data = cda(patient_ins=record.holder.sub.split("|")[1])
    content = [{"attachment": {"contentType": "text/xml", "data": b64encode(data).decode()}}]
    id_ = record.deposited(ANNE, content=content)
    url = record.read(NINA, id_).json["content"][0]["attachment"]["url"]
    assert url.startswith(f"{BASE}/Binary/")
    answer = record.house.get(url.removeprefix(f"{BASE}/"), NINA)
    assert (answer.status, answer.body) == (200, data)
    assert record.house.get(url.removeprefix(f"{BASE}/"), OTTO).status == 404


def test_bytes_come_with_their_document_alone(record: Record) -> None:
    answer = record.house.call("POST", "Binary", ANNE, b"hello", content_type="text/plain")
    assert (answer.status, answer.headers["Allow"]) == (405, "DELETE, GET, HEAD, PATCH, PUT")


# Who writes; consents that cannot be honoured.


def test_a_denial_that_names_nobody_is_refused(record: Record) -> None:
    body = consent(record.id, "dmp-pro-block", deny=True)
    body["provision"]["actor"] = [{"role": {"text": "x"}, "reference": {"display": "Dr Anne"}}]
    answer = record.house.post("Consent", record.holder, body)
    assert (answer.status, answer.json["issue"][0]["code"]) == (422, "business-rule")


def test_a_foreign_consent_has_no_effect(record: Record) -> None:
    id_ = record.deposited(ANNE)
    foreign = consent(record.id, "someone-elses", OTTO)
    assert record.house.post("Consent", CNAM, foreign).status == 201
    assert not record.sees(OTTO, id_) and record.find(OTTO).status == 403


def test_a_holder_declares_for_himself_alone(record: Record) -> None:
    other = made(record.house, [])
    assert other.consent(record.holder, "dmp-pro-access", OTTO).status == 403
    assert (
        other.house.post(
            "CareTeam",
            record.holder,
            {"resourceType": "CareTeam", "subject": {"reference": f"Patient/{other.id}"}},
        ).status
        == 403
    )


# Tokens.


def test_a_token_for_one_person_is_good_for_that_record_alone(record: Record) -> None:
    other = made(record.house, [NINA])
    here, there = record.deposited(ANNE), other.deposited(ANNE)
    bound = NINA.but(patient=record.holder.sub)
    assert record.sees(bound, here)
    assert other.read(bound, there).status == 404
    assert other.find(bound).status in (403, 200) and other.find(bound).json.get("total", 0) == 0
    found = {
        entry["id"] for entry in record.house.get("DocumentReference?_count=500", bound).entries
    }
    assert here in found and there not in found
    assert other.deposit(bound).status in (403, 422)


def test_veiled_documents_are_veiled_in_every_search_of_the_holder(record: Record) -> None:
    id_ = record.deposited(ANNE, VEILED)
    for query in ("", "&status=current", "&_summary=count", "&type=http://loinc.org|11488-4"):
        assert record.find(record.holder, query).json["total"] == 0
    assert record.house.get(f"List?item=DocumentReference/{id_}", record.holder).json["total"] == 0
