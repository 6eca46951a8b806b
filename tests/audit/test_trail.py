"""What really happens over HTTP leaves valid events, one for each disclosure, write and refusal."""

from collections.abc import Callable

import pytest

from profiles.validate import validate
from tests.house import ANNE, CNAM, INSURER, NINA, OTTO, PAUL, Answer, House, Person
from tests.interactions.shared import rows
from tests.people import stored
from tests.policy.record import Record, made, user


@pytest.fixture
def record(house: House) -> Record:
    return made(house, [NINA], doctor=PAUL)


def test_every_event_is_valid_and_every_one_can_be_read_alone(record: Record) -> None:
    id_ = record.deposited(
        ANNE, masterIdentifier={"system": "urn:ietf:rfc:3986", "value": f"urn:oid:2.25.{record.id}"}
    )
    record.read(NINA, id_)
    record.read(NINA, id_, "/_history")
    record.read(NINA, id_, "/_history/1")
    record.find(NINA, "&title=%C3%A9")
    record.find(OTTO)
    record.mask(record.holder, id_)
    record.read(NINA, id_)
    record.house.call("DELETE", f"DocumentReference/{id_}", ANNE)
    record.closed()
    events = record.traces(record.holder)
    assert len(events) >= 12
    for event in events:
        assert validate(event) == []
        alone = record.house.get(f"AuditEvent/{event['id']}", record.holder)
        assert (alone.status, alone.json) == (200, event)
    assert (
        record.house.get(
            f"AuditEvent?patient={record.id}", CNAM, accept="application/fhir+xml"
        ).status
        == 200
    )


@pytest.mark.parametrize(
    ("how", "code", "action", "outcome"),
    [
        ("read", "read", "R", "0"),
        ("vread", "vread", "R", "0"),
        ("history", "history-instance", "R", "0"),
        ("search", "search-type", "E", "0"),
        ("patch", "patch", "U", "0"),
        ("put", "update", "U", "0"),
        ("delete", "delete", "D", "0"),
        ("binary", "read", "R", "0"),
        ("refused search", "search-type", "E", "4"),
        ("hidden read", "read", "R", "4"),
        ("insurer", "read", "R", "4"),
    ],
)
def test_each_interaction_leaves_one_event_in_the_record(
    record: Record, how: str, code: str, action: str, outcome: str
) -> None:
    id_ = record.deposited(ANNE)
    document = record.read(ANNE, id_).json
    url = document["content"][0]["attachment"]["url"].rpartition("/fhir/")[2]
    before = len(record.traces(CNAM))
    acts: dict[str, tuple[Person, Callable[[], Answer]]] = {
        "read": (NINA, lambda: record.read(NINA, id_)),
        "vread": (NINA, lambda: record.read(NINA, id_, "/_history/1")),
        "history": (NINA, lambda: record.read(NINA, id_, "/_history")),
        "search": (NINA, lambda: record.find(NINA)),
        "patch": (NINA, lambda: record.mask(NINA, id_)),
        "put": (ANNE, lambda: record.house.call("PUT", f"DocumentReference/{id_}", ANNE, document)),
        "delete": (ANNE, lambda: record.house.call("DELETE", f"DocumentReference/{id_}", ANNE)),
        "binary": (NINA, lambda: record.house.get(url, NINA)),
        "refused search": (OTTO, lambda: record.find(OTTO)),
        "hidden read": (OTTO, lambda: record.read(OTTO, id_)),
        "insurer": (INSURER, lambda: record.read(INSURER, id_)),
    }
    who, do = acts[how]
    answer = do()
    assert (answer.status < 400) == (outcome == "0")
    events = record.traces(CNAM)
    assert len(events) == before + 2  # the first look at the log is in the log too
    (event,) = [e for e in events[:2] if user(e) == who.sub]
    assert (event["subtype"][0]["code"], event["action"], event["outcome"]) == (
        code,
        action,
        outcome,
    )
    assert validate(event) == []


def test_a_page_of_a_search_leaves_an_event_in_the_records_on_it_alone(house: House) -> None:
    first, second = made(house, [NINA]), made(house, [NINA])
    first.deposited(ANNE)
    second.deposited(ANNE)

    def searched(record: Record) -> int:
        found = [e for e in record.traces(CNAM) if user(e) == NINA.sub]
        return len([e for e in found if e["subtype"][0]["code"] == "search-type"])

    house.get("DocumentReference?_count=1", NINA)
    assert (searched(first), searched(second)) == (0, 1)
    house.get("DocumentReference?_count=0", NINA)
    assert (searched(first), searched(second)) == (0, 1)
    house.get("DocumentReference?_count=2", NINA)
    assert (searched(first), searched(second)) == (1, 2)


def test_a_change_of_labels_tells_the_old_and_the_new(record: Record) -> None:
    id_ = record.deposited(ANNE)
    record.mask(record.holder, id_)
    record.label(record.holder, id_)
    details = [
        {
            detail["type"]: detail["valueString"]
            for entity in event["entity"]
            for detail in entity.get("detail", ())
        }
        for event in record.traces(record.holder)
        if event["subtype"][0]["code"] == "patch"
    ]
    assert details == [
        {"old-labels": "MASQUE_PS", "new-labels": "none"},
        {"old-labels": "none", "new-labels": "MASQUE_PS"},
    ]


def test_an_event_has_the_number_of_its_request(record: Record) -> None:
    record.house.get(f"Patient/{record.id}", NINA, x_request_id="abc-1")
    event = next(e for e in record.traces(CNAM) if user(e) == NINA.sub)
    assert event["entity"][-1]["what"] == {"identifier": {"value": "abc-1"}}


def test_each_entry_of_a_bundle_leaves_an_event_of_its_own(record: Record) -> None:
    id_ = record.deposited(ANNE)
    urls = [
        f"DocumentReference/{id_}",
        f"Patient/{record.id}",
        "DocumentReference/never",
        f"DocumentReference?patient={record.id}",
    ]
    body = {
        "resourceType": "Bundle",
        "type": "batch",
        "entry": [{"request": {"method": "GET", "url": url}} for url in urls],
    }
    before = len([e for e in record.traces(CNAM) if user(e) == NINA.sub])
    record.house.post("", NINA, body)
    found = [e for e in record.traces(CNAM) if user(e) == NINA.sub]
    assert len(found) == before + 3  # what never was is in nobody's record
    assert len({event["id"] for event in found}) == len(found)


def test_a_transaction_that_fails_leaves_its_refusal_alone(record: Record) -> None:
    id_ = record.deposited(ANNE)
    before = rows(record.house, "resource", "history", "trail")
    entries = [
        {"request": {"method": "GET", "url": f"DocumentReference/{id_}"}},
        {"request": {"method": "GET", "url": "DocumentReference/never"}},
    ]
    answer = record.house.post(
        "", ANNE, {"resourceType": "Bundle", "type": "transaction", "entry": entries}
    )
    after = rows(record.house, "resource", "history", "trail")
    assert answer.status == 404
    assert {name: after[name] - before[name] for name in after} == {
        "resource": 0,
        "history": 0,
        "trail": 1,
    }


def test_a_read_that_finds_nothing_new_is_an_access_all_the_same(record: Record) -> None:
    id_ = record.deposited(ANNE)
    before = len(record.traces(CNAM))
    assert record.house.get(f"DocumentReference/{id_}", NINA, if_none_match='W/"1"').status == 304
    assert len(record.traces(CNAM)) == before + 2


def test_without_policy_nothing_is_traced(database_url: str) -> None:
    plain = House(database_url, auth="off", policy="off")
    id_ = stored(plain.post("Patient", None, {"resourceType": "Patient"}))
    entry = {"request": {"method": "GET", "url": f"Patient/{id_}"}}
    plain.post("", None, {"resourceType": "Bundle", "type": "batch", "entry": [entry]})
    for path in (f"Patient/{id_}", f"Patient/{id_}/_history", "Patient", "?_id=a", "Patient/none"):
        plain.get(path)
    plain.call("PUT", f"Patient/{id_}", None, {"resourceType": "Patient", "id": id_})
    plain.call("DELETE", f"Patient/{id_}")
    assert rows(plain, "trail") == {"trail": 0}
    assert plain.get("AuditEvent").json["total"] == 0
    plain.close()
