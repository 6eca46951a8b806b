"""Writes by condition: https://hl7.org/fhir/R4/http.html#ccreate, #cond-update, #cond-patch,
#cond-delete.
"""

import json
from functools import partial
from itertools import count
from typing import Any

import pytest

from fhir_server.policy.labels import MASKED, VISIBILITY
from tests.house import ANNE, BASE, CNAM, INS, NINA, OTTO, Answer, House, Person
from tests.interactions.shared import new_ins, rows
from tests.people import opened, stored
from tests.stores import at_once

S = "http://a.example/ids"
JSON_PATCH = "application/json-patch+json"
CHANGE = json.dumps([{"op": "replace", "path": "/gender", "value": "female"}]).encode()
_numbers = count(1)


def new() -> str:
    """A value of `identifier` that nothing has yet."""
    return f"c{next(_numbers)}"


def body(value: str, **more: Any) -> dict[str, Any]:
    return {
        "resourceType": "Patient",
        "gender": "male",
        "identifier": [{"system": S, "value": value}],
    } | more


def made(plain: House, value: str, times: int = 1) -> list[str]:
    return [stored(plain.post("Patient", None, body(value))) for _ in range(times)]


def put(plain: House, value: str, resource: Any, **headers: str) -> Answer:
    return plain.call("PUT", "Patient", None, resource, query=f"identifier={S}|{value}", **headers)


def code(answer: Answer) -> str:
    found: str = answer.json["issue"][0]["code"]
    return found


def total(house: House, value: str) -> int:
    found: int = house.get(f"Patient?identifier={S}|{value}").json["total"]
    return found


# Create.


def test_I13_nothing_there_is_created(plain: House) -> None:
    value = new()
    answer = plain.post("Patient", None, body(value), if_none_exist=f"identifier={S}|{value}")
    assert (answer.status, total(plain, value)) == (201, 1)


@pytest.mark.parametrize("prefix", ["", "?", "Patient?"])
def test_I13_what_is_there_is_answered_and_the_body_ignored(plain: House, prefix: str) -> None:
    value = new()
    (id_,) = made(plain, value)
    before = rows(plain, "resource", "history")
    answer = plain.post(
        "Patient", None, body(value, gender="female"),
        if_none_exist=f"{prefix}identifier={S}|{value}",
    )  # fmt: skip
    assert answer.status == 200
    assert answer.headers["Location"] == f"{BASE}/Patient/{id_}/_history/1"
    assert (answer.headers["ETag"], answer.json["gender"]) == ('W/"1"', "male")
    assert rows(plain, "resource", "history") == before


def test_I13_several_are_too_many(plain: House) -> None:
    value = new()
    made(plain, value, 2)
    answer = plain.post("Patient", None, body(value), if_none_exist=f"identifier={S}|{value}")
    assert (answer.status, code(answer), total(plain, value)) == (412, "multiple-matches", 2)


@pytest.mark.parametrize(
    ("condition", "wanted"),
    [
        ("unknown=x", "not-supported"),
        ("gender=male&unknown=x", "not-supported"),
        ("gender:nothing=male", "not-supported"),
        ("birthdate=x", "value"),
        ("_count=1", "required"),
        ("?", "required"),
        ("_sort=_id", "required"),
    ],
)
def test_I13_a_condition_that_cannot_be_read_creates_nothing(
    plain: House, condition: str, wanted: str
) -> None:
    before = rows(plain, "resource")
    answer = plain.post("Patient", None, body(new()), if_none_exist=condition)
    assert (answer.status, code(answer)) == (400, wanted)
    assert rows(plain, "resource") == before


def test_I13_what_was_deleted_is_not_there(plain: House) -> None:
    value = new()
    (id_,) = made(plain, value)
    plain.call("DELETE", f"Patient/{id_}")
    answer = plain.post("Patient", None, body(value), if_none_exist=f"identifier={S}|{value}")
    assert answer.status == 201
    assert answer.id != id_


# Update.


def test_I07_nothing_there_and_no_id_is_created_under_an_id_of_the_server(plain: House) -> None:
    value = new()
    answer = put(plain, value, body(value))
    assert (answer.status, total(plain, value)) == (201, 1)
    assert plain.get(f"Patient/{answer.id}").json["gender"] == "male"


def test_I07_nothing_there_and_an_id_is_created_under_it(plain: House) -> None:
    value = new()
    answer = put(plain, value, body(value, id=f"mine-{value}"))
    assert (answer.status, answer.id) == (201, f"mine-{value}")


def test_I07_an_id_that_lies_there_without_meeting_the_condition_conflicts(plain: House) -> None:
    value, (id_,) = new(), made(plain, new())
    assert put(plain, value, body(value, id=id_)).status == 409


@pytest.mark.parametrize("with_id", [True, False])
def test_I07_the_one_that_is_there_is_changed(plain: House, with_id: bool) -> None:
    value = new()
    (id_,) = made(plain, value)
    sent = body(value, gender="other") | ({"id": id_} if with_id else {})
    answer = put(plain, value, sent)
    assert (answer.status, answer.headers["ETag"]) == (200, 'W/"2"')
    read = plain.get(f"Patient/{id_}").json
    assert (read["gender"], read["id"], total(plain, value)) == ("other", id_, 1)


def test_I07_the_one_that_is_there_has_another_id(plain: House) -> None:
    value = new()
    made(plain, value)
    answer = put(plain, value, body(value, id="other"))
    assert (answer.status, code(answer)) == (400, "invalid")
    assert answer.json["issue"][0]["expression"] == ["Patient.id"]


def test_I07_several_are_too_many(plain: House) -> None:
    value = new()
    made(plain, value, 2)
    answer = put(plain, value, body(value))
    assert (answer.status, code(answer)) == (412, "multiple-matches")


@pytest.mark.parametrize(("sent", "status"), [('W/"1"', 200), ('W/"9"', 412)])
def test_I07_the_version_is_looked_at_too(plain: House, sent: str, status: int) -> None:
    value = new()
    made(plain, value)
    assert put(plain, value, body(value), if_match=sent).status == status


def test_I07_a_version_of_nothing_is_not_there(plain: House) -> None:
    value = new()
    assert put(plain, value, body(value), if_match='W/"1"').status == 412
    assert total(plain, value) == 0


@pytest.mark.parametrize("query", ["", "_count=1"])
@pytest.mark.parametrize("method", ["PUT", "DELETE"])
def test_I07_a_condition_has_a_criterion(plain: House, method: str, query: str) -> None:
    sent = body(new()) if method == "PUT" else None
    answer = plain.call(method, "Patient", None, sent, query=query)
    assert (answer.status, code(answer)) == (400, "required")


# Patch and delete.


@pytest.mark.parametrize(("times", "status"), [(0, 404), (1, 200), (2, 412)])
def test_I09_one_is_patched(plain: House, times: int, status: int) -> None:
    value = new()
    ids = made(plain, value, times)
    answer = plain.call(
        "PATCH", "Patient", None, CHANGE, query=f"identifier={S}|{value}", content_type=JSON_PATCH
    )
    assert answer.status == status
    wanted = "female" if times == 1 else "male"
    assert [plain.get(f"Patient/{id_}").json["gender"] for id_ in ids] == [wanted] * times


@pytest.mark.parametrize(("times", "status", "left"), [(0, 204, 0), (1, 204, 0), (2, 412, 2)])
def test_I11_one_is_deleted_or_none(plain: House, times: int, status: int, left: int) -> None:
    value = new()
    made(plain, value, times)
    answer = plain.call("DELETE", "Patient", query=f"identifier={S}|{value}")
    assert (answer.status, total(plain, value)) == (status, left)


def test_I11_what_is_referred_to_stays(plain: House) -> None:
    value = new()
    (id_,) = made(plain, value)
    stored(plain.post("Basic", None, {
        "resourceType": "Basic", "code": {"text": "x"}, "subject": {"reference": f"Patient/{id_}"},
    }))  # fmt: skip
    answer = plain.call("DELETE", "Patient", query=f"identifier={S}|{value}")
    assert (answer.status, code(answer), total(plain, value)) == (409, "conflict", 1)


# At once.


@pytest.mark.parametrize("kind", ["POST", "PUT", "transaction"])
def test_I13_of_fifty_at_once_one_is_created(plain: House, kind: str) -> None:
    value = new()
    query = f"identifier={S}|{value}"
    bundle = {
        "resourceType": "Bundle", "type": "transaction",
        "entry": [{"resource": body(value),
                   "request": {"method": "POST", "url": "Patient", "ifNoneExist": query}}],
    }  # fmt: skip
    ways = {
        "POST": partial(plain.post, "Patient", None, body(value), if_none_exist=query),
        "PUT": partial(plain.call, "PUT", "Patient", None, body(value), query=query),
        "transaction": partial(plain.post, "", None, bundle),
    }
    answers = at_once([ways[kind]] * 50, plain.database)
    assert {answer.status for answer in answers} <= {200, 201}
    created = [
        answer.json["entry"][0]["response"]["status"][:3] if kind == "transaction"
        else str(answer.status)
        for answer in answers
    ]  # fmt: skip
    assert (created.count("201"), total(plain, value)) == (1, 1)


# What is hidden does not meet a condition.


def deposited(house: House, *, masked: bool) -> tuple[str, str, str]:
    """A record with one document of ANNE's, masked or not: its Patient, its uniqueId, its id."""
    ins = new_ins()
    record = opened(house, NINA, identifier=[{"system": INS, "value": ins}])
    unique = f"urn:oid:2.25.{next(_numbers)}700"
    labels = [{"coding": [{"system": VISIBILITY, "code": MASKED}]}] if masked else []
    content = {"attachment": {"contentType": "text/plain", "data": "YQ=="}}
    document = about(record, unique) | {"content": [content]}
    if labels:
        document["securityLabel"] = labels
    return record, unique, stored(house.post("DocumentReference", ANNE, document))


def about(record: str, unique: str) -> dict[str, Any]:
    return {
        "resourceType": "DocumentReference",
        "status": "current",
        "type": {"coding": [{"system": "http://loinc.org", "code": "11488-4"}]},
        "masterIdentifier": {"system": "urn:ietf:rfc:3986", "value": unique},
        "subject": {"reference": f"Patient/{record}"},
        "content": [{"attachment": {"contentType": "text/plain", "data": "Yg=="}}],
    }


def asked(house: House, channel: str, record: str, unique: str) -> tuple[int, str]:
    """What NINA is answered, but for what is new in every answer."""
    query = f"identifier={unique}"
    sent = about(record, unique)
    request = {"method": "POST", "url": "DocumentReference", "ifNoneExist": query}
    link = {"code": "appends", "target": {"reference": f"DocumentReference?{query}"}}
    answers = {
        "create": lambda: house.post("DocumentReference", NINA, sent, if_none_exist=query),
        "update": lambda: house.call("PUT", "DocumentReference", NINA, sent, query=query),
        "patch": lambda: house.call("PATCH", "DocumentReference", NINA, CHANGE, query=query,
                                    content_type=JSON_PATCH),
        "delete": lambda: house.call("DELETE", "DocumentReference", NINA, query=query),
        "transaction": lambda: house.post("", NINA, {
            "resourceType": "Bundle", "type": "transaction",
            "entry": [{"resource": sent, "request": request}]}),
        "reference": lambda: house.post(
            "DocumentReference", NINA, about(record, f"{unique}1") | {"relatesTo": [link]}),
    }  # fmt: skip
    answer = answers[channel]()
    return answer.status, "" if answer.status < 300 else answer.diagnostics.replace(unique, "U")


@pytest.mark.parametrize(
    ("channel", "status"),
    [
        ("create", 201), ("update", 201), ("patch", 404), ("delete", 404),
        ("transaction", 200), ("reference", 422),
    ],
)  # fmt: skip
def test_I13_what_is_hidden_meets_no_condition(house: House, channel: str, status: int) -> None:
    record, hidden, id_ = deposited(house, masked=True)
    of_hidden = asked(house, channel, record, hidden)
    absent = asked(house, channel, record, f"urn:oid:2.25.{next(_numbers)}800")
    assert of_hidden == absent
    assert of_hidden[0] == status
    assert house.get(f"DocumentReference/{id_}", ANNE).headers["ETag"] == 'W/"1"'


@pytest.mark.parametrize("channel", ["create", "update", "patch"])
def test_I13_what_is_seen_meets_it(house: House, channel: str) -> None:
    record, unique, id_ = deposited(house, masked=False)
    status, text = asked(house, channel, record, unique)
    wanted = {"create": 200, "update": 405, "patch": 422}  # a document has no gender
    assert status == wanted[channel], text


def test_I13_who_has_no_right_in_a_record_is_told_nothing_of_it(house: House) -> None:
    record, unique, _ = deposited(house, masked=False)
    query = f"patient={record}&identifier={unique}"
    answer = house.call("DELETE", "DocumentReference", OTTO, query=query)
    other = house.call("DELETE", "DocumentReference", OTTO, query=f"patient={record}&identifier=x")
    assert (answer.status, answer.diagnostics) == (other.status, other.diagnostics)


def test_I13_a_condition_that_is_met_leaves_a_trace(house: House) -> None:
    record, unique, _ = deposited(house, masked=False)
    assert traces_of(house, record, NINA) == []
    assert asked(house, "create", record, unique)[0] == 200
    assert traces_of(house, record, NINA) == ["R"]  # nothing has been created


def traces_of(house: House, record: str, who: Person) -> list[str]:
    """What this person did, as the traces of a record have it."""
    value = who.sub.split("|")[1]
    log = house.get(f"AuditEvent?patient={record}&_count=100", CNAM)
    return [event["action"] for event in log.entries if value in json.dumps(event["agent"])]
