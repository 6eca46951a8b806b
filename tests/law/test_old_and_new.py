"""A write is judged by what lies there and by what would: attacks on the way from one to the other,
over HTTP (contract.md 7, domain.md 5.3).
"""

from typing import Any

import pytest

from fhir_server.policy.labels import MASKED, SECRET, VEILED, VISIBILITY
from tests.house import ANNE, BRUNO, CNAM, INS, NINA, OTTO, PAUL, Answer, House, Person
from tests.law.people import relative, somebody
from tests.people import logical, stored
from tests.policy.record import Record, labelled, made, replacing
from tests.rest.bundles import entry


@pytest.fixture
def other(house: House) -> Record:
    """Another record, of the same attending doctor and the same nurse."""
    return made(house, [NINA], doctor=PAUL)


def subject(record: Record) -> dict[str, str]:
    return {"reference": f"Patient/{record.id}"}


def observation(record: Record, **more: Any) -> dict[str, Any]:
    return {
        "resourceType": "Observation", "status": "final", "code": {"text": "pulse"},
        "subject": subject(record),
    } | more  # fmt: skip


def put(record: Record, who: Person, resource: dict[str, Any]) -> Answer:
    return record.house.call("PUT", f"{resource['resourceType']}/{resource['id']}", who, resource)


def transaction(house: House, who: Person, *entries: Any) -> Answer:
    return house.post("", who, {"resourceType": "Bundle", "type": "transaction", "entry": entries})


@pytest.mark.parametrize("form", ["whole", "reference", "identifier", "none"])
def test_nobody_moves_what_he_wrote_to_another_patient(
    record: Record, other: Record, form: str
) -> None:
    id_ = stored(record.house.post("Observation", NINA, observation(record)))
    if form == "whole":
        answer = put(record, NINA, observation(other, id=id_))
    else:
        ins = {"identifier": {"system": INS, "value": other.holder.sub.split("|")[1]}}
        to = {"reference": subject(other), "identifier": ins, "none": None}[form]
        answer = record.patch(NINA, id_, ("/subject", to), type_="Observation")
    assert answer.status == 422
    assert record.found(NINA, type_="Observation") == {id_}
    assert other.found(NINA, type_="Observation") == set()


@pytest.mark.parametrize("who", [CNAM, PAUL])
def test_nobody_moves_a_team_to_another_patient(
    record: Record, other: Record, who: Person
) -> None:
    assert put(record, who, record.team() | {"subject": subject(other)}).status == 422


@pytest.mark.parametrize("who", ["operator", "holder"])
def test_nobody_moves_a_consent_to_another_patient(
    record: Record, other: Record, who: str
) -> None:
    given = record.consent(record.holder, "dmp-pro-access", OTTO).json
    asking = CNAM if who == "operator" else record.holder
    assert put(record, asking, given | {"patient": subject(other)}).status == 422


def test_nobody_moves_a_relative_to_another_patient(record: Record, other: Record) -> None:
    path = f"RelatedPerson/{relative(record, somebody(), 'representation')}"
    found = record.house.get(path, CNAM).json
    assert put(record, CNAM, found | {"patient": subject(other)}).status == 422


@pytest.mark.parametrize("type_", ["DocumentReference", "List"])
def test_nobody_moves_a_document_or_a_list(record: Record, other: Record, type_: str) -> None:
    listed = {"resourceType": "List", "status": "current", "mode": "working"}
    if type_ == "List":
        id_ = stored(record.house.post(type_, ANNE, listed | {"subject": subject(record)}))
    else:
        id_ = record.deposited(ANNE)
    moved = record.patch(ANNE, id_, ("/subject", subject(other)), type_=type_)
    assert moved.status == 405


@pytest.mark.parametrize("who", ["attending doctor", "holder"])
def test_who_sees_what_another_wrote_does_not_change_it(record: Record, who: str) -> None:
    id_ = stored(record.house.post("Observation", NINA, observation(record)))
    asking, path = PAUL if who != "holder" else record.holder, f"Observation/{id_}"
    assert record.house.get(path, asking).status == 200
    assert put(record, asking, observation(record, id=id_, status="amended")).status == 403
    patched = record.patch(asking, id_, ("/status", "amended"), type_="Observation")
    assert patched.status == 403 and record.house.call("DELETE", path, asking).status == 403
    tag = {"tag": [{"system": "urn:x", "code": "mine"}]}
    added = {"resourceType": "Parameters", "parameter": [{"name": "meta", "valueMeta": tag}]}
    assert record.house.post(f"{path}/$meta-add", asking, added).status == 403
    assert record.house.get(path, NINA).json["meta"]["versionId"] == "1"


def test_a_patch_refers_to_nothing_hidden(record: Record) -> None:
    id_ = stored(record.house.post("Observation", NINA, observation(record)))
    masked = record.deposited(ANNE, MASKED)

    def refer(to: str) -> Answer:
        link = [{"reference": f"DocumentReference/{to}"}]
        return record.patch(NINA, id_, ("/derivedFrom", link), type_="Observation")

    hidden, never = refer(masked), refer("never")
    assert (hidden.status, hidden.body.replace(masked.encode(), b"never")) == (422, never.body)


@pytest.mark.parametrize("how", ["PUT", "PATCH"])
def test_a_transaction_that_touches_a_document_gets_no_right_to_replace_it(
    record: Record, how: str
) -> None:
    """A write that changes nothing is nobody's to refuse, and makes nothing new of what it names.
    """
    id_ = record.deposited(ANNE)
    path = f"DocumentReference/{id_}"
    same = record.read(NINA, id_).json
    patch = {
        "resourceType": "Parameters",
        "parameter": [{"name": "operation", "part": [
            {"name": "type", "valueCode": "replace"},
            {"name": "path", "valueString": "DocumentReference.status"},
            {"name": "value", "valueCode": "current"},
        ]}],
    }  # fmt: skip
    over = replacing(record.id, id_, securityLabel=labelled(VEILED, SECRET))
    touching = entry(how, path, same if how == "PUT" else patch)
    for entries in (
        (touching, entry("POST", "DocumentReference", over)),
        (entry("POST", "DocumentReference", over), touching),
    ):
        assert transaction(record.house, NINA, *entries).status == 403
    assert record.sees(record.holder, id_)
    assert record.read(ANNE, id_).json == same


@pytest.mark.parametrize("flag", [MASKED, VEILED, SECRET])
@pytest.mark.parametrize("type_", ["Observation", "DocumentReference"])
def test_a_label_that_would_hide_nothing_is_refused(
    record: Record, type_: str, flag: str
) -> None:
    security = {"security": [{"system": VISIBILITY, "code": flag}]}
    if type_ == "Observation":
        answer = record.house.post(type_, ANNE, observation(record, meta=security))
        id_ = stored(record.house.post(type_, ANNE, observation(record)))
        added = {"resourceType": "Parameters",
                 "parameter": [{"name": "meta", "valueMeta": security}]}  # fmt: skip
        later = record.house.post(f"{type_}/{id_}/$meta-add", ANNE, added)
        assert later.status == 422 and "securityLabel" in later.diagnostics
    else:
        answer = record.deposit(ANNE, meta=security)
    assert answer.status == 422 and "securityLabel" in answer.diagnostics


def test_a_document_replaces_none_of_another_record(record: Record, other: Record) -> None:
    id_ = record.deposited(ANNE)
    over = replacing(other.id, id_, securityLabel=labelled(VEILED))
    assert record.house.post("DocumentReference", ANNE, over).status == 422
    assert record.sees(record.holder, id_) and other.found(PAUL) == set()


def test_a_transaction_in_two_records_needs_the_right_in_both(
    record: Record, other: Record
) -> None:
    entries = [entry("POST", "Observation", observation(one)) for one in (record, other)]
    assert transaction(record.house, NINA, *entries).status == 200
    stored(other.consent(other.holder, "dmp-pro-block", NINA))
    assert transaction(record.house, NINA, *entries).status == 403
    assert transaction(record.house, record.holder, *entries).status == 403
    assert len(record.found(PAUL, type_="Observation")) == 1
    assert len(other.found(PAUL, type_="Observation")) == 1


def test_a_condition_that_meets_what_is_hidden_meets_nothing(record: Record) -> None:
    mark = {"identifier": [{"system": "urn:x", "value": f"of {record.id}"}]}
    query = f"identifier=urn:x|of {record.id}"
    id_ = stored(record.house.post("Observation", PAUL, observation(record, **mark)))
    assert record.house.call("DELETE", "Observation", OTTO, query=query).status == 404
    made = record.house.call("PUT", "Observation", OTTO, observation(record, **mark), query=query)
    assert made.status == 201 and made.id != id_
    assert record.house.get(f"Observation/{id_}", PAUL).json["meta"]["versionId"] == "1"


def test_who_is_asked_does_not_hand_the_question_to_another(record: Record) -> None:
    task = {
        "resourceType": "Task", "status": "requested", "intent": "proposal",
        "for": subject(record), "owner": logical(ANNE),
    }  # fmt: skip
    asked = record.house.post("Task", record.holder, task)
    put(record, ANNE, asked.json | {"owner": logical(BRUNO)})
    assert record.house.get(f"Task/{asked.id}", BRUNO).status == 404
    assert record.find(BRUNO, type_="Task").status == 403


@pytest.mark.parametrize("how", ["PUT", "PATCH"])
def test_a_new_version_is_stored_before_the_old_one_is_ended_in_whatever_order_they_are_sent(
    record: Record, how: str
) -> None:
    """https://hl7.org/fhir/R4/http.html#trules: POST, then PUT and PATCH."""
    id_ = record.deposited(ANNE, MASKED)
    ended = record.read(ANNE, id_).json | {"status": "superseded"}
    patch = {"resourceType": "Parameters", "parameter": [{"name": "operation", "part": [
        {"name": "type", "valueCode": "replace"},
        {"name": "path", "valueString": "DocumentReference.status"},
        {"name": "value", "valueCode": "superseded"},
    ]}]}  # fmt: skip
    answer = transaction(
        record.house, ANNE,
        entry(how, f"DocumentReference/{id_}", ended if how == "PUT" else patch),
        entry("POST", "DocumentReference", replacing(record.id, id_)),
    )  # fmt: skip
    assert answer.status == 200
    assert record.read(ANNE, id_).json["status"] == "superseded"
    assert record.found(NINA) == set()  # the mask goes with the chain


@pytest.mark.parametrize("flag", [MASKED, SECRET])
def test_what_a_hidden_document_replaced_is_not_shown_alone(record: Record, flag: str) -> None:
    """That it is superseded would tell that there is another."""
    old = record.deposited(ANNE)
    new = stored(record.house.post("DocumentReference", ANNE, replacing(record.id, old)))
    assert record.label(ANNE, new, flag).status == 200
    for who in (ANNE, record.holder):
        assert record.label(who, old).status == 422
    assert not record.sees(NINA, old) or flag == SECRET
    assert record.label(ANNE, new).status == 200
    assert record.read(NINA, old).json["securityLabel"] == labelled()
