"""The server gets another address over the same database: everything answers as before under the
new one, and bytes stay with their document (contract 7, More points).
"""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from fhir_server.policy.labels import MASKED
from tests.documents import cda
from tests.house import ANNE, BASE, CNAM, NINA, PAUL, PS, Answer, House, Person
from tests.law.test_replacement import DOORS, Old, iti105, metadata, number, old, successor
from tests.people import stored
from tests.policy.record import Record, document, made
from tests.rest.bundles import entry

ELSEWHERE = "https://dmp.example/fhir"


@pytest.fixture
def here(database_url: str) -> Iterator[House]:
    house = House(database_url)
    yield house
    house.close()


@pytest.fixture
def record(here: House) -> Record:
    return made(here, [NINA], doctor=PAUL)


def moved(record: Record, base: str = ELSEWHERE) -> Iterator[Record]:
    house = House(str(record.house.settings.database_url), base_url=base)
    house.now = record.house.clock()
    yield Record(house, record.id, record.holder)
    house.close()


@pytest.fixture
def there(record: Record) -> Iterator[Record]:
    yield from moved(record)


def address(answer: Answer) -> str:
    url: str = answer.json["content"][0]["attachment"]["url"]
    return url


def fetched(record: Record, id_: str, who: Person) -> int:
    """The status of the bytes at the address that the author is told."""
    url, base = address(record.read(ANNE, id_)), record.house.settings.base_url
    assert url.startswith(f"{base}/Binary/")
    return record.house.get(url.removeprefix(f"{base}/"), who).status


def listed(record: Record, id_: str, base: str) -> dict[str, Any]:
    return {
        "resourceType": "List", "status": "current", "mode": "working",
        "subject": {"reference": f"{base}/Patient/{record.id}"},
        "entry": [{"item": {"reference": f"{base}/DocumentReference/{id_}"}}],
    }  # fmt: skip


def observed(record: Record, base: str) -> dict[str, Any]:
    return {
        "resourceType": "Observation", "status": "final", "code": {"text": "pulse"},
        "subject": {"reference": f"{base}/Patient/{record.id}"},
    }  # fmt: skip


@pytest.mark.parametrize("door", DOORS)
def test_bytes_are_masked_and_deleted_with_their_document_under_another_address(
    record: Record, there: Record, door: str
) -> None:
    one = old(record)
    body = metadata(record, cda(patient_ins=number(record)))
    body["subject"] = {"reference": f"{BASE}/Patient/{record.id}"}
    id_ = stored(DOORS[door](record, ANNE, body, one) if "update" not in door else
                 DOORS[door](record, ANNE, successor(record, one, "identifier"), one))  # fmt: skip
    assert fetched(there, id_, NINA) == 200 == fetched(record, id_, NINA)
    assert there.mask(record.holder, id_).status == 200
    assert fetched(there, id_, NINA) == 404 == fetched(record, id_, NINA)
    url = address(there.read(ANNE, id_)).removeprefix(f"{ELSEWHERE}/")
    assert there.house.call("DELETE", f"DocumentReference/{id_}", ANNE).status == 204
    assert there.house.get(url, ANNE).status == 410 and there.house.get(url, NINA).status == 404


def test_a_document_replaces_one_of_another_address(record: Record, there: Record) -> None:
    for way in ("address", "identifier", "header", "whole address"):
        one = old(record, ANNE, MASKED)
        body = successor(record, one, way)
        if way == "whole address":
            body = json.loads(json.dumps(body).replace(BASE, ELSEWHERE))
        new = stored(iti105(there, ANNE, body, one))
        assert there.read(ANNE, one.id).json["status"] == "superseded"
        assert fetched(there, new, NINA) == 404 == fetched(there, one.id, NINA)


def told_about(record: Record, id_: str, base: str) -> dict[str, Any]:
    return {
        "resourceType": "Provenance", "recorded": "2026-11-24T12:00:00Z",
        "target": [
            {"reference": f"{base}/DocumentReference/{id_}"},
            {"reference": f"{base}/Patient/{record.id}"},
        ],
        "agent": [{"who": {"identifier": {"system": PS, "value": "899700218896"}}}],
    }  # fmt: skip


QUESTIONS = (
    "DocumentReference?patient={id}&_count=50",
    "DocumentReference?patient={base}/Patient/{id}",
    "DocumentReference?patient={id}&location={base}/{binary}",
    "DocumentReference?patient={id}&location:below={base}/Binary",
    "DocumentReference?relatesto={base}/DocumentReference/{old}&patient={id}",
    "DocumentReference/{document}",
    "DocumentReference/{document}/_history",
    "DocumentReference/{document}/_history/1",
    "DocumentReference/{old}",
    "List?patient={id}&_include=List:item",
    "List?item={base}/DocumentReference/{document}&patient={id}",
    "Observation?patient={id}",
    "Provenance?target={base}/DocumentReference/{document}",
    "Observation?subject={base}/Patient/{id}",
    "Patient/{id}/$everything?_count=100",
    "DocumentReference/$docref?patient={id}",
    "{binary}",
)


def test_every_answer_is_as_before_under_the_new_address(record: Record, there: Record) -> None:
    one = old(record)
    new = stored(iti105(record, ANNE, successor(record, one, "whole address"), one))
    third = Old(record.deposited(ANNE), "")
    for id_ in (new, third.id):
        stored(record.house.post("List", ANNE, listed(record, id_, BASE)))
    stored(record.house.post("Observation", NINA, observed(record, BASE)))
    stored(record.house.post("Provenance", ANNE, told_about(record, new, BASE)))
    binary = address(record.read(ANNE, new)).removeprefix(f"{BASE}/")

    def answers(of: Record, who: Person) -> dict[str, Any]:
        base = of.house.settings.base_url
        values = {"id": of.id, "document": new, "old": one.id, "binary": binary, "base": base}
        found = {}
        for question in QUESTIONS:
            answer = of.house.get(question.format(**values), who)
            body = answer.body.replace(base.encode(), b"BASE")
            told = json.loads(body) if answer.headers["Content-Type"].startswith("app") else body
            found[question] = answer.status, _timeless(told)
        return found

    for _ in range(2):  # and once more when one is masked
        for who in (ANNE, NINA, PAUL, record.holder):
            before = answers(record, who)
            assert answers(there, who) == before
            assert BASE.encode() not in b"".join(
                there.house.get(q.format(id=record.id, document=new, old=one.id, binary=binary,
                                         base=ELSEWHERE), who).body for q in QUESTIONS
            )  # fmt: skip
        assert there.mask(record.holder, new).status == 200
    assert answers(record, NINA)["DocumentReference/{document}"][0] == 404


def _timeless(told: Any) -> Any:
    """Without the ids and times of answers, which differ each time."""
    if isinstance(told, dict) and told.get("resourceType") == "Bundle":
        told = {name: value for name, value in told.items() if name not in ("id", "meta")}
        # Links of pages carry a time.
        told["link"] = [link["relation"] for link in told.get("link", ())]
    return told


def test_it_moves_back_and_forth(record: Record) -> None:
    ids = []
    for base in (ELSEWHERE, BASE, "http://127.0.0.1:9/fhir"):
        for now in moved(record, base):
            ids.append(now.deposited(ANNE))
            assert {fetched(now, id_, NINA) for id_ in ids} == {200}
            change = now.read(ANNE, ids[0]).json
            change["securityLabel"] = change["securityLabel"][:1]
            answer = now.house.call("PUT", f"DocumentReference/{ids[0]}", ANNE, change)
            assert answer.status == 200, answer.body
            whole = address(now.read(ANNE, ids[0]))
            test = [
                {"op": "test", "path": "/content/0/attachment/url", "value": whole},
                {"op": "replace", "path": "/status", "value": "current"},
            ]
            answer = now.house.call(
                "PATCH", f"DocumentReference/{ids[0]}", ANNE, json.dumps(test).encode(),
                content_type="application/json-patch+json",
            )  # fmt: skip
            assert answer.status == 200, answer.body


def test_a_list_shows_nothing_hidden_under_another_address(
    record: Record, there: Record
) -> None:
    ids = [record.deposited(ANNE), record.deposited(ANNE)]
    both = listed(record, ids[0], BASE)
    both["entry"] += listed(record, ids[1], BASE)["entry"]
    list_ = stored(record.house.post("List", ANNE, both))
    assert there.mask(record.holder, ids[0]).status == 200
    shown = there.house.get(f"List/{list_}", NINA)
    assert shown.status == 200 and ids[0] not in shown.body.decode()
    assert ids[1] in shown.body.decode()


NOTHING = "urn:uuid:11111111-1111-4111-8111-111111111111"
WITHOUT_BYTES: dict[str, dict[str, Any]] = {
    "nothing": {"contentType": "text/plain"},
    "a title": {"contentType": "text/plain", "title": "x"},
    "a urn of nothing": {"contentType": "text/plain", "url": NOTHING},
    "elsewhere": {"contentType": "text/plain", "url": "https://a.example/fhir/Binary/1"},
    "an unknown Binary": {"contentType": "text/plain", "url": f"{BASE}/Binary/nothing"},
    "a resource that is no bytes": {"contentType": "text/plain", "url": f"{BASE}/Patient/1"},
    "no address": {"contentType": "text/plain", "url": "Binary"},
}  # fmt: skip


@pytest.mark.parametrize("said", WITHOUT_BYTES)
@pytest.mark.parametrize("door", ["POST", "transaction", "batch"])
def test_a_document_without_bytes_is_refused(record: Record, door: str, said: str) -> None:
    body = document(record.id, content=[{"attachment": WITHOUT_BYTES[said]}])
    if door == "POST":
        answer = record.house.post("DocumentReference", ANNE, body)
    else:
        entries = [entry("POST", "DocumentReference", body)]
        bundle = {"resourceType": "Bundle", "type": door, "entry": entries}
        answer = record.house.post("", ANNE, bundle)
    told = answer.json
    if door == "batch":
        response = told["entry"][0]["response"]
        assert response["status"].startswith("422"), response
        told = response["outcome"]
    else:
        assert answer.status == 422, answer.body
    assert "attachment" in told["issue"][0]["expression"][0]
    assert record.found(PAUL) == set()


def test_the_operator_too_deposits_bytes_alone_with_a_document(record: Record) -> None:
    body = document(record.id, content=[{"attachment": WITHOUT_BYTES["nothing"]}])
    body["type"]["coding"][0]["code"] = "REMB"
    assert record.house.post("DocumentReference", CNAM, body).status == 422
