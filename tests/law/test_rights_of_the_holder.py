"""What the holder may do himself, and what is no rule of access, over HTTP."""

from typing import Any

import pytest

from fhir_server.policy.labels import MASKED, VEILED
from tests.house import ANNE, CNAM, NINA, OTTO, PAUL, Person
from tests.law.people import breaking_glass, regulating, somebody
from tests.people import logical, stored
from tests.policy.record import ARCHIVE, Record, replacing


def request(record: Record, owner: Person, id_: str) -> dict[str, Any]:
    return {
        "resourceType": "Task", "status": "requested", "intent": "proposal",
        "for": {"reference": f"Patient/{record.id}"},
        "focus": {"reference": f"DocumentReference/{id_}"},
        "owner": logical(owner), "description": "a rectifier",
    }  # fmt: skip


def test_R001_who_is_not_authenticated_gets_401_whatever_he_asks(record: Record) -> None:
    id_ = record.deposited(ANNE)
    for path in (f"DocumentReference/{id_}", "DocumentReference/never", f"Patient/{record.id}"):
        answer = record.house.get(path)
        assert answer.status == 401 and answer.headers["WWW-Authenticate"]


def test_R004_a_trusted_person_has_no_access_whatever_was_agreed(record: Record) -> None:
    id_, friend = record.deposited(ANNE), somebody("trusted-person")
    stored(record.consent(record.holder, "dmp-pro-access", friend))
    for path in (f"DocumentReference/{id_}", f"Patient/{record.id}", "Organization"):
        assert record.house.get(path, friend).status == 403
    assert record.find(friend).status == 403


def test_R031_a_question_for_what_is_hidden_from_the_holder_is_not_in_his_log(
    record: Record,
) -> None:
    id_ = record.deposited(ANNE, VEILED)
    before = len(record.traces(record.holder))
    assert record.read(record.holder, id_).status == 404
    shown = record.traces(record.holder)
    assert "R031" not in str(shown) and id_ not in str(shown) and len(shown) == before + 1
    assert "R031" in str(record.traces(PAUL))


def test_R036_the_holder_asks_the_author_to_correct_or_delete_by_a_task(record: Record) -> None:
    id_ = record.deposited(ANNE)
    task = record.house.post("Task", record.holder, request(record, ANNE, id_))
    path = f"Task/{stored(task)}"
    asked = record.house.get(path, ANNE)
    assert asked.status == 200 and record.sees(ANNE, id_)
    assert record.house.call("PUT", path, ANNE, asked.json | {"status": "accepted"}).status == 200
    assert record.house.get(path, record.holder).json["status"] == "accepted"
    assert record.house.get(path, OTTO).status == 404
    assert record.house.post("Task", OTTO, request(record, ANNE, "never")).status == 422


def test_R039_that_something_is_masked_cannot_be_told(record: Record) -> None:
    plain = record.deposited(ANNE)
    with_none = record.find(NINA, "&_total=accurate").json
    record.deposited(ANNE, MASKED)
    with_one = record.find(NINA, "&_total=accurate").json
    assert with_one["total"] == with_none["total"] == 1
    assert [e["resource"] for e in with_one["entry"]] == [e["resource"] for e in with_none["entry"]]
    assert record.read(NINA, plain).status == 200


def test_R042_the_holder_objects_to_deposits_of_a_team(record: Record) -> None:
    assert record.deposit(NINA).status == 201
    stored(record.consent(record.holder, "dmp-team-opposition", NINA))
    assert record.deposit(NINA).status == 403 and "R042" in record.rules(NINA)


@pytest.mark.parametrize(
    ("code", "mode"),
    [("dmp-emergency-opposition", breaking_glass), ("dmp-centre15-opposition", regulating)],
)
def test_R044_the_holder_opposes_emergency_access_beforehand(
    record: Record, code: str, mode: Any
) -> None:
    record.deposited(ANNE)
    assert record.find(mode(record)).status == 200
    stored(record.consent(record.holder, code))
    assert record.find(mode(record)).status == 403
    for who in (NINA, PAUL, OTTO):
        assert record.consent(who, code).status == 403


def test_R045_the_holder_makes_somebody_the_equal_of_his_attending_doctor(record: Record) -> None:
    masked = record.deposited(ANNE, MASKED)
    assert not record.sees(OTTO, masked)
    stored(record.consent(record.holder, "dmp-attending-equivalent", OTTO))
    assert record.sees(OTTO, masked) and "R063" in record.rules(OTTO)
    assert record.consent(PAUL, "dmp-attending-equivalent", NINA).status == 403


def test_R161_R162_the_operator_reads_no_content_for_whatever_purpose(record: Record) -> None:
    id_ = record.deposited(ANNE)
    for who in (CNAM, CNAM.but(patient=record.holder.sub), CNAM.but(purpose="legal-expertise")):
        assert record.read(who, id_).status == 404 and record.find(who).status == 403
    assert "R161" in record.rules(CNAM)


def test_R191_what_was_replaced_is_found_by_its_status(record: Record) -> None:
    old = record.deposited(ANNE)
    new = stored(record.house.post("DocumentReference", ANNE, replacing(record.id, old)))
    for who in (NINA, PAUL, record.holder):
        assert record.found(who, "&status=current") == {new}
        assert record.found(who, "&status=superseded") == {old}


def test_R192_what_is_archived_is_current_and_has_its_mark(record: Record) -> None:
    id_, other = record.deposited(ANNE), record.deposited(ANNE)
    assert record.patch(ANNE, id_, ("/extension", [ARCHIVE])).status == 200
    for who in (NINA, record.holder):
        assert record.found(who, "&status=current") == {id_, other}
        assert record.found(who, "&isArchived=true") == {id_}
