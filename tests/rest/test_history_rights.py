"""I-21 with the rules in force: a history tells a caller what reads and searches tell him, no more.

`contract.md` sections 5 and 7.
"""

from base64 import b64decode
from typing import Any

import pytest

from fhir_server.policy.labels import MASKED
from tests.house import ANNE, BASE, BRUNO, CNAM, INS, INSURER, NINA, OTTO, PAUL, PS, House, Person
from tests.people import logical, stored
from tests.policy.record import Record, made, user
from tests.rest.histories import link, told, walk

SARA = Person("secretary", f"{PS}|810000000058", "Sara Secretaire", ANNE.organization)


@pytest.fixture
def record(house: House) -> Record:
    return made(house, [NINA], doctor=PAUL)


def all_of(house: House, path: str, who: Person) -> list[Any]:
    """The entries of a history."""
    answer = house.get(f"{path}?_count=500", who)
    assert answer.status == 200, answer.body
    found: list[Any] = answer.json.get("entry", [])
    assert answer.json["total"] == len(found)
    return found


def about(house: House, path: str, who: Person, id_: str) -> list[str]:
    """The methods of the entries about one resource, newest first."""
    return [
        entry["request"]["method"] for entry in all_of(house, path, who)
        if entry["fullUrl"].split("/")[-1] == id_
    ]  # fmt: skip


HISTORIES = ("DocumentReference/_history", "_history")


# Documents.


@pytest.mark.parametrize("path", HISTORIES)
def test_I21_a_masked_document_is_in_the_history_of_those_alone_who_see_it(
    record: Record, path: str
) -> None:
    id_ = record.deposited(ANNE)
    assert about(record.house, path, NINA, id_) == ["POST"]
    record.mask(record.holder, id_)
    assert about(record.house, path, NINA, id_) == []
    for who in (ANNE, PAUL, record.holder):
        assert about(record.house, path, who, id_) == ["PATCH", "POST"], who
    assert about(record.house, path, OTTO, id_) == []
    assert about(record.house, path, CNAM, id_) == []


@pytest.mark.parametrize("path", HISTORIES)
def test_I21_of_a_deleted_document_nothing_is_told_but_the_deletion(
    record: Record, path: str
) -> None:
    id_ = record.deposited(ANNE)
    record.mask(ANNE, id_)
    record.label(ANNE, id_)
    assert record.house.call("DELETE", f"DocumentReference/{id_}", ANNE).status == 204
    assert about(record.house, path, NINA, id_) == ["DELETE"]
    assert about(record.house, path, OTTO, id_) == []
    assert told(record.read(NINA, id_, "/_history")) == [f'DocumentReference/{id_}"4"']
    assert [record.read(NINA, id_, f"/_history/{n}").status for n in (1, 4, 9)] == [410] * 3


def test_I21_the_bytes_have_the_history_of_their_document(record: Record) -> None:
    id_ = record.deposited(ANNE, MASKED)
    url = record.read(ANNE, id_).json["content"][0]["attachment"]["url"]
    assert about(record.house, "Binary/_history", ANNE, url.split("/")[-1]) == ["POST"]
    assert about(record.house, "Binary/_history", NINA, url.split("/")[-1]) == []


@pytest.mark.parametrize("path", ["List/{}/_history", "List/_history", "_history"])
def test_I21_entries_that_lead_to_hidden_documents_are_left_out_of_every_version(
    record: Record, path: str
) -> None:
    shown, hidden = record.deposited(ANNE), record.deposited(ANNE, MASKED)
    list_ = stored(record.house.post("List", PAUL, {
        "resourceType": "List", "status": "current", "mode": "working",
        "subject": {"reference": f"Patient/{record.id}"},
        "entry": [{"item": {"reference": f"DocumentReference/{one}"}} for one in (shown, hidden)],
    }))  # fmt: skip
    for who, seen in ((NINA, [shown]), (PAUL, [shown, hidden])):
        entries = all_of(record.house, path.format(list_), who)
        (found,) = [e["resource"] for e in entries if e["fullUrl"].endswith(list_)]
        assert [e["item"]["reference"].split("/")[1] for e in found["entry"]] == seen


def test_I21_a_list_that_is_hidden_lists_nothing(record: Record) -> None:
    id_ = record.deposited(ANNE, MASKED)
    folder = record.house.post("List", PAUL, {
        "resourceType": "List", "status": "current", "mode": "working",
        "subject": {"reference": f"Patient/{record.id}"},
        "entry": [{"item": {"reference": f"DocumentReference/{id_}"}}],
    })  # fmt: skip
    for who, total in ((PAUL, 1), (NINA, 0), (OTTO, 0)):
        answer = record.house.get(f"DocumentReference/_history?_list={stored(folder)}", who)
        never = record.house.get("DocumentReference/_history?_list=never", who)
        assert (answer.json["total"], never.json["total"]) == (total, 0)


def test_I21_what_is_masked_between_two_pages_is_on_none_that_follows(record: Record) -> None:
    ids = [record.deposited(ANNE) for _ in range(4)]
    first = record.house.get("DocumentReference/_history?_count=1", NINA)
    assert told(first) == [f'DocumentReference/{ids[3]}"1"']
    record.mask(record.holder, ids[2])
    second = record.house.get(link(first, "next") or "", NINA)
    assert told(second) == [f'DocumentReference/{ids[1]}"1"']
    assert second.json["total"] == first.json["total"]


# Patients.


def renamed(record: Record) -> None:
    """Two more versions of the Patient: another attending doctor, then a name."""
    for path, value in (("generalPractitioner", [logical(BRUNO)]), ("name", [{"family": "Neuf"}])):
        answer = record.patch(CNAM, record.id, (f"/{path}", value), type_="Patient")
        assert answer.status == 200, answer.body


def test_I21_who_may_know_the_minimum_of_a_Patient_knows_it_as_it_is_now(record: Record) -> None:
    renamed(record)
    read = record.house.get(f"Patient/{record.id}", OTTO).json
    assert "name" not in read and "generalPractitioner" not in read
    (entry,) = all_of(record.house, f"Patient/{record.id}/_history", OTTO)
    assert entry["resource"] == read
    assert len(all_of(record.house, f"Patient/{record.id}/_history", record.holder)) == 3


def test_I04_who_may_know_the_minimum_of_a_Patient_reads_no_past_version(record: Record) -> None:
    renamed(record)
    path = f"Patient/{record.id}"
    assert record.house.get(f"{path}/_history/3", OTTO).json == record.house.get(path, OTTO).json
    past, never = (record.house.get(f"{path}/_history/{n}", OTTO) for n in (2, 9))
    assert (past.status, past.body.replace(b"version 2", b"version 9")) == (404, never.body)
    assert record.house.get(f"{path}/_history/2", record.holder).status == 200


@pytest.mark.parametrize("path", ["Patient/_history", "_history"])
def test_I21_a_Patient_one_has_no_right_to_is_in_no_history_but_his_own(
    record: Record, path: str
) -> None:
    assert about(record.house, path, OTTO, record.id) == []
    assert about(record.house, path, NINA, record.id) == ["POST"]
    assert about(record.house, path, record.holder, record.id) == ["POST"]


def test_I21_a_Patient_that_is_hidden_has_no_history(record: Record) -> None:
    stranger = made(record.house, []).holder
    for rest in ("", "/_history", "/_history/1"):
        answer = record.house.get(f"Patient/{record.id}{rest}", stranger)
        never = record.house.get(f"Patient/never{rest}", stranger)
        assert (answer.status, never.status) == (404, 404)
        assert answer.body.replace(record.id.encode(), b"never") == never.body


def test_I21_a_token_for_one_person_shows_the_history_of_his_record_alone(record: Record) -> None:
    other = made(record.house, [NINA])
    token = NINA.but(patient=record.holder.sub)
    assert INS in record.holder.sub
    for path in ("Patient/_history", "_history"):
        assert about(record.house, path, token, record.id) == ["POST"]
        assert about(record.house, path, token, other.id) == []
        assert about(record.house, path, NINA, other.id) == ["POST"]


def test_I21_shared_resources_are_in_everybodys_history(record: Record) -> None:
    body = {"resourceType": "Organization", "name": "Cabinet"}
    id_ = stored(record.house.post("Organization", CNAM, body))
    changed = record.house.call("PUT", f"Organization/{id_}", CNAM, body | {"id": id_, "name": "x"})
    assert changed.status == 200
    for who in (CNAM, OTTO, NINA, record.holder):
        for path in ("Organization/_history", "_history"):
            assert about(record.house, path, who, id_) == ["PUT", "POST"]


# Who is let in.


@pytest.mark.parametrize("path", ["_history", "DocumentReference/_history"])
def test_I21_who_never_has_access_is_refused(house: House, path: str) -> None:
    assert house.get(path, INSURER).status == 403
    for who in (NINA.but(auth_mode="INDIRECTE"), SARA):
        assert house.get(path, who).status == 403
    assert house.get(path).status == 401


def test_I21_the_letters_of_a_scope_are_those_of_reading_and_searching(record: Record) -> None:
    instance = f"Patient/{record.id}/_history"
    allowed = {
        "user/Patient.r": {instance}, "user/Patient.s": {"Patient/_history"},
        "user/*.s": {"Patient/_history", "_history"}, "user/*.r": {instance},
        "user/*.cud": set[str](), "user/List.rs": set[str](),
    }  # fmt: skip
    for scope, paths in allowed.items():
        for path in (instance, "Patient/_history", "_history"):
            answer = record.house.get(path, NINA.but(scope=scope))
            assert answer.status == (200 if path in paths else 403), (scope, path)


@pytest.mark.parametrize("path", ["_history", "Patient/_history", "Patient/{}/_history"])
def test_I22_a_page_is_for_who_asked_for_it(record: Record, path: str) -> None:
    renamed(record)
    first = record.house.get(f"{path.format(record.id)}?_count=1", record.holder)
    following = link(first, "next")
    assert following and record.house.get(following, record.holder).status == 200
    assert record.house.get(following, CNAM).status == 410


# Traces.


def entries_of(record: Record, who: Person, code: str) -> list[Any]:
    """What the record's log has of what somebody did."""
    found = [event for event in record.traces(CNAM) if user(event) == who.sub]
    return [event for event in found if event["subtype"][0]["code"] == code]


@pytest.mark.parametrize(
    ("path", "code"),
    [("DocumentReference/_history", "history-type"), ("_history", "history-system")],
)
def test_I21_each_record_that_is_told_of_has_one_trace(house: House, path: str, code: str) -> None:
    other, *records = made(house, []), made(house, [NINA]), made(house, [NINA])
    for record in records:
        record.deposited(ANNE)
        record.deposited(ANNE)
    assert house.get(f"{path}?_count=12", NINA).status == 200
    for record in records:
        (event,) = entries_of(record, NINA, code)
        assert event["entity"][0]["what"] == {"reference": f"Patient/{record.id}"}
        assert b64decode(event["entity"][1]["query"]).decode() == f"GET {path}?_count=12"
        assert "R080" in record.rules(NINA)
    assert entries_of(other, NINA, code) == []


def test_I21_a_page_tells_of_the_records_on_it_alone(house: House) -> None:
    first, second = made(house, [NINA]), made(house, [NINA])
    first.deposited(ANNE)
    second.deposited(ANNE)
    page = house.get("DocumentReference/_history?_count=1", NINA)
    assert len(entries_of(first, NINA, "history-type")) == 0
    assert house.get(link(page, "next") or "", NINA).status == 200
    assert len(entries_of(first, NINA, "history-type")) == 1
    assert len(entries_of(second, NINA, "history-type")) == 1


def test_I21_the_history_of_one_resource_leaves_one_trace(record: Record) -> None:
    id_ = record.deposited(ANNE)
    path = f"DocumentReference/{id_}/_history?_since=2027-01-01T00:00:00Z"
    assert told(record.house.get(path, NINA)) == []
    assert len(entries_of(record, NINA, "history-instance")) == 1


def test_I21_a_professional_reads_the_history_of_his_own_traces(record: Record) -> None:
    id_ = record.deposited(ANNE)
    record.read(NINA, id_)
    found = all_of(record.house, "AuditEvent/_history", NINA)
    assert found and {user(entry["resource"]) for entry in found} == {NINA.sub}
    assert {entry["request"]["method"] for entry in found} == {"POST"}


def test_I21_the_trail_is_in_the_history_of_its_type_and_not_of_everything(record: Record) -> None:
    record.read(NINA, record.deposited(ANNE))
    for who in (CNAM, NINA, OTTO, record.holder):
        record.house.get("DocumentReference?title=nothing", who)
        whole = all_of(record.house, "_history", who)
        assert not [entry for entry in whole if entry["fullUrl"].startswith(f"{BASE}/AuditEvent")]
    events = [entry["resource"] for entry in all_of(
        record.house, "AuditEvent/_history", record.holder)]  # fmt: skip
    assert {NINA.sub, ANNE.sub} <= {user(event) for event in events}
    assert whole == all_of(record.house, "_history", record.holder)
    others = [event for event in events if user(event) != record.holder.sub]
    assert not [event for event in others if any("query" in one for one in event["entity"])]


def test_I21_each_history_in_a_bundle_is_let_in_and_traced_for_itself(record: Record) -> None:
    record.deposited(ANNE)
    urls = ("DocumentReference/_history?_count=1", f"Patient/{record.id}/_history", "_history")
    entries = [{"request": {"method": "GET", "url": url}} for url in urls]
    body = {"resourceType": "Bundle", "type": "batch", "entry": entries}
    found = record.house.post("", NINA, body).json["entry"]
    assert [entry["response"]["status"] for entry in found] == ["200 OK"] * 3
    assert {e["resource"]["type"] for e in found} == {"history"}
    for code in ("history-type", "history-instance", "history-system"):
        assert len(entries_of(record, NINA, code)) == 1, code
    found = record.house.post("", NINA.but(scope="user/Patient.r"), body).json["entry"]
    assert [entry["response"]["status"][:3] for entry in found] == ["403", "200", "403"]


def test_I21_pages_of_everything_are_whole_with_the_rules_on(record: Record) -> None:
    for _ in range(3):
        record.mask(ANNE, record.deposited(ANNE))
    whole = told(record.house.get("_history?_count=500", ANNE))
    answers = walk(record.house, "_history?_count=3", ANNE)
    assert [one for answer in answers for one in told(answer)] == whole
