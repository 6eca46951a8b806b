"""Who reads which traces, over HTTP: `contract.md` section 7, Traces."""

from base64 import b64decode
from typing import Any

import pytest

from fhir_server.policy.labels import MASKED, VEILED
from tests.house import ANNE, CNAM, INSURER, NINA, OTTO, PAUL, House, Person
from tests.policy.record import Record, made, user


def what(event: dict[str, Any]) -> tuple[str, str, str]:
    """The last part of who asked, what he did, how it ended."""
    return user(event), event["subtype"][0]["code"], event["outcome"]


def test_r046_the_holder_reads_who_did_what_to_his_record(record: Record) -> None:
    id_ = record.deposited(ANNE)
    record.read(NINA, id_)
    record.find(OTTO)
    record.find(INSURER)
    record.mask(record.holder, id_)
    record.read(NINA, id_)
    found = [what(event) for event in reversed(record.traces(record.holder))]
    opening = [(CNAM.sub, "create", "0")] * 2
    assert found[:8] == [
        *opening,
        (ANNE.sub, "create", "0"),
        (NINA.sub, "read", "0"),
        (OTTO.sub, "search-type", "4"),
        (INSURER.sub, "search-type", "4"),
        (record.holder.sub, "patch", "0"),
        (NINA.sub, "read", "4"),
    ]
    assert all(
        event["entity"][0]["what"]["reference"] == f"Patient/{record.id}"
        for event in record.traces(record.holder)
    )


def test_r046_nothing_of_another_record_is_in_it(record: Record) -> None:
    other = made(record.house, [NINA])
    other.deposited(ANNE)
    assert {event["entity"][0]["what"]["reference"] for event in record.traces(record.holder)} == {
        f"Patient/{record.id}"
    }
    assert other.find(record.holder, type_="AuditEvent").status == 403


def test_r062_the_attending_doctor_reads_all_of_it(record: Record) -> None:
    record.find(OTTO)
    record.read(NINA, record.deposited(ANNE))
    seen = {what(event) for event in record.traces(PAUL)}
    assert {
        (NINA.sub, "read", "0"),
        (OTTO.sub, "search-type", "4"),
        (ANNE.sub, "create", "0"),
    } <= seen


@pytest.mark.parametrize("who", [ANNE, NINA], ids=lambda who: who.name)
def test_r095_r096_a_professional_reads_his_own_traces_alone(record: Record, who: Any) -> None:
    id_ = record.deposited(ANNE)
    record.read(NINA, id_)
    record.read(PAUL, id_)
    seen = record.traces(who)
    assert seen and {user(event) for event in seen} == {who.sub}
    foreign = next(event for event in record.traces(PAUL) if user(event) == PAUL.sub)
    assert record.house.get(f"AuditEvent/{foreign['id']}", who).status == 404
    assert record.house.get(f"AuditEvent/{seen[0]['id']}", who).status == 200
    assert {user(event) for event in record.house.get("AuditEvent?_count=500", who).entries} == {
        who.sub
    }


def test_r096_a_colleague_of_the_house_does_not_read_them(record: Record) -> None:
    record.deposited(ANNE)
    colleague = Person(
        "professional", "urn:oid:1.2.250.1.71.4.2.1|810000000082", "Un confrere", ANNE.organization
    )
    own = record.house.get("AuditEvent?_count=500", colleague).entries
    assert {user(event) for event in own} <= {colleague.sub}


def test_r163_the_operator_reads_all_of_it(record: Record) -> None:
    record.deposited(ANNE)
    record.closed()
    assert {(ANNE.sub, "create", "0"), (record.holder.sub, "patch", "0")} <= {
        what(e) for e in record.traces(CNAM)
    }


def test_nobody_writes_changes_or_deletes_a_trace(record: Record) -> None:
    record.deposited(ANNE)
    for who in (CNAM, PAUL, record.holder, ANNE):
        event = next(iter(record.traces(who)))
        path = f"AuditEvent/{event['id']}"
        assert record.house.call("PUT", path, who, event).status == 405
        assert record.house.call("DELETE", path, who).status == 405
        assert record.patch(who, event["id"], ("/action", "R"), type_="AuditEvent").status == 405
        assert record.house.post("AuditEvent", who, event).status == 405


def test_a_refusal_tells_its_caller_nothing_and_the_records_readers_the_rule(
    record: Record,
) -> None:
    id_ = record.deposited(PAUL, MASKED)
    record.house.get(f"DocumentReference/{id_}", NINA)
    record.house.get("DocumentReference/never", NINA)
    refused = [
        event
        for event in record.house.get("AuditEvent?outcome=4&_count=500", NINA).entries
        if user(event) == NINA.sub
    ]
    hidden, never = [
        event
        for event in refused
        if _asked(event) in (f"GET DocumentReference/{id_}", "GET DocumentReference/never")
    ][-2:]
    assert _shape(hidden) == _shape(never)
    assert f"Patient/{record.id}" not in str(hidden)
    (told,) = [event for event in record.traces(record.holder) if event["outcome"] == "4"]
    assert any(policy.endswith("/rule/R081") for policy in told["agent"][2]["policy"])


def _asked(event: dict[str, Any]) -> str:
    queries = [entity["query"] for entity in event["entity"] if "query" in entity]
    return b64decode(queries[0]).decode() if queries else ""


def _shape(value: Any) -> Any:
    """The names in an event, without what differs from request to request."""
    if isinstance(value, dict):
        return {name: _shape(item) for name, item in value.items()}
    return [_shape(item) for item in value] if isinstance(value, list) else type(value)


def test_an_access_to_a_veiled_document_is_an_access_to_the_record(record: Record) -> None:
    id_ = record.deposited(ANNE, VEILED)
    record.read(NINA, id_)
    mine = record.traces(record.holder)
    assert {(ANNE.sub, "create", "0"), (NINA.sub, "read", "0")} <= {what(event) for event in mine}
    assert id_ not in str(mine)
    assert id_ in str(record.traces(PAUL))


def test_a_closed_record_has_its_log_for_its_holder(record: Record) -> None:
    record.deposited(ANNE)
    record.closed()
    assert record.traces(record.holder)
    assert record.find(PAUL, type_="AuditEvent").status in (200, 403)
    assert {user(e) for e in record.find(PAUL, type_="AuditEvent").json.get("entry", [])} == set()


def test_the_trace_of_a_search_has_what_was_asked_and_no_count(record: Record) -> None:
    record.deposited(ANNE)
    record.find(NINA, "&status=current")
    event = next(e for e in record.traces(PAUL) if user(e) == NINA.sub)
    asked = {"patient", "status"}
    assert all(name in _asked(event) for name in asked)
    assert "total" not in str(event)


def test_what_is_refused_before_a_token_is_known_is_in_nobodys_log(house: House) -> None:
    record = made(house, [NINA])
    before = len(record.traces(CNAM))
    house.get(f"Patient/{record.id}", authorization="Bearer x")
    assert len(record.traces(CNAM)) == before + 1  # the look at the log itself
